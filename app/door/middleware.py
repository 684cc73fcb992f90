"""The door itself: one layer around everything that is served, for requests and for websockets."""

import inspect
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final, get_type_hints

from fastapi.responses import JSONResponse, PlainTextResponse, Response
from gradio.block_function import BlockFunction
from gradio.events import SelectData
from gradio.utils import get_upload_folder

from app import bounds
from app.door import headers, values
from app.door.hosts import CHANGING, Hosts, is_foreign, split
from app.door.studio import REFUSED, UNEXPECTED, Studio
from backends.api import hub
from backends.api.errors import BadInput
from backends.api.limits import limits

log = logging.getLogger("lethe.door")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PREFIX: Final = "/gradio_api/"
EVENTS: Final = re.compile(r"/gradio_api/(run/[^/]+|queue/join)/?")
CALLS: Final = re.compile(r"/gradio_api/call/v2/([^/]+)/?")
# What pages and programs ask of Gradio. The rest of its interface (calls by place instead of by name, streams, recordings, links to
# a session's values, servers of components, other servers' files) serves none of ours.
OPEN: Final = re.compile(
    r"/gradio_api/(run/[^/]+/?|queue/(join|data)/?|(upload|upload_progress|info|reset|cancel|startup-events|theme\.css|app_id|mcp)/?"
    r"|call/v2/[^/]+/?|call/(v2/)?[^/]+/[0-9a-f]+/?|heartbeat/[^/]+|file=.+)"
)
NOT_OPEN: Final = re.compile(r"/(monitoring|login|logout|svelte|custom_component)(/.*)?")
SIGNING: Final = ("/login/huggingface", "/login/callback", "/logout")  # open where visitors may sign in

FOREIGN_HOST: Final = (
    "This studio is not served under the name {name}; open it as 127.0.0.1, or start it with LETHE_HOSTS={name}."
)
FOREIGN_PAGE: Final = (
    "This request comes from a page of another site, and only a page of this studio may change something here."
)
CLOSED: Final = "There is nothing at this address."


class TooLarge(BadInput):
    """A body over the limit."""


class Door:
    """Lets in what belongs to the studio, and says in one sentence what does not."""

    def __init__(self, app: App, hosts: Hosts, blocks: Studio) -> None:
        self.app, self.hosts, self.blocks = app, hosts, blocks
        self._events: dict[int, values.Event] = {}
        self._functions: dict[str, values.Function] = {}

    @property
    def functions(self) -> dict[str, values.Function]:
        """The studio's public functions by name; fixed once it is built."""
        if not self._functions:
            self._functions = functions(self.blocks.fns)
        return self._functions

    @property
    def events(self) -> dict[int, values.Event]:
        """The studio's events by number; fixed once it is built."""
        if not self._events:
            self._events = shapes(self.blocks.fns)
        return self._events

    def rendered(self, session: str) -> dict[int, values.Event]:
        """The events of what was drawn for one session alone, by number."""
        state = self.blocks.state_holder.session_data.get(session)
        if state is None:
            return {}
        fns = dict(state.blocks_config.fns)  # another thread may draw anew
        return shapes({number: fn for number, fn in fns.items() if fn.rendered_in is not None})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        request_headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope, request_headers)
        if scope["type"] == "websocket":
            await (
                self.app(scope, receive, send) if refusal is None else send({"type": "websocket.close", "code": 1008})
            )
            return
        await self._answer(scope, receive, send, refusal)

    def _refusal(self, scope: Scope, request_headers: dict[str, str]) -> Response | None:
        """Why the request does not come in, told from its address and headers alone."""
        websocket = scope["type"] == "websocket"
        host = request_headers.get("host", "")
        if not self.hosts.allows(host):
            return PlainTextResponse(FOREIGN_HOST.format(name=_printable_host(host)), 403)
        if (websocket or scope["method"] in CHANGING) and is_foreign(request_headers, scope.get("scheme", "http")):
            return PlainTextResponse(FOREIGN_PAGE, 403)
        path = scope["path"]
        inner = path.startswith(PREFIX.rstrip("/"))
        closed = NOT_OPEN.fullmatch(path) and not (hub.offered() and path in SIGNING)
        if (inner and not OPEN.fullmatch(path)) or closed:
            return JSONResponse({"detail": CLOSED}, 404)
        if b"deep_link=" in scope.get("query_string", b""):
            return JSONResponse({"detail": CLOSED}, 404)
        return None

    async def _answer(self, scope: Scope, receive: Receive, send: Send, refusal: Response | None) -> None:
        started = False
        scope[REFUSED] = []

        async def send_with_headers(message: Scope) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                if message["status"] == 500 and scope[REFUSED]:
                    message["status"] = 422
                message["headers"] = headers.with_security_headers(list(message.get("headers", [])), scope["path"])
            await send(message)

        try:
            if refusal is None and scope["method"] == "POST":
                try:
                    if EVENTS.fullmatch(scope["path"]):
                        scope, receive = await self._checked_request(scope, receive)
                    elif call := CALLS.fullmatch(scope["path"]):
                        scope, receive = await self._checked_call(scope, receive, call[1])
                except BadInput as error:
                    refusal = _error_response(error)
            await (refusal or self.app)(scope, receive, send_with_headers)
        except Exception:
            log.exception("A request failed.")
            if not started:
                await JSONResponse({"error": UNEXPECTED, "detail": UNEXPECTED}, 500)(scope, receive, send_with_headers)

    async def _checked_request(self, scope: Scope, receive: Receive) -> tuple[Scope, Receive]:
        """The request with its body read, checked and written anew."""
        body = values.check_body(await _read(receive), self.events, Path(get_upload_folder()), self.rendered)
        return _with_body(scope, receive, body)

    async def _checked_call(self, scope: Scope, receive: Receive, name: str) -> tuple[Scope, Receive]:
        """The call of a public function with its body read, checked and written anew."""
        return _with_body(scope, receive, values.check_call(await _read(receive), name, self.functions))


