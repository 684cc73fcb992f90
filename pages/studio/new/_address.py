"""The form filled in from an address: ?model=&forget=&keep=&method=&seed=, or ?clone=RUN, there with &method= another one; or ?after=RUN."""

from typing import Any, Final

import gradio as gr

from app import forms, job_form
from app.job_form import OWN, Draft
from app.widgets import Context, Updates
from backends.api import catalog, model_info, retrained, runs
from backends.api.catalog import Method
from backends.api.model_info import ModelInfo
from pages.studio.new import _method, _model
from pages.studio.new._form import FormPage

FIELDS: Final = {"model", "forget", "keep", "method", "seed", "clone", "after"}  # what an address can fill in


def filled(page: FormPage, query: list[tuple[str, str]], owner: str = "") -> Updates:
    """Updates that fill in the form.

    Args:
        page: the form.
        query: names and values of the address.
        owner: `runs.owner_mark` of who asks.

    Raises:
        LetheError: the address names something that does not exist.
    """
    fields = dict(query)
    if "clone" in fields:
        spec = runs.find(fields["clone"]).spec
        model_id, method, forget, keep = spec.model, spec.method, spec.forget, spec.keep
        params, seed, data, after = spec.params, spec.seed, spec.data, spec.after
        if (
            fields.get("method", method) != method
        ):  # another method on the same forget set: with its own settings, and all else kept
            method, forget, keep, params = fields["method"], retrained.targets(runs.find(fields["clone"])), (), {}
    else:
        forget, keep = (tuple(text for name, text in query if name == part) for part in ("forget", "keep"))
        model_id, method, params, data = fields.get("model", ""), fields.get("method", ""), {}, ""
        seed, after = int(fields["seed"]) if fields.get("seed", "").isdigit() else 0, fields.get("after", "")
        if after:
            begun = runs.find(after).spec
            model_id, data = begun.model, begun.data
    first = model_id or catalog.load().models[0].id
    own = bool(data) or (("clone" in fields or after) and first not in [entry.id for entry in catalog.load().models])
    model = job_form.open_own(first, data) if own else model_info.embedded(first)
    if after:
        model = model_info.left_by(runs.find(after), model)
    by = job_form.choosing(model)
    choice = by.restored(forget, model) if forget else job_form.first_choice(model)
    entry = catalog.load().get("methods", method or model.default_method)  # an old link names it as it was called then
    keeping = by.restored_keep(keep, model)
    targets = forget or tuple(model.default_forget)
    edited = _edited(model, entry, targets, params)
    draft = Draft(model, choice, keeping, entry.id, edited, seed)
    updates: Updates = {"model": OWN if own else model.id, "edited": edited, "seed": seed, "after": after}
    updates["begins"] = _model.begins(model)
    updates |= _model.shown(page, Context(model, owner), choice, keeping, entry.id) | _method.planned(draft)
    if own:
        opened = {"own": model.model_dump(), "own_model": model_id, "own_data": data}
        updates |= opened | {"own_column": gr.Column(visible=True)}
    return updates


def _edited(model: ModelInfo, method: Method, forget: tuple[str, ...], params: dict[str, Any]) -> dict[str, Any]:
    """The settings that are not as recommended, as widgets hold them."""
    best = job_form.recommended(model, method, forget)
    names = forms.properties(method.params)
    values = dict(zip(names, forms.to_widgets(method.params, best | params), strict=True))
    return {f"{method.id}.{name}": values[name] for name in names if name in params and params[name] != best.get(name)}
