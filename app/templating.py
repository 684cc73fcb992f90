"""The HTML of the studio as jinja2 templates. Whatever is put into one is escaped, unless it is `Markup`, which is HTML already.

A file of app/templates is a set of macros: what a view is made of. A line break that borders on a tag or on a pair of braces is
there for the reader alone and is left out, so that no gap comes between two words or pictures on the page.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.ext import Extension
from markupsafe import Markup

from app import theme
from backends.api import languages

TEMPLATES: Final = Path(__file__).resolve().parent / "templates"
BREAK: Final = re.compile(r"(?<=[>}])[ \t]*\n\s*|[ \t]*\n\s*(?=[<{])")


class JoinedLines(Extension):
    """Leaves out line breaks around tags; a comment keeps their number, so that an error names the right line."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return BREAK.sub(lambda match: "{#" + "\n" * match[0].count("\n") + "#}", source)


def fixed(value: float, digits: int = 0) -> str:
    """A number with so many decimals."""
    return f"{value:.{digits}f}"


ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    auto_reload=False,
    extensions=[JoinedLines],
)
ENVIRONMENT.filters |= {"fixed": fixed, "large": theme.large, "share": theme.percent}
ENVIRONMENT.globals |= {"tr": languages.tr, "plural": languages.plural}
ENVIRONMENT.tests["measured"] = theme.measured


@cache
def _macros(file: str) -> Any:
    return ENVIRONMENT.get_template(f"{file}.html").module


def render(name: str, *positional: object, **values: object) -> Markup:
    """The HTML of one macro: "markup.head" is `head` of app/templates/markup.html."""
    file, _, macro = name.partition(".")
    html: Markup = getattr(_macros(file), macro)(*positional, **values)
    return html
