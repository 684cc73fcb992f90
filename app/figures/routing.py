"""Routing shift: the tokens of a sentence as columns, layers as rows, a disc for each choice of an expert; flow.js draws it."""

import json

from markupsafe import Markup

from app import markup, theme
from app.figures._common import folded
from app.templating import render
from backends.api.languages import tr
from backends.api.panels import Routed, RoutingShift

ROWS = 8  # layers up to which all of them are drawn at once; of more, those in which most moved


def shift(panel: RoutingShift, run: str) -> Markup:
    """The figure of a panel as HTML; `run`, the id of the run that its questions are asked of."""
    if not panel.texts or not panel.layers or panel.experts < 1:
        return markup.nothing(tr("No token was sent to an expert."))
    groups: dict[str, list[tuple[int, str]]] = {}
    for number, text in enumerate(panel.texts):
        groups.setdefault(theme.ROLE_WORDS[text.role], []).append((number, text.question))
    return render("routing.shift", panel.title, data(panel, run), list(groups.items()), len(panel.layers), ROWS)


def data(panel: RoutingShift, run: str) -> str:
    """What flow.js draws, as JSON: the panel without its words, the run, and the colours of experts."""
    content = panel.model_dump(mode="json", exclude={"title", "how", "says", "kind"})
    palette = [list(pair) for pair in theme.CATEGORIES]
    return json.dumps(content | {"run": run, "palette": palette, "rows": ROWS}, separators=(",", ":"))


def moved(text: Routed) -> tuple[int, int]:
    """(choices of a sentence that went to an expert which the original model did not choose there, all its choices)."""
    pairs = [
        (set(was), now)
        for before, after in zip(text.before, text.after, strict=False)
        for was, now in zip(before, after, strict=False)
    ]
    return sum(expert not in was for was, now in pairs for expert in now), sum(len(now) for _, now in pairs)


def table(panel: RoutingShift) -> Markup:
    """The sentences with what moved and what was answered, a row each."""
    rows: list[list[markup.Cell]] = []
    for text in panel.texts:
        count, every = moved(text)
        choices = tr("{count} of {every}", count=count, every=every)
        rows.append([text.question, choices, text.original, text.unlearned, text.forced])
    return folded(
        ["question", tr("choices that moved"), tr("original model"), tr("unlearned model"), tr("with the old routing")],
        rows,
    )
