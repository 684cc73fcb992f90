"""What a person tries by hand against the models of a run: one question at a time, and whether the answer gives back what was forgotten."""

from dataclasses import dataclass
from typing import Any, Protocol

from PIL import Image
from torch import nn


@dataclass(frozen=True)
class Reply:
    """What one model makes of a question.

    Attributes:
        text: the answer in words; of a picture, what it is taken for.
        image: what the model drew; None of a model that draws nothing.
        evidence: what `RedTeam.hit` looks at besides.
    """

    text: str
    image: Image.Image | None = None
    evidence: Any = None


class RedTeam(Protocol):
    """How one family is tried by hand. Its class is named by `Family.red_team`, and `Family.hit` says what `hit` does, in words."""

    def __init__(self, task: Any) -> None:
        """Take the task of a run, with its targets.

        Raises:
            BadInput: nobody can say whether an answer gives back what was forgotten.
        """
        ...

    def question(self, text: str) -> Any:
        """The question as models are given it, of a line of text: its words, the name of an item of the data, or a picture as a data address.

        Raises:
            BadInput: it is empty, too long, or nothing that can be asked; the sentence says what can.
        """
        ...

    def ask(self, model: nn.Module, question: Any, seed: int) -> Reply:
        """What a model makes of it, in eval mode. `seed` is of what is random in that; most families have nothing that is."""
        ...

    def hit(self, question: Any, reply: Reply) -> bool:
        """Whether a model's reply gives back what was to be forgotten."""
        ...
