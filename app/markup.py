"""Small pieces of HTML that every page is made of. Each takes plain text and escapes it; what returns HTML says so."""

import base64
import html
import mimetypes
from collections.abc import Iterable, Sequence
from pathlib import Path

from app import theme


class Html(str):
    """Text that is HTML already; `table` escapes every other cell."""


Cell = Html | str | float | None | tuple[float | None, str]  # text, a number, or a number with its unit


def esc(text: object) -> str:
    """Plain text, safe inside HTML and inside a double-quoted attribute."""
    return html.escape(str(text), quote=True)


def wrap(*pieces: str) -> str:
    """HTML pieces, one below the other."""
    return f'<div class="lethe-stack">{"".join(pieces)}</div>'


def head(title: str, text: str = "") -> str:
    """The head of a page: its name, and one sentence on what a person does there."""
    return f'<header class="lethe lethe-head"><h1>{esc(title)}</h1><p>{esc(text)}</p></header>'


def section(title: str) -> str:
    """The heading of a part of a page that its look needs no words for, there for who reads by headings.

    Headings go down by one: h1 names the page, h2 a part of it, as this one or one that is seen, h3 a card or panel, h4 what is in it.
    """
    return f'<h2 class="lethe-unseen">{esc(title)}</h2>'


def card(title: str, body: str, *, empty: bool = False) -> str:
    """A framed piece of a page. `body` is HTML; `empty` centres it, for a page that has nothing to show yet."""
    name = f"<h3>{esc(title)}</h3>" if title else ""
    return f'<section class="lethe-card{" lethe-empty" if empty else ""}">{name}<div class="lethe-card-body">{body}</div></section>'


def text(words: str, kind: str = "") -> str:
    """A paragraph; `kind` is "lead", "quiet", "says" or "how"."""
    attribute = f' class="lethe-{kind}"' if kind else ""
    return f"<p{attribute}>{esc(words)}</p>"


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


ANSWERS = {"yes": "Yes.", "partly": "In part.", "no": "No.", "unknown": "It cannot be said."}


def verdict(sentence: str, sign: str = "unknown", question: str = "") -> str:
    """One sentence as the answer, beside a sign: "yes", "partly", "no" or "unknown"; to a `question`, the answer in a word first."""
    answer = f"<strong>{ANSWERS[sign]}</strong> " if question.endswith("?") else ""
    return (
        f'<div class="lethe-verdict"><span class="lethe-sign" data-sign="{sign}" aria-hidden="true">{SIGNS[sign]}</span>'
        f'<p class="lethe-lead">{answer}{esc(sentence)}</p></div>'
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


def failed(what: str, kept_text: str = "", now: str = "", detail: str = "") -> str:
    """A failure: what happened, what was kept, what to do now; the technical text folds out."""
    body = verdict(what, "no") + "".join(text(part) for part in (kept_text, now) if part)
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
    lines = [list(cells) for cells in rows]
    units = [unit] * len(heads) if isinstance(unit, str) else list(unit)
    columns = "".join(_column(at, name, lines, sortable, (hints or {}).get(name, "")) for at, name in enumerate(heads))
    body = "".join(
        f"<tr>{''.join(_cell(value, units[at], at == 0) for at, value in enumerate(one))}</tr>" for one in lines
    )
    kind = ' class="sortable"' if sortable else ""
    return (
        f'<div class="lethe-scroll" tabindex="0" role="region" aria-label="Table"><table{kind}><thead><tr>{columns}'
        f"</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _column(at: int, name: str, lines: list[list[Cell]], sortable: bool, hint: str) -> str:
    """A column's name; over a column of words it stands to the left, as they do."""
    worded = bool(lines) and all(at < len(cells) and isinstance(cells[at], str) for cells in lines)
    kind = ' class="words"' if worded else ""
    title_attribute = f' title="{esc(hint)}"' if hint else ""
    if sortable:
        return f'<th scope="col"{kind}><button type="button"{title_attribute}>{esc(name)}</button></th>'
    return f'<th scope="col"{kind}{title_attribute}>{esc(name)}</th>'


def _cell(value: Cell, unit: str, heads_row: bool) -> str:
    """One cell: words to the left, numbers to the right with what they are sorted by."""
    kind = 'th scope="row"' if heads_row else "td"
    if isinstance(value, str):
        return f'<{kind} class="words">{value if isinstance(value, Html) else esc(value)}</{kind[:2]}>'
    number, number_unit = value if isinstance(value, tuple) else (value, unit)
    sort = f"{float(number):.10g}" if number is not None and theme.measured(number) else "NaN"
    return f'<{kind} data-sort="{sort}">{esc(theme.quantity(number, number_unit))}</{kind[:2]}>'


def numbers_table(heads: Sequence[str], rows: Iterable[Sequence[Cell]], unit: str = "") -> str:
    """A plot's numbers, folded away: what the plot shows, for the keyboard and the screen reader."""
    return fold("Show the numbers as a table", table(heads, rows, unit=unit))


def data_uri(folder: Path, path: str) -> str:
    """A picture of a run folder as a data: URI; empty where it is missing or lies outside the folder."""
    if path.startswith("data:image/"):
        return path
    if not path or "\0" in path:
        return ""
    where = (folder / path).resolve()
    if not where.is_relative_to(folder.resolve()) or not where.is_file():
        return ""
    kind = mimetypes.guess_type(where.name)[0] or "image/png"
    return f"data:{kind};base64,{base64.b64encode(where.read_bytes()).decode()}"


def image(uri: str, alt: str) -> str:
    """An image with its alternative text; words in its place where it is missing."""
    if not uri:
        return f'<div class="lethe-nothing" style="min-height:84px">{esc("picture missing")}</div>'
    return f'<img src="{esc(uri)}" alt="{esc(alt)}" decoding="async">'
