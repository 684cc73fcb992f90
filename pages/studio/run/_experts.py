"""Answers with one expert switched off, live: what a picture of routing asks when an expert is clicked that was not asked in advance."""

import json
from collections.abc import Iterator
from typing import Any

import gradio as gr

from app.inference import LIVE
from backends.api.errors import LetheError
from pages.studio._shared import Panels

TELL = """watch('value', () => {
  if (props.value) document.dispatchEvent(new CustomEvent('lethe-reply', { detail: JSON.parse(props.value) }));
});"""


class Reply(gr.HTML):
    """A reply on its way to the picture that asked; it shows nothing itself."""

    def __init__(self, **other: Any) -> None:
        super().__init__(value="", html_template="<span></span>", js_on_load=TELL, apply_default_css=False, **other)

    def get_block_name(self) -> str:
        return "html"


def build(panels: Panels) -> None:
    """Let the pictures of routing among some panels ask."""
    reply = Reply(elem_id="expert-reply", elem_classes="lethe-unseen")
    panels.ask(
        answer,
        None,
        reply,
        trigger_mode="multiple",
        concurrency_limit=4,
        show_progress="hidden",
        api_visibility="private",
    )


def answer(event: gr.EventData) -> Iterator[str]:
    """What the unlearned model answers without an expert, as it grows; see the live operation `expert_off`."""
    values = event._data if isinstance(event._data, dict) else {}
    request = {name: values.get(name) for name in ("run", "question", "layer", "expert")}
    try:
        reply: dict[str, Any] = {}
        for reply in LIVE.stream("expert_off", **request):
            yield json.dumps(request | reply)
        yield json.dumps(request | reply | {"done": True})
    except LetheError as error:
        yield json.dumps(request | {"error": str(error)})
