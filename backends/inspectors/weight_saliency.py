"""Weight saliency: the weights with the largest gradient of the forget loss, beside those that moved furthest."""

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from ..api import families
from ..api.panels import AnyPanel, Bars, Heatmap, Histogram, Number, Series, Verdict
from ..core.evidence import InspectContext
from ..core.registry import Params, inspector
from ._answers import answer_gradients
from ._common import exact, from_entrance, layer, module, percent
from ._pictures import gradients

BATCH = 256


class WeightSaliency(Params):
    """Where to draw the line."""

    fraction: float = Field(default=0.5, gt=0, lt=1, description="Share of all weights that count as salient.")
    images: int = Field(
        default=4000, ge=16, le=200_000, description="At most this many images or answers to be forgotten are asked."
    )
    most: int = Field(default=40, ge=5, le=300, description="How many modules the table shows, the largest.")


@dataclass(frozen=True)
class Weights:
    """Every weight of a model in one row [n]: how hard the forget set pulls, how far it moved, and where it stands."""

    pull: NDArray[np.float32]
    move: NDArray[np.float32]
    layers: NDArray[np.int64]
    modules: NDArray[np.int64]
    layer_names: list[str]
    module_names: list[str]


@inspector(
    id="weight_saliency",
    title="Weight saliency: what matters for the forget set",
    summary="The weights with the largest gradient of the forget loss (the saliency mask), by layer, beside the weights that moved furthest.",
    source={
        "title": "Fan et al., SalUn: Empowering Machine Unlearning via Gradient-based Weight Saliency, ICLR 2024",
        "url": "https://arxiv.org/abs/2310.12508",
        "code": "https://github.com/OPTML-Group/Unlearn-Saliency",
    },
    needs=("weights",),
    order=1,
    group="change",
)
def weight_saliency(look: InspectContext[Any], params: WeightSaliency) -> list[AnyPanel]:
    """The mask of SalUn: one ranking over all parameters of |sum over the forget set of the signed gradient of -CE|.

    Gradients are taken at the model before, in eval mode and float32; the absolute value is taken once, at the end, so
    images that pull in opposite ways cancel. What really moved: the same share of weights by |after - before|, among
    those that moved at all. Overlap: shared weights over all weights in either set (IoU); chance is what two random sets
    of these sizes would share, ab / (a + b - ab). Departure: a forget set larger than `images` is sampled.

    Of a model that draws: the gradient of its training loss (noise prediction) on what it drew itself, before, when asked
    for what is to be forgotten, at eight time steps each; the text encoder's weights are ranked with the U-Net's.

    Of a language model: of the answers to be forgotten, the NLL summed over their tokens in place of CE.
    """
    weights = _weights(look, params.images)
    look.tell("ranking weights", 0, 0)
    salient, line = top(weights.pull, params.fraction)
    furthest, move_line = top(weights.move, params.fraction)
    share = 100 * params.fraction
    noun = (
        "answers"
        if families.has(look.task.family, "answers")
        else "images"
        if families.has(look.task.family, "pictures")
        else families.get(look.task.family).noun
    )
    panels: list[AnyPanel] = [
        _histogram(
            weights.pull, line, params.fraction, f"How hard the forgotten {noun} pull at each weight", "|gradient|"
        )
    ]
    if not furthest.any():
        return [*panels, _by_layer(weights, salient, None, share), _nothing(len(weights.pull))]
    return [
        *panels,
        _histogram(weights.move, move_line, params.fraction, "How far each weight really moved", "|after - before|"),
        _by_layer(weights, salient, furthest, share),
        _overlap(weights, salient, furthest),
        _by_module(weights, salient, furthest, params.most),
    ]


