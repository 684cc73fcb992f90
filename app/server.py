"""One server on one port: the studio (Gradio) at /, the classroom (Streamlit) at /classroom.

It answers pages and nothing else: jobs run in the engine's process, models are looked into in the live process. Both
are started here and end with it. No model library is ever imported here.
"""

import argparse
import asyncio
import gzip
import os
import socket
import sys
import threading
import warnings
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, RedirectResponse

from app.inference import LIVE
from app.supervisor import Guardian, bind, hold_home
from backends.api import catalog, languages, runs
from backends.api.errors import DAMAGED, LetheError
from backends.api.home import home, in_class, ready_home
from backends.api.limits import limits

ROOT = Path(__file__).resolve().parents[1]
STATIC = ROOT / "app" / "static"
# A form that its address fills in cannot be pressed before it did, at most 20 seconds: an answer that never comes hides no form.
STYLE = """<style>{}</style><script>{
const asked = new URLSearchParams(location.search);
if (location.pathname.endsWith('/new') && ['model', 'forget', 'keep', 'method', 'seed', 'clone'].some(name => asked.has(name)))
document.documentElement.classList.add('to-form');
setTimeout(() => document.documentElement.classList.remove('to-form'), 20000);
}</script>"""
LESSONS = ROOT / "pages" / "classroom" / "main.py"
GRACE = 3  # seconds that open pages are given at the end; without a limit one idle tab would keep the server alive
WEEK = 7 * 24 * 3600
NO_DOCS: dict[str, Any] = {"docs_url": None, "redoc_url": None, "openapi_url": None}

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]


class Classroom:
    """The Streamlit application, imported at its first visit, so that the studio does not wait for it."""

    def __init__(self) -> None:
        self._app: Any = None
        self._lock = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._lock:
            if self._app is None:
                self._app = await asyncio.to_thread(self._load)
        from app import lessons

        await lessons.serve_page(self._app, scope, receive, send)

    @staticmethod
    def _load() -> Any:
        import plotly.io
        import streamlit.elements.plotly_chart  # sets plotly's default template for the whole process
        from streamlit.starlette import App

        assert streamlit
        plotly.io.templates.default = "plotly_white"
        return App(LESSONS)


def plotly_script() -> tuple[bytes, str]:
    """plotly.js compressed (1.5 of 4.8 MB), made once per version, and its mark for the browser's cache."""
    import plotly

    path = home() / "cache" / f"plotly-{plotly.__version__}.js.gz"
    if not path.is_file():
        script = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
        packed = gzip.compress(script.read_bytes(), 9, mtime=0)
        path.parent.mkdir(parents=True, exist_ok=True)
        making = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        making.write_bytes(packed)
        making.replace(path)
    return path.read_bytes(), f'"plotly-{plotly.__version__}"'


def packed_response(request: Request, packed: bytes, media: str, headers: dict[str, str]) -> Response:
    """A response of what is kept compressed, as the browser takes it."""
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(packed, media_type=media, headers=headers | {"Content-Encoding": "gzip"})
    return Response(gzip.decompress(packed), media_type=media, headers=headers)


