"""Security headers of every response: who may frame it, and where its scripts, pictures and requests may go."""

from typing import Final

EMBEDDERS: Final = "'self' https://huggingface.co https://*.hf.space"

# Gradio builds its handlers from text (unsafe-eval), both libraries write scripts and styles into the page (unsafe-inline);
# plotly draws to blob: and data: addresses. All of it comes from this server, and nothing may be sent to another.
PAGES: Final = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "media-src 'self' data: blob:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        f"frame-ancestors {EMBEDDERS}",
    )
)
# A file that a visitor sent is never a page of ours, whatever it holds.
FILES: Final = "default-src 'none'; sandbox; frame-ancestors 'none'"

FILE_ROUTE: Final = "/gradio_api/file"
PASSED_ON: Final = b"access-control-"  # Gradio lets every page of this machine read; a page of ours needs no leave


def with_security_headers(headers: list[tuple[bytes, bytes]], path: str) -> list[tuple[bytes, bytes]]:
    """The headers of a response at this path, with ours and without what would let other origins read it."""
    ours = {
        b"content-security-policy": (FILES if path.startswith(FILE_ROUTE) else PAGES).encode(),
        b"x-content-type-options": b"nosniff",
        b"referrer-policy": b"same-origin",
    }
    passed = [(name, value) for name, value in headers if name.lower() not in ours]
    return [(name, value) for name, value in passed if not name.lower().startswith(PASSED_ON)] + list(ours.items())
