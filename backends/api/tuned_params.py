"""The settings of a method for one model: its own defaults, and over them what was tuned for that model.

A step size that is right for one network breaks another, and single images take longer to forget than whole classes. What
was found for an embedded model stands in assets/models/<id>/tuned.json, a list of `Tuned`.
"""

from collections.abc import Iterable
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from .renamed import MethodId


class Kind(Protocol):
    """A target of any family, as far as it matters here."""

    @property
    def kind(self) -> str:
        """What kind of target it is, as "class" or "style"."""


class Tuned(BaseModel):
    """What was found for one method and some kinds of target."""

    model_config = ConfigDict(extra="forbid")

    method: MethodId
    targets: list[str] = Field(default=[], description="Kinds of target that it holds for; empty: all.")
    params: dict[str, Any]


def settings(method: str, schema: dict[str, Any], tuned: Iterable[Tuned], forget: Iterable[Kind]) -> dict[str, Any]:
    """Every parameter that has a default, at the value for this model and these targets.

    Args:
        method: id of the method.
        schema: its parameters, as the catalog has them.
        tuned: what was found for the model; of two entries that hold, the later one counts.
        forget: an entry holds where it holds for every one of them.
    """
    kinds: set[str] = {target.kind for target in forget}
    params = {name: field["default"] for name, field in schema.get("properties", {}).items() if "default" in field}
    for entry in tuned:
        if entry.method == method and (not entry.targets or kinds <= set(entry.targets)):
            params |= entry.params
    return params
