"""Shared by inspectors of language models: which questions, the position of a fact in its answer, hidden states of every layer."""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..api.panels import Piece, Role
from ..core.evidence import InspectContext, When
from ..families.language.qa import EvalItem
from ..families.language.task import LanguageModel
from ..families.language.tokens import IGNORED, PromptTokenizer, Texts, logits, nll
from ._common import GROUPS

ROWS = 64


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
