"""API: the page for who writes programs: how to connect, and every function that they can call. Only here is anything public."""

from typing import Final

import gradio as gr

from app import public_api
from app.public_api.mcp import ADDRESS
from app.templating import render
from backends.api.languages import later
from pages.studio._shared import alone, nav

TITLE, PATH, IN_BAR = "API", "api", False
ORDER = 1  # soon after the first page, so that no event of another page takes the name of a function
TEXT: Final = later(
    "What the pages do programs can do as well: from Python, from a shell, or as the tools of an assistant over MCP."
)


def build() -> None:
    """The page."""
    nav(TITLE, TEXT)
    gr.HTML(render("api.page", public_api.CALLS, ADDRESS), elem_id="api-functions", apply_default_css=False)
    public_api.add()


if __name__ == "__main__":
    alone(build)
