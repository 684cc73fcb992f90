"""Shared by inspectors of language models: which questions, the position of a fact in its answer, hidden states of every layer."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..api.errors import BadInput
from ..api.panels import Piece, Role
from ..core.evidence import InspectContext, When
from ..data.authors import QAPair
from ..families.language.qa import EvalItem
from ..families.language.task import LanguageModel
from ..families.language.tokens import IGNORED, Prefix, PromptTokenizer, Texts, logits, nll
from ._common import GROUPS

ROWS = 64
ARTICLES = ("the ", "a ", "an ")  # begin many values and say nothing
NORMS = ("norm", "ln_f", "final_layer_norm", "final_layernorm", "norm_f")


def models(look: InspectContext[LanguageModel]) -> dict[When, nn.Module]:
    """The models of a run by when: before, after, and the retrained reference where there is one."""
    by_when: dict[When, nn.Module] = {"before": look.before, "after": look.after}
    return by_when if look.reference is None else by_when | {"reference": look.reference}


def role(when: When, otherwise: Role) -> Role:
    """The role of a curve of this model: the reference has a role of its own."""
    return "reference" if when == "reference" else otherwise


def model_words(when: When) -> str:
    """A model in words."""
    return "retrained reference" if when == "reference" else when


def chosen(look: InspectContext[LanguageModel], each: int) -> list[int]:
    """At most `each` questions of every role as places in the suite, the same ones each time; forget first."""
    rng = np.random.default_rng(0)
    return [int(at) for name in GROUPS for at in sorted(rng.permutation(look.task.parts[name])[:each])]


def items(look: InspectContext[LanguageModel], places: Sequence[int]) -> list[EvalItem]:
    """Questions of the suite."""
    return [look.task.questions.suite[at] for at in places]


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


def own_tokens(reader: PromptTokenizer, question: str) -> slice:
    """Which tokens of a prompt are the question's own; the others are the form in which it is asked."""
    prompt = reader.prompt(question)
    start = prompt.index(question)
    bare = reader.before is None or isinstance(question, Prefix)
    read = reader.tokenizer(prompt, add_special_tokens=bare, return_offsets_mapping=True).offset_mapping
    inside = [at for at, (low, high) in enumerate(read) if high > start and low < start + len(question)]
    return slice(inside[0], inside[-1] + 1) if inside else slice(0, 0)


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


def answer_gradients(look: InspectContext[LanguageModel], most: int) -> dict[str, Tensor]:
    """Signed gradient of -NLL summed over at most `most` answers to be forgotten, by parameter name, at the model before."""
    model = copy.deepcopy(look.before).eval().requires_grad_(True)
    names, parameters = zip(*model.named_parameters(), strict=True)
    total = [torch.zeros_like(parameter) for parameter in parameters]
    order = np.sort(np.random.default_rng(0).permutation(len(look.task.forget))[:most])
    for rows in look.steps(torch.from_numpy(order).split(ROWS // 4), "summing gradients"):
        lost, _ = nll(model, look.task.forget[rows].to(parameters[0].device))
        gradients = torch.autograd.grad(-lost.sum(), parameters, allow_unused=True, materialize_grads=True)
        for summed, gradient in zip(total, gradients, strict=True):
            summed += gradient
    return dict(zip(names, total, strict=True))


@torch.no_grad()
def token_probabilities(model: Any, texts: Texts) -> list[list[float]]:
    """The probability of each token of each answer, its end included, from 0 to 1."""
    predictions, labels = logits(model, texts.to(model.device))
    picked = predictions.log_softmax(-1).gather(-1, labels.clamp(min=0)[..., None])[..., 0].exp().cpu()
    return [[float(value) for value in row[keep]] for row, keep in zip(picked, (labels != IGNORED).cpu(), strict=True)]


def pieces(reader: PromptTokenizer, answer: str, values: Sequence[float]) -> list[Piece]:
    """An answer's tokens as coloured text, its end as a sign of its own."""
    tokens = reader.answer_ids(answer)[: len(values)]
    words = ["⏎" if token == reader.end else reader.tokenizer.decode([token]) for token in tokens]
    return [Piece(text=word, value=value) for word, value in zip(words, values, strict=True)]


def plain(text: str) -> list[Piece]:
    """Text in one piece, without a colour."""
    return [Piece(text=text)] if text else []
