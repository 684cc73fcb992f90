"""Prompts with soft words before them: word embeddings that need not be those of any word."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from ...api.errors import BadInput
from .pipeline import Pipeline, Words


def encoders(model: nn.Module) -> list[Any]:
    """The text encoders of a model: one, of XL two."""
    return [part for name, part in model.named_children() if name.startswith("text_encoder")]


def drawn_words(model: nn.Module, rows: int, count: int) -> list[Tensor]:
    """For each text encoder the embeddings [rows, count, d] of words drawn at random from its vocabulary."""
    tables = [encoder.get_input_embeddings().weight.detach() for encoder in encoders(model)]
    return [table[torch.randint(len(table), (rows, count)).to(table.device)] for table in tables]


def prefixed(pipe: Pipeline, model: nn.Module, prompts: Sequence[str], soft: Sequence[Tensor]) -> Words:
    """Embeddings by the model's text encoder of prompts with soft words between their begin and their first word.

    Everything after moves back by as many places, and what no longer fits is cut, but for the end token. Positions and the
    causal mask are those of any prompt; gradients flow to the soft words and to the encoder.

    Args:
        pipe: of the model.
        model: whose text encoder reads.
        prompts: n of them.
        soft: one [n, k, d] for each text encoder.

    Raises:
        BadInput: a prompt has no room for that many.
    """
    ids = []
    with ExitStack() as hooks:
        for which, (encoder, words) in enumerate(zip(encoders(model), soft, strict=True)):
            ids.append(moved_back(pipe.ids(prompts, which), words.shape[1], pipe.tokenizers[which].eos_token_id))
            hooks.enter_context(encoder.get_input_embeddings().register_forward_hook(_put(words)))
        with pipe.autocast():
            return pipe.read_ids(model, ids[0], ids[1] if len(ids) > 1 else None)


def moved_back(ids: Tensor, count: int, end: int) -> Tensor:
    """Token ids [n, tokens] with room for `count` soft words after the first token, which fills it, and an end token left.

    Raises:
        BadInput: there is no room for them beside begin, end and one word.
    """
    tokens = ids.shape[1]
    if count > tokens - 3:
        raise BadInput(
            f"{count} soft words do not fit: a prompt of this model has {tokens} tokens, so at most {tokens - 3}."
        )
    shifted = torch.cat([ids[:, :1].expand(-1, 1 + count), ids[:, 1:]], 1)[:, :tokens].clone()
    shifted[(shifted != end).all(1), -1] = end
    return shifted


def _put(words: Tensor) -> Callable[[nn.Module, Any, Tensor], Tensor]:
    def put(_: nn.Module, inputs: Any, embedded: Tensor) -> Tensor:
        return torch.cat([embedded[:, :1], words.to(embedded.dtype), embedded[:, 1 + words.shape[1] :]], 1)

    return put
