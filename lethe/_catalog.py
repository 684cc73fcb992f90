"""What there is: models, data, methods, metrics, inspectors and attacks, as tables that a notebook shows."""

from collections.abc import Iterable
from typing import Any

from backends.api import catalog
from backends.api.catalog import Entry

from ._html import table


class Entries(tuple[Entry, ...]):
    """Entries of the catalog, each with id, title, summary, source and, where it takes settings, `params`."""

    def __getitem__(self, key: Any) -> Any:
        """The entry of that id, or as in any tuple.

        Raises:
            KeyError: there is none of that id; the sentence lists those there are.
        """
        if not isinstance(key, str):
            return super().__getitem__(key)
        by_id = {entry.id: entry for entry in self}
        if key not in by_id:
            raise KeyError(f"There is no {key[:60]!r}; choose one of {', '.join(by_id)}.")
        return by_id[key]

    def __repr__(self) -> str:
        width = max((len(entry.id) for entry in self), default=0)
        return "\n".join(f"{entry.id.ljust(width)}  {entry.line}" for entry in self)

    def _repr_html_(self) -> str:
        return table(("id", "what"), [(entry.id, entry.line) for entry in self])


def _fitting(entries: Iterable[Entry], model: str | None) -> Entries:
    """Those that work with the family of a model; all of them where none is named.

    Raises:
        BadInput: there is no such model.
    """
    if model is None:
        return Entries(entries)
    from backends.api import families, own
    from backends.api.errors import BadInput

    family = families.of_model(model)
    if not family:
        folder = own.local_folder(model)
        if folder is None:
            names = ", ".join(entry.id for entry in catalog.load().models)
            raise BadInput(f"There is no model {model[:60]!r} here; choose one of {names}, or a folder.")
        family = own.family_of(own.check_folder(folder, model), model)
    return Entries(entry for entry in entries if entry.works_with.get(family) is True)


def models() -> Entries:
    """The models that come with Lethe, and those that were pulled."""
    return Entries(catalog.load().models)


def data() -> Entries:
    """The data sets that come with Lethe."""
    return Entries(catalog.load().data)


def methods(model: str | None = None) -> Entries:
    """The unlearning methods; those that work with a model, where one is named: an id, or a folder.

    Raises:
        BadInput: there is no such model.
    """
    return _fitting(catalog.load().methods, model)


def metrics(model: str | None = None) -> Entries:
    """The metrics; those that fit a model, where one is named."""
    return _fitting(catalog.load().metrics, model)


def inspectors(model: str | None = None) -> Entries:
    """The looks inside a run; those that fit a model, where one is named."""
    return _fitting(catalog.load().inspectors, model)


def attacks(model: str | None = None) -> Entries:
    """The attacks on a run; those that fit a model, where one is named."""
    return _fitting(catalog.load().attacks, model)
