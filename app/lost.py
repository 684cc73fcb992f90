"""The page not found: a small page with the way back; for programs, JSON."""

from typing import Final

from fastapi import FastAPI, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import HTMLResponse, Response
from markupsafe import Markup
from starlette.exceptions import HTTPException

from app import theme
from app.templating import render

PROGRAMS: Final = ("/gradio_api", "/config", "/vendor", "/assets", "/static", "/svelte", "/healthz")


def add(app: FastAPI) -> None:
    """Answer with the page where a browser asks for an address that there is not."""

    async def lost(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        path = request.url.path
        person = request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", "")
        if error.status_code == 404 and person and not path.startswith(PROGRAMS):
            return HTMLResponse(page(path), 404)
        return await http_exception_handler(request, error)

    app.add_exception_handler(HTTPException, lost)


def page(path: str) -> Markup:
    """The page. The way back is relative, so that it is right behind a proxy that adds a path."""
    short_path = path if len(path) <= 80 else path[:79] + "…"
    back = "../" * max(0, path.count("/") - 1) or "./"
    return render("lost.page", short_path, back, Markup(theme.FONT.replace('"', "'")))
