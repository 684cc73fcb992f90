"""Limits on the bodies of requests: one over its limit is refused with 413 before anything reads it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from python_multipart.multipart import parse_options_header

from app import uploads
from backends.api.languages import tr
from backends.api.limits import Limits, limits

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]
ASGI = Callable[[Scope, Receive, Send], Awaitable[None]]

UPLOAD: Final = "/gradio_api/upload"
ROOM: Final = 4096  # bytes of the headers between the files of one upload
WITHOUT_BODY: Final = ("GET", "HEAD", "OPTIONS")


class TooMuch(Exception):
    """A body over its limit; the text is the sentence."""

    status = 413


class NoRoom(TooMuch):
    """An upload within its limit for which there is no room now."""

    status = 503


class Bounds:
    """A middleware that counts what comes: by the length that the request names, and while it comes."""

    def __init__(self, app: ASGI) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in WITHOUT_BODY:
            await self._app(scope, receive, send)
            return
        try:
            if scope["path"].rstrip("/") == UPLOAD:
                await self._upload(scope, receive, send)
            else:
                body = await _read_body(scope, receive, limits().body_bytes)
                await self._app(scope, _replay(body, receive), send)
        except TooMuch as error:
            await _refuse(error, send)

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Files pass as they come. What the application answers once there were too many is not sent."""
        counting = Counting(scope, receive, limits())
        if counting.refusal:
            raise TooMuch(counting.refusal)
        if full := await asyncio.to_thread(uploads.make_room, length(scope) or limits().upload_bytes):
            raise NoRoom(full)
        begun = False

        async def unless_refused(message: Scope) -> None:
            nonlocal begun
            if counting.refusal:
                if begun:
                    return
                raise TooMuch(counting.refusal)
            begun = True
            await send(message)

        try:
            await self._app(scope, counting, unless_refused)
        except Exception:
            if counting.refusal and not begun:
                raise TooMuch(counting.refusal) from None
            raise


class Counting:
    """The messages of an upload, with their bytes and files counted."""

    def __init__(self, scope: Scope, receive: Receive, most: Limits) -> None:
        self.refusal = ""
        self._receive = receive
        self._most = most
        self._bytes = 0
        self._parts = 0
        self._tail = b""
        self._between = boundary(scope)
        self._allowed = most.upload_files * (most.upload_bytes + ROOM)
        self._check(length(scope), 0)

    async def __call__(self) -> Scope:
        if self.refusal:
            raise TooMuch(self.refusal)
        message = await self._receive()
        part = message.get("body", b"")
        self._bytes += len(part)
        if self._between:
            window = self._tail + part
            self._parts += window.count(self._between)
            # The last bytes may begin a mark that goes on in the next message; a whole one is not counted twice.
            last_mark = window.rfind(self._between)
            unmatched = window[last_mark + len(self._between) :] if last_mark >= 0 else window
            self._tail = unmatched[-(len(self._between) - 1) :]
        self._check(self._bytes, self._parts - 1)
        if self.refusal:
            raise TooMuch(self.refusal)
        return message

    def _check(self, count: int, files: int) -> None:
        """The mark stands before each file and once at the end, so one less is the number of files begun or whole."""
        most = self._most
        if files > most.upload_files:
            self.refusal = tr(
                "One upload may hold {upload_files} files, and this one holds more.", upload_files=most.upload_files
            )
        elif count > self._allowed:
            self.refusal = tr(
                "One upload may hold {upload_files} files of {upload_bytes} each, and this one is larger.",
                upload_files=most.upload_files,
                upload_bytes=uploads.size(most.upload_bytes),
            )


def boundary(scope: Scope) -> bytes:
    """The mark between the files of an upload; empty where the request names none, which the application refuses."""
    _, options = parse_options_header(header(scope, b"content-type"))
    name = bytes(options.get(b"boundary", b""))
    return b"--" + name if name else b""


def length(scope: Scope) -> int:
    """The length that a request names, in bytes; 0 where it names none."""
    text = header(scope, b"content-length")
    return int(text) if text.isdigit() else 0


def header(scope: Scope, name: bytes) -> bytes:
    """A header of the request, empty where it is missing."""
    return next((bytes(value) for key, value in scope["headers"] if key.lower() == name), b"")


def too_much(most: int) -> str:
    """The sentence about a body over its limit."""
    return tr("One request may bring {most}, and this one brings more; make it smaller.", most=uploads.size(most))


async def _read_body(scope: Scope, receive: Receive, most: int) -> bytes:
    """The body of a request, read until it ends or is over its limit."""
    refusal = too_much(most)
    if length(scope) > most:
        raise TooMuch(refusal)
    parts: list[bytes] = []
    count, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        parts.append(message.get("body", b""))
        count += len(parts[-1])
        if count > most:
            raise TooMuch(refusal)
        more = message.get("more_body", False)
    return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """A receiver that replays a body, then passes on whatever comes, which is the end of the connection."""
    replayed = False

    async def receive_once() -> Scope:
        nonlocal replayed
        if replayed:
            return await receive()
        replayed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_once


async def _refuse(error: TooMuch, send: Send) -> None:
    body = json.dumps({"error": str(error), "detail": str(error)}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send(
        {"type": "http.response.start", "status": error.status, "headers": [*headers, (b"connection", b"close")]}
    )
    await send({"type": "http.response.body", "body": body})
