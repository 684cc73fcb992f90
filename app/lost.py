"""The page not found: a small page with the way back; for programs, JSON."""

import html
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from app import theme

PROGRAMS: Final = ("/gradio_api", "/config", "/vendor", "/assets", "/static", "/svelte", "/healthz")
STYLE: Final = (
    f"body{{margin:0;min-height:100vh;display:grid;place-content:center;padding:24px;font:16px/1.5 {theme.FONT};"
    "background:#f7f7f9;color:#15171c}h1{font-size:28px;line-height:1.2;margin:0 0 12px}p{margin:0 0 20px;max-width:34em;"
    "overflow-wrap:anywhere}a{display:inline-block;background:#15171c;color:#fff;padding:10px 16px;border-radius:8px;"
    "text-decoration:none;font-weight:600}a:focus-visible{outline:3px solid #0072B2;outline-offset:2px}"
    "@media(prefers-color-scheme:dark){body{background:#0b0c0f;color:#f1f2f4}a{background:#f1f2f4;color:#111318}}"
)


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


def page(path: str) -> str:
    """The page. The way back is relative, so that it is right behind a proxy that adds a path."""
    short_path = html.escape(path if len(path) <= 80 else path[:79] + "…")
    back = "../" * max(0, path.count("/") - 1) or "./"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Not there · Lethe</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        f"<style>{STYLE.replace(chr(34), chr(39))}</style></head><body><main><h1>There is no such page</h1>"
        f'<p>Nothing stands at {short_path}.</p><a href="{back}">Back to the studio</a></main></body></html>'
    )