def own_routes(app: FastAPI) -> None:
    """Add the routes that neither library serves."""

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> PlainTextResponse:  # not in the pool of threads, which may all be busy
        return PlainTextResponse("ok")

    @app.get("/healthz/details", include_in_schema=False)
    def healthz_details() -> JSONResponse:
        from app import health

        return JSONResponse(health.details(), headers={"Cache-Control": "no-store"})

    @app.get("/vendor/plotly.min.js", include_in_schema=False)
    def vendor_plotly(request: Request) -> Response:
        packed, mark = plotly_script()
        headers = {"ETag": mark, "Cache-Control": f"public, max-age={WEEK}", "Vary": "Accept-Encoding"}
        if request.headers.get("if-none-match") == mark:
            return Response(status_code=304, headers=headers)
        return packed_response(request, packed, "text/javascript", headers)

    @app.get("/vendor/first.css", include_in_schema=False)
    async def vendor_first(request: Request) -> Response:
        from app import first_view

        headers = {"Cache-Control": f"public, max-age={WEEK}", "Vary": "Accept-Encoding"}
        return packed_response(request, first_view.PACKED, "text/css", headers)

    @app.get("/vendor/preview.png", include_in_schema=False)
    async def vendor_preview() -> FileResponse:
        return FileResponse(STATIC / "preview.png", headers={"Cache-Control": f"public, max-age={WEEK}"})

    @app.get("/vendor/preview/{run_id}.png", include_in_schema=False)
    def vendor_preview_of_run(run_id: str) -> Response:
        from app import preview_pictures

        try:
            picture = preview_pictures.of_run(run_id)
        except DAMAGED:  # no such run, or one that cannot be read
            return FileResponse(STATIC / "preview.png", headers={"Cache-Control": "no-cache"})
        return Response(picture, media_type="image/png", headers={"Cache-Control": "public, max-age=300"})

    @app.get("/card/{run_id}.html", include_in_schema=False)
    def card(run_id: str) -> Response:
        from app import unlearning_card

        try:
            page = unlearning_card.of_id(run_id)  # who has a run's id may look
        except LetheError as error:
            return PlainTextResponse(str(error), status_code=404)
        return Response(page, media_type="text/html", headers={"Cache-Control": "no-cache"})

    @app.get("/thumbnail/{run_id}/{side}", include_in_schema=False)
    def thumbnail(run_id: str, side: str) -> Response:
        from app import thumbnails

        try:
            found = thumbnails.picture(runs.find(run_id), side)  # who has a run's id may look
        except LetheError:
            found = None
        if found is None:
            return Response(status_code=404)
        content, kind = found
        return Response(content, media_type=kind, headers={"Cache-Control": f"private, max-age={WEEK}"})

    from app.public_api.mcp import ADDRESS, Tools

    tools = Tools()
    for address in (ADDRESS, f"{ADDRESS}/"):
        app.add_route(address, tools, include_in_schema=False)  # type: ignore[arg-type]

    @app.get("/classroom", include_in_schema=False)
    def to_classroom() -> RedirectResponse:
        return RedirectResponse("classroom/")  # relative: also right behind a proxy that adds a path


def create_app(host: str = "127.0.0.1", app: FastAPI | None = None) -> FastAPI:
    """The whole web application, behind its door. Waits for the catalog, which another process makes while Gradio is imported.

    Args:
        host: the address that it will be served at; requests to another are refused where nobody shares the studio.
        app: an empty application to make it of; a new one without.
    """
    making = catalog.prepare()
    from app import uploads

    uploads.claim()

    from app import bounds, moved, signing, site, space_page, speech
    from app.door.hosts import Hosts
    from app.door.middleware import Door

    if making is not None:
        making.wait()
    head = space_page.head(writes_back=app is None)  # to the frame of a Docker Space; Gradio's is not asked
    app = FastAPI(**NO_DOCS) if app is None else app
    own_routes(app)
    app.mount("/classroom", Classroom())
    studios = site.build_each()
    for each in studios.values():
        signing.close(each)
    studio = studios.pop(languages.ENGLISH)
    mounted = mount_studio(app, studio, head)
    others = {language: mount_studio(FastAPI(**NO_DOCS), other, head, language) for language, other in studios.items()}
    pages = wrap_gradio(mounted.routes[-1].app, others)  # type: ignore[attr-defined]
    mounted.add_middleware(speech.Speech, pages=pages, below="/classroom/")
    mounted.add_middleware(bounds.Bounds)
    mounted.add_middleware(moved.Moved)
    uploads.tidy(mounted)
    mounted.add_middleware(Door, hosts=Hosts.here(host), blocks=studio)  # last, so that it stands around everything
    return mounted


