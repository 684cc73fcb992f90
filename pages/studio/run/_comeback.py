"""Does it come back?: whether what was forgotten can be brought back, by attacks."""

import gradio as gr

from app import markup
from pages.studio.run._page import RunPage

TAB = "back"


def build(page: RunPage) -> None:
    """The tab."""
    gr.HTML(markup.card("Not tested yet", markup.text("No attack has been run against this model.")))
