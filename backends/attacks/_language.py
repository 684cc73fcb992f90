"""Shared by attacks on language models: their exam, who is not attacked by vectors, and values gathered as `Attacked` has them."""

from collections.abc import Mapping, Sequence

import numpy as np

from ..api.attacked import Values
from ..core.attack import AttackContext
from ..families.language.exam import LanguageExam
from ..families.language.task import LanguageModel

Look = AttackContext[LanguageModel]


def exam_of(look: Look) -> LanguageExam:
    """The exam of a run of a language model.

    Raises:
        BadInput: too little was forgotten to ask apart.
    """
    exam = look.exam
    assert isinstance(exam, LanguageExam)
    return exam


def behind_guard(look: Look) -> str:
    """Why vectors in place of words say nothing of a run, as one sentence; empty where they do."""
    guard = "The weights are those of the original model behind a guard that reads words, and vectors in place of words walk around it; take the guard away instead."
    return guard if look.guarded else ""


def stacked(by_model: Mapping[str, Sequence[Values]]) -> dict[str, Values]:
    """Values [seeds, x, items] of each model by when, as `Attacked.recalled` has them: the references in one array."""
    return {
        when: np.stack(values) if when == "reference" else values[0] for when, values in by_model.items() if len(values)
    }
