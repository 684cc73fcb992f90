"""Addresses of former versions lead to where their page is now: links in lessons, chats and papers stay right."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

from starlette.responses import RedirectResponse

Scope = MutableMapping[str, Any]
ASGI = Callable[[Scope, Callable[[], Awaitable[Scope]], Callable[[Scope], Awaitable[None]]], Awaitable[None]]

TABS: Final = {
    "/compare": "see",
    "/look-inside": "inside",
    "/playground": "ask",
}  # former pages -> tabs of a run's page
FORM: Final = {"model", "forget", "keep", "method", "seed", "clone", "new"}  # what the first page was filled in from


class Moved:
    """A middleware that answers former addresses with the new one."""

    def __init__(self, app: ASGI) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        to = None
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            query = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
            to = new_address(scope["path"].removeprefix(scope.get("root_path", "")), query)
        await (self.app if to is None else RedirectResponse(to))(scope, receive, send)


def new_address(path: str, query: list[tuple[str, str]]) -> str | None:
    """Where a former address leads, relative to it; None for one that is still right.

    Args:
        path: from the studio's root, with a slash before.
        query: names and values of its parts.
    """
    names = dict(query)
    place = path.rstrip("/")
    if place in TABS:
        return _run_address(names["run"], TABS[place], query) if names.get("run") else "runs"
    if place.startswith("/run/") and "/" not in place.removeprefix("/run/"):
        return "../" + _run_address(place.removeprefix("/run/"), "", query)
    if place == "" and names.get("run"):
        return _run_address(names["run"], "", query)
    if place == "" and FORM & names.keys():
        return _with("new", [(name, value) for name, value in query if name != "new"])
    return None


def _run_address(run: str, tab: str, query: list[tuple[str, str]]) -> str:
    more = [(name, value) for name, value in query if name not in ("run", "id")]
    return _with("run", [("id", run), *([("tab", tab)] if tab else []), *more])


def _with(place: str, query: list[tuple[str, str]]) -> str:
    return f"{place}?{urlencode(query, quote_via=quote)}" if query else place
