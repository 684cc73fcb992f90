"""What a page draws for one session alone: the settings of the method that is chosen there."""

from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.context import LocalContext
from gradio.state_holder import SessionState


def value(part: gr.blocks.Block) -> Any:
    """What a page that was just opened sends for a part."""
    return getattr(part, "value", None)


def draw(
    demo: gr.Blocks, session: SessionState, sent: Callable[[gr.blocks.Block], Any] = value
) -> dict[int, BlockFunction]:
    """Draw all of it as Gradio does, without a browser.

    Args:
        demo: the pages.
        session: whose.
        sent: what the page sends for a part.

    Returns:
        its events, by number.
    """

    def apply() -> None:
        LocalContext.blocks.set(demo)
        LocalContext.blocks_config.set(session.blocks_config)
        for renderable in demo.renderables:
            renderable.apply(*map(sent, renderable.inputs))

    assert demo.renderables
    copy_context().run(apply)
    return events(session)


def events(session: SessionState) -> dict[int, BlockFunction]:
    """The events of what was drawn for a session, by number."""
    return {number: fn for number, fn in session.blocks_config.fns.items() if fn.rendered_in is not None}


def parts(session: SessionState, demo: gr.Blocks) -> list[gr.blocks.Block]:
    """What was drawn for a session."""
    return [part for number, part in session.blocks_config.blocks.items() if number not in demo.blocks]
