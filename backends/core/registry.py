"""One decorator, one folder scan: a file in methods/, metrics/, inspectors/ or attacks/ is all an addition needs.

    @method(id="fine_tune", title=..., short=..., summary=..., ...)
    def fine_tune(run: Run[ClassifierTask], params: Params) -> None: ...

An inspector that can say nothing of some runs says why with `lacks=`, a function of the run's `InspectContext` that opens no model.
What the decorator is given is what the catalog says; `Params`, a pydantic model, is the form, the check and the record.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict

from ..api import catalog, elsewhere, families, params
from ..api.errors import BadInput
from ..api.learned import Learned
from ..api.renamed import current


class Params(BaseModel):
    """Base of every parameter class: frozen, and nothing it does not name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def learned(self, task: Any, seed: int) -> Learned | None:
        """How the data are changed before the method begins, of one whose entry says `teaches`; the task's targets are resolved.

        Raises:
            BadInput: they cannot be.
        """
        return None


@dataclass(frozen=True)
class Registered:
    """A function with what the catalog says about it. `params` is None for metrics; `lacks` says of an `InspectContext`, of a metric of
    a task with its parts, what its run lacks for this, as one sentence, or nothing. It opens no model."""

    entry: Any
    function: Callable[..., Any]
    params: type[BaseModel] | None
    lacks: Callable[[Any], str] = lambda look: ""

    @property
    def id(self) -> str:
        return str(self.entry.id)

    def parse(self, settings: dict[str, Any]) -> Any:
        """Parameters as the function takes them, checked as the form and the command line check them.

        Raises:
            BadInput: one is unknown or out of range; the sentence names it, what was given and what is allowed.
        """
        assert self.params is not None
        return self.params.model_validate(params.checked(self.id, self.entry.params, settings))


_TYPES: dict[str, type[catalog.Method | catalog.Metric | catalog.Inspector | catalog.Attack]] = {
    "methods": catalog.Method,
    "metrics": catalog.Metric,
    "inspectors": catalog.Inspector,
    "attacks": catalog.Attack,
}
_REGISTERED: dict[str, dict[str, Registered]] = {kind: {} for kind in _TYPES}


def _register(
    kind: str, /, lacks: Callable[[Any], str] = lambda look: "", *, needs: tuple[str, ...], **fields: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function. `needs`: capabilities of a family (`backends.api.families.capabilities`) without which it says nothing."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        hints = [
            hint for hint in get_type_hints(function).values() if isinstance(hint, type) and issubclass(hint, Params)
        ]
        takes = hints[0] if hints else None
        if kind != "metrics":
            assert takes is not None, f"{function.__name__} takes no Params"
            fields["params"] = takes.model_json_schema()
        unknown = set(needs) - families.capabilities().keys()
        assert not unknown, f"{function.__name__} needs {unknown}, of which nobody knows"
        fields["works_with"] = {name: family.lacks(needs) or True for name, family in families.every().items()}
        entry = _TYPES[kind].model_validate(fields | {"needs": needs})
        other = _REGISTERED[kind].get(entry.id)
        assert other is None or other.function.__module__ == function.__module__, f"two {kind} are called {entry.id}"
        alike = {"inspectors": "attacks", "attacks": "inspectors"}.get(kind)
        assert alike is None or entry.id not in _REGISTERED[alike], f"an inspector and an attack are called {entry.id}"
        lacking = _examined_first(lacks) if "exam" in needs else lacks
        _REGISTERED[kind][entry.id] = Registered(entry, function, takes, lacking)
        return function

    return register


def _examined_first(lacks: Callable[[Any], str]) -> Callable[[Any], str]:
    """Says first why the models of a run cannot be examined, where an exam cannot be had of all runs (`Exam.lacks`)."""

    def why(look: Any) -> str:
        family = look.task.family
        exam: Any = families.load(families.get(family).exam) if families.has(family, "exam") else None
        reason = str(exam.lacks(look.task)) if hasattr(exam, "lacks") else ""
        return reason or lacks(look)

    return why


method = partial(_register, "methods")
metric = partial(_register, "metrics")
inspector = partial(_register, "inspectors")
attack = partial(_register, "attacks")


@cache
def entries(kind: str) -> dict[str, Registered]:
    """Every entry of `methods`, `metrics`, `inspectors` or `attacks` by id, in the order a page shows them."""
    package = importlib.import_module(f"backends.{kind}")
    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.startswith("_"):
            importlib.import_module(f"backends.{kind}.{module.name}")
    return dict(sorted(_REGISTERED[kind].items(), key=lambda item: (item[1].entry.order, item[0])))


def get(kind: str, entry_id: str) -> Registered:
    """One entry, by its id or one that it had before; of methods also the one that is none, see `backends.api.elsewhere`.

    Raises:
        BadInput: there is none; the sentence lists those there are.
    """
    if kind == "methods" and entry_id == elsewhere.ID:
        takes_in = importlib.import_module("backends.methods._elsewhere").elsewhere
        return Registered(elsewhere.ENTRY, takes_in, elsewhere.Elsewhere)
    by_id, entry_id = entries(kind), current(kind, entry_id)
    if entry_id not in by_id:
        raise BadInput(f"There is no {kind[:-1]} {entry_id!r}; choose one of {', '.join(by_id)}.")
    return by_id[entry_id]
