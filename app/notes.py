"""One-line notes beside a widget: help, a quiet remark, an error."""

from html import escape


def note(text: str) -> str:
    """A quiet line."""
    return f'<p class="lethe lethe-quiet">{escape(text)}</p>' if text else ""


def error_line(text: str) -> str:
    """An inline error: a sign and one sentence."""
    sign = '<span aria-hidden="true">!</span>'
    return f'<p class="lethe lethe-wrong" role="alert">{sign} {escape(text)}</p>' if text else ""


def neighbour_line(text: str) -> str:
    """A sentence about neighbours, with their mark."""
    mark = '<span class="lethe-mark" data-role="neighbour"></span>'
    return f'<p class="lethe lethe-near">{mark}{escape(text)}</p>' if text else ""
