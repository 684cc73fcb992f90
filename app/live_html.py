"""A piece of HTML that changes in place."""

from pathlib import Path
from typing import Any

import gradio as gr

JS = (Path(__file__).parent / "static" / "alive.js").read_text("utf-8")


class Alive(gr.HTML):
    """A gr.HTML whose new value only touches what is different from the old one."""

    def __init__(self, value: str = "", *, js: str = JS, **kwargs: Any) -> None:
        """`value` is HTML; `js` runs once, with `root`, where it begins with that of this module."""
        super().__init__(value=value, html_template='<div class="alive"></div>', js_on_load=js, **kwargs)

    def get_block_name(self) -> str:
        return "html"