def top(values: NDArray[np.float32], fraction: float) -> tuple[NDArray[np.bool_], float]:
    """Marks of the largest `fraction` of all values that are above 0, and the smallest value marked (0 where none is)."""
    count = max(1, round(fraction * len(values)))
    line = float(np.partition(values, len(values) - count)[len(values) - count])
    marked = (values >= line) & (values > 0)
    return marked, float(values[marked].min()) if marked.any() else 0.0


def iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Shared over either, in percent; NaN where both are empty."""
    either = int((one | other).sum())
    return 100 * int((one & other).sum()) / either if either else float("nan")


def chance(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """The IoU to be expected of two random sets of these sizes, in percent; NaN where both are empty."""
    a, b = float(one.mean()), float(other.mean())
    return 100 * a * b / (a + b - a * b) if a or b else float("nan")


def _weights(look: InspectContext[Any], most: int) -> Weights:
    draws, answers = (families.has(look.task.family, capability) for capability in ("pictures", "answers"))
    pulled = (gradients if draws else answer_gradients if answers else _gradients)(look, most)
    after = dict(look.after.named_parameters())
    pull: list[NDArray[np.float32]] = []
    move: list[NDArray[np.float32]] = []
    layers: list[NDArray[np.int64]] = []
    modules: list[NDArray[np.int64]] = []
    largest = float(np.finfo(np.float32).max)
    layer_names: dict[str, int] = {}
    module_names: dict[str, int] = {}
    before = dict(look.before.named_parameters())
    for name in look.steps(from_entrance(before, look.before), "comparing weights"):
        tensor = before[name]
        pull.append(pulled[name].abs().flatten().cpu().numpy())
        difference = (after[name] - tensor).detach().abs().flatten().cpu().numpy()
        move.append(np.nan_to_num(difference, nan=largest, posinf=largest))
        for names, own, into in (
            (layer_names, layer(name, look.before), layers),
            (module_names, module(name, look.before), modules),
        ):
            into.append(np.full(tensor.numel(), names.setdefault(own, len(names))))
    return Weights(
        np.concatenate(pull),
        np.concatenate(move),
        np.concatenate(layers),
        np.concatenate(modules),
        list(layer_names),
        list(module_names),
    )


def _gradients(look: InspectContext[Any], most: int) -> dict[str, torch.Tensor]:
    """Signed gradient of minus the loss (of classes: CE) summed over the forget set, by parameter name; the look's own model is left alone."""
    model, task = copy.deepcopy(look.before).eval().requires_grad_(True), look.task
    names, parameters = zip(*model.named_parameters(), strict=True)
    total = [torch.zeros_like(parameter) for parameter in parameters]
    index = look.some("forget", most)
    with exact(task):
        for at in look.steps(range(0, len(index), BATCH), "summing gradients"):
            batch = task.batch(index[at : at + BATCH])
            loss = -task.loss(task.forward(model, batch.x), batch.y, reduction="sum")
            batch_gradients = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
            for summed, gradient in zip(total, batch_gradients, strict=True):
                summed += gradient
    return dict(zip(names, total, strict=True))


def _histogram(values: NDArray[np.float32], line: float, share: float, title: str, what: str) -> Histogram:
    name = f"the top {100 * share:g} %"
    above = values[values > 0]
    still = len(values) - len(above)
    logs = np.log10(above.astype(np.float64)) if len(above) else np.zeros(1)
    low, high = np.quantile(logs, 0.001), logs.max()  # a handful of nearly untouched weights would stretch the axis
    counts, edges = np.histogram(np.clip(logs, low, high), bins=48, range=(low, max(high, low + 1e-6)))
    finding = f"The line stands at 10^{np.log10(line) if line else low:.2f}; {still:,} of {len(values):,} weights are exactly 0 and not drawn."
    if len(above) < share * len(values):
        finding = f"Only {100 * len(above) / len(values):.1f} % of the weights are above 0, fewer than {name}, so the line takes them all; {still:,} of {len(values):,} are exactly 0 and not drawn."
    return Histogram(
        title=title,
        how=f"The height is the number of weights; to the right by one is ten times larger. Weights right of the line are {name}.",
        says=finding,
        edges=[float(edge) for edge in edges],
        series=[Series(name="weights", values=[float(count) for count in counts], role="amount")],
        x_title=f"log10 {what}",
        y_title="weights",
        threshold=float(np.log10(line)) if line else None,
        threshold_name=name,
    )


