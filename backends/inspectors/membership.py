"""Membership inference: whether the forgotten images are treated like images that were never trained on."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..api.panels import AnyPanel, Role, Sides
from ..core.evidence import InspectContext, When
from ..core.registry import Params, inspector
from ..core.sides import Scored, sides
from ..families.classifier.task import Classifier
from ..metrics._common import best_threshold, confidence
from ._common import percent

TITLES: dict[When, str] = {"before": "Original model", "after": "Unlearned model", "reference": "Retrained reference"}
SETS: dict[str, tuple[str, Role, Literal["TPR", "FPR", ""]]] = {
    "forget": ("forgotten images", "forget", ""),
    "retain": ("kept images", "neighbour", "TPR"),
    "test": ("new images", "unrelated", "FPR"),
}


class Membership(Params):
    """What to show."""

    pictures: int = Field(default=20, ge=0, le=100, description="How many forgotten images are shown as pictures.")


@inspector(
    id="membership",
    title="Membership inference (MIA): whether it seems trained on them",
    summary="How sure the model is of the forgotten images, beside images it keeps and images it never saw, under the attacker's threshold, which can be dragged.",
    source={
        "title": "Song & Mittal, Systematic Evaluation of Privacy Risks of Machine Learning Models, USENIX Security 2021",
        "url": "https://arxiv.org/abs/2003.10595",
    },
    needs=("classes",),
    order=21,
    group="attacker",
)
def membership(look: InspectContext[Classifier], params: Membership) -> list[AnyPanel]:
    """Every image by the true class's probability, under a threshold to drag, for every model there is.

    The threshold starts at that of the metric mia_confidence: the one that best tells the retain set from the test set. Below it the
    attacker says "never seen". Counts are of all images, dots some of them. Images whose output is not a number are never called members.
    """
    whens: list[When] = ["before", "after"]
    if look.reference is not None:
        whens.append("reference")
    return [_panel(look, when, params.pictures) for when in whens]


def _confidence(look: InspectContext[Classifier], when: When) -> dict[str, NDArray[np.float64]]:
    """Probability of the true class by set."""
    task, out = look.task, look.outputs(when)
    by_set = {}
    for part in SETS:
        split = "test" if part == "test" else "train"
        index = task.parts[part]
        labels = getattr(task.data, split).labels[index]
        by_set[part] = confidence(out[split][index], labels)
    return by_set


def _panel(look: InspectContext[Classifier], when: When, shown_pictures: int) -> Sides:
    scores = _confidence(look, when)
    pictures = _pictures(look, shown_pictures)
    sets = [
        Scored(
            name=name,
            role=role,
            rate=rate,
            ids=[f"{'test' if part == 'test' else 'train'}-{place}" for place in look.task.parts[part]],
            values=scores[part],
            pictures=pictures if part == "forget" else {},
        )
        for part, (name, role, rate) in SETS.items()
        if len(scores[part])
    ]
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
    return sides(
        sets,
        None if line is None else line.at,
        scale="odds",
        title=TITLES[when],
        how="Each dot is an image, further right the surer the model is of its class; filled dots are called members, which means trained on. "
        "Drag the line, or use the arrow keys: TPR counts kept images, which it was trained on, FPR new ones, which it was not. Forgotten images that "
        "change sides like the new ones can no longer be told from images never seen.",
        says=finding,
        x_title="probability of the true class",
        start_name="" if line is None else "Attacker's best",
    )


def _pictures(look: InspectContext[Classifier], count: int) -> dict[str, str]:
    """Pictures of a few forgotten images by id, the same ones for every model."""
    return {
        f"train-{place}": look.picture(f"train-{place}", look.task.show(int(place)))
        for place in look.some("forget", count)
    }
