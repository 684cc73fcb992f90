"""The tables of measured results that came with Lethe: assets/measured/<model>.json, each made by a command."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from . import files
from .home import ASSETS
from .renamed import MethodId

IDLE = 0.1  # cores that others may use on average before a time says more of them than of the job


class Row(BaseModel):
    """One measured job: which, with what seed and parameters, what it needed and what came out.

    `given` holds what it was told beyond the method's settings for this model; `others`, how many cores other processes used
    meanwhile, on average; rows of older measurements do not say.
    """

    model_config = ConfigDict(ser_json_inf_nan="strings", extra="allow")

    model: str
    method: MethodId
    target: str
    seed: int
    params: dict[str, Any] = {}
    given: dict[str, Any] = {}
    seconds: float
    epoch_seconds: float | None = None
    peak_memory: float | None = None
    others: float | None = None
    metrics: dict[str, dict[str, float | None]]

    @property
    def idle(self) -> bool:
        """Whether it is certain that the machine did nothing else, so that its time can be shown."""
        return idle(self.others)

    @property
    def overrides_text(self) -> str:
        """`given` in words."""
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in self.given.items())


def idle(others: float | None) -> bool:
    """Whether so many cores busy with something else are none; None is not known."""
    return others is not None and others <= IDLE


def tables() -> dict[str, list[Row]]:
    """File name, relative to Lethe's folder -> its rows; empty where nothing came with this copy."""
    rows_by_file: dict[str, list[Row]] = {}
    for path in sorted((ASSETS / "measured").glob("*.json")):
        name = str(Path("assets") / path.relative_to(ASSETS))
        rows_by_file[name] = [Row.model_validate(row) for row in files.read_json(path, [])]
    return rows_by_file
