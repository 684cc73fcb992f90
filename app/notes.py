"""One-line notes beside a widget: help, a quiet remark, an error."""

from markupsafe import Markup

from app.templating import render


def note(text: str) -> Markup:
    """A quiet line; empty of no text."""
    return render("form.note", text) if text else Markup()


def error_line(text: str) -> Markup:
    """An inline error: a sign and one sentence; empty of no text."""
    return render("form.error", text) if text else Markup()


def neighbour_line(text: str) -> Markup:
    """A sentence about neighbours, with their mark; empty of no text."""
    return render("form.neighbours", text) if text else Markup()
