"""What the page Forget answers to a click: each function takes the widgets' values and gives new ones, by name."""

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from app import choosing, forms, pictures
from app.choosing import OWN, Facts, Values
from app.selection import joined, named, neighbours
from backends.api import catalog, targets
from backends.api.errors import BadInput, LetheError
from pages.studio import _steps, _targets
from pages.studio._shared import quiet

Updates = dict[str, Any]


def note(text: str) -> str:
    """A quiet line."""
    return f'<p class="lethe lethe-quiet">{escape(text)}</p>' if text else ""


def wrong(text: str) -> str:
    """An inline error: a sign and one sentence."""
    return (
        f'<p class="lethe lethe-wrong" role="alert"><span aria-hidden="true">!</span> {escape(text)}</p>'
        if text
        else ""
    )


def _facts(values: Values) -> Facts | None:
    try:
        return choosing.facts(values)
    except LetheError:
        return None


def summary(values: Values) -> Updates:
    """The sentence over the start button, the count, the review, and what the method's settings lack."""
    method = catalog.load().get("methods", values["method"]) if values["method"] else None
    given = [values[f"{method.id}.{name}"] for name in forms.properties(method.params)] if method else []
    lacks = forms.problem(method.title, method.params, given) if method else ""
    try:
        spec = choosing.spec(values)
        forget, keep = choosing.counts(spec.model, spec.forget, spec.keep, spec.data)
    except LetheError as error:
        return {"say": _sentence(values, wrong(str(error))), "review": wrong(str(error)), "problem": wrong(lacks)}
    count = choosing.counted(forget, keep)
    needs = choosing.needs(spec.model, spec.method, spec.params)
    line = f'<p class="lethe-quiet"><span id="count">{count}</span><span class="needs"> · {escape(needs)}</span></p>'
    return {"say": _sentence(values, line), "review": _review(values, count, needs), "problem": wrong(lacks)}


def sentence(values: Values) -> Updates:
    """The sentence alone, which needs no model to be opened."""
    return {"say": _sentence(values, note("Counting the images…"))}


def _said_of(known: Facts, values: Values) -> Updates:
    """The same for a model that was just chosen, at its defaults."""
    own = {"own": known.model_dump()} if known.data else {}
    return sentence(values | own | {"classes": known.default_forget, "method": known.default_method})


def _sentence(values: Values, below: str) -> str:
    known = _facts(values)
    model = known.title if known else "Your own model"
    try:
        what = named(choosing.choice(values).targets())
    except BadInput:
        what = "…"
    try:
        kept = choosing.kept_words(choosing.keep_targets(values))
    except BadInput:
        kept = "…"
    method = catalog.load().get("methods", values["method"]).title.split(":")[0] if values["method"] else "…"
    return (
        f'<div class="lethe lethe-say"><p><b>{escape(model)}</b> forgets <b class="forget">{escape(what)}</b>'
        f'<span class="kept"> and keeps {escape(kept)}</span>, by <b>{escape(method)}</b>.</p>{below}</div>'
    )


def _review(values: Values, count: str, needs: str) -> str:
    known, method = choosing.facts(values), catalog.load().get("methods", values["method"])
    given = choosing.params(values)
    settings = choosing.changed_params(known, method, choosing.choice(values).targets(), given)
    rows = {
        "Model": f"{known.title}, which stays as it is",
        "Forget": named(choosing.choice(values).targets()),
        "Keep": choosing.kept_words(choosing.keep_targets(values)),
        "Images": count,
        "Method": f"{method.title} ({method.label})",
        "Settings": f"changed: {settings}" if settings else "as recommended",
        "Needs": needs,
    }
    cells = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in rows.items())
    return f'<dl class="lethe lethe-review">{cells}</dl>'


def near(values: Values) -> Updates:
    """The neighbours, said as what they are: the model's own confusion."""
    known = _facts(values)
    chosen = choosing.choice(values)
    if known is None or chosen.kind != "classes" or not chosen.classes:
        return {"near": note("Neighbours are suggested where whole classes are to be forgotten.")}
    found = neighbours(chosen.classes, known.classes, known.confusion)
    if not found:
        return {"near": note("This model mixes them up with no other class.")}
    words = joined([f"{name} ({100 * share:.1f} % of the images)".replace(".0 %", " %") for name, share in found])
    text = f"This model confuses {joined(chosen.classes)} most with {words}: its neighbours. Look there for what else gets hurt."
    return {
        "near": f'<p class="lethe lethe-near"><span class="lethe-mark" data-role="neighbour"></span>{escape(text)}</p>'
    }


