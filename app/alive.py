"""A piece of HTML that changes in place."""

from pathlib import Path
from typing import Any

import gradio as gr

JS = (Path(__file__).parent / "static" / "alive.js").read_text("utf-8")


class Alive(gr.HTML):
    """Like gr.HTML, but a new value only touches what is different from the old one."""

    def __init__(self, value: str = "", **said: Any) -> None:
        super().__init__(value=value, html_template='<div class="alive"></div>', js_on_load=JS, **said)

    def get_block_name(self) -> str:
        return "html"
