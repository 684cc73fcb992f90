"""What an attack brought back, as it lies in a run: attack/<id>/attacked.json and attacked.npz beside its found.json.

The same items are asked of the original, the unlearned and the retrained models with the same budget, seeds and code. What that says of
the run is computed whenever it is read, by `backends.api.court`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from . import files

TestKind = Literal["plain", "guard", "ask", "sample", "relearn", "words", "weights", "inside"]
Goal = Literal["concept", "samples"]
Values = NDArray[np.float32]
WHENS: Final = ("before", "after", "reference")
RECORD, ARRAYS = "attacked.json", "attacked.npz"
UNFIT: Final = "unfit.json"  # beside the folders of the attacks on a run: those that do not fit it, and why not
LARGEST: Final = 64 << 20  # bytes of unpacked arrays


class Find(BaseModel):
    """Something that an attack found, to be looked at or tried by hand: a prompt, words, tokens or a picture."""

    model_config = ConfigDict(extra="forbid")

    words: str = Field(default="", description="A prompt or a question, as it can be pasted into Ask.")
    output: str = Field(default="", description="What the unlearned model answers to it.")
    picture: str = Field(default="", description="The name of a picture in the folder of the findings.")
    note: str = ""


class Record(BaseModel):
    """The part of what an attack brought back that is no array."""

    model_config = ConfigDict(extra="forbid")

    attack: str
    kind: TestKind
    counts: bool = True
    explains: str = ""
    void: str = ""
    goal: Goal = "concept"
    x: list[float]
    x_title: str
    at: int = -1
    items: list[str]
    groups: list[int]
    noun: str
    budget: dict[str, Any] = Field(default_factory=dict)
    broken: dict[str, float] = Field(default_factory=dict)
    finds: list[Find] = Field(default_factory=list)


@dataclass(frozen=True)
class Attacked:
    """What one attack brought back from each model.

    Attributes:
        attack: its id.
        kind: of test; the court wants several kinds.
        counts: whether the court weighs it. What needs the original's weights explains, and is no attack.
        explains: of what is not weighed for another reason: why, as a sentence. It need not tell original and reference apart.
        void: why it tells nothing here, where the attack itself found that out, as a sentence; empty where it may.
        x, x_title: how far it went: steps, samples, bits. The first is often no attack at all.
        recalled: by "before", "after" and, where there are references, "reference": how much of each item is back, from 0 to 1.
            [seeds, x, items], of references [references, seeds, x, items].
        kept: the same of items that are to be kept; empty where that was not asked.
        items: names of the items, never among those that an attack learns from.
        groups: items with the same number are not independent: wordings of one fact, drawings of one prompt.
        noun: what the items are, in the plural: "facts".
        at: the place in `x` that is judged, fixed before looking.
        goal: whether a concept or these very samples were to be forgotten.
        budget: settings that say how much was tried.
        broken: by when, the share of answers to kept questions that are no language, refusals or blank; of the plain test.
        finds: what it found.
    """

    attack: str
    kind: TestKind
    x: Sequence[float]
    x_title: str
    recalled: Mapping[str, Values]
    items: Sequence[str]
    noun: str
    kept: Mapping[str, Values] = field(default_factory=dict)
    groups: Sequence[int] = ()
    at: int = -1
    counts: bool = True
    explains: str = ""
    void: str = ""
    goal: Goal = "concept"
    budget: Mapping[str, Any] = field(default_factory=dict)
    broken: Mapping[str, float] = field(default_factory=dict)
    finds: Sequence[Find] = ()

    def curve(self, when: str, *, kept: bool = False) -> NDArray[np.float64]:
        """The mean over seeds, items and references at each x, from 0 to 1; NaN without any."""
        values = (self.kept if kept else self.recalled).get(when)
        if values is None or not values.size:
            return np.full(len(self.x), np.nan)
        means: NDArray[np.float64] = values.reshape(-1, *values.shape[-2:]).astype(np.float64).mean((0, 2))
        return means

    def at_end(self, when: str, *, kept: bool = False) -> NDArray[np.float64] | None:
        """What is judged: [seeds, items] of a model, [references, seeds, items] of the references; None where there are none."""
        values = (self.kept if kept else self.recalled).get(when)
        return None if values is None or not values.size else values[..., self.at, :].astype(np.float64)

    def save(self, folder: Path) -> None:
        """Write it beside the findings of its attack."""
        files.write_bytes(folder / ARRAYS, b"".join(_packed(self)))
        record = Record(
            attack=self.attack, kind=self.kind, counts=self.counts, explains=self.explains, void=self.void, goal=self.goal, x=[float(one) for one in self.x],
            x_title=self.x_title, at=self.at, items=list(self.items), groups=[int(one) for one in self.groups], noun=self.noun,
            budget=dict(self.budget), broken=dict(self.broken), finds=list(self.finds),
        )  # fmt: skip
        files.write_json(folder / RECORD, json.loads(record.model_dump_json()))


def _packed(attacked: Attacked) -> list[bytes]:
    from io import BytesIO

    arrays = {
        f"{part}-{when}": values for part in ("recalled", "kept") for when, values in getattr(attacked, part).items()
    }
    buffer = BytesIO()
    np.savez_compressed(buffer, **{name: np.asarray(values, np.float16) for name, values in arrays.items()})  # type: ignore[arg-type]
    return [buffer.getvalue()]


def write_unfit(folder: Path, reasons: Mapping[str, str]) -> None:
    """Write down which attacks do not fit a run, by id with the sentence why not, beside the folders of those that were made."""
    files.write_json(folder / UNFIT, dict(reasons))


def unfit(folder: Path) -> dict[str, str]:
    """The attacks that do not fit a run, as far as it was tested; `folder` holds those of its attacks."""
    reasons = files.read_json(folder / UNFIT, {})
    return {str(name): str(why) for name, why in reasons.items()} if isinstance(reasons, dict) else {}


def read(folder: Path) -> Attacked | None:
    """What an attack brought back, from the folder of its findings; None where there is nothing, or nothing that can be read."""
    try:
        record = Record.model_validate(files.read_json(folder / RECORD, None))
        with ZipFile(folder / ARRAYS) as packed:
            if sum(member.file_size for member in packed.infolist()) > LARGEST:
                return None
        with np.load(folder / ARRAYS, allow_pickle=False) as file:
            arrays = {name: file[name].astype(np.float32) for name in file.files}
    except (ValidationError, OSError, ValueError, LookupError, EOFError, BadZipFile):
        return None
    split: dict[str, dict[str, Values]] = {"recalled": {}, "kept": {}}
    for name, values in arrays.items():
        part, _, when = name.partition("-")
        if part in split and when in WHENS:
            split[part][when] = values
    fields = {name: getattr(record, name) for name in Record.model_fields}
    attacked = Attacked(**fields, **split)  # type: ignore[arg-type]
    return attacked if _fits(attacked) else None


def _fits(attacked: Attacked) -> bool:
    """Whether the arrays have the shapes that the record says."""
    width, height = len(attacked.items), len(attacked.x)
    places = [*attacked.recalled.items(), *attacked.kept.items()]
    shaped = all(
        values.ndim == (4 if when == "reference" else 3) and values.shape[-2] == height for when, values in places
    )
    wide = all(values.shape[-1] == width for values in attacked.recalled.values())
    there = "before" in attacked.recalled and "after" in attacked.recalled
    return shaped and wide and there and -height <= attacked.at < height
