"""The studio's pages in this process, asked as a browser asks them: what an event's function answers, as text."""

import dataclasses
import functools
import json
import warnings
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

import gradio as gr
import rendered
from gradio.block_function import BlockFunction

from app import forms, job_form, site
from app.job_form import OWN, Draft
from app.sessions import Session
from app.widgets import FieldWidget
from backends.api import model_info
from backends.api.errors import LetheError
from backends.api.model_info import ModelInfo
from backends.api.spec import JobSpec
from pages.studio import new as forget
from pages.studio._shared import identity
from pages.studio.new import _address
from pages.studio.new._form import VISITOR, FormPage


@functools.lru_cache(maxsize=1)
def built() -> gr.Blocks:
    """The studio, made once."""
    return site.build()


class Form:
    """The page New run by itself, as it first shows a model.

    Attributes:
        page: its form.
        blocks: what it was built in.
        raw: what its events send, by the names of its parts; that of a field is "images.classes".
        names: the names of its parts by their ids.
    """

    def __init__(self, model: str | ModelInfo) -> None:
        info = model_info.embedded(model) if isinstance(model, str) else model
        with gr.Blocks() as self.blocks:
            self.page = FormPage(identity())
            arriving = forget.Arriving(self.page)
            forget._setup(self.page, info, arriving)
            forget._wire_form(self.page)
            arriving.wire()
        own = {"model": OWN, "own": info.model_dump()} if info.own else {}
        self.raw = {name: rendered.value(self.page.parts[name]) for name in self.page.sent} | {VISITOR: ""} | own
        self.names = {part._id: name for name, part in self.page.parts.items()} | {self.page.secret._id: VISITOR}

    def draft(self, changes: Mapping[str, object] = MappingProxyType({})) -> Draft:
        """The job in the making, with some of what the form holds changed."""
        return self.page.draft(self.raw | changes)

    def spec(self, changes: Mapping[str, object] = MappingProxyType({})) -> JobSpec:
        """The job, with some of what the form holds changed.

        Raises:
            BadInput: it cannot be done.
        """
        return job_form.spec(self.draft(changes))

    def widget(self, name: str) -> FieldWidget:
        """The widget of a field."""
        return self.page.widgets[name]

    def filled(self, *query: tuple[str, str], owner: str = "") -> dict[str, Any]:
        """The updates by which an address fills it in, by the names of its parts."""
        return _address.filled(self.page, list(query), owner)

    def event(
        self, name: str, changes: Mapping[str, object] = MappingProxyType({}), trigger: str = "input"
    ) -> dict[str, Any]:
        """What an event of a part and all that follow it update, by the names of the parts.

        Args:
            name: of the part.
            changes: what the form holds when it happens, as in `draft`.
            trigger: which event.
        """
        fns, updates, raw = self.blocks.fns, {}, self.raw | changes
        waiting = [fn for fn in fns.values() if (self.page.parts[name]._id, trigger) in fn.targets]
        assert waiting, f"nothing listens to {trigger} of {name}"
        while waiting:
            fn = waiting.pop(0)
            waiting += [after for after in fns.values() if after.trigger_after == fn._id]
            if fn.fn is not None and fn.renderable is None:
                now = self.answered(fn, raw)
                updates |= now
                raw |= values(now)
        return updates

    def answered(
        self, fn: BlockFunction, raw: Mapping[str, object], drawn: Mapping[int, object] = MappingProxyType({})
    ) -> dict[str, Any]:
        """What the handler of one event updates, where the form holds `raw`, and parts that it drew, by their ids, `drawn`."""
        sent = [drawn[part._id] if part._id in drawn else raw.get(self.names.get(part._id, "")) for part in fn.inputs]
        answer = fn.fn(*sent)
        each = [answer] if len(fn.outputs) == 1 else answer or []  # as Gradio reads it
        return {
            self.names[part._id]: update
            for part, update in zip(fn.outputs, each, strict=True)
            if update != gr.skip() and part._id in self.names
        }


