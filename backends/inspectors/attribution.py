"""Integrated gradients: which pixels speak for the true class, before and after."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from ..api.panels import AnyPanel, Picture, Pictures
from ..core.evidence import InspectContext
from ..core.registry import Params, inspector
from ..families.classifier.task import Classifier
from ._common import ImageItem, exact, images, show, signed

SIDE = 140
CHUNK = 256  # interpolated images in one pass


class Attribution(Params):
    """How much to look at."""

    each: int = Field(default=3, ge=1, le=12, description="How many images of each kind.")
    steps: int = Field(default=50, ge=8, le=400, description="Points on the way from a black image to the image.")


@dataclass(frozen=True)
class Maps:
    """Integrated gradients of n images.

    Attributes:
        values: [n, height, width], summed over colour channels.
        score: the true class's logit of each image [n].
        gap: score minus that of a black image, which a map should add up to [n].
        miss: how far from it the map's sum is [n].
    """

    values: NDArray[np.float64]
    score: NDArray[np.float64]
    gap: NDArray[np.float64]
    miss: NDArray[np.float64]


@inspector(
    id="attribution",
    title="Integrated gradients (IG): which pixels it looks at",
    summary="Integrated gradients of the true class for the same images before and after.",
    source={
        "title": "Sundararajan et al., Axiomatic Attribution for Deep Networks, ICML 2017; with captum",
        "url": "https://arxiv.org/abs/1703.01365",
        "code": "https://github.com/pytorch/captum",
    },
    needs=("classes",),
    order=3,
    group="sees",
)
def attribution(look: InspectContext[Classifier], params: Attribution) -> list[AnyPanel]:
    """Integrated gradients of the true class's logit from a black image (Gauss-Legendre, float32), channels summed.

    By completeness a map adds up to the logit minus that of a black image; how far the maps miss it is said. Both maps of a
    row share one colour scale, in which the strongest 1 % of pixels have full colour. Where the model's output is not a
    number the map is white and its caption says so.
    """
    items = images(look, params.each)
    before, after = (
        _maps(look, model, items, params.steps, when)
        for when, model in (("before", look.before), ("after", look.after))
    )
    rows, names = [], look.task.names
    for i, item in enumerate(items):
        largest = _full(np.abs([before.values[i], after.values[i]]))
        original = show(look.task, item)
        path = look.picture(item.id, show(look.task, item, SIDE))
        row = [Picture(path=path, caption=f"{names[item.label]} ({item.group})", role=item.group)]
        for when, maps in (("before", before), ("after", after)):
            heat = signed(maps.values[i], largest, original, SIDE)
            row.append(
                Picture(
                    path=look.picture(f"{item.id}-{when}", heat), caption=_caption(maps.score[i]), role="difference"
                )
            )
        rows.append(row)
    return [
        Pictures(
            title="Integrated gradients of the true class",
            how="Orange pixels speak for the true class, blue ones against it; both pictures of a row have the same scale. Below: the score (logit) of the true class.",
            says=_change_sentence(items, before, after),
            columns=["image", "before", "after"],
            rows=rows,
        )
    ]


def _maps(
    look: InspectContext[Classifier], model: nn.Module, items: list[ImageItem], steps: int, when: str = ""
) -> Maps:
    x = torch.cat([look.task.batch(np.array([item.position]), test=item.split == "test").x for item in items])
    target = torch.tensor([item.label for item in items], device=x.device)
    from captum.attr import (
        IntegratedGradients,
    )  # late: the catalog imports this file, and the studio waits for the catalog

    black = look.task.pixels.normalise(torch.zeros(x.shape, dtype=torch.uint8))

    rows, passes = 0, steps * len(x)  # every image is asked about at every step of its way from black

    def logits(pixels: Tensor) -> Tensor:
        nonlocal rows
        look.tell(f"following gradients, {when}", min(rows, passes), passes)
        rows += len(pixels)
        return look.task.forward(model, pixels)

    with exact(look.task):
        gradients, miss = IntegratedGradients(logits).attribute(
            x, black, target, n_steps=steps, internal_batch_size=max(CHUNK, len(x)), return_convergence_delta=True
        )
        with torch.no_grad():
            score, ground = (logits(p).gather(1, target[:, None])[:, 0].double().cpu().numpy() for p in (x, black))
    values = gradients.detach().sum(1).double().cpu().numpy()
    return Maps(values, score, score - ground, miss.abs().double().cpu().numpy())


def _full(sizes: NDArray[np.float64]) -> float:
    """The size that gets full colour: all but the strongest 1 % of pixels lie below it."""
    sizes = sizes[np.isfinite(sizes)]
    if not len(sizes):
        return 0.0
    return float(np.quantile(sizes, 0.99)) or float(sizes.max())


def _caption(score: float) -> str:
    return f"score {score:.1f}" if math.isfinite(score) else "score not measured"


def _change_sentence(items: list[ImageItem], before: Maps, after: Maps) -> str:
    """How much the maps changed, forgotten beside the others, and how exact they are."""
    changes = []
    for name, own in (("forgotten", True), ("other", False)):
        chosen = [i for i, item in enumerate(items) if (item.group == "forget") == own]
        if chosen:
            size = float(np.abs(before.values[chosen]).sum())
            change = float(np.abs(after.values[chosen] - before.values[chosen]).sum())
            share = (
                f"{100 * change / size:.0f} %" if size and math.isfinite(change) else "an amount that is not measured"
            )
            changes.append(f"{share} for {name} images")
    miss, gap = (float(np.nanmean(np.abs(pair))) for pair in ((before.miss, after.miss), (before.gap, after.gap)))
    return f"The maps changed by {' and '.join(changes)} (relative to their size before). They should add up to {gap:.2f} on average and miss it by {miss:.3f}."
