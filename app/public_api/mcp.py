"""The functions of the public interface as tools over MCP (streamable HTTP), at the address that Gradio's own would have.

Every request stands alone: no session is kept, and no stream stays open, so that a client that goes away leaves nothing. The library
is imported at the first request, as it takes longer than the server may be late. Gradio's own server of tools is not used: it calls
itself over HTTP, at whatever host a request names.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from functools import cached_property
from typing import Any, Final

import anyio
from starlette.responses import PlainTextResponse

from app import public_api
from app.door.studio import UNEXPECTED, log
from backends.api import __version__
from backends.api.errors import BadInput, LetheError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]

ADDRESS: Final = "/gradio_api/mcp"
THREADS: Final = 8  # calls that are answered at once
ONLY_POST: Final = "This is where programs speak MCP, by POST; docs/api.md says how to connect one."
NOT_INSTALLED: Final = (
    "The package mcp is not installed here, so no tools are offered over MCP; install it and start the studio again."
)
PNG: Final = "data:image/png;base64,"
ABOUT: Final = (
    "Lethe makes small models forget something and shows what happened. list_models says what can be forgotten, list_methods how; "
    "start_job returns the id of a run at once; call wait until it has ended, then result, verdict, compare, ask, draw and card. test "
    "attacks the run to see whether what it forgot comes back."
)


class Tools:
    """The ASGI application."""

    def __init__(self) -> None:
        self._limiter = anyio.CapacityLimiter(THREADS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await PlainTextResponse(ONLY_POST, 405, {"Allow": "POST"})(scope, receive, send)
            return
        try:
            server = await anyio.to_thread.run_sync(lambda: self._server)
        except ModuleNotFoundError:
            await PlainTextResponse(NOT_INSTALLED, 503)(scope, receive, send)
            return
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        manager = StreamableHTTPSessionManager(server, json_response=True, stateless=True)
        async with manager.run():
            await manager.handle_request(scope, receive, send)

    @cached_property
    def _server(self) -> Any:
        from mcp import types
        from mcp.server.lowlevel import Server

        server: Any = Server("lethe", version=__version__, instructions=ABOUT)

        @server.list_tools()  # type: ignore[untyped-decorator]
        async def tools() -> list[Any]:
            return [
                types.Tool(name=one.name, description=f"{one.purpose} Returns: {one.returns}", inputSchema=one.schema)
                for one in public_api.CALLS
            ]

        @server.call_tool(validate_input=False)  # type: ignore[untyped-decorator]
        async def call(name: str, arguments: dict[str, Any]) -> Any:
            answer, failed = await self._answer(name, arguments)
            pictures: list[str] = []
            text = answer if failed else json.dumps(_without_pictures(answer, pictures), ensure_ascii=False)
            content: list[Any] = [types.TextContent(type="text", text=text)]
            content += [types.ImageContent(type="image", data=one, mimeType="image/png") for one in pictures]
            return types.CallToolResult(content=content, isError=failed)

        return server

    async def _answer(self, name: str, arguments: dict[str, Any]) -> tuple[Any, bool]:
        """(what a tool answers, or the sentence why it does not, whether it is that)."""
        try:
            function = public_api.get(name)
            if function is None:
                raise BadInput(
                    f"There is no tool {name[:60]!r}; there are {', '.join(one.name for one in public_api.CALLS)}."
                )
            return await function(arguments, self._limiter), False
        except LetheError as error:
            return str(error), True
        except Exception:
            log.exception("A tool failed.")
            return UNEXPECTED, True


def _without_pictures(value: Any, pictures: list[str]) -> Any:
    """A value whose pictures are named by their number, from 1; each is added to `pictures`, in base64."""
    if isinstance(value, dict):
        return {name: _without_pictures(one, pictures) for name, one in value.items()}
    if isinstance(value, list):
        return [_without_pictures(one, pictures) for one in value]
    if isinstance(value, str) and value.startswith(PNG):
        pictures.append(value.removeprefix(PNG))
        return f"picture {len(pictures)}"
    return value
