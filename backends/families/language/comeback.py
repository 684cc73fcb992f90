"""The picture of a comeback in words: what models answer at each stage of an attack, with the fact marked."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...api.panels import AnswerStage, Comeback, ComingBack, Piece
from ...core.exam import Scores
from ...data.authors import QAPair

SHOWN = 4
BACK = 0.5  # of an item; from there on it counts as back


def answers(
    pairs: Sequence[QAPair],
    title: str,
    stages: Sequence[str],
    outputs: Sequence[Sequence[str]],
    reference: Sequence[Sequence[str]] | None,
    score: Callable[[Any], Scores],
    noun: str,
) -> Comeback:
    """A few items with the answer at each stage, those first that came back.

    Args:
        pairs: the items.
        title, stages, outputs, reference: as of `Exam.comeback`.
        score: of what was made at one stage.
        noun: of the items, in the plural.
    """
    back = np.stack([score(one) for one in outputs]) >= BACK  # [stages, items]
    last = None if reference is None else score(reference[-1]) >= BACK
    order = sorted(range(len(pairs)), key=lambda at: _place(back[:, at]))
    sentence = f"Of {len(pairs)} {noun} the unlearned model names {back[0].sum()} {stages[0]}"
    sentence += f" and {back[-1].sum()} at {stages[-1]}" if len(stages) > 1 else ""
    if last is not None:
        sentence += f"; the retrained reference names {last.sum()}" + (" there" if len(stages) > 1 else "")
    items = []
    for at in order[:SHOWN]:
        each = [
            AnswerStage(name=name, text=marked(texts[at], pairs[at].value), back=bool(back[number, at]))
            for number, (name, texts) in enumerate(zip(stages, outputs, strict=True))
        ]
        end = None
        if reference is not None and last is not None:
            end = AnswerStage(name="retrained", text=marked(reference[-1][at], pairs[at].value), back=bool(last[at]))
        items.append(ComingBack(asked=str(pairs[at].question), stages=each, reference=end))
    how = (
        "The attack learned from none of these questions. What was to be forgotten is marked where an answer holds it."
    )
    return Comeback(title=title, how=how, says=f"{sentence}.", items=items)


def _place(back: Any) -> tuple[bool, int]:
    """Where an item stands: those that come back, the earliest first; then those that were there at the start; then the rest."""
    first = int(back.argmax()) if back.any() else len(back)
    return (first == 0 and len(back) > 1, first)


def marked(text: str, fact: str) -> list[Piece]:
    """An answer in pieces, the fact in it with the full amount."""
    parts = re.split(f"({re.escape(fact)})", text, flags=re.IGNORECASE) if fact else [text]
    pieces = [Piece(text=part, value=1.0 if at % 2 else None) for at, part in enumerate(parts) if part]
    return pieces or [Piece(text="—")]
