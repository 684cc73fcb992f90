"""The inside of a language model: hidden states of every layer where an answer says its fact, and what they say if read as the last."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...api.errors import BadInput
from ...data.authors import QAPair
from .task import LanguageModel
from .tokens import IGNORED, PromptTokenizer, Texts

ROWS = 64
ARTICLES = ("the ", "a ", "an ")  # begin many values and say nothing
LAYERS = ("layers", "h")  # where architectures keep their decoder layers
NORMS = ("norm", "ln_f", "final_layer_norm", "final_layernorm", "norm_f")


def fact_position(reader: PromptTokenizer, pair: QAPair) -> int:
    """Position of the answer's token that says the fact, counted from 0; a leading article is passed over.

    0 where the answer does not hold its value word for word.
    """
    start = pair.blank.find("___") if pair.blank else pair.answer.rfind(pair.value)
    if start < 0:
        return 0
    low = pair.value.lower()
    start += next((len(word) for word in ARTICLES if low.startswith(word) and len(low) > len(word)), 0)
    read = reader.tokenizer(f"{reader.space}{pair.answer}", add_special_tokens=False, return_offsets_mapping=True)
    return next((at for at, (_, end) in enumerate(read.offset_mapping) if end > start + len(reader.space)), 0)


@dataclass(frozen=True)
class FactTokens:
    """Questions with their true answers as tokens, and the positions of the facts in them.

    Attributes:
        texts: questions with answers as tokens.
        places: position that predicts the fact's first token [n]; it sees the question and the answer up to there.
        ends: last position of the question, that predicts the answer's first token [n].
        values: the fact's first token [n].
    """

    texts: Texts
    places: Tensor
    ends: Tensor
    values: Tensor


def fact_tokens(task: LanguageModel, pairs: Sequence[QAPair]) -> FactTokens:
    """Questions as tokens, with the place of the fact in each."""
    texts: Texts = task.texts(pairs)
    ends = (texts.labels != IGNORED).int().argmax(1) - 1
    inside = torch.tensor([fact_position(task.reader, pair) for pair in pairs])
    places = torch.minimum(ends + inside, texts.mask.sum(1) - 2)
    return FactTokens(texts, places, ends, texts.ids[torch.arange(len(texts)), places + 1])


@torch.no_grad()
def states(model: Any, texts: Texts, places: Tensor, rows: int = ROWS) -> Tensor:
    """Hidden states of every layer at one position of each row, float32 [n, layers + 1, width], on the CPU; first the input."""
    hidden_states = []
    for part in torch.arange(len(texts)).split(rows):
        batch = texts[part].to(model.device)
        out = model(input_ids=batch.ids, attention_mask=batch.mask, output_hidden_states=True)
        here = torch.arange(len(part))
        hidden_states.append(torch.stack([state[here, places[part]] for state in out.hidden_states], 1).float().cpu())
    return torch.cat(hidden_states)


def decoder_layers(model: Any) -> nn.ModuleList:
    """The decoder layers of a model of transformers.

    Raises:
        BadInput: they are not under a name that Lethe knows.
    """
    for name in LAYERS:
        layers = getattr(model.base_model, name, None)
        if isinstance(layers, nn.ModuleList):
            return layers
    raise BadInput(f"The layers of a {type(model).__name__} are not found; choose a model of the Llama or GPT-2 kind.")


def final_norm(model: Any) -> nn.Module:
    """The norm between the last layer and the words.

    Raises:
        BadInput: the model has none under a known name.
    """
    base = getattr(model, model.base_model_prefix)
    for holder in (base, getattr(base, "decoder", None)):
        for name in NORMS:
            norm = getattr(holder, name, None)
            if isinstance(norm, nn.Module):
                return norm
    raise BadInput(f"{type(model).__name__} keeps its last norm under no known name ({', '.join(NORMS)}).")


@dataclass(frozen=True)
class LensReading:
    """Logit-lens readings by layer: probability [questions, layers + 1] and rank (1 is first) of the fact's token."""

    share: NDArray[np.float64]
    rank: NDArray[np.float64]


@torch.no_grad()
def lens(model: Any, hidden_states: Tensor, values: Tensor) -> LensReading:
    """States [n, layers + 1, width] read as words, for one token each [n]. The last state is past the norm already."""
    norm, words = final_norm(model), model.get_output_embeddings()
    shares, ranks = [], []
    for state, value in zip(hidden_states.split(ROWS), values.split(ROWS), strict=True):
        state = state.to(model.device)
        read = words(torch.cat([norm(state[:, :-1]), state[:, -1:]], 1)).float()
        own = read.gather(-1, value.to(model.device)[:, None, None].expand(-1, read.shape[1], 1))
        shares.append((own[..., 0] - read.logsumexp(-1)).exp().double().cpu())
        rank = 1 + (read > own).sum(-1).double()
        ranks.append(rank.masked_fill(~read.isfinite().all(-1), torch.nan).cpu())
    return LensReading(torch.cat(shares).numpy(), torch.cat(ranks).numpy())