def _with_body(scope: Scope, receive: Receive, body: bytes) -> tuple[Scope, Receive]:
    """A request with this body in the place of the one that was read."""
    other_headers = [(name, value) for name, value in scope["headers"] if name.lower() != b"content-length"]
    scope["headers"] = [*other_headers, (b"content-length", str(len(body)).encode())]
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Scope:
        return waiting.pop() if waiting else await receive()

    return scope, replay


def functions(fns: Mapping[int, BlockFunction]) -> dict[str, values.Function]:
    """The public functions by name, with the arguments that each takes and those that it needs."""
    public = [fn for fn in fns.values() if fn.api_visibility == "public" and fn.fn is not None and fn.api_name]
    each = {str(fn.api_name): inspect.signature(fn.fn).parameters.values() for fn in public if fn.fn is not None}
    return {
        name: values.Function(
            tuple(one.name for one in arguments),
            tuple(one.name for one in arguments if one.default is inspect.Parameter.empty),
        )
        for name, arguments in each.items()
    }


def shapes(fns: Mapping[int, BlockFunction]) -> dict[int, values.Event]:
    """The shapes of events that Python answers; the others happen in the browser alone."""
    return {
        number: values.Event(len(fn.inputs), bool(fn.collects_event_data), selects(fn.fn))
        for number, fn in fns.items()
        if fn.fn is not None
    }


def selects(handler: Any) -> bool:
    """Whether a handler asks which place was chosen; Gradio takes it from event_data without a look."""
    try:
        hints = get_type_hints(handler)
    except (NameError, TypeError):
        return False
    return any(isinstance(hint, type) and issubclass(hint, SelectData) for hint in hints.values())


async def _read(receive: Receive) -> bytes:
    most, body, more = limits().body_bytes, bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadInput("The request ended before all of it came.")
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > most:
            raise TooLarge(bounds.too_much(most))
    return bytes(body)


def _error_response(error: BadInput) -> Response:
    # "error" is where Gradio's client looks after /run, "detail" after /queue/join
    return JSONResponse({"error": str(error), "detail": str(error)}, 413 if isinstance(error, TooLarge) else 422)


def _printable_host(host: str) -> str:
    """The name in a Host as it may be repeated in a sentence."""
    return re.sub(r"[^A-Za-z0-9.:\[\]_-]", "?", split(host)[0] or host)[:80] or "(none)"
