"""What comes back of what each method forgot, measured: assets/measured/comebacks/<model>.json, made by a command."""

from functools import cache
from math import nan
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from . import files
from .court_words import Word
from .home import ASSETS
from .renamed import MethodId

FOLDER: Final = ASSETS / "measured" / "comebacks"


class Tested(BaseModel):
    """One test, of which shares are from 0 to 1; `void`: it cannot tell here; `hit`: it brings it back."""

    model_config = ConfigDict(extra="ignore")

    attack: str
    kind: str
    counts: bool = True
    original: float | None = None
    unlearned: float | None = None
    reference: float | None = None
    recovery: float | None = None
    interval: tuple[float, float] | None = None
    void: bool = False
    hit: bool = False

    @property
    def back(self) -> float:
        """How much the unlearned model has under it, 0 to 1; NaN where that is not known."""
        return nan if self.unlearned is None else self.unlearned


class Row(BaseModel):
    """One method on one target of an embedded model: the court's word, and every test that it rests on, the plain question first."""

    model_config = ConfigDict(extra="ignore")

    model: str
    method: MethodId
    target: str
    seed: int = 0
    params: dict[str, Any] = Field(default_factory=dict)
    word: Word
    reasons: list[str]
    references: int
    kept: float | None = None
    kept_reference: float | None = None
    tests: list[Tested]

    @property
    def hit(self) -> bool:
        """Whether a test brings it back."""
        return any(one.hit for one in self.tests)

    @property
    def strongest(self) -> Tested | None:
        """The weighed test that can tell and brings most back: by recovery; of these the one with most in the unlearned model."""
        valid = [one for one in self.tests[1:] if one.counts and not one.void and one.recovery is not None]
        return max(valid, key=lambda one: (one.recovery or 0.0, one.back), default=None)


@cache
def rows(model: str) -> tuple[Row, ...]:
    """What was measured on an embedded model; empty where nothing was, or where the file cannot be read."""
    try:
        return tuple(Row.model_validate(row) for row in files.read_json(FOLDER / f"{model}.json", []))
    except (ValidationError, TypeError):
        return ()
