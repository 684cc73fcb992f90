"""Markdown of our own as HTML; HTML within it is shown as text."""

from typing import Final

from markdown_it import MarkdownIt
from markupsafe import Markup

MARKDOWN: Final = MarkdownIt("commonmark", {"html": False}).enable("table")


def to_html(words: str) -> Markup:
    """The HTML of a text in Markdown."""
    return Markup(MARKDOWN.render(words))
