"""Small pieces of HTML that every page is made of. Each takes plain text and escapes it; what returns HTML says so."""

import base64
import html
import mimetypes
from collections.abc import Iterable, Sequence
from pathlib import Path

from app import theme


class Html(str):
    """Text that is HTML already; `table` escapes every other cell."""


Cell = Html | str | float | None


def esc(text: object) -> str:
    """Plain text, safe inside HTML and inside a double-quoted attribute."""
    return html.escape(str(text), quote=True)


def wrap(*pieces: str) -> str:
    """HTML pieces, one below the other."""
    return f'<div class="lethe-stack">{"".join(pieces)}</div>'


def head(title: str, text: str = "") -> str:
    """The head of a page: its name, and one sentence on what a person does there."""
    return f'<header class="lethe lethe-head"><h1>{esc(title)}</h1><p>{esc(text)}</p></header>'


def card(title: str, body: str, *, empty: bool = False) -> str:
    """A framed piece of a page. `body` is HTML; `empty` centres it, for a page that has nothing to show yet."""
    name = f"<h3>{esc(title)}</h3>" if title else ""
    return f'<section class="lethe-card{" lethe-empty" if empty else ""}">{name}<div class="lethe-card-body">{body}</div></section>'


def text(words: str, kind: str = "") -> str:
    """A paragraph; `kind` is "lead", "quiet", "says" or "how"."""
    named = f' class="lethe-{kind}"' if kind else ""
    return f"<p{named}>{esc(words)}</p>"


def link(words: str, to: str, *, button: bool = False, quiet: bool = False) -> Html:
    """A link inside the studio; as a button where it is what to do next. `to` is relative to the studio's root."""
    kind = f' class="lethe-button{" quiet" if quiet else ""}"' if button else ""
    return Html(f'<a{kind} href="{esc(to)}">{esc(words)}</a>')


def external(words: str, to: str) -> str:
    """A link that leaves the studio, opened beside it. Anything that is no web address is plain text."""
    if not to.startswith(("https://", "http://")):
        return esc(words)
    return f'<a href="{esc(to)}" target="_blank" rel="noopener noreferrer">{esc(words)}</a>'


def row(*pieces: str) -> str:
    """HTML pieces side by side, wrapping."""
    return f'<div class="lethe-row">{"".join(pieces)}</div>'


def tag(words: str) -> str:
    """A short word in a frame."""
    return f'<span class="lethe-tag">{esc(words)}</span>'


def fold(summary: str, body: str) -> str:
    """Something that folds out. `body` is HTML."""
    return f"<details><summary>{esc(summary)}</summary>{body}</details>"


SIGNS = {"yes": "✓", "partly": "~", "no": "✕", "unknown": "?"}


def verdict(sentence: str, sign: str = "unknown") -> str:
    """One sentence as the answer, beside a sign: "yes", "partly", "no" or "unknown"."""
    return (
        f'<div class="lethe-verdict"><span class="lethe-sign" data-sign="{sign}" aria-hidden="true">{SIGNS[sign]}</span>'
        f'<p class="lethe-lead">{esc(sentence)}</p></div>'
    )


def mark(role: str) -> str:
    """The marker of a role, as in every plot."""
    return f'<span class="lethe-mark" data-role="{esc(role)}" aria-hidden="true"></span>'


def progress(share: float, left: str, right: str = "") -> str:
    """A progress bar with words below it. `share` from 0 to 1."""
    share = min(max(share, 0.0), 1.0)
    return (
        f'<div class="lethe-progress"><div class="track" role="progressbar" aria-label="Progress" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{round(100 * share)}"><div class="done" style="width:{100 * share:.1f}%">'
        f'</div></div><div class="words"><span>{esc(left)}</span><span>{esc(right)}</span></div></div>'
    )


def failed(what: str, kept: str = "", now: str = "", detail: str = "") -> str:
    """A failure: what happened, what was kept, what to do now; the technical text folds out."""
    body = verdict(what, "no") + "".join(text(part) for part in (kept, now) if part)
    if detail:
        body += fold(
            "Technical text",
            f'<div class="lethe-scroll"><pre style="margin:0;padding:14px;white-space:pre-wrap">{esc(detail)}</pre></div>',
        )
    return card("", body)


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    unit: str | Sequence[str] = "",
    sortable: bool = False,
    hints: dict[str, str] | None = None,
) -> str:
    """A table; numbers are formatted in `unit`, words stay, what was not measured says so.

    Args:
        heads: column names.
        rows: one sequence a row; the first cell names it.
        unit: unit of every number, or one for each column.
        sortable: whether a click on a column's name sorts.
        hints: column name -> what a pointer held over it shows.
    """
    hints = hints or {}

    def column(name: str) -> str:
        hint = f' title="{esc(hints[name])}"' if name in hints else ""
        inside = f'<button type="button"{hint}>{esc(name)}</button>' if sortable else esc(name)
        return f'<th scope="col"{"" if sortable else hint}>{inside}</th>'

    def cell(value: Cell, at: int) -> str:
        if isinstance(value, str):
            return f'<td class="words">{value if isinstance(value, Html) else esc(value)}</td>'
        sort = f"{float(value):.10g}" if value is not None and theme.measured(value) else "NaN"
        return f'<td data-sort="{sort}">{esc(theme.quantity(value, unit if isinstance(unit, str) else unit[at]))}</td>'

    def line(cells: Sequence[Cell]) -> str:
        first = cells[0]
        name = theme.quantity(first, "") if not isinstance(first, str) else first
        shown = name if isinstance(name, Html) else esc(name)
        return (
            f'<tr><th scope="row">{shown}</th>{"".join(cell(value, at) for at, value in enumerate(cells[1:], 1))}</tr>'
        )

    body = "".join(line(cells) for cells in rows)
    kind = ' class="sortable"' if sortable else ""
    return (
        f'<div class="lethe-scroll" tabindex="0" role="region" aria-label="Table"><table{kind}><thead><tr>'
        f"{''.join(column(name) for name in heads)}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def numbers_table(heads: Sequence[str], rows: Iterable[Sequence[Cell]], unit: str = "") -> str:
    """A plot's numbers, folded away: what the plot shows, for the keyboard and the screen reader."""
    return fold("Show the numbers as a table", table(heads, rows, unit=unit))


def data_uri(folder: Path, path: str) -> str:
    """A picture of a run folder as a data: URI; empty where it is missing or lies outside the folder."""
    if path.startswith("data:image/"):
        return path
    where = (folder / path).resolve()
    if not path or not where.is_relative_to(folder.resolve()) or not where.is_file():
        return ""
    kind = mimetypes.guess_type(where.name)[0] or "image/png"
    return f"data:{kind};base64,{base64.b64encode(where.read_bytes()).decode()}"


def image(uri: str, said: str) -> str:
    """An image with its alternative text; words in its place where it is missing."""
    if not uri:
        return f'<div class="lethe-nothing" style="min-height:84px">{esc("picture missing")}</div>'
    return f'<img src="{esc(uri)}" alt="{esc(said)}" decoding="async">'