def keep_shown(values: Values) -> Updates:
    """The keep list appears with the neighbours ticked."""
    wanted = values["keep_mode"] == "some"
    updates: Updates = {"on_keep": gr.Column(visible=wanted)}
    known = _facts(values)
    if wanted and known and not (values["keep"] or values["keep_many"]):
        chosen = choosing.choice(values)
        found = [name for name, _ in neighbours(chosen.classes, known.classes, known.confusion)]
        updates["keep_many" if known.many else "keep"] = found
    return updates


def kind_shown(values: Values) -> Updates:
    """The column of the chosen kind."""
    updates: Updates = {name: gr.Column(visible=on) for name, on in _targets.visible_kind(values["kind"]).items()}
    if values["kind"] in ("images", "like"):
        updates |= gallery(values | {"page": 0})
    return updates | retuned(values)


def retuned(values: Values) -> Updates:
    """The settings of methods that fit this model and this kind of target better; what a person changed stays."""
    known = _facts(values)
    try:
        return choosing.retuned(known, _example(values), values) if known else {}
    except BadInput:  # something was written that is no target; the summary says so
        return {}


def _retuned_to(known: Facts, values: Values) -> Updates:
    """The same for a model that was just chosen, whose default classes are shown."""
    return choosing.retuned(known, _example(values | {"classes": known.default_forget}), values)


def _example(values: Values) -> tuple[str, ...]:
    """What is to be forgotten, or, where nothing is chosen yet, something of that kind."""
    try:
        return choosing.choice(values).targets()
    except BadInput:
        return ("any class",) if values["kind"] == "classes" else ("images:0",)


def gallery(values: Values) -> Updates:
    """One page of the training images of a class."""
    single = values["kind"] != "like"
    updates: Updates = {"tick": gr.CheckboxGroup(visible=single), "one": gr.Radio(visible=not single)}
    try:
        known = choosing.facts(values)
        name = values["of_class"] if values["of_class"] in known.classes else known.classes[0]
        page = max(0, int(values["page"] or 0))
        ids, total = pictures.class_page(known.id, name, page, known.data)
        shown = pictures.of_items(known.id, [f"train-{item}" for item in ids], known.data)
    except LetheError as error:
        return updates | {"where": wrong(str(error))}
    first = page * pictures.PAGE + 1
    labels = [(str(item), str(item)) for item in ids]
    picked = [str(item) for item in values["picked"] or []]
    updates["tick"] = gr.CheckboxGroup(labels, value=[item for _, item in labels if item in picked], visible=single)
    liked = str(values["like"]) if values["like"] in ids else None
    updates["one"] = gr.Radio(labels, value=liked, visible=not single)
    updates["gallery_style"] = pictures.tile_variables("gallery", [[picture] for picture in shown])
    chosen = (
        f"{len(picked)} picked"
        if single
        else f"image {values['like']} chosen"
        if values["like"] is not None
        else "choose one"
    )
    updates["where"] = note(f"{name}: images {first:,} to {first + len(ids) - 1:,} of {total:,} · {chosen}")
    updates |= {
        "page": page,
        "back": gr.Button(interactive=page > 0),
        "on": gr.Button(interactive=first + len(ids) <= total),
    }
    return updates


def turn(by: int) -> Callable[[Values], Updates]:
    """Another page of the gallery."""

    def turned(values: Values) -> Updates:
        return gallery(values | {"page": max(0, int(values["page"] or 0) + by)})

    return turned


def picked(values: Values) -> Updates:
    """Ticks of this page joined with those of the others."""
    known = choosing.facts(values)
    page_ids, _ = pictures.class_page(known.id, values["of_class"], int(values["page"] or 0), known.data)
    ticked = [int(item) for item in values["tick"] or []]
    kept = [item for item in values["picked"] or [] if item not in page_ids]
    now = sorted({*kept, *ticked})
    said = "1 picked" if len(now) == 1 else f"{len(now)} picked"
    return {"picked": now, "where": note(f"{said}: {', '.join(map(str, now[:12]))}{' …' if len(now) > 12 else ''}")}


