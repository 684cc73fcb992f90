"""What there is, for programs: models, the methods that work with one, attacks."""

from typing import Any, Final

from app import job_form
from backends.api import catalog, families, model_info

NAMES: Final = 100  # of each kind of target that are listed


def list_models() -> list[dict[str, Any]]:
    """List the models that can be made to forget something, and what each can forget.

    Returns:
        For each model id, title, summary, family, default_forget and default_method (what to try first), and forget: for each kind
        of target its label and, where it is chosen from a list, the names to choose from.
    """
    return [_model(entry) for entry in catalog.load().models]


def list_methods(model: str) -> list[dict[str, Any]]:
    """List the unlearning methods that work with a model, the recommended one first.

    Args:
        model: id of a model, as list_models gives it.

    Returns:
        For each method id, title, summary, source (the paper), whether it is a guard that leaves the weights as they are, settings
        (JSON Schema) and recommended (the settings that start_job uses where none are given, for what the model forgets by default).
    """
    info = model_info.embedded(model)
    return [
        {
            "id": one.id, "title": one.title, "summary": one.summary, "source": one.source.model_dump(), "guard": one.guard,
            "settings": one.params, "recommended": job_form.recommended(info, one, info.default_forget),
        }
        for one in job_form.methods(info.family, info.default_method)
    ]  # fmt: skip


def list_attacks() -> list[dict[str, Any]]:
    """List the attacks that try to bring back what a model was made to forget; the function test makes those that fit a run.

    Returns:
        For each attack id, title, summary, source (the paper), works_with (by family of models: true, or why not) and quick: whether it
        is made without deep.
    """
    return [
        one.model_dump(include={"id", "title", "summary", "source", "works_with", "quick"})
        for one in catalog.load().attacks
    ]


def _model(entry: catalog.Model) -> dict[str, Any]:
    info = model_info.embedded(entry.id)
    by = families.get(entry.family).choosing
    options = {field.name: [value for _, value in field.options if value][:NAMES] for field in by.fields(info)}
    kinds = [
        {"kind": kind.label, "names": {name: options[name] for name in kind.fields if options.get(name)}}
        for kind in by.kinds(info)
        if kind.offered
    ]
    about = entry.model_dump(include={"id", "title", "summary", "family", "default_forget", "default_method"})
    return about | {"forget": kinds}
