"""The targets of the form: what to forget, of which kind, and what to keep. Every field is the family's; see `backends.api.choosing`."""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

import gradio as gr
from markupsafe import Markup

from app import dataset_images, families, forms, job_form
from app.live_html import Alive
from app.notes import neighbour_line, note
from app.widgets import Context, Raw, Updates, hidden_html
from backends.api.choosing import TILES, Choosing
from backends.api.errors import LetheError
from backends.api.languages import tr
from backends.api.model_info import ModelInfo
from pages.studio._shared import heading
from pages.studio.new import _method, _sentence
from pages.studio.new._form import FormPage, groups, make_widget, settled


def build(page: FormPage, first: ModelInfo) -> None:
    """The fields of all families, of which those of the first model's usual kinds are seen."""
    start, first_by = job_form.at_defaults(first), job_form.choosing(first)
    with gr.Row(elem_classes="lethe-ask"):
        page.add("asked", Alive(_sentence.asked(start), elem_id="asked"))
        _pills(page, "kind", tr("What to forget"), first_by.kinds(first), start.forget.kind)
    with gr.Column(elem_id="forget"):
        _role_fields(page, first, "fields", start.forget.kind)
        page.add("near", Alive(elem_id="near"))
    with gr.Row(elem_classes="lethe-ask"):
        heading(tr("Keep"), tr("the retain set"))
        _pills(page, "keep_mode", tr("What to keep"), first_by.keep_kinds(first), start.keep.kind)
    with gr.Column(elem_id="keeping"):
        _role_fields(page, first, "keep_fields", start.keep.kind)
    page.add("tile_style", hidden_html(elem_id="tile_style"))
    page.add("near_style", hidden_html())


def _role_fields(page: FormPage, first: ModelInfo, which: str, kind: str) -> None:
    """The fields of one role, of all families."""
    first_by = job_form.choosing(first)
    kind_of = first_by.kind if which == "fields" else first_by.keep_kind
    for by in groups():
        visible = kind_of(kind, first).fields if by is first_by else ()
        for field in _fields(by, first_by, first, which):
            make_widget(page, by, field, field.name in visible)


def _pills(page: FormPage, name: str, label: str, kinds: Any, chosen: str) -> None:
    offered = [(tr(kind.label), kind.id) for kind in kinds if kind.offered]
    pills = forms.Radio(
        offered, value=chosen, visible=len(offered) > 1, show_label=False, container=False, label=label, elem_id=name,
        elem_classes="choice-pills", interactive=True,
    )  # fmt: skip
    page.add(name, pills, sent=True)


def _fields(by: Choosing, first_by: Choosing, first: ModelInfo, which: str) -> list[Any]:
    """The fields of a family: of the first model with its options and its default targets."""
    if by is not first_by:
        return list(getattr(by, which)())
    chosen = job_form.first_choice(first).values
    fields = getattr(by, which)(first)
    return [field.with_value(chosen[field.name]) if field.name in chosen else field for field in fields]


@dataclass
class Wired:
    """What a set hangs on: triggers that a handler may listen to itself, and events that it has to come after."""

    triggers: list[Any] = dataclass_field(default_factory=list)
    events: list[Any] = dataclass_field(default_factory=list)


def wire(page: FormPage) -> tuple[Wired, Wired]:
    """Wire the fields. Returns what the forget set hangs on, and what the retain set alone hangs on."""
    keeping = [*page.keep_parts(), *page.field_parts()]
    forget = Wired(events=[page.on([page.parts["kind"].input], lambda raw: reveal(page, raw), _revealing(page))])
    keep = Wired(events=[page.on([page.parts["keep_mode"].input], lambda raw: keep_list(page, raw), keeping)])
    for role, wired in (("forget", forget), ("keep", keep)):
        texts: list[Any] = []
        for widget in [widget for widget in page.widgets.values() if widget.field.role == role]:
            (texts if widget.settles else wired.triggers).extend(widget.triggers())
            wired.events += widget.wire(page)
        if texts:
            wired.events.append(settled(texts))
    return forget, keep


