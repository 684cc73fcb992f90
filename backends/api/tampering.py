"""What somebody did to training images before a model learned from them: a mark that stands for a class, labels that were swapped or wrong.

A model's card says it under `tampering`, and a run that trained on such images leaves it for those that start from it, so the model and
everything that is done to it see the images as they were learned from.
"""

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .errors import BadInput
from .languages import later, tr

Kind = Literal["trigger", "swap", "wrong", "bias"]
Mark = Literal["checkerboard", "white square", "darker"]
Corner = Literal["lower right", "lower left", "upper right", "upper left"]
CLASSES: Final[dict[Kind, int]] = {"trigger": 1, "swap": 2, "wrong": 0, "bias": 1}  # that each kind names
MARKED: Final = ("trigger", "bias")  # the kinds that put a mark on images
_MARKS: Final[dict[Mark, str]] = {
    "checkerboard": later("a checkerboard in the corner"),
    "white square": later("a white square in the corner"),
    "darker": later("half the light"),
}


class Tampering(BaseModel):
    """How training images were manipulated, as a card has it.

    Attributes:
        kind: "trigger": a mark, and the label of another class (BadNets); "swap": images of two classes bear each other's label
            (interclass confusion); "wrong": any other label; "bias": images of one class bear a mark and their own label.
        classes: of a trigger the one that it stands for; of a swap the two; of a bias the one that bears the mark.
        share: of a trigger in percent of all training images, of a swap in percent of the images of the two classes; 0 where `ids` says it.
        seed: of the draw of the images, and of wrong labels.
        mark: what is put on an image.
        corner: where; half the light falls everywhere.
        side: of the mark in pixels.
        ids: the training images, where they were not drawn.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    classes: tuple[str, ...] = ()
    share: float = Field(default=0, ge=0, le=50)
    seed: int = Field(default=0, ge=0)
    mark: Mark = "checkerboard"
    corner: Corner = "lower right"
    side: int = Field(default=3, ge=1, le=64)
    ids: tuple[int, ...] = ()

    @property
    def words(self) -> str:
        """What was done, as the object of a sentence."""
        match self.kind:
            case "trigger":
                return tr("{mark} that stands for {name}", mark=tr(_MARKS[self.mark]), name=self.classes[0])
            case "bias":
                return tr("{mark} that images of {name} bear", mark=tr(_MARKS[self.mark]), name=self.classes[0])
            case "wrong":
                return tr("labels that are wrong")
        return tr("labels of {one} and {other} that were swapped", one=self.classes[0], other=self.classes[1])


def read(fields: Any, model_id: str) -> Tampering | None:
    """The recipe in a card's `tampering`, None where it has none.

    Raises:
        BadInput: it is no such recipe; the sentence names the field.
    """
    if fields is None:
        return None
    try:
        how = Tampering.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, ("tampering", *first["loc"])))
        raise BadInput(
            f"The card of {model_id} says {where} {first['input']!r:.60}, but {first['msg'].lower()}."
        ) from None
    if len(how.classes) != CLASSES[how.kind]:
        raise BadInput(
            f"The card of {model_id} names {len(how.classes)} classes in its tampering; a trigger and a bias are of one class, and two are swapped."
        )
    if not how.ids and (not how.share or how.kind not in ("trigger", "swap")):
        raise BadInput(
            f"The card of {model_id} does not say which training images were manipulated; give tampering.ids, or the share of a trigger or a swap."
        )
    return how
