"""Shared by attacks on language models: the exam, why it lacks something, and items gathered as an `Attacked` wants them."""

from collections.abc import Mapping, Sequence

import numpy as np

from ..api.attacked import Values
from ..api.errors import BadInput
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


def lacks_exam(look: Look) -> str:
    """Why nothing of the run can be asked apart, as one sentence; empty where it can. No model is opened."""
    try:
        exam_of(look)
    except BadInput as error:
        return str(error)
    return ""


def lacks_weights(look: Look) -> str:
    """Why vectors or gradients in place of words say nothing of a run; empty where they do."""
    if look.guarded:
        return "The weights are those of the original model behind a guard that reads words; vectors in place of words walk around it, so the attack would show nothing but that."
    return lacks_exam(look)


def stacked(by_model: Mapping[str, Sequence[Values]]) -> dict[str, Values]:
    """Values [seeds, x, items] of each model by when, as `Attacked.recalled` has them: the references in one array."""
    return {
        when: np.stack(values) if when == "reference" else values[0] for when, values in by_model.items() if len(values)
    }
