"""The language of each request: that of its address, ?lang=de, or at a first visit the one that the browser asks for.

An address that names no language, opened by a browser that asks for one of ours, leads to the same address with it: so every link that is
copied says its language, and whoever opens it sees the same page. The scripts of a page keep it over all links, see static/speech.js;
an event takes it from the page's address, see app/door/studio.py.
"""

from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse

from app import theme
from backends.api import languages

Scope = MutableMapping[str, Any]
ASGI = Callable[[Scope, Callable[[], Awaitable[Scope]], Callable[[Scope], Awaitable[None]]], Awaitable[None]]

NAME: Final = "lang"  # of the part of an address
LONGEST: Final = 4000  # characters of an address that are read
SCRIPT: Final = (theme.STATIC / "speech.js").read_text("utf-8")


class Speech:
    """A middleware that speaks the language of each request while it is answered."""

    def __init__(self, app: ASGI, pages: Collection[str], below: str) -> None:
        """Stand before `app`.

        Args:
            pages: the paths of pages.
            below: what the paths of other pages begin with.
        """
        self.app, self._pages, self._below = app, frozenset(pages), below

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        query = parse_qsl(scope.get("query_string", b"").decode("latin-1")[:LONGEST], keep_blank_values=True)
        requested = dict(query).get(NAME)
        if requested is None and (wished := self._wished(scope)) != languages.ENGLISH:
            to = RedirectResponse(
                f"?{urlencode([*query, (NAME, wished)])}",
                headers={"Vary": "Accept-Language", "Cache-Control": "no-store"},
            )
            await to(scope, receive, send)
            return
        with languages.speaking(requested):
            await self.app(scope, receive, send)

    def _wished(self, scope: Scope) -> str:
        """The language that the browser asks for where it opens a page."""
        headers = Headers(scope=scope)
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        page = path in self._pages or (path.startswith(self._below) and "." not in path.rpartition("/")[2])
        opened = scope["method"] == "GET" and page and "text/html" in headers.get("accept", "")
        return languages.preferred(headers.get("accept-language", "")) if opened else languages.ENGLISH


def words() -> dict[str, str]:
    """What the scripts of a page say, in the language that is spoken, by the English sentence."""
    spoken = languages.messages(languages.current()).values()
    return {one.source: one.texts[0] for one in spoken if any(place.endswith(".js") for place in one.places)}


def head() -> str:
    """The script of every page that keeps its language over its links, with what the scripts of the page say in it."""
    script_data = {"language": languages.current(), "names": dict(languages.NAMES), "words": words()}
    return str(
        Markup("<script>window.letheSpeech = {};{}</script>").format(htmlsafe_json_dumps(script_data), Markup(SCRIPT))
    )
