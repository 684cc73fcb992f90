"""A map of what the model sees: where images lay before, and where they lie now."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..api.panels import AnyPanel, Point, Points, Verdict
from ..engine.evidence import Look
from ..metrics._common import probabilities
from ..registry import Params, inspector
from ._common import GROUPS, Item, exact, images, over, show
from ._umap import fit, transform

THUMBNAIL = 84


class EmbeddingMap(Params):
    """How much to draw."""

    count: int = Field(default=400, ge=30, le=2000, description="How many images to draw, a third of each kind.")
    neighbours: int = Field(
        default=15, ge=2, le=100, description="How many nearest images hold a point in its place (UMAP's n_neighbors)."
    )


@inspector(
    id="embedding_map",
    title="The map of what it sees",
    summary="Images that the model sees alike lie together; lines lead from where an image lay before to where it lies now.",
    source={
        "title": "McInnes et al., UMAP: Uniform Manifold Approximation and Projection, 2018",
        "url": "https://arxiv.org/abs/1802.03426",
        "code": "https://github.com/lmcinnes/umap",
    },
    works_with={"classifier": True},
    order=2,
)
def embedding_map(look: Look, params: EmbeddingMap) -> list[AnyPanel]:
    """UMAP of what goes into the last layer (cosine distance), fitted on the model before alone.

    Both models' features are then transformed onto that map in the same way, so an image whose features did not change
    does not move, and distances moved can be compared. Forgotten images are new images of the forgotten classes where
    classes were forgotten, else the training images themselves. Where the features after are not numbers, only the map
    before is drawn.
    """
    task = look.task
    items = images(look, params.count // 3)
    with exact(task):
        before, after = (
            over(task, items, lambda x, m=model: task.features(m, x)) for model in (look.before, look.after)
        )  # type: ignore[misc]
        said = [
            probabilities(over(task, items, lambda x, m=model: task.forward(m, x)))  # type: ignore[misc]
            for model in (look.before, look.after)
        ]
    if len(items) < 4 or not np.isfinite(before).all():
        return [_no_map(len(items))]
    fitted = fit(before, params.neighbours)
    start = transform(fitted, before)
    end = transform(fitted, after) if np.isfinite(after).all() else None
    points = [
        Point(
            id=item.id,
            label=task.names[item.label],
            role=item.group,
            before=(float(start[i, 0]), float(start[i, 1])),
            after=None if end is None else (float(end[i, 0]), float(end[i, 1])),
            image=look.picture(item.id, show(task, item, THUMBNAIL)),
            text=f"{_three(said[0][i], task.names)} → {_three(said[1][i], task.names)}",
        )
        for i, item in enumerate(items)
    ]
    return [
        Points(
            title="Before and after on one map",
            how="Each point is an image; what the model sees alike lies together. Before and after are linked. Directions and far distances on the map mean nothing, only who lies beside whom, and how far a point moved beside others.",
            says=_said(items, start, end),
            points=points,
        )
    ]


def _three(shares: NDArray[np.float64], names: list[str]) -> str:
    """The three likeliest classes with their probabilities."""
    if not np.isfinite(shares).all():
        return "not measured"
    return ", ".join(f"{names[i]} {100 * shares[i]:.0f} %" for i in np.argsort(-shares, kind="stable")[:3])


def _said(items: list[Item], start: NDArray[np.float32], end: NDArray[np.float32] | None) -> str:
    if end is None:
        return "The model after gives no numbers any more, so only the map before is drawn."
    far = np.linalg.norm(end - start, axis=1)
    across = float(np.ptp(start, axis=0).max())
    words = {"forget": "forgotten", "neighbour": "neighbouring", "unrelated": "unrelated"}
    told = []
    for group in GROUPS:
        own = [i for i, item in enumerate(items) if item.group == group]
        if own and across > 0:
            told.append(f"{words[group]} {100 * float(np.median(far[own])) / across:.1f} %")
    return f"Half of the images moved further than this share of the map's width: {', '.join(told)}."


def _no_map(count: int) -> Verdict:
    return Verdict(
        title="Before and after on one map",
        how="A map needs at least four images and a model before whose outputs are numbers.",
        says=f"There is no map: the model before gives no numbers for its {count} images, or they are fewer than four.",
        sign="unknown",
    )
