"""The picture of a comeback in words: what models answer at each stage of an attack, with the fact marked."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...api.panels import Piece, Words
from ...core.exam import Scores
from ...data.authors import QAPair

SHOWN, STAGES = 4, 4
BACK = 0.5  # of an item; from there on it counts as back


def answers(
    pairs: Sequence[QAPair],
    title: str,
    stages: Sequence[str],
    made: Sequence[Sequence[str]],
    reference: Sequence[Sequence[str]] | None,
    score: Callable[[Any], Scores],
    noun: str,
) -> Words:
    """A row for each of a few items, a column for each of a few stages: the first, the last, and those in which something came back.

    Args:
        pairs: the items.
        title, stages, made, reference: as of `Exam.comeback`.
        score: of what was made at one stage.
        noun: of the items, in the plural.
    """
    back = np.stack([score(one) for one in made]) >= BACK  # [stages, items]
    order = sorted(range(len(pairs)), key=lambda at: _place(back[:, at]))
    rows = order[:SHOWN]
    columns = _columns(back[:, rows])
    table = [
        [[Piece(text=str(pairs[at].question))], *(marked(made[stage][at], pairs[at].value) for stage in columns)]
        for at in rows
    ]
    names = [f"unlearned model, {stages[stage]}" for stage in columns]
    told = f"Of {len(pairs)} {noun} the unlearned model names {back[0].sum()} {stages[0]}"
    told += f" and {back[-1].sum()} at {stages[-1]}" if len(stages) > 1 else ""
    if reference is not None:
        last = score(reference[-1]) >= BACK
        for row, at in zip(table, rows, strict=True):
            row.append(marked(reference[-1][at], pairs[at].value))
        names.append(f"retrained reference, {stages[-1]}" if len(stages) > 1 else "retrained reference")
        told += f"; the retrained reference names {last.sum()}" + (" there" if len(stages) > 1 else "")
    return Words(
        title=title,
        how="Each row is a forgotten question that the attack did not learn from, those first that came back. The fact is coloured where an answer holds it.",
        says=f"{told}.",
        columns=["question", *names],
        rows=table,
        roles=["forget"] * len(table),
    )


def _place(back: Any) -> tuple[bool, int]:
    """Where an item stands: those that come back, the earliest first; then those that were there at the start; then the rest."""
    first = int(back.argmax()) if back.any() else len(back)
    return (first == 0 and len(back) > 1, first)


def _columns(back: Any) -> list[int]:
    """The stages that are shown, of [stages, items]."""
    last = len(back) - 1
    first = {int(one.argmax()) for one in back.T if one.any()}
    between = sorted(stage for stage in first if 0 < stage < last)
    return sorted({0, *between[: STAGES - 2], last})


def marked(text: str, fact: str) -> list[Piece]:
    """An answer in pieces, the fact in it with the full amount."""
    parts = re.split(f"({re.escape(fact)})", text, flags=re.IGNORECASE) if fact else [text]
    pieces = [Piece(text=part, value=1.0 if at % 2 else None) for at, part in enumerate(parts) if part]
    return pieces or [Piece(text="—")]