def _shares(marked: NDArray[np.bool_], where: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Percent of each place's weights that are marked."""
    return 100 * np.bincount(where, weights=marked, minlength=count) / np.bincount(where, minlength=count)


def _by_layer(
    weights: Weights, salient: NDArray[np.bool_], furthest: NDArray[np.bool_] | None, share: float
) -> AnyPanel:
    names = weights.layer_names
    shares = _shares(salient, weights.layers, len(names))
    series = [Series(name="salient", values=list(shares), role="forget")]
    best = int(shares.argmax())
    finding = f"{names[best]} holds the densest salient weights ({shares[best]:.1f} % of its own)"
    if furthest is not None:
        real = _shares(furthest, weights.layers, len(names))
        series.append(Series(name="moved furthest", values=list(real), role="difference"))
        most = int(real.argmax())
        finding += f"; what moved furthest is densest in {names[most]} ({real[most]:.1f} %)"
    return Bars(
        title="Salient and moved weights by layer",
        how="For each layer, from input to output: the share of its own weights that is salient, and the share that is among those that moved furthest. The line is the share if both were spread evenly.",
        says=finding + ".",
        labels=names,
        series=series,
        unit="%",
        threshold=share,
        threshold_name="spread evenly",
    )


def _overlap(weights: Weights, salient: NDArray[np.bool_], furthest: NDArray[np.bool_]) -> AnyPanel:
    places = [weights.layers == number for number in range(len(weights.layer_names))]
    labels = ["all weights", *weights.layer_names]
    sets = [(salient, furthest), *((salient[place], furthest[place]) for place in places)]
    real, random = [iou(*pair) for pair in sets], [chance(*pair) for pair in sets]
    return Bars(
        title="Do the salient weights move?",
        how="100 % means that salient weights and weights that moved furthest are the same; the second bar is what two random choices of the same size would share.",
        says=f"Over all weights the overlap is {percent(real[0])}; chance alone would give {percent(random[0])}.",
        labels=labels,
        series=[
            Series(name="overlap (IoU)", values=list(real), role="difference"),
            Series(name="by chance", values=list(random), role="amount"),
        ],
        unit="%",
    )


def _by_module(weights: Weights, salient: NDArray[np.bool_], furthest: NDArray[np.bool_], most: int) -> AnyPanel:
    names, where = weights.module_names, weights.modules
    sizes = np.bincount(where, minlength=len(names))
    selected = sorted(np.argsort(-sizes, kind="stable")[:most])
    left, right = _shares(salient, where, len(names)), _shares(furthest, where, len(names))
    rows: list[list[Number]] = [
        [float(left[i]), float(right[i]), iou(salient[where == i], furthest[where == i])] for i in selected
    ]
    gap = max(selected, key=lambda i: abs(left[i] - right[i]))
    return Heatmap(
        title="By module",
        how="One row a module, from input to output: how much of it is salient, how much moved furthest, and how far the two agree.",
        says=f"The largest gap is in {names[gap]}: {left[gap]:.1f} % of it is salient, {right[gap]:.1f} % moved furthest.",
        rows=[names[i] for i in selected],
        columns=["salient", "moved furthest", "overlap (IoU)"],
        z=rows,
        unit="%",
        numbers=True,
    )


def _nothing(count: int) -> Verdict:
    return Verdict(
        title="Did any weight move?",
        how="The weights of the model after are compared with those of the model before.",
        says=f"No weight moved: all {count:,} are as they were, so there is nothing to compare the mask with.",
        sign="no",
    )