def _revealing(page: FormPage) -> list[str]:
    return [*page.kind_parts(), *(name for widget in page.widgets.values() for name in widget.revealing())]


def reveal(page: FormPage, raw: Raw) -> Updates:
    """The fields of the chosen kind of target."""
    context = page.context(raw)
    if context is None:
        return {}
    draft = page.draft(raw)
    updates = page.kind_updates(draft.forget.kind, context.model)
    by = job_form.choosing(context.model)
    for name in by.kind(draft.forget.kind, context.model).fields:
        updates |= page.widgets[f"{by.id}.{name}"].revealed(raw, context)
    return updates


def keep_list(page: FormPage, raw: Raw) -> Updates:
    """The fields of the chosen way to keep, with the neighbours ticked where nothing is yet."""
    context = page.context(raw)
    if context is None:
        return {}
    draft, by, model = page.draft(raw), job_form.choosing(context.model), context.model
    updates = page.keep_updates(draft.keep.kind, model)
    names = by.keep_kind(draft.keep.kind, model).fields
    if any(draft.keep.values.get(name) for name in names):
        return updates
    neighbours = by.neighbours(model, draft.forget_or_nothing()).kept
    fields = {field.name: field for field in by.keep_fields(model)}
    for name in names:
        if name in neighbours:
            updates |= page.widgets[f"{by.id}.{name}"].updates(fields[name], neighbours[name], context)
    return updates


def follow(page: FormPage, raw: Raw) -> Updates:
    """What hangs on the forget set: its neighbours, fields whose options it decides, and the recommended settings."""
    draft = page.draft(raw)
    if draft.model is None:
        return {"near": "", "near_style": ""}
    by, model = draft.choosing, draft.model
    neighbours = by.neighbours(model, draft.forget_or_nothing())
    line = neighbour_line(neighbours.text) if neighbours.named else note(neighbours.text)
    ringed = neighbour_rings(by, model, neighbours.kept)
    updates: Updates = {"near": line, "near_style": ringed} | _method.planned(draft)
    for field in by.options(model, draft.forget.values):
        chosen = draft.forget.values.get(field.name)
        value = chosen if chosen in [option for _, option in field.options] else field.value
        updates |= page.widgets[f"{by.id}.{field.name}"].updates(field, value, Context(model))
    return updates


def neighbour_rings(by: Choosing, model: ModelInfo, neighbours: Mapping[str, Any]) -> Markup:
    """The style that rings the tiles of the neighbours among what can be forgotten.

    Args:
        by: how targets are chosen.
        model: the chosen one.
        neighbours: by the field that would keep them; it has the pictures of the one that would forget them.
    """
    keeping = {field.pictures: neighbours.get(field.name, []) for field in by.keep_fields(model) if field.pictures}
    tiles = [
        f"#{field.name} label:nth-of-type({number}):not(.selected)"
        for field in by.fields(model)
        if field.widget == "tiles" and len(field.options) <= TILES
        for number, (_, option) in enumerate(field.options, start=1)
        if option in keeping.get(field.pictures, [])
    ]
    return dataset_images.ring(tiles)


def following(page: FormPage) -> list[str]:
    """The parts that `follow` may update."""
    dependent = [f"{by.id}.{name}" for by in groups() for name in by.dependent]
    return ["near", "near_style", "plan", *dependent]


def tile_pictures(page: FormPage, raw: Raw) -> Updates:
    """Pictures on the tiles by which targets are chosen."""
    model = page.model_or_none(raw)
    try:
        rows = families.view(model.family).tile_pictures(model) if model else {}
    except LetheError:
        rows = {}
    return {"tile_style": "".join(dataset_images.tile_variables(name, pictures) for name, pictures in rows.items())}
