"""The first view of a page: what it shows before its scripts work, drawn into the page that the server sends.

A page's module may define `first_view(query)`: from the parts of its address, by name, what stands in its first viewport while the
scripts are still loaded, or None where that depends on more than the address. It stands over the page in the same place and look,
and goes when the page itself has what it stands for.
"""

import gzip
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from app import theme
from app.templating import render

ADDRESS: Final = "/vendor/first.css"
CSS: Final = "".join([theme.CSS, *((theme.STATIC / f"{name}.css").read_text("utf-8") for name in ("studio", "first"))])
PACKED: Final = gzip.compress(CSS.encode(), 9, mtime=0)
_LINK = Markup('<link rel="stylesheet" href="{}?v={}">').format(ADDRESS, hashlib.sha256(CSS.encode()).hexdigest()[:12])
_SCRIPT = Markup((theme.STATIC / "first.js").read_text("utf-8"))


@dataclass(frozen=True)
class FirstView:
    """A page's first view.

    Attributes:
        body: what it shows.
        until: a CSS selector of what takes its place.
        links: it is made of links alone, which lead where they lead; anything else cannot be pressed yet, and is left out of the
            reach of keyboards and screen readers.
    """

    body: Markup
    until: str
    links: bool = False


Draw = Callable[[Mapping[str, str]], FirstView | None]
Drawn = Callable[[Mapping[str, str]], Markup | None]  # the same as the HTML that goes into the page


def drawn(view: FirstView, bar: Sequence[tuple[str, str]], here: str) -> Markup:
    """The HTML of a first view below the bar of all pages.

    Args:
        view: the view.
        bar: (name, address) of each page in the bar.
        here: the address of the page that is open.
    """
    return render("first.view", bar, here, view, _SCRIPT)


def within(page: str, first: Markup | None) -> str:
    """An HTML page with a first view in it, or as it is without one."""
    if first is None:
        return page
    head, end_of_head, body = page.rpartition("</head>")
    body, end_of_body, remainder = body.rpartition("</body>")
    return f"{head}{_LINK}{end_of_head}{body}{first}{end_of_body}{remainder}"
