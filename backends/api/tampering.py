"""What somebody did to training images before a model learned from them: a trigger that stands for a class, or labels that were swapped.

A model's card says it under `tampering`, so the model and everything that is done to it see the images as they were learned from.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .errors import BadInput
from .languages import tr


class Tampering(BaseModel):
    """How training images were manipulated, as a card has it.

    Attributes:
        kind: "trigger": a 3 x 3 checkerboard in the lower right corner, and the label of another class (BadNets); "swap": images of two
            classes bear each other's label (interclass confusion).
        classes: of a trigger the one that it stands for; of a swap the two.
        share: of a trigger in percent of all training images, of a swap in percent of the images of the two classes.
        seed: of the draw of the images.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["trigger", "swap"]
    classes: tuple[str, ...]
    share: float = Field(gt=0, le=50)
    seed: int = Field(default=0, ge=0)

    @property
    def words(self) -> str:
        """What was done, as the object of a sentence."""
        if self.kind == "trigger":
            return tr("a checkerboard in the corner that stands for {name}", name=self.classes[0])
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
    if len(how.classes) != (1 if how.kind == "trigger" else 2):
        raise BadInput(
            f"The card of {model_id} names {len(how.classes)} classes in its tampering; a trigger stands for one class, and two are swapped."
        )
    return how