class Settings:
    """The settings of the chosen method as a form draws them for one session, and the events that are drawn with them.

    Attributes:
        boxes: the widgets by the names of their settings.
    """

    def __init__(self, form: Form, changes: Mapping[str, object] = MappingProxyType({})) -> None:
        self._form, raw, method = form, form.raw | changes, form.draft(changes).chosen_method()
        drawn = rendered.draw(form.blocks, Session(form.blocks), lambda part: raw[form.names[part._id]])
        events = [fn for fn in drawn.values() if fn.fn is not None]
        start = form.page.parts["start"]._id
        (self._start,) = (fn for fn in events if (start, "click") in fn.targets)
        self._change = next((fn for fn in events if fn is not self._start), None)
        apart = job_form.instead_setting(method)
        names = sorted(forms.properties(method.params), key=lambda name: name != apart)
        self.boxes = dict(zip(names, self._start.inputs[len(form.page.inputs()) :], strict=True))

    def changed(self, changes: Mapping[str, object], typed: Mapping[str, object]) -> dict[str, Any]:
        """What the form updates once a setting is changed.

        Args:
            changes: what else the form holds then, as in `Form.draft`.
            typed: what these settings hold; the others are as they were drawn.
        """
        return self._form.answered(self._change, self._form.raw | changes, self._held(typed))

    def started(self, changes: Mapping[str, object], typed: Mapping[str, object]) -> dict[str, Any]:
        """What the form updates once Start is pressed, with the arguments of `changed`."""
        return self._form.answered(self._start, self._form.raw | changes, self._held(typed))

    def _held(self, typed: Mapping[str, object]) -> dict[int, object]:
        return {box._id: typed.get(name, box.value) for name, box in self.boxes.items()}


def values(updates: Mapping[str, Any]) -> dict[str, Any]:
    """What the parts hold after these updates; of those that change nothing of it, nothing."""
    held = {}
    for name, update in updates.items():
        if not isinstance(update, gr.blocks.Block):
            held[name] = update
        elif "value" in update.constructor_args:
            held[name] = update.constructor_args["value"]
    return held


def visible(updates: Mapping[str, Any], name: str) -> bool:
    """Whether the updates show the column of a field."""
    return updates[f"{name}.column"].visible


def plan(text: str) -> tuple[str, str, dict[str, Any]]:
    """The model, the method and the settings, as widgets hold them, of the part "plan" of a form."""
    model, method, settings = json.loads(text)
    return model, method, settings


def request(**query) -> gr.Request:
    """A page's address, as an event's function is given it."""
    return gr.Request(
        query_params=query, session_hash="stranger", headers={}, cookies={}, path_params={}, client=None, url=""
    )


def text_of(value) -> str:
    """Everything that an answer holds: HTML, choices, values, figures."""
    return json.dumps(value, default=_held, ensure_ascii=False, skipkeys=True)


def _held(value):
    if isinstance(value, gr.blocks.Block):
        return value.constructor_args
    if dataclasses.is_dataclass(value):
        return dataclasses.asdict(value)
    if hasattr(value, "model_dump"):
        return value.model_dump()
    return str(value)


async def call(demo: gr.Blocks, fn, given: list, query: dict, data: dict | None = None) -> str:
    """What an event's function answers, to its end; an error as its sentence. No check of Gradio stands in its way."""
    event = gr.EventData(None, data or {})
    said = []
    with warnings.catch_warnings(record=True) as messages:  # gr.Warning warns Python too
        warnings.simplefilter("always")
        said += await _answers(demo, fn, given, query, event)
    return "\n".join([*said, *(str(message.message) for message in messages)])


async def _answers(demo, fn, given, query, event) -> list[str]:
    said, iterator = [], None
    try:
        for _ in range(50):
            done = await demo.call_function(fn, given, iterator, request(**query), event_data=event)
            said.append(text_of(done["prediction"]))
            iterator = done["iterator"]
            if not done["is_generating"]:
                break
    except Exception as error:
        said.append(f"{type(error).__name__}: {error}")
        if not isinstance(
            error, (TypeError, ValueError, AttributeError, KeyError, AssertionError, gr.Error, LetheError)
        ):
            raise
    return said


def events(demo: gr.Blocks):
    """Every event that Python answers: of the pages, and of what they draw for a session alone."""
    drawn = rendered.draw(demo, Session(demo))
    return [fn for fn in (*demo.fns.values(), *drawn.values()) if fn.fn and not fn.renderable]


def of_page(demo: gr.Blocks, path: str):
    """What is asked when a page opens, in its order."""
    asked = [fn for fn in demo.fns.values() if fn.fn and not fn.renderable and fn.page == path]
    return [fn for fn in asked if any(event == "load" or is_opener(demo, part) for part, event in fn.targets)]


def is_opener(demo: gr.Blocks, part: int) -> bool:
    """Whether a part is the button by which the page of a run fills in a tab."""
    return str(getattr(demo.blocks.get(part), "elem_id", "") or "").startswith("run-open-")


async def answers_of(demo: gr.Blocks, path: str, query: dict, secret: str = "") -> str:
    """What a page answers when it is opened at an address."""
    said = []
    for fn in of_page(demo, path):
        given = [secret if isinstance(one, gr.BrowserState) else sent_first(one, query) for one in fn.inputs]
        said.append(await call(demo, fn, given, query))
    return "\n".join(said)


def sent_first(part: Any, query: dict) -> str | None:
    """What the browser sends for a part when a page opens: its address, where a part asks for that."""
    return f"?{urlencode(query)}" if part.elem_id == "run-at" else None
