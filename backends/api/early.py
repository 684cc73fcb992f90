"""The first marks of a run that is still measured: on a part of what it is measured by, told before the rest is known."""

import json
from typing import Final

from pydantic import BaseModel, ValidationError

from . import files
from .languages import tr
from .marks import QUESTIONS, Mark
from .runs import RunFolder

FILE: Final = "early.json"


class Early(BaseModel):
    """The first marks.

    Attributes:
        attempt: of the run, that measured them.
        seen, of: how many items were looked at, of all that will be.
        items: what they are, as in "pictures judged".
        marks: in the order of `QUESTIONS`.
    """

    attempt: int
    seen: int
    of: int
    items: str
    marks: list[Mark]

    @property
    def counted(self) -> str:
        """ "60 of 160 pictures judged"."""
        return tr("{seen} of {of} {items}", seen=self.seen, of=self.of, items=self.items)

    @property
    def sentence(self) -> str:
        """The marks in one line, for a terminal."""
        told = [
            f"{question} {mark.word}" + (f": {mark.number}" if mark.number else "") + (f" ({mark.beside})" if mark.beside else "")
            for question, mark in zip(QUESTIONS, self.marks, strict=True)
            if mark.number
        ]  # fmt: skip
        return tr("First marks, from {counted}. {told}", counted=self.counted, told="; ".join(told))


def of_run(run: RunFolder) -> Early | None:
    """The first marks of a run that works, by the attempt that works on it; None without any, and once it has ended."""
    state = run.state
    if state.status != "running":
        return None
    try:
        early = Early.model_validate(files.read_json(run.path / FILE))
    except (OSError, ValidationError, json.JSONDecodeError):
        return None
    return early if early.attempt == state.attempt and len(early.marks) == len(QUESTIONS) else None
