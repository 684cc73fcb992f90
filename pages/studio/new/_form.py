"""The form as one thing: its parts by name, what they hold as a draft of a job, and how its events are wired."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import gradio as gr

from app import families, job_form, widgets
from app.job_form import OWN, Draft
from app.widgets import Context, FieldWidget, Part, Raw, Updates
from backends.api import model_info, runs
from backends.api.choosing import Choice, Choosing, TargetKind
from backends.api.errors import BadInput, LetheError
from backends.api.languages import tr
from backends.api.model_info import ModelInfo
from pages.studio._shared import mark_of

Handler = Callable[[Raw], Updates]

VISITOR: Final = "visitor"  # the secret of who asks, among the parts' values
QUIET: Final[dict[str, Any]] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
# A click must not be undone by an answer that comes after it: what hangs on the model waits until the model's answer is there (form.js).
HOLD: Final = "(...given) => { letheForm.hold('#job, #start'); return given; }"
HOLD_ALL: Final = "(...given) => { letheForm.hold('#model, #job, #start'); return given; }"
RELEASE: Final = "() => letheForm.release()"


def groups() -> list[Choosing]:
    """Every way of choosing targets, each once: families whose targets are chosen alike share one."""
    return list({family.choosing.id: family.choosing for family in families.every().values()}.values())


class FormPage:
    """The form's parts and events.

    Attributes:
        parts: every part that an answer may update, by name.
        sent: names of the parts whose values every event sends, beside the secret of who asks.
    """

    def __init__(self, secret: gr.BrowserState) -> None:
        self.parts: dict[str, Part] = {}
        self.sent: list[str] = []
        self._widgets: dict[str, FieldWidget] = {}
        self.secret = secret

    def add(self, name: str, part: Part, sent: bool = False) -> Part:
        """Take in a part; `sent`: every event sends its value."""
        self.parts[name] = part
        if sent:
            self.sent.append(name)
        return part

    def add_widget(self, widget: FieldWidget) -> None:
        """Take in the widget of a field."""
        self._widgets[widget.name] = widget
        self.parts |= widget.parts
        self.sent += widget.sent

    @property
    def widgets(self) -> Mapping[str, FieldWidget]:
        return self._widgets

    # --- what the form holds

    def inputs(self) -> list[Part]:
        """What every event sends: the values of the form's parts, and the secret of who asks."""
        return [*(self.parts[name] for name in self.sent), self.secret]

    def raw(self, values: Sequence[Any]) -> Raw:
        """The values that an event sent, by name."""
        return dict(zip([*self.sent, VISITOR], values, strict=True))

    def model(self, raw: Raw) -> ModelInfo:
        """The chosen model.

        Raises:
            BadInput: there is none of that id, or it is a person's own, and was not opened yet.
        """
        if raw["model"] != OWN:
            model = model_info.embedded(raw["model"] or "")
            return model_info.left_by(runs.find(raw["after"]), model) if raw.get("after") else model
        if not raw.get("own"):
            raise BadInput(tr("Open your own model first: give its folder or Hub id, and press Open."))
        return ModelInfo.model_validate(raw["own"])

    def model_or_none(self, raw: Raw) -> ModelInfo | None:
        """The chosen model, where there is one."""
        try:
            return self.model(raw)
        except LetheError:
            return None

    def context(self, raw: Raw) -> Context | None:
        """The chosen model and who asks, where a model is chosen."""
        model = self.model_or_none(raw)
        return Context(model, mark_of(raw.get(VISITOR))) if model else None

    def draft(self, raw: Raw) -> Draft:
        """What the form holds, as a job in the making."""
        model = self.model_or_none(raw)
        seed, edited, method = raw["seed"], raw.get("edited") or {}, raw["method"] or ""
        if model is None:
            return Draft(None, Choice(""), Choice(""), method, edited, seed)
        by = job_form.choosing(model)
        forget = Choice(_one_of(by.kinds(model), raw["kind"]), self._values(by, by.fields(model), raw))
        keep = Choice(_one_of(by.keep_kinds(model), raw["keep_mode"]), self._values(by, by.keep_fields(model), raw))
        return Draft(model, forget, keep, method, edited, seed)

    def _values(self, by: Choosing, fields: Sequence[Any], raw: Raw) -> dict[str, Any]:
        return {field.name: self.widgets[f"{by.id}.{field.name}"].value(raw) for field in fields}

    def same_kind(self, raw: Raw, model: ModelInfo) -> Choice | None:
        """The kind of target that is chosen, with its numbers, where another model has it as well; what is chosen of its data is not."""
        by = job_form.choosing(model)
        kind = next((kind for kind in by.kinds(model) if kind.offered and kind.id == raw["kind"]), None)
        if kind is None:
            return None
        fields = [field for field in by.fields(model) if field.widget in ("slider", "number")]
        return Choice(kind.id, self._values(by, fields, raw))

    # --- updates that several steps give

    def keep_parts(self) -> Sequence[str]:
        return ["keep_mode", *(column(widget) for widget in self.widgets.values() if widget.field.role == "keep")]

    def keep_updates(self, kind: str, model: ModelInfo) -> Updates:
        by = job_form.choosing(model)
        kinds = by.keep_kinds(model)
        offered = [(one.label, one.id) for one in kinds if one.offered or one.id == kind]
        pills = gr.Radio(offered, value=kind, visible=len(offered) > 1)
        return {"keep_mode": pills} | self.columns("keep", by, by.keep_kind(kind, model))

    def kind_parts(self) -> Sequence[str]:
        """The parts that choosing another kind of target updates."""
        return ["kind", *(column(widget) for widget in self.widgets.values() if widget.field.role == "forget")]

    def kind_updates(self, kind: str, model: ModelInfo) -> Updates:
        """Their updates for a kind of target."""
        by = job_form.choosing(model)
        offered = [(one.label, one.id) for one in by.kinds(model) if one.offered or one.id == kind]
        pills = gr.Radio(offered, value=kind, visible=len(offered) > 1)
        return {"kind": pills} | self.columns("forget", by, by.kind(kind, model))

    def columns(self, role: str, by: Choosing, kind: TargetKind) -> Updates:
        """The columns of the fields of a kind of target, and of no others of their role."""
        seen = {f"{by.id}.{name}" for name in kind.fields}
        each = [widget for widget in self.widgets.values() if widget.field.role == role]
        return {column(widget): gr.Column(visible=widget.name in seen) for widget in each}

    def field_parts(self) -> list[str]:
        """The parts that showing another model updates, beside the columns."""
        return [name for widget in self.widgets.values() for name in widget.parts]

    def field_updates(self, context: Context, forget: Choice, keep: Choice) -> Updates:
        """The fields of a model with these choices; those of other families stay as they are."""
        by, updates = job_form.choosing(context.model), Updates()
        chosen = forget.values | keep.values
        fields = [*by.fields(context.model), *by.keep_fields(context.model)]
        values = {field.name: chosen.get(field.name, field.value) for field in fields}
        now = {field.name: field.options for field in by.options(context.model, values)}
        for field in fields:
            current = replace(field, options=now.get(field.name, field.options))
            updates |= self.widgets[f"{by.id}.{field.name}"].updates(current, values[field.name], context)
        return updates

    # --- events

    @property
    def quiet(self) -> dict[str, Any]:
        """Of every event. Gradio tells every part that waits for an answer, at each step of each event; of hundreds of parts that
        takes half a second a step. Progress is not shown here, so one part waits for all."""
        return QUIET | {"show_progress_on": self.parts["say"]}

    def answering(self, handler: Handler, names: Iterable[str], own: Iterable[str] = ()) -> dict[str, Any]:
        """The arguments of an event listener with which `handler` gets the form's values and may update the parts in `names`."""
        output_names, own_names = list(dict.fromkeys(names)), list(own)

        def answer(*values: Any) -> Any:
            cut = len(values) - len(own_names)
            updates = handler(self.raw(values[:cut]) | dict(zip(own_names, values[cut:], strict=True)))
            each = [updates.get(name, gr.skip()) for name in output_names]
            return (
                each[0] if len(each) == 1 else each
            )  # of one part Gradio takes what comes as its value, a list as a list

        inputs = [*self.inputs(), *(self.parts[name] for name in own_names)]
        return self.quiet | {"fn": answer, "inputs": inputs, "outputs": [self.parts[name] for name in output_names]}

    def on(
        self,
        triggers: Iterable[Any],
        handler: Handler,
        names: Iterable[str],
        own: Iterable[str] = (),
        js: str | None = None,
    ) -> Any:
        return gr.on(list(triggers), trigger_mode="always_last", js=js, **self.answering(handler, names, own))

    def on_held(self, triggers: Iterable[Any], handler: Handler, names: Iterable[str], own: Iterable[str] = ()) -> Any:
        """Run a handler where its answer puts other parts in place: until it came, these cannot be pressed."""
        return self.released(self.on(triggers, handler, names, own, js=HOLD))

    @staticmethod
    def released(event: Any) -> Any:
        """An event after this one, once what was held can be pressed again."""
        return event.then(None, None, None, js=RELEASE)

    def then(self, event: Any, handler: Handler, names: Iterable[str], own: Iterable[str] = ()) -> Any:
        return event.then(trigger_mode="always_last", **self.answering(handler, names, own))


def column(widget: FieldWidget) -> str:
    """The name of the column that a widget stands in."""
    return f"{widget.name}.column"


def _one_of(kinds: Sequence[TargetKind], kind_id: Any) -> str:
    """The kind of that id; the usual one where there is none, as while another model's answer is under way."""
    usual = next((kind.id for kind in kinds if kind.offered), kinds[0].id)
    return next((kind.id for kind in kinds if kind.id == kind_id), usual)


def settled(triggers: Sequence[Any]) -> Any:
    """An event after these in the next round. Of text boxes `change` is listened to, for what is pasted is no `input` to Gradio; it also
    comes while the answer to another event is put in place, part by part, and nothing may be read before that is done."""
    return gr.on(list(triggers), fn=lambda: None, trigger_mode="always_last", **QUIET)


def make_widget(page: FormPage, by: Choosing, field: Any, visible: bool) -> None:
    """Draw the widget of a field in a column of its own."""
    with gr.Column(visible=visible, elem_classes="lethe-field") as place:
        widget = widgets.make(field, by.id)
    page.add_widget(widget)
    page.add(column(widget), place)
