"""Small pieces of HTML that every page is made of, as `Markup`. Whatever is no `Markup` is plain text, and is escaped.

Joined with "+" or by `join`, text beside `Markup` is escaped too; an f-string makes plain text of both, so it is no way to join.
"""

import base64
import mimetypes
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

from markupsafe import Markup, escape

from app import theme
from app.templating import render
from backends.api.languages import later, tr

Cell = Markup | str | float | None | tuple[float | None, str]  # text, a number, or a number with its unit


def esc(text: object) -> Markup:
    """Plain text, safe inside HTML and inside a double-quoted attribute."""
    return escape(text)


def join(pieces: Iterable[str]) -> Markup:
    """HTML pieces, one after the other."""
    return Markup("").join(pieces)


def wrap(*pieces: str) -> Markup:
    """HTML pieces, one below the other."""
    return render("markup.wrap", join(pieces))


def styled(body: str) -> Markup:
    """HTML in our look, where it stands outside of `Panels`."""
    return Markup('<div class="lethe">{}</div>').format(body)


def two_columns(pieces: Iterable[str]) -> Markup:
    """HTML pieces beside each other, in half the width where there is room."""
    return Markup('<div class="lethe-two">{}</div>').format(join(pieces))


def head(title: str, text: str = "") -> Markup:
    """The head of a page: its name, and one sentence on what a person does there."""
    return render("markup.head", title, text)


def section(title: str, level: int = 2) -> Markup:
    """The heading of a part of a page that its look needs no words for, there for who reads by headings.

    Headings go down by one: h1 names the page, h2 a part of it, as this one or one that is seen, h3 a card or panel, h4 what is in it.
    """
    return render("markup.section", title, level)


def card(title: str, body: str, *, empty: bool = False) -> Markup:
    """A framed piece of a page. `empty` centres it, for a page that has nothing to show yet."""
    return render("markup.card", title, body, empty)


def text(words: str, kind: str = "") -> Markup:
    """A paragraph; `kind` is "lead", "quiet", "says" or "how"."""
    return render("markup.text", words, kind)


def how(words: str) -> Markup:
    """The line on how to read a figure; empty without words."""
    return render("markup.how", words) if words else Markup()


def link(words: str, to: str, *, button: bool = False, quiet: bool = False) -> Markup:
    """A link inside the studio; as a button where it is what to do next. `to` is relative to the studio's root."""
    return render("markup.link", words, to, button, quiet)


def run_address(run_id: str, tab: str = "", **more: str) -> str:
    """The address of a run's page, relative to the studio's root.

    Args:
        run_id: the run, or an embedded model as it came.
        tab: the tab that is open; the first without one.
        more: other parts of the address, such as `inspector` or `prompt`; an empty one is left out.
    """
    parts = {"id": run_id, "tab": tab, **more}
    return "run?" + urlencode({name: value for name, value in parts.items() if value}, quote_via=quote)


def external(words: str, to: str) -> Markup:
    """A link that leaves the studio, opened beside it. Anything that is no web address is plain text."""
    return render("markup.external", words, to) if to.startswith(("https://", "http://")) else escape(words)


def row(*pieces: str) -> Markup:
    """HTML pieces side by side, wrapping."""
    return render("markup.row", join(pieces))


def tag(words: str) -> Markup:
    """A short word in a frame."""
    return render("markup.tag", words)


def fold(summary: str, body: str) -> Markup:
    """Something that folds out."""
    return render("markup.fold", summary, body)


SIGNS: Final = {"yes": "✓", "partly": "~", "no": "✕", "unknown": "?"}


ANSWERS: Final = {
    "yes": later("Yes."),
    "partly": later("In part."),
    "no": later("No."),
    "unknown": later("It cannot be said."),
}


def verdict(sentence: str, sign: str = "unknown", question: str = "") -> Markup:
    """One sentence as the answer, beside a sign: "yes", "partly", "no" or "unknown"; to a `question`, the answer in a word first."""
    return render("markup.verdict", sentence, sign, SIGNS[sign], ANSWERS[sign] if question.endswith("?") else "")


def mark(role: str) -> Markup:
    """The marker of a role, as in every plot."""
    return render("markup.mark", role)


def progress(share: float, left: str, right: str = "") -> Markup:
    """A progress bar with words below it. `share` from 0 to 1."""
    return render("markup.progress", min(max(share, 0.0), 1.0), left, right)


def failed(what: str, kept_text: str = "", now: str = "", detail: str = "") -> Markup:
    """A failure: what happened, what was kept, what to do now; the technical text folds out."""
    body = verdict(what, "no") + join(text(part) for part in (kept_text, now) if part)
    if detail:
        body += fold(tr("Technical text"), render("markup.technical", detail))
    return card("", body)


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    unit: str | Sequence[str] = "",
    sortable: bool = False,
    hints: dict[str, str] | None = None,
    cards: bool = False,
) -> Markup:
    """A table; numbers are formatted in `unit`, words stay, what was not measured says so.

    Args:
        heads: column names.
        rows: one sequence a row; the first cell names it.
        unit: unit of every number, or one for each column.
        sortable: whether a click on a column's name sorts.
        hints: column name -> what a pointer held over it shows.
        cards: for many columns: the first stays while the others scroll, and on a phone each row is a card.
    """
    lines = [list(cells) for cells in rows]
    units = [unit] * len(heads) if isinstance(unit, str) else list(unit)
    columns = [(name, _worded(at, lines), (hints or {}).get(name, "")) for at, name in enumerate(heads)]
    cells = [[_cell(value, units[at]) for at, value in enumerate(one)] for one in lines]
    return render("markup.table", columns, [(head, others) for head, *others in cells], sortable, cards)


def _worded(at: int, lines: list[list[Cell]]) -> bool:
    """Whether a column is one of words, whose name stands to the left, as they do."""
    return bool(lines) and all(at < len(cells) and isinstance(cells[at], str) for cells in lines)


def _cell(value: Cell, unit: str) -> tuple[str, str]:
    """The text of a cell, and what a number is sorted by; empty for words."""
    if isinstance(value, str):
        return value, ""
    number, number_unit = value if isinstance(value, tuple) else (value, unit)
    sort = f"{float(number):.10g}" if number is not None and theme.measured(number) else "NaN"
    return theme.quantity(number, number_unit), sort


def numbers_table(heads: Sequence[str], rows: Iterable[Sequence[Cell]], unit: str = "") -> Markup:
    """A plot's numbers, folded away: what the plot shows, for the keyboard and the screen reader."""
    return fold(tr("Show the numbers as a table"), table(heads, rows, unit=unit))


def data_uri(folder: Path, path: str) -> str:
    """A picture of a run folder as a data: URI; empty where it is missing or lies outside the folder."""
    if path.startswith("data:image/"):
        return path
    if not path or "\0" in path:
        return ""
    where = (folder / path).resolve()
    if not where.is_relative_to(folder.resolve()) or not where.is_file():
        return ""
    return as_uri(where.read_bytes(), mimetypes.guess_type(where.name)[0] or "image/png")


def as_uri(content: bytes, kind: str) -> str:
    """A file of a media type as a data: URI."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def image(uri: str, alt: str) -> Markup:
    """An image with its alternative text; words in its place where it is missing."""
    return render("markup.image", uri, alt)


def nothing(words: str) -> Markup:
    """The place of a figure that there is not, with words in it."""
    return render("markup.nothing", words)
