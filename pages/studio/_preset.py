"""The form of the page Forget as an address asks for it."""

from collections.abc import Sequence

import gradio as gr

from app import choosing, forms
from app.choosing import OWN, Facts
from app.selection import Choice, author_choice, choice_of, concept_choice, in_one_text, listed
from backends.api import catalog, runs, targets
from backends.api.errors import BadInput
from backends.api.pairs import Own
from backends.api.people import Person
from pages.studio import _answers, _steps, _targets
from pages.studio._answers import Updates

FIELDS = {"model", "forget", "keep", "method", "seed", "clone"}  # what an address can fill in


def preset(query: list[tuple[str, str]], owner: str = "") -> Updates:
    """The form as an address asks for it: ?model=&forget=&keep=&method=&seed=, or ?clone=RUN.

    Args:
        query: names and values of the address.
        owner: `runs.owner_mark` of who asks.

    Raises:
        LetheError: the address names something that does not exist.
    """
    asked = dict(query)
    if "clone" in asked:
        spec = runs.find(asked["clone"]).spec
        model, method, forget, keep = spec.model, spec.method, spec.forget, spec.keep
        given, seed, data = spec.params, spec.seed, spec.data
    else:
        forget, keep = (tuple(text for name, text in query if name == part) for part in ("forget", "keep"))
        model, method, given, data = asked.get("model", ""), asked.get("method", ""), {}, ""
        seed = int(asked["seed"]) if asked.get("seed", "").isdigit() else 0
    first = model or catalog.load().models[0].id
    ours = [entry.id for entry in catalog.load().models]
    own = bool(data) or ("clone" in asked and first not in ours)
    known = choosing.open_own(first, data) if own else choosing.embedded(first)
    updates: Updates = {"model": OWN if own else known.id} | _answers.of_model(known, owner=owner)
    if own:
        updates |= {
            "own": known.model_dump(),
            "own_model": model,
            "own_data": data,
            "own_column": gr.Column(visible=True),
        }
    wanted = forget or tuple(known.default_forget)
    updates |= choosing.retuned(known, wanted, {})
    if method:
        entry = catalog.load().get("methods", method)
        # with its choices: a value alone would be checked against those of the model before
        updates |= {"method": gr.Radio(choices=_steps.method_choices(known), value=method)}
        updates |= _answers.show_method({"method": method})
        shown = forms.to_widgets(entry.params, choosing.recommended(known, entry, wanted) | given)
        updates |= {
            f"{method}.{name}": value for name, value in zip(forms.properties(entry.params), shown, strict=True)
        }
    if known.draws:
        return updates | _preset_concepts(forget, keep, known) | {"seed": seed}
    if known.speaks:
        return updates | _preset_authors(forget, keep, known) | {"seed": seed}
    if forget:
        updates |= _preset_forget(
            choice_of([targets.expand(text) for text in forget if not text.startswith("@")], known.classes),
            known,
            owner,
        )
    if keep:
        names = [name for name in keep if name in known.classes]
        extra = tuple(name for name in keep if name not in known.classes)
        updates |= {
            "keep_mode": "some",
            "keep" if not known.many else "keep_many": names,
            "keep_extra": extra,
            "on_keep": gr.Column(visible=True),
        }
    return updates | {"seed": seed}


def _preset_concepts(forget: tuple[str, ...], keep: tuple[str, ...], known: Facts) -> Updates:
    """The tiles and words of a model that draws."""
    card = known.model_dump()
    updates: Updates = {}
    if forget:
        chosen = choosing.of_concepts(concept_choice(forget, card, known.id))
        updates |= _ticked(known, "", chosen["objects"], chosen["styles"]) | {"phrases": chosen["phrases"]}
        updates["anchor"] = gr.Dropdown(choosing.anchors(known, chosen), value=chosen["anchor"])
    if not keep:
        return updates
    if known.free:
        return updates | {"keep_phrases": in_one_text(keep)}
    held = concept_choice(keep, card, known.id)
    return updates | {
        "keep_mode": "some",
        **_ticked(known, "keep_", held.objects, held.styles),
        "keep_extra": listed(held.phrases),
        "on_keep": gr.Column(visible=True),
    }


def _preset_authors(forget: tuple[str, ...], keep: tuple[str, ...], known: Facts) -> Updates:
    """The authors or the set of a language model."""
    updates: Updates = {}
    if forget:
        chosen = author_choice(forget, known.book)
        updates["kind"] = gr.Radio(_targets.kinds(known, chosen.kind), value=chosen.kind, visible=True)
        updates |= _answers.columns(chosen.kind) | _answers.of_authors(known, choosing.of_authors(chosen))
        updates["written"] = chosen.written
    if not keep:
        return updates
    held = author_choice(keep, known.book)
    if held.kind == "pairs":
        return updates | {
            "keep_mode": gr.Radio(_targets.keep_modes(known), value="own"),
            "keep_lines": held.lines,
            "keep_table": _answers.in_table(held.lines),
            "keep_known": held.known,
            "keep_title": held.title,
            "on_keep_pairs": gr.Column(visible=True),
        }
    read = [known.read(text) for text in keep]
    named = [one.name for one in read if isinstance(one, Person) and one.name in known.book.topics]
    names = known.book.authors(keep) + named
    own = tuple(str(one) for one in read if isinstance(one, Own))
    shown = gr.Dropdown(_targets.keep_choices(known), value=names, multiselect=True, visible=True)
    return updates | {
        "keep_mode": gr.Radio(_targets.keep_modes(known), value="some"),
        "keep_authors": shown,
        "keep_extra": own,
        "on_keep": gr.Column(visible=True),
    }


def _ticked(known: Facts, which: str, objects: Sequence[str], styles: Sequence[str]) -> Updates:
    """Tiles with some of them chosen. A value alone would be checked against the tiles of the model before."""
    return {
        f"{which}{domain}s": gr.CheckboxGroup(choices=known.domains.get(domain, []), value=list(chosen))
        for domain, chosen in (("object", objects), ("style", styles))
    }


def _preset_forget(chosen: Choice, known: Facts, owner: str) -> Updates:
    strange = [name for name in chosen.classes if name not in known.classes]
    if strange:
        raise BadInput(f"There is no class {strange[0][:60]!r}; {known.title} knows {', '.join(known.classes[:20])}.")
    updates: Updates = {"kind": gr.Radio(_targets.kinds(known, chosen.kind), value=chosen.kind, visible=True)}
    updates |= _answers.columns(chosen.kind)
    match chosen.kind:
        case "classes":
            updates["many" if known.many else "classes"] = chosen.classes
        case "random":
            updates |= {"share": chosen.share, "draw": chosen.draw}
        case "images":
            updates["picked"] = chosen.images
        case "like":
            updates |= {"like": chosen.like, "like_count": chosen.like_count}
        case "found":
            options = _targets.found_runs(known.id, owner, chosen.found)
            updates["found"] = gr.Dropdown(options, value=chosen.found)
        case _:
            updates["written"] = chosen.written
    return updates
