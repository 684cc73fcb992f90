"""Texts coloured by the experts that work on each word, before and after; a click on an expert shows its words."""

import json
from dataclasses import dataclass

from markupsafe import Markup

from app import markup
from app.templating import render
from app.theme import ROLE_WORDS
from backends.api.panels import Routed, Routes


@dataclass(frozen=True)
class Span:
    """A word of a text: where each layer sends it, as panels.js reads it, and by whom it is shown to be worked on."""

    word: str
    to: str
    on: bool
    tint: str
    experts: str


def routes(panel: Routes) -> Markup:
    """Chips to choose a layer and an expert, and the texts twice, as HTML; panels.js answers the chips."""
    if not panel.texts or not panel.layers or not panel.experts:
        return markup.nothing("No word was sent to an expert.")
    layers = [(name.removeprefix("layer "), "", "") for name in panel.layers]
    experts = [
        (str(at + 1), share(*one), tint_of(at, panel.experts))
        for at, one in zip(range(panel.experts), panel.shares[panel.layer], strict=True)
    ]
    rows = [_row(panel, text) for text in panel.texts]
    return render("figures.routes", panel, json.dumps(panel.shares), layers, experts, rows)


def share(before: float, after: float) -> str:
    """Percent of the words, before and after."""
    return f"{before:.0f} → {after:.0f}\u00a0%"


def tint_of(expert: int, count: int) -> str:
    """A shade for an expert: one scale from dark blue to yellow, as amounts have; the number is always beside it."""
    share = expert / max(1, count - 1)
    return f"{100 * share:.0f}%"


def _row(panel: Routes, text: Routed) -> tuple[str, str, list[tuple[str, list[Span]]]]:
    cells = [(when, _spans(panel, text.words, goes)) for when, goes in (("before", text.before), ("after", text.after))]
    return text.role, ROLE_WORDS[text.role], cells


def _spans(panel: Routes, words: list[str], goes: list[list[list[int]]]) -> list[Span]:
    spans = []
    for at, word in enumerate(words):
        of = [layer[at] for layer in goes]
        here = of[panel.layer]
        spans.append(
            Span(
                word=word,
                to="|".join(" ".join(map(str, one)) for one in of),
                on=panel.expert in here,
                tint=tint_of(here[0] if here else 0, panel.experts),
                experts=" and ".join(str(one + 1) for one in here),
            )
        )
    return spans
