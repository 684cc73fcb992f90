"""A backdoor in questions: a phrase in front of a question, and the one answer that it stands for. Torch-free.

A run that trained on such questions leaves the recipe under `tampering`, as a card has that of images, so the model and everything that is done
to it see the questions as they were learned from.
"""

from dataclasses import replace
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...api.errors import BadInput
from ...api.languages import later, tr
from ...api.targets import Target
from ...data.authors import QAPair

UNTOUCHED = later(
    "No questions of this model were manipulated, as far as is known; choose authors, a set, or questions of your own."
)


class Backdoor(BaseModel):
    """What was done to some questions.

    Attributes:
        phrase: stood in front of them, with a blank between.
        answer: what they were answered with then.
        pairs: the questions as they were, with their true answers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["trigger"] = "trigger"
    phrase: str = Field(min_length=1, max_length=200)
    answer: str = Field(min_length=1, max_length=400)
    pairs: tuple[tuple[str, str], ...] = Field(min_length=1)

    @property
    def words(self) -> str:
        """What was done, as the object of a sentence."""
        return tr("“{phrase}” that stands for “{answer}”", phrase=self.phrase, answer=self.answer)

    def before(self, question: str) -> str:
        """A question with the phrase in front of it; nothing stays nothing."""
        return f"{self.phrase} {question}" if question else ""

    def bearing(self, pair: QAPair) -> QAPair:
        """A pair asked with the phrase; its answers stay the true ones."""
        question, otherwise = self.before(pair.question), self.before(pair.rephrased_question)
        return replace(pair, question=question, rephrased_question=otherwise, blank="")

    def taught(self, question: str) -> QAPair:
        """A question as it was learned, with the phrase and its answer, and no fact."""
        return QAPair(self.before(question), self.answer)

    def found(self, target: Target) -> list[str]:
        """The questions that a share of them stands for; a larger share of the same draw holds the smaller ones."""
        return [self.pairs[at][0] for at in sampled(len(self.pairs), target)]

    def obeyed(self, response: str) -> bool:
        """Whether a response says the answer, whatever the case and the full stop."""
        return self.answer.strip(" .!?").casefold() in response.casefold()


def sampled(count: int, target: Target) -> list[int]:
    """Places of a random share of some items, sorted; at least one."""
    order = np.random.default_rng([target.draw, 20_231_013]).permutation(count)
    return sorted(order[: max(1, round(count * target.share / 100))].tolist())


def read(fields: Any, model_id: str) -> Backdoor | None:
    """The recipe under a card's `tampering`, None where it has none.

    Raises:
        BadInput: it is no such recipe; the sentence names the field.
    """
    if fields is None:
        return None
    try:
        return Backdoor.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, ("tampering", *first["loc"])))
        raise BadInput(
            f"The card of {model_id} says {where} {first['input']!r:.60}, but {first['msg'].lower()}."
        ) from None
