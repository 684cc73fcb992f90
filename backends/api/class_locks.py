"""What a teacher chooses for the whole class, checked as a job would be, and what of it holds for one visitor."""

import os
from collections.abc import Sequence

from . import catalog, classes, families, submit
from .classes import Locks
from .errors import BadInput, LetheError
from .spec import JobSpec

NOTHING = Locks()


def checked(model: str = "", forget: Sequence[str] = (), method: str = "") -> Locks:
    """The choice, with targets as the model spells them.

    Args:
        model: id of an embedded model; empty: free.
        forget: targets of that model; empty: free.
        method: id of a method; empty: free.

    Raises:
        BadInput: there is no such model, target or method, or they do not fit each other.
    """
    installed = catalog.load()
    targets = tuple(text for text in (one.strip() for one in forget) if text)
    if method:
        installed.get("methods", method)
    if not model:
        if targets:
            raise BadInput("A target alone cannot be chosen for the class; choose the model that is to forget it too.")
        return Locks(method=method)
    entry = installed.get("models", model)
    spec = submit.read(model=model, method=method or entry.default_method, forget=targets or entry.default_forget)
    complete = submit.check(spec)
    return Locks(model=model, forget=complete.forget if targets else (), method=method)


def from_environment() -> Locks | None:
    """The choice that LETHE_CLASS_MODEL, LETHE_CLASS_FORGET (one target a line) and LETHE_CLASS_METHOD name; None where they name nothing.

    Raises:
        BadInput: as `checked`.
    """
    model = os.environ.get("LETHE_CLASS_MODEL", "").strip()
    forget = os.environ.get("LETHE_CLASS_FORGET", "").strip()
    method = os.environ.get("LETHE_CLASS_METHOD", "").strip()
    return checked(model, forget.splitlines(), method) if model or forget or method else None


def of_visitor(owner: str) -> Locks:
    """What is chosen for who asks: for the teacher, and where there is no class, nothing.

    Args:
        owner: `runs.owner_mark` of who asks.
    """
    try:
        klass = classes.current()
    except LetheError:  # whoever starts a job is told
        return NOTHING
    return NOTHING if klass is None or klass.is_teacher(owner) else klass.locks


def fitting_models(method: str) -> list[str]:
    """Ids of the embedded models that a method, or its variant for their family, works with."""
    installed = catalog.load()
    entries = [entry for entry in installed.methods if entry.id in classes.methods_like(method)]
    works = {name for entry in entries for name in families.every() if entry.works_with.get(name) is True}
    return [entry.id for entry in installed.models if entry.family in works]


def fitting_method(method: str, family: str) -> str:
    """The variant of a method that works with a family; empty where there is none."""
    installed = catalog.load()
    entries = [entry for entry in installed.methods if entry.id in classes.methods_like(method)]
    return next((entry.id for entry in entries if entry.works_with.get(family) is True), "")


def obeys(spec: JobSpec, chosen: Locks) -> bool:
    """Whether a job is as it was chosen."""
    return (
        (not chosen.model or spec.model == chosen.model)
        and (not chosen.forget or set(spec.forget) == set(chosen.forget))
        and chosen.allows_method(spec.method)
    )
