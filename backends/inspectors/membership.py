"""Membership inference: whether the forgotten images are treated like images that were never trained on."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..api.panels import AnyPanel, Histogram, Role, Series
from ..core.evidence import InspectContext, When
from ..core.registry import Params, inspector
from ..families.classifier.task import Classifier
from ..metrics._common import best_threshold, confidence
from ._common import percent

TITLES: dict[When, str] = {"before": "Original model", "after": "Unlearned model", "reference": "Retrained reference"}
ROLES: dict[str, tuple[str, Role]] = {
    "forget": ("forget", "forget"),
    "retain": ("keep (trained on)", "neighbour"),
    "test": ("new images", "unrelated"),
}


class Membership(Params):
    """What to show."""

    bins: int = Field(default=25, ge=5, le=100, description="How many bars a histogram has.")


@inspector(
    id="membership",
    title="Membership inference (MIA): whether it seems trained on them",
    summary="How sure the model is of the forgotten images, beside images it keeps and images it never saw, with the attacker's threshold.",
    source={
        "title": "Song & Mittal, Systematic Evaluation of Privacy Risks of Machine Learning Models, USENIX Security 2021",
        "url": "https://arxiv.org/abs/2003.10595",
    },
    needs=("classes",),
    order=21,
    group="attacker",
)
def membership(look: InspectContext[Classifier], params: Membership) -> list[AnyPanel]:
    """Histograms of the true class's probability, in percent of each set, for every model there is.

    The line is the threshold of the metric mia_confidence: the one that best tells the retain set from the test set.
    Left of it the attacker says "never seen". Images whose output is not a number are left out of the bars.
    """
    whens: list[When] = ["before", "after"]
    if look.reference is not None:
        whens.append("reference")
    return [_panel(look, when, params.bins) for when in whens]


def _confidence(look: InspectContext[Classifier], when: When) -> dict[str, NDArray[np.float64]]:
    """Probability of the true class by set."""
    task, out = look.task, look.outputs(when)
    by_set = {}
    for part in ROLES:
        split = "test" if part == "test" else "train"
        index = task.parts[part]
        labels = getattr(task.data, split).labels[index]
        by_set[part] = confidence(out[split][index], labels)
    return by_set


def _panel(look: InspectContext[Classifier], when: When, bins: int) -> Histogram:
    scores = _confidence(look, when)
    edges = np.linspace(0, 1, bins + 1)
    series = []
    for part, (name, role) in ROLES.items():
        counts, _ = np.histogram(scores[part][np.isfinite(scores[part])], bins=edges)
        shares = 100 * counts / max(len(scores[part]), 1)
        series.append(
            Series(
                name=name,
                values=[float(share) for share in shares],
                role=role,
                when="" if when == "reference" else when,
            )
        )
    line = best_threshold(scores["retain"], scores["test"])
    if line is None:
        finding = (
            "No threshold tells the kept images from new ones better than chance, so this attacker learns nothing."
        )
    else:
        unseen = {part: 100 * float((values < line.at).mean()) for part, values in scores.items() if len(values)}
        finding = (
            f"Below {line.at:.3f} the attacker says never seen: {percent(unseen['forget'])} of the forget set, "
            f"{percent(unseen['retain'])} of what is kept, {percent(unseen['test'])} of new images; "
            f"it is right {percent(100 * line.accuracy)} of the time, where guessing gives 50 %."
        )
    return Histogram(
        title=TITLES[when],
        how="Each set's bars add up to 100 %. Forgotten images that lie like the new images can no longer be told from images never seen; bars at the right are what the model is sure of.",
        says=finding,
        edges=[float(edge) for edge in edges],
        series=series,
        x_title="probability of the true class",
        y_title="share of its set, %",
        threshold=None if line is None else line.at,
        threshold_name="" if line is None else "never seen | trained on",
    )
