"""The studio's pages in this process, asked as a browser asks them: what an event's function answers, as text."""

import dataclasses
import functools
import json
import warnings

import gradio as gr

from app import job_form, site
from backends.api.errors import LetheError
from pages.studio import _steps, _targets


@functools.lru_cache(maxsize=1)
def built() -> gr.Blocks:
    """The studio, made once."""
    return site.build()


def untouched(first: job_form.Facts) -> dict[str, object]:
    """Every widget's value of the page Forget as it is first shown for a model."""
    with gr.Blocks():
        made = {}
        for step in (_steps.model_step, _targets.target_step, _steps.method_step):
            made |= step(first)[0]
        made |= _steps.check_step()[0]
    return {name: widget.value for name, widget in made.items()}


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
    """Every event that Python answers."""
    return [fn for fn in demo.fns.values() if fn.fn]


def of_page(demo: gr.Blocks, path: str):
    """What is asked when a page opens, in its order."""
    return [fn for fn in events(demo) if fn.page == path and any(event == "load" for _, event in fn.targets)]


async def answers_of(demo: gr.Blocks, path: str, query: dict, secret: str = "") -> str:
    """What a page answers when it is opened at an address."""
    said = []
    for fn in of_page(demo, path):
        given = [secret if isinstance(one, gr.BrowserState) else None for one in fn.inputs]
        said.append(await call(demo, fn, given, query))
    return "\n".join(said)
