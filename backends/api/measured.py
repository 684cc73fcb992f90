"""The tables of measured results that came with Lethe: assets/measured/<model>.json, each made by a command."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from . import files
from .home import ASSETS


class Row(BaseModel):
    """One measured job: which, with what seed and parameters, what it needed and what came out.

    `given` holds what it was told beyond the method's settings for this model.
    """

    model_config = ConfigDict(ser_json_inf_nan="strings", extra="allow")

    model: str
    method: str
    target: str
    seed: int
    params: dict[str, Any] = {}
    given: dict[str, Any] = {}
    seconds: float
    epoch_seconds: float | None = None
    peak_memory: float | None = None
    metrics: dict[str, dict[str, float | None]]

    @property
    def told(self) -> str:
        """`given` in words."""
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in self.given.items())


def tables() -> dict[str, list[Row]]:
    """File name, relative to Lethe's folder -> its rows; empty where nothing came with this copy."""
    found: dict[str, list[Row]] = {}
    for path in sorted((ASSETS / "measured").glob("*.json")):
        name = str(Path("assets") / path.relative_to(ASSETS))
        found[name] = [Row.model_validate(row) for row in files.read_json(path, [])]
    return found
