"""A cache of compressed responses that are the same for every visitor: the pages, the configuration and the scripts.

Gradio copies the whole configuration for each request and sends 612 KB of it. Here its answer is taken once for each address
that visitors reach the studio at, and kept compressed. Nothing that belongs to a session is in these answers; events, files and
streams are not touched.
"""

import asyncio
import gzip
import hashlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl

from cachetools import LRUCache
from fastapi import Request
from gradio import route_utils
from markupsafe import Markup
from starlette.responses import Response

from app import first_view, previews
from backends.api import languages

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]
ASGI = Callable[[Scope, Receive, Send], Awaitable[None]]

CACHE_BYTES: Final = 32 * 2**20  # bytes of compressed answers, the longest unused go first
LONGEST_QUERY: Final = 2000  # characters of an address that are read
LONGEST_ROOT: Final = 300  # characters; a longer address is no honest one, and is not kept
TEXTS: Final = ("text/", "application/json", "application/javascript", "image/svg")
# Their names hold a hash of what they hold, so that a browser needs to ask only once.
HASHED: Final = "/assets/"
RUN: Final = "/run"  # the page whose address names a run, as ?id=
ENGLISH_PAGE: Final = 'lang="en"'  # what Gradio says of every page
SCRIPTS: Final = (".js", ".css", ".json", ".svg")
# All that Gradio reads to find the address that visitors reach it at.
ADDRESS_HEADERS: Final = ("host", "x-forwarded-host", "x-forwarded-proto", "x-gradio-server")


@dataclass(frozen=True)
class Packed:
    """A cached response: compressed, with its media type and its mark for the browser's cache."""

    body: bytes
    media: str
    mark: str


@dataclass(frozen=True)
class CacheKey:
    """The key of a cached response: the path, where the visitor reaches the studio, its language, what a link shows of it, and its first view."""

    path: str
    root: str
    query: str = ""
    language: str = languages.ENGLISH
    preview: previews.Preview | None = None
    first: Markup | None = None


