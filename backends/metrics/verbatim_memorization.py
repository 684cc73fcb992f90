"""Whether a text still comes out word for word."""

import numpy as np

from ..engine.evidence import Evidence, Score
from ..registry import metric
from ._answers import MUSE, Floats, mean, overlap, pages


@metric(
    id="verbatim_memorization",
    title="Writes the text on",
    short="VerbMem",
    summary="How much of a page it reproduces once it is handed the first words of it.",
    source=MUSE,
    works_with={"llm": True, "moe": True},
    unit="%",
    direction="reference",
    measures="forgetting",
    forgets="lower",
    order=6,
)
def verbatim_memorization(evidence: Evidence) -> Score:
    """MUSE's C1: mean ROUGE-L F1 of the greedy continuation against the true one on the pages to be forgotten, in percent.

    Parts: the same on kept pages, and on pages that no model learned, which says what their common form alone gives. Departs:
    20 tokens are handed over and 44 compared, which is what the embedded model reads at once; MUSE compares 128. Not measured
    where the targets have no pages.
    """
    of = evidence.task.pages
    found = {role: _overlaps(evidence, role) for role in ("forget", "retain", "held out")} if of else {}
    if not found:
        return Score(float("nan"))
    parts = {role: mean(found[role]) for role in ("retain", "held out")}
    return Score(mean(found["forget"]), parts=parts, items=found["forget"].astype(np.float32))


def _overlaps(evidence: Evidence, role: str) -> Floats:
    """Percent, a page [n of the role]."""
    task, said = evidence.task, evidence.outputs["page_said"]
    return np.array([100 * overlap(task.continuation(at), str(said[at])) for at in pages(evidence, role)])