def mount_studio(app: FastAPI, studio: Any, head: str = "", language: str = languages.ENGLISH) -> FastAPI:
    """Mount the studio in a language at the root of an application; `head` ends the head of every page. Returns the application."""
    import gradio as gr

    from app import speech, theme

    with warnings.catch_warnings(), languages.speaking(language):
        warnings.filterwarnings("ignore", message="SSR mode is not supported")  # it is off
        mounted: FastAPI = gr.mount_gradio_app(
            app,
            studio,
            path="/",
            theme=theme.THEME,
            head=theme.HEAD + speech.head() + STYLE.replace("{}", (STATIC / "studio.css").read_text("utf-8")) + head,
            favicon_path=str(STATIC / "favicon.svg"),
            footer_links=[],
            ssr_mode=False,
            max_file_size=limits().upload_bytes,
            show_error=False,  # what an unforeseen error says is for the log
            run_history=False,
            enable_monitoring=False,
            mcp_server=False,  # see app/public_api/mcp.py
        )
    return mounted


def wrap_gradio(studio: Any, others: Mapping[str, FastAPI]) -> Collection[str]:
    """Wrap Gradio's own application for many visitors: responses cached and compressed, sessions dropped with their page.

    Args:
        studio: Gradio's application, before its first request.
        others: the same pages in other languages, by language; of these only the pages themselves are served.

    Returns:
        The paths of the pages.
    """
    from app import delivery, lost, sessions, site

    blocks = studio.get_blocks()
    studio.state_holder = sessions.Sessions(blocks)
    pages = {f"/{path}": path for path, *_ in blocks.pages}
    studio.add_middleware(
        delivery.Delivery,
        pages=pages,
        root_path=blocks.custom_mount_path,
        first_views=site.first_views(),
        others={language: app.routes[-1].app for language, app in others.items()},  # type: ignore[attr-defined]
    )
    studio.add_middleware(sessions.Heartbeats, sessions=studio.state_holder)
    lost.add(studio)
    return pages


def begin_class() -> str:
    """Begin the class that LETHE_CLASS names, or go on with it. Returns the secret of the teacher's link.

    Raises:
        BadInput: what is chosen for it does not exist or does not fit, or its name is too long.
    """
    from backends.api import class_locks, classes

    name = os.environ["LETHE_CLASS"]
    name = os.environ.get("LETHE_CLASS_NAME") or ("" if name == "1" else name)
    return classes.begin(name, class_locks.from_environment())


class AnnouncingServer(uvicorn.Server):
    """A server that prints its address once it answers."""

    address = ""
    lines: Sequence[str] = ()  # printed after it

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print("\n".join([f"Lethe is ready: {self.address}", *self.lines]), flush=True)


def serve(host: str = "127.0.0.1", port: int = 7860, scheduler: str | None = None) -> None:
    """Serve until interrupted; the engine and the live process end with it.

    Args:
        host: address to listen on; 127.0.0.1 is seen from this machine only.
        port: 0 takes a free one.
        scheduler: address of a Dask scheduler; without one jobs run on this machine.

    Raises:
        LetheError: the home cannot be written, another server works on it, or the port is taken.
    """
    where = ready_home()
    with hold_home(where), bind(host, port) as listener:
        guardian = Guardian(scheduler)
        guardian.start()
        try:
            guardian.reach_scheduler()
            app = create_app(host)
            teacher = begin_class() if in_class() else ""
            guardian.start_processes()
            config = uvicorn.Config(app, access_log=False, log_level="warning", timeout_graceful_shutdown=GRACE)
            server = AnnouncingServer(config)
            public_host = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host
            port = listener.getsockname()[1]
            server.address = f"http://{public_host}:{port}"
            if teacher:
                from app import classes

                server.lines = classes.announcement(teacher, host, port)
            server.run(sockets=[listener])
        finally:
            guardian.stop()
            LIVE.stop()


def main() -> None:
    """`python -m app.server`."""
    parser = argparse.ArgumentParser(description="Serve the studio and the classroom.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument("--scheduler", default=None, help="address of a Dask scheduler")
    chosen = parser.parse_args()
    try:
        serve(chosen.host, chosen.port, chosen.scheduler)
    except LetheError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
