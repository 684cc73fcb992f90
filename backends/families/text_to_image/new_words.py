"""New words for a text-to-image model: vectors that its text encoder reads where a prompt names what they stand for. No weight changes."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .pipeline import Pipeline
from .soft_prompts import encoders


class ReadsNewWords(nn.Module):
    """A text encoder that reads one learned vector in place of each of some names.

    Attributes:
        encoder: the text encoder itself, left as it is.
        names: token ids of each name.
        vectors: what is read for them, [names, d]; may be learned while it is used.
    """

    def __init__(self, encoder: Any, names: Sequence[Sequence[int]], vectors: Tensor) -> None:
        super().__init__()
        self.encoder, self.names, self.vectors = encoder, [list(name) for name in names], vectors

    def get_input_embeddings(self) -> Any:
        return self.encoder.get_input_embeddings()

    def forward(self, ids: Tensor, **more: Any) -> Any:
        """What the encoder gives for token ids [n, tokens] in which each name has become one place."""
        ids, which = one_place_each(ids, self.names)

        def put(_: nn.Module, inputs: Any, embedded: Tensor) -> Tensor:
            words = self.vectors.to(embedded.dtype)[which.clamp(min=0)]
            return torch.where((which >= 0)[..., None], words, embedded)

        hook = self.encoder.get_input_embeddings().register_forward_hook(put)
        try:
            return self.encoder(ids, **more)
        finally:
            hook.remove()


def one_place_each(ids: Tensor, names: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Token ids with each name as one token, and which name stands where.

    Args:
        ids: [n, tokens].
        names: token ids of each name.

    Returns:
        (ids [n, tokens]: what follows a longer name has moved up, and the last token fills the end; which [n, tokens]: the number
        of the name that stands there, -1 elsewhere).
    """
    rows, places = [], []
    for row in ids.tolist():
        tokens, which, at = [], [], 0
        while at < len(row):
            number = next((n for n, name in enumerate(names) if name and row[at : at + len(name)] == list(name)), -1)
            tokens.append(row[at])
            which.append(number)
            at += 1 if number < 0 else len(names[number])
        missing = len(row) - len(tokens)
        rows.append(tokens + [row[-1]] * missing)
        places.append(which + [-1] * missing)
    return torch.tensor(rows, device=ids.device), torch.tensor(places, device=ids.device)


def token_ids(pipe: Pipeline, names: Sequence[str], which: int = 0) -> list[list[int]]:
    """Token ids of names as they stand within a prompt, by the first or second tokenizer."""
    return [list(pipe.tokenizers[which](name, add_special_tokens=False).input_ids) for name in names]


def starts(pipe: Pipeline, model: nn.Module, names: Sequence[str]) -> list[Tensor]:
    """For each text encoder the vectors [names, d] of the names' last tokens, as leaves to be learned."""
    vectors = []
    for which, encoder in enumerate(encoders(model)):
        table = encoder.get_input_embeddings().weight.detach()
        last = [ids[-1] for ids in token_ids(pipe, names, which)]
        vectors.append(table[last].clone().requires_grad_(True))
    return vectors


def reading(pipe: Pipeline, model: nn.Module, names: Sequence[str], vectors: Sequence[Tensor]) -> nn.Module:
    """A model of the same weights that reads the vectors, one [names, d] for each text encoder, in place of the names."""
    twin = copy.copy(model)
    twin._modules = dict(model._modules)
    parts = [name for name, _ in model.named_children() if name.startswith("text_encoder")]
    for which, (part, learned) in enumerate(zip(parts, vectors, strict=True)):
        twin._modules[part] = ReadsNewWords(model.get_submodule(part), token_ids(pipe, names, which), learned)
    return twin


def nearest_words(pipe: Pipeline, model: nn.Module, vector: Tensor, but: Sequence[str], count: int = 3) -> list[str]:
    """Words of the (first) tokenizer whose embeddings are nearest to a vector [d] by cosine, without some."""
    table = encoders(model)[0].get_input_embeddings().weight.detach()
    order = torch.cosine_similarity(table, vector.detach()[None]).argsort(descending=True).tolist()
    words = (pipe.tokenizers[0].decode([token]).strip() for token in order if token not in special_ids(pipe))
    readable = (word for word in words if word.isalpha() and len(word) > 1 and word not in but)
    return [word for word, _ in zip(readable, range(count), strict=False)]


def special_ids(pipe: Pipeline) -> set[int]:
    """Tokens that stand for no text: begin, end, padding."""
    return set(pipe.tokenizers[0].all_special_ids)
