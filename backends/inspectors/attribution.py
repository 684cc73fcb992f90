"""Which pixels speak for the true class, before and after."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from captum.attr import IntegratedGradients
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from ..api.panels import AnyPanel, Picture, Pictures
from ..engine.evidence import Look
from ..registry import Params, inspector
from ._common import Item, exact, images, show, signed

SIDE = 140
CHUNK = 256  # interpolated images in one pass


class Attribution(Params):
    """How much to look at."""

    each: int = Field(default=3, ge=1, le=12, description="How many images of each kind.")
    steps: int = Field(default=50, ge=8, le=400, description="Points on the way from a black image to the image.")


@dataclass(frozen=True)
class Maps:
    """What integrated gradients found for n images.

    Attributes:
        values: [n, height, width], summed over colour channels.
        score: the true class's logit of each image [n].
        error: how far each map's sum misses score - score of a black image, relative to the latter's size [n].
    """

    values: NDArray[np.float64]
    score: NDArray[np.float64]
    error: NDArray[np.float64]


@inspector(
    id="attribution",
    title="Which pixels it looks at",
    summary="Integrated gradients of the true class for the same images before and after.",
    source={
        "title": "Sundararajan et al., Axiomatic Attribution for Deep Networks, ICML 2017; with captum",
        "url": "https://arxiv.org/abs/1703.01365",
        "code": "https://github.com/pytorch/captum",
    },
    works_with={"classifier": True},
    order=3,
)
def attribution(look: Look, params: Attribution) -> list[AnyPanel]:
    """Integrated gradients of the true class's logit from a black image (Gauss-Legendre, float32), channels summed.

    By completeness a map adds up to the logit minus that of a black image; the worst miss is said. Both maps of a row
    share one colour scale. Where the model's output is not a number the map is white and its caption says so.
    """
    items = images(look, params.each)
    before, after = (_maps(look, model, items, params.steps) for model in (look.before, look.after))
    rows, names = [], look.task.names
    for i, item in enumerate(items):
        largest = float(np.nanmax(np.abs([before.values[i], after.values[i]]), initial=0))
        original = show(look.task, item)
        path = look.picture(item.id, show(look.task, item, SIDE))
        row = [Picture(path=path, caption=f"{names[item.label]} ({item.group})", role=item.group)]
        for when, maps in (("before", before), ("after", after)):
            drawn = signed(maps.values[i], largest, original, SIDE)
            row.append(
                Picture(
                    path=look.picture(f"{item.id}-{when}", drawn), caption=_caption(maps.score[i]), role="difference"
                )
            )
        rows.append(row)
    return [
        Pictures(
            title="Integrated gradients of the true class",
            how="Orange pixels speak for the true class, blue ones against it; both pictures of a row have the same scale. Below: the score (logit) of the true class.",
            says=_said(items, before, after),
            columns=["image", "before", "after"],
            rows=rows,
        )
    ]


def _maps(look: Look, model: nn.Module, items: list[Item], steps: int) -> Maps:
    x = torch.cat([look.task.batch(np.array([item.position]), test=item.split == "test").x for item in items])
    target = torch.tensor([item.label for item in items], device=x.device)
    black = look.task.pixels.normalise(torch.zeros(x.shape, dtype=torch.uint8))  # type: ignore[attr-defined]

    def logits(pixels: Tensor) -> Tensor:
        return look.task.forward(model, pixels)

    with exact(look.task):
        found, miss = IntegratedGradients(logits).attribute(
            x, black, target, n_steps=steps, internal_batch_size=max(CHUNK, len(x)), return_convergence_delta=True
        )
        with torch.no_grad():
            score, ground = (logits(p).gather(1, target[:, None])[:, 0].double().cpu().numpy() for p in (x, black))
    gap = np.abs(score - ground)
    error = np.divide(miss.abs().double().cpu().numpy(), gap, out=np.zeros_like(gap), where=gap > 1e-6)
    return Maps(found.detach().sum(1).double().cpu().numpy(), score, error)


def _caption(score: float) -> str:
    return f"score {score:.1f}" if math.isfinite(score) else "score not measured"


def _said(items: list[Item], before: Maps, after: Maps) -> str:
    """How much the maps changed, forgotten beside the others, and how exact they are."""
    told = []
    for name, own in (("forgotten", True), ("other", False)):
        chosen = [i for i, item in enumerate(items) if (item.group == "forget") == own]
        if chosen:
            size = float(np.abs(before.values[chosen]).sum())
            change = float(np.abs(after.values[chosen] - before.values[chosen]).sum())
            told.append(f"{100 * change / size:.0f} % for {name} images" if size else f"not measured for {name} images")
    worst = float(np.nanmax(np.concatenate([before.error, after.error]), initial=0))
    return f"The maps changed by {' and '.join(told)} (relative to their size before). They add up to the score with an error of at most {100 * worst:.1f} %."
