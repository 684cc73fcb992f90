"""Verbatim memorization (VerbMem): ROUGE-L F1 of continuations of forget texts."""

import numpy as np

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..families.language.overlap import rouge_f1
from ..families.language.task import LanguageModel
from ._answers import MUSE, Floats, mean, page_indices


@metric(
    id="verbatim_memorization",
    title="Verbatim memorization (VerbMem)",
    short="VerbMem",
    summary="How much of a page it writes on once it is handed the first words.",
    source=MUSE,
    departures="20 tokens are handed over and 44 compared, which is what the embedded model reads at once; MUSE "
    "compares 128.",
    needs=("answers",),
    unit="%",
    direction="reference",
    measures="forgetting",
    forgets="lower",
    order=6,
)
def verbatim_memorization(evidence: Evidence[LanguageModel]) -> Score:
    """MUSE's C1: mean ROUGE-L F1 of the greedy continuation against the true one on the pages to be forgotten, in percent.

    Parts: the same on kept pages, and on pages that no model learned, which says what their common form alone gives. Not
    measured where the targets have no pages.
    """
    texts = evidence.task.pages
    overlaps = {role: _overlaps(evidence, role) for role in ("forget", "retain", "held out")} if texts else {}
    if not overlaps:
        return Score(float("nan"))
    parts = {role: mean(overlaps[role]) for role in ("retain", "held out")}
    return Score(mean(overlaps["forget"]), parts=parts, items=overlaps["forget"].astype(np.float32))


def _overlaps(evidence: Evidence[LanguageModel], role: str) -> Floats:
    """ROUGE-L F1 in percent of each page of a role [n]."""
    task, continuations = evidence.task, evidence.outputs["page_said"]
    return np.array(
        [100 * rouge_f1(task.continuation(index), str(continuations[index])) for index in page_indices(evidence, role)]
    )