def liked(values: Values) -> Updates:
    """The images most alike to the chosen one."""
    one = values["one"] if values["one"] is not None else values["like"]
    if one is None:
        return {"like": None, "alike": note("Choose an image above; the images most alike to it appear here.")}
    like, count = int(one), int(values["like_count"])
    try:
        known = choosing.facts(values)
        ids = pictures.alike(known.id, like, count, known.data)
        shown = pictures.of_items(known.id, [f"train-{item}" for item in ids[:24]], known.data)
    except LetheError as error:
        return {"like": like, "alike": wrong(str(error))}
    images = "".join(
        f'<img src="{picture}" alt="training image {item}">' for picture, item in zip(shown, ids, strict=False)
    )
    said = f"The {count} images most alike to image {like}" + (", the first 24 of them:" if count > 24 else ":")
    return {"like": like, "alike": f'<div class="lethe lethe-strip"><p>{said}</p><div>{images}</div></div>'}


def uploaded(values: Values) -> Updates:
    """An uploaded list of ids, read at once so that a mistake is said at once."""
    if not values["file"]:
        return {
            "listed": "",
            "list_says": quiet("An id is the number of a training image, from 0. At most 2 MB."),
        }
    path = Path(values["file"])
    try:
        target = targets.expand(f"@{path}")
        ids = targets.parse(target).ids
        known = _facts(values)
        if known and known.train_count and max(ids) >= known.train_count:
            raise BadInput(
                f"{path.name} names image {max(ids)}, but the ids of {known.title} run from 0 to {known.train_count - 1}."
            )
    except LetheError as error:
        return {"listed": "", "list_says": wrong(str(error))}
    return {"listed": target, "list_says": note(f"{path.name}: {len(ids):,} {'id' if len(ids) == 1 else 'ids'}.")}


def model_shown(values: Values) -> Updates:
    """Everything that hangs on the model, when another one is chosen."""
    own = values["model"] == OWN
    updates: Updates = {"own_column": gr.Column(visible=own)}
    known = _facts(values)
    if known is None:
        return updates | {"own_says": note("")}
    return updates | of_model(known) | _retuned_to(known, values) | _said_of(known, values)


def opened(values: Values) -> Updates:
    """Open a person's own model."""
    try:
        known = choosing.open_own(values["own_model"] or "", values["own_data"] or "")
    except LetheError as error:
        return {"own": None, "own_says": wrong(str(error))}
    said = f"Opened: {len(known.classes)} classes, {known.train_count:,} training images."
    updates = of_model(known) | _retuned_to(known, values) | _said_of(known, values)
    return updates | {"own": known.model_dump(), "own_says": note(said)}


def of_model(known: Facts) -> Updates:
    """Choices that a model brings, at its defaults."""
    tiles = not known.many
    found = _targets.found_runs(known.id)
    return {
        "classes": gr.CheckboxGroup(known.classes if tiles else [], value=known.default_forget if tiles else [], visible=tiles),
        "many": gr.Dropdown([] if tiles else known.classes, value=None if tiles else known.default_forget, visible=not tiles),
        "keep": gr.CheckboxGroup(known.classes if tiles else [], value=[], visible=tiles),
        "keep_many": gr.Dropdown([] if tiles else known.classes, value=None, visible=not tiles),
        "of_class": gr.Dropdown(known.classes, value=known.classes[0]),
        "picked": [], "like": None, "page": 0,
        "found": gr.Dropdown(found, value=found[0][1] if found else None),
        "method": gr.Radio(_steps.method_choices(known), value=known.default_method),
    } | method_shown({"method": known.default_method})  # fmt: skip


def method_shown(values: Values) -> Updates:
    """The paragraph and the settings of the chosen method."""
    known = catalog.load()
    updates: Updates = {
        f"params.{entry.id}": gr.Column(visible=entry.id == values["method"]) for entry in known.methods
    }
    return updates | {"detail": _steps.method_detail(known.get("methods", values["method"]))}


def class_pictures(values: Values) -> Updates:
    """Three example images for each class, on its tile."""
    known = _facts(values)
    if known is None or known.many:
        return {"class_style": ""}
    try:
        return {"class_style": pictures.tile_variables("class", pictures.examples(known.id, known.classes, known.data))}
    except LetheError:
        return {"class_style": ""}
