"""The form of the page Forget filled in from an address."""

from collections.abc import Sequence

import gradio as gr

from app import forms, job_form
from app.job_form import OWN, Facts
from app.target_choice import Choice, author_choice, choice_of, concept_choice, in_one_text, listed
from backends.api import catalog, runs, targets
from backends.api.errors import BadInput
from backends.api.pairs import Own
from backends.api.people import Person
from pages.studio import _answers, _steps, _targets
from pages.studio._answers import Updates

FIELDS = {"model", "forget", "keep", "method", "seed", "clone"}  # what an address can fill in


def preset(query: list[tuple[str, str]], owner: str = "") -> Updates:
    """Updates that fill in the form from an address: ?model=&forget=&keep=&method=&seed=, or ?clone=RUN.

    Args:
        query: names and values of the address.
        owner: `runs.owner_mark` of who asks.

    Raises:
        LetheError: the address names something that does not exist.
    """
    fields = dict(query)
    if "clone" in fields:
        spec = runs.find(fields["clone"]).spec
        model, method, forget, keep = spec.model, spec.method, spec.forget, spec.keep
        params, seed, data = spec.params, spec.seed, spec.data
    else:
        forget, keep = (tuple(text for name, text in query if name == part) for part in ("forget", "keep"))
        model, method, params, data = fields.get("model", ""), fields.get("method", ""), {}, ""
        seed = int(fields["seed"]) if fields.get("seed", "").isdigit() else 0
    first = model or catalog.load().models[0].id
    ours = [entry.id for entry in catalog.load().models]
    own = bool(data) or ("clone" in fields and first not in ours)
    model_info = job_form.open_own(first, data) if own else job_form.embedded(first)
    updates: Updates = {"model": OWN if own else model_info.id} | _answers.of_model(model_info, owner=owner)
    if own:
        updates |= {
            "own": model_info.model_dump(),
            "own_model": model,
            "own_data": data,
            "own_column": gr.Column(visible=True),
        }
    forget_targets = forget or tuple(model_info.default_forget)
    updates |= job_form.retuned(model_info, forget_targets, {})
    if method:
        entry = catalog.load().get("methods", method)
        method = entry.id  # an old link names it as it was called then
        # with its choices: a value alone would be checked against those of the model before
        updates |= {"method": gr.Radio(choices=_steps.method_choices(model_info), value=method)}
        updates |= _answers.show_method({"method": method})
        widget_values = forms.to_widgets(entry.params, job_form.recommended(model_info, entry, forget_targets) | params)
        updates |= {
            f"{method}.{name}": value for name, value in zip(forms.properties(entry.params), widget_values, strict=True)
        }
    if model_info.draws:
        return updates | _preset_concepts(forget, keep, model_info) | {"seed": seed}
    if model_info.speaks:
        return updates | _preset_authors(forget, keep, model_info) | {"seed": seed}
    if forget:
        updates |= _preset_forget(
            choice_of([targets.expand(text) for text in forget if not text.startswith("@")], model_info.classes),
            model_info,
            owner,
        )
    if keep:
        names = [name for name in keep if name in model_info.classes]
        extra = tuple(name for name in keep if name not in model_info.classes)
        updates |= {
            "keep_mode": "some",
            "keep" if not model_info.many else "keep_many": names,
            "keep_extra": extra,
            "on_keep": gr.Column(visible=True),
        }
    return updates | {"seed": seed}


def _preset_concepts(forget: tuple[str, ...], keep: tuple[str, ...], model_info: Facts) -> Updates:
    """The tiles and words of a model that draws."""
    card = model_info.model_dump()
    updates: Updates = {}
    if forget:
        chosen = job_form.of_concepts(concept_choice(forget, card, model_info.id))
        updates |= _ticked(model_info, "", chosen["objects"], chosen["styles"]) | {"phrases": chosen["phrases"]}
        updates["anchor"] = gr.Dropdown(job_form.anchors(model_info, chosen), value=chosen["anchor"])
    if not keep:
        return updates
    if model_info.free:
        return updates | {"keep_phrases": in_one_text(keep)}
    keep_choice = concept_choice(keep, card, model_info.id)
    return updates | {
        "keep_mode": "some",
        **_ticked(model_info, "keep_", keep_choice.objects, keep_choice.styles),
        "keep_extra": listed(keep_choice.phrases),
        "on_keep": gr.Column(visible=True),
    }


def _preset_authors(forget: tuple[str, ...], keep: tuple[str, ...], model_info: Facts) -> Updates:
    """The authors or the set of a language model."""
    updates: Updates = {}
    if forget:
        chosen = author_choice(forget, model_info.book)
        updates["kind"] = gr.Radio(_targets.kinds(model_info, chosen.kind), value=chosen.kind, visible=True)
        updates |= _answers.columns(chosen.kind) | _answers.of_authors(model_info, job_form.of_authors(chosen))
        updates["written"] = chosen.written
    if not keep:
        return updates
    keep_choice = author_choice(keep, model_info.book)
    if keep_choice.kind == "pairs":
        return updates | {
            "keep_mode": gr.Radio(_targets.keep_modes(model_info), value="own"),
            "keep_lines": keep_choice.lines,
            "keep_table": _answers.in_table(keep_choice.lines),
            "keep_known": keep_choice.known,
            "keep_title": keep_choice.title,
            "on_keep_pairs": gr.Column(visible=True),
        }
    parsed = [model_info.read(text) for text in keep]
    keep_topics = [one.name for one in parsed if isinstance(one, Person) and one.name in model_info.book.topics]
    names = model_info.book.authors(keep) + keep_topics
    own = tuple(str(one) for one in parsed if isinstance(one, Own))
    dropdown = gr.Dropdown(_targets.keep_choices(model_info), value=names, multiselect=True, visible=True)
    return updates | {
        "keep_mode": gr.Radio(_targets.keep_modes(model_info), value="some"),
        "keep_authors": dropdown,
        "keep_extra": own,
        "on_keep": gr.Column(visible=True),
    }


def _ticked(model_info: Facts, which: str, objects: Sequence[str], styles: Sequence[str]) -> Updates:
    """Tiles with some of them chosen. A value alone would be checked against the tiles of the model before."""
    return {
        f"{which}{domain}s": gr.CheckboxGroup(choices=model_info.domains.get(domain, []), value=list(chosen))
        for domain, chosen in (("object", objects), ("style", styles))
    }


def _preset_forget(chosen: Choice, model_info: Facts, owner: str) -> Updates:
    strange = [name for name in chosen.classes if name not in model_info.classes]
    if strange:
        raise BadInput(
            f"There is no class {strange[0][:60]!r}; {model_info.title} knows {', '.join(model_info.classes[:20])}."
        )
    updates: Updates = {"kind": gr.Radio(_targets.kinds(model_info, chosen.kind), value=chosen.kind, visible=True)}
    updates |= _answers.columns(chosen.kind)
    match chosen.kind:
        case "classes":
            updates["many" if model_info.many else "classes"] = chosen.classes
        case "random":
            updates |= {"share": chosen.share, "draw": chosen.draw}
        case "images":
            updates["picked"] = chosen.images
        case "like":
            updates |= {"like": chosen.like, "like_count": chosen.like_count}
        case "found":
            options = _targets.found_runs(model_info.id, owner, chosen.found)
            updates["found"] = gr.Dropdown(options, value=chosen.found)
        case _:
            updates["written"] = chosen.written
    return updates
