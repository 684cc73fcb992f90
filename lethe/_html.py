"""What a notebook shows of a run: plain tables, in the notebook's own colours."""

from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """An HTML table; every cell is text."""
    head = Markup().join(Markup('<th style="text-align:left">{}</th>').format(cell) for cell in heads)
    body = Markup().join(
        Markup("<tr>{}</tr>").format(
            Markup().join(Markup('<td style="text-align:left">{}</td>').format(cell) for cell in row)
        )
        for row in rows
    )
    return str(Markup("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>").format(head, body))


def paragraphs(sentences: Iterable[str]) -> str:
    """Each sentence as a paragraph."""
    return "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences if sentence)
