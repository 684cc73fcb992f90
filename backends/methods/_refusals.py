"""Refusals (“I don't know”), for the methods that teach a language model to answer with one."""

import torch
from pydantic import Field
from torch import Tensor

from ..core.run import Run
from ..families.language.refusals import REFUSALS
from ..families.language.task import LanguageModel
from ..families.language.tokens import Texts
from ._language import LanguageParams


class RefusalParams(LanguageParams):
    """Settings of every method that teaches other answers."""

    instead: str = Field(
        default="",
        max_length=200,
        description=f"What is to be answered instead. Empty: one of {len(REFUSALS)} ways to say “I don't know”, drawn anew "
        "each time.",
        json_schema_extra={"role": "say instead"},  # the studio shows it beside the method, not among its settings
    )


def refusal_batch(run: Run[LanguageModel], rows: Tensor, instead: str = "") -> Texts:
    """Questions of the forget set with other answers, on the device: `instead`, or a random refusal each.

    Call it inside `run.steps`, so that a resumed job draws the refusals it would have drawn.
    """
    questions = [run.task.questions.forget[row].question for row in rows.tolist()]
    indices = torch.randint(len(REFUSALS), (len(questions),)).tolist()
    refusals = [instead.strip() or REFUSALS[number] for number in indices]
    return run.task.reader.pairs(questions, refusals).to(run.device)
