"""The page that every lesson begins as, which is Streamlit's, with four additions.

Where the classroom's server is: Streamlit's script would look for it below each lesson first, which gives two errors 404 a lesson.
What a link to it shows, see `previews`. And, where the browser keeps nothing, who reads it, so that the links back to the studio
lead the same person there; see remember.js. And whether the lessons are shown by a projector, which the browser remembers.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from gradio import route_utils
from markupsafe import Markup
from starlette.datastructures import MutableHeaders
from starlette.requests import Request

from app import previews, speech, theme

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]
ASGI = Callable[[Scope, Receive, Send], Awaitable[None]]

MOUNT: Final = "/classroom"
# The address as the browser has it, which a proxy may have lengthened.
HERE: Final = Markup(
    "<script>window.__streamlit={{BACKEND_BASE_URL:"
    "location.origin+location.pathname.replace(/^(.*\\{})(\\/.*)?$/,'$1')}}</script>"
).format(MOUNT)
WHO: Final = Markup("<script>{}</script>").format(Markup((theme.STATIC / "remember.js").read_text("utf-8")))
PROJECTOR: Final = Markup("<script>{}</script>").format(Markup((theme.STATIC / "projector.js").read_text("utf-8")))
PREVIEW: Final = previews.Preview(
    "Lethe classroom", "Short lessons on machine unlearning: what a model forgets, what it keeps, and how one can tell."
)


async def serve_page(app: ASGI, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve Streamlit's responses, its page with our scripts and tags in it."""
    if scope["type"] != "http" or scope["method"] != "GET" or "." in scope["path"].rpartition("/")[2]:
        await app(scope, receive, send)
        return
    plain = [(name, value) for name, value in scope["headers"] if name not in (b"accept-encoding", b"range")]
    begun: Scope = {}
    parts: list[bytes] = []

    async def intercept(message: Scope) -> None:
        if message["type"] == "http.response.start" and _is_page(message):
            begun.update(message)
        elif begun and message["type"] == "http.response.body":
            parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                await _send(begun, _with_scripts(b"".join(parts), Request(scope)), send)
        else:
            await send(message)

    await app(dict(scope) | {"headers": plain}, receive, intercept)


def _is_page(message: Scope) -> bool:
    headers = MutableHeaders(raw=list(message["headers"]))
    return message["status"] == 200 and headers.get("content-type", "").startswith("text/html")


def _with_scripts(page: bytes, request: Request) -> bytes:
    root = route_utils.get_root_url(request, request.url.path, None)
    return page.replace(
        b"<head>",
        b"<head>" + (HERE + WHO + PROJECTOR + Markup(speech.head()) + previews.meta_tags(root, PREVIEW)).encode(),
        1,
    )


async def _send(begun: Scope, page: bytes, send: Send) -> None:
    headers = MutableHeaders(raw=list(begun["headers"]))
    for name in ("etag", "last-modified", "accept-ranges"):
        del headers[name]
    headers["content-length"] = str(len(page))
    await send(dict(begun) | {"headers": headers.raw})
    await send({"type": "http.response.body", "body": page})