class Delivery:
    """A middleware round the studio that answers for pages, configuration and scripts."""

    def __init__(
        self,
        app: ASGI,
        pages: dict[str, str],
        root_path: str = "",
        first_views: Mapping[str, first_view.Drawn] | None = None,
        others: Mapping[str, ASGI] | None = None,
    ) -> None:
        """Stand before `app`.

        Args:
            app: Gradio's application.
            pages: path -> the page's name, of every page.
            root_path: the path Gradio is mounted at.
            first_views: what draws the first view of a page, by its path; see app/first_view.py.
            others: Gradio's application in other languages.
        """
        self._app = app
        self._pages = pages
        self._first_views = first_views or {}
        self._others = others or {}
        self._root_path = root_path
        self._cache: LRUCache[CacheKey, Packed] = LRUCache(CACHE_BYTES, getsizeof=lambda packed: len(packed.body))
        self._building: dict[CacheKey, asyncio.Task[Packed | Response]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = self._key_of(scope) if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") else None
        if key is None:
            await self._app(scope, receive, send)
            return
        if key.path in self._pages:
            key = await asyncio.to_thread(self._of_this_address, key, scope.get("query_string", b"").decode("latin-1"))
        packed = await self._cached(key, scope)
        answer = packed if isinstance(packed, Response) else _answer(packed, key, Request(scope))
        await answer(scope, receive, send)

    def _key_of(self, scope: Scope) -> CacheKey | None:
        """The key of a request, where it is for one of ours. Nothing else of the address or the headers changes the response."""
        path = scope["path"]
        if path.startswith((HASHED, "/static/")) and path.endswith(SCRIPTS):
            return CacheKey(path, "")
        request = Request(scope)
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        if path.rstrip("/") == "/config":
            page = query.get("page", [""])[0]
            page_query = f"page={page}" if "page" in query and page in self._pages.values() else ""
            return CacheKey("/config", self._root(request, "/config"), page_query, languages.current())
        if path not in self._pages:
            return None
        return CacheKey(path, self._root(request, f"/{self._pages[path]}"), language=languages.current())

    def _of_this_address(self, key: CacheKey, query_string: str) -> CacheKey:
        """The key of a page with what its address changes: the preview of a run, and the first view."""
        query = dict(parse_qsl(query_string[:LONGEST_QUERY]))
        draw = self._first_views.get(key.path)
        preview = previews.of(query.get("id", "")) if key.path == RUN else None
        return replace(key, preview=preview, first=draw(query) if draw else None)

    def _root(self, request: Request, route: str) -> str:
        return route_utils.get_root_url(request, route, request.scope.get("root_path") or self._root_path)

    async def _cached(self, key: CacheKey, scope: Scope) -> Packed | Response:
        """The cached response, or one that is built once however many ask for it."""
        if key in self._cache:
            return self._cache[key]
        if key not in self._building:
            task = asyncio.create_task(self._build(key, scope))
            self._building[key] = task
            task.add_done_callback(lambda _: self._building.pop(key, None))
        return await asyncio.shield(self._building[key])

    async def _build(self, key: CacheKey, scope: Scope) -> Packed | Response:
        plain = CacheKey(key.path, key.root, key.query, key.language)
        if key != plain:  # the page is the same; what a link shows of it and what it shows first are not
            page = await self._cached(plain, scope)
            if isinstance(page, Response):
                return page
            return self._store(key, await asyncio.to_thread(_dressed, page, key))
        answer = await self._fetch(key, scope)
        media = answer.headers.get("content-type", "")
        if answer.status_code != 200 or not media.startswith(TEXTS):
            return answer
        body = bytes(answer.body)
        if key.path in self._pages:
            page_text = body.decode().replace(ENGLISH_PAGE, f'lang="{key.language}"', 1)
            body = previews.with_preview(page_text, key.root, None).encode()
        return self._store(key, await asyncio.to_thread(_packed, body, media))

    async def _fetch(self, key: CacheKey, scope: Scope) -> Response:
        """Gradio's own answer."""
        headers = [(name, value) for name, value in scope["headers"] if name.decode("latin-1") in ADDRESS_HEADERS]
        within = dict(scope) | {"method": "GET", "query_string": key.query.encode("latin-1"), "headers": headers}
        started: list[Scope] = []
        parts: list[bytes] = []
        coming: list[Scope] = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive_empty() -> Scope:
            return coming.pop() if coming else await asyncio.Future()  # nobody goes away before it is done

        async def collect(message: Scope) -> None:
            if message["type"] == "http.response.start":
                started.append(message)
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))

        app = self._others.get(key.language, self._app)
        await app(within | {"path": key.path, "raw_path": key.path.encode()}, receive_empty, collect)
        answer = Response(b"".join(parts), started[0]["status"])
        own = [pair for pair in started[0]["headers"] if pair[0].lower() not in (b"content-length", b"set-cookie")]
        answer.raw_headers = [*own, (b"content-length", str(len(answer.body)).encode())]
        return answer

    def _store(self, key: CacheKey, packed: Packed) -> Packed:
        if len(key.root) <= LONGEST_ROOT and len(packed.body) <= CACHE_BYTES:
            self._cache[key] = packed
        return packed


def _packed(body: bytes, media: str, level: int = 9) -> Packed:
    return Packed(gzip.compress(body, level, mtime=0), media, f'W/"{hashlib.sha256(body).hexdigest()[:32]}"')


def _dressed(page: Packed, key: CacheKey) -> Packed:
    body = previews.with_preview(gzip.decompress(page.body).decode(), key.root, key.preview)
    body = first_view.within(body, key.first)
    return _packed(body.encode(), page.media, 4)


def _answer(packed: Packed, key: CacheKey, request: Request) -> Response:
    """The response as the browser takes it: no body where it has it already, compressed where it reads that."""
    fresh = "public, max-age=31536000, immutable" if key.path.startswith(HASHED) else "no-cache"
    headers = {"ETag": packed.mark, "Cache-Control": fresh, "Vary": "Accept-Encoding", "Content-Type": packed.media}
    if packed.mark in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers={name: headers[name] for name in ("ETag", "Cache-Control", "Vary")})
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(packed.body, headers=headers | {"Content-Encoding": "gzip"})
    return Response(gzip.decompress(packed.body), headers=headers)
