"""Weight saliency: the weights with the largest gradient of the forget loss, drawn in the network's own tensors, beside those that moved furthest."""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from ..api import families, runs
from ..api.panels import AnyPanel, Number, Tile, TileGroup, Tiles, Verdict
from ..core.evidence import InspectContext
from ..core.registry import Params, get, inspector
from ._answers import answer_gradients
from ._common import exact, from_entrance, percent
from ._pictures import gradients
from ._tensor_names import group_key, group_words, labels, vector_label
from ._tiles import PERCENT, Mosaic, Spot, Weight, matrix_shape, mosaic

BATCH = 256
START = 20  # percent of the weights that have a gradient
CLEAR = 5  # points by which a layer's share of the mask must exceed its share of the weights to be named


class WeightSaliency(Params):
    """Where the slider starts, and how much is drawn."""

    fraction: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Where the slider starts: a share of the weights that have a gradient. Left out: where the method's own mask ended, else 0.2.",
    )
    images: int = Field(
        default=4000, ge=16, le=200_000, description="At most this many images or answers to be forgotten are asked."
    )
    most: int = Field(default=320, ge=5, le=600, description="How many tensors are drawn, the largest.")


@dataclass(frozen=True)
class Layout:
    """Where every tensor is drawn: its spot, and the groups of tiles; `layers` are the names of the spots' groups."""

    spots: list[Spot]
    groups: list[TileGroup]
    layers: list[str]
    left_out: int


@inspector(
    id="weight_saliency",
    title="Weight saliency: what matters for the forget set",
    summary="The weights with the largest gradient of the forget loss (the saliency mask), drawn in the network's own tensors, beside the weights that moved furthest.",
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
    images that pull in opposite ways cancel. A mask is the top p % of the weights whose gradient is a number other than 0.
    What moved furthest: as many weights by |after - before|, among those that moved at all. Overlap: the share of the mask
    that is among these; chance is what a random mask among the weights with a gradient would share with them. Weights of
    equal amount are in a set together. Departure: a forget set larger than `images` is sampled.

    Of a model that draws: the gradient of its training loss (noise prediction) on what it drew itself, before, when asked
    for what is to be forgotten, at eight time steps each; the text encoder's weights are ranked with the U-Net's.

    Of a language model: of the answers to be forgotten, the NLL summed over their tokens in place of CE.
    """
    weights = _weights(look, params.images)
    plan = layout(weights, look.before, params.most)
    counted = mosaic(list(weights.values()), plan.spots, look.steps)
    total = int(counted.group_weights.sum())
    if not counted.with_gradient:
        return [_no_gradient(total, counted.not_measured)]
    panels: list[AnyPanel] = [_tiles(look, params, plan, counted)]
    return panels if counted.moved else [*panels, _nothing(total)]


def _weights(look: InspectContext[Any], most: int) -> dict[str, Weight]:
    draws, answers = (families.has(look.task.family, capability) for capability in ("pictures", "answers"))
    pulled = (gradients if draws else answer_gradients if answers else _gradients)(look, most)
    before, after = dict(look.before.named_parameters()), dict(look.after.named_parameters())
    names = from_entrance(before, look.before)
    return {name: Weight(pulled[name], before[name], after[name]) for name in names}


def _gradients(look: InspectContext[Any], most: int) -> dict[str, Tensor]:
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


def layout(weights: dict[str, Weight], model: Any, most: int) -> Layout:
    """A tile for each of the `most` largest matrices, by layer or stage, and one at the end for all vectors."""
    sizes = {name: weight.before.numel() for name, weight in weights.items()}
    keys = {name: group_key(name, model) for name in weights}
    order = list(dict.fromkeys(keys.values()))
    words = dict(zip(order, group_words(order), strict=True))
    matrices = [name for name, weight in weights.items() if matrix_shape(weight.before.shape)[0] > 1]
    vectors = [name for name in weights if name not in set(matrices)]
    drawn = set(sorted(matrices, key=lambda name: -sizes[name])[:most])
    groups, spots = [], {name: Spot(-1, order.index(keys[name])) for name in weights}
    number = 0
    for key in order:
        own = [name for name in matrices if keys[name] == key]
        tiles = []
        for name, label in zip(own, labels(own), strict=True):
            if name in drawn:
                tiles.append(_tile(name, label, weights[name]))
                spots[name] = Spot(number, order.index(key))
                number += 1
        if tiles:
            groups.append(TileGroup(name=words[key], tiles=tiles))
    if vectors:
        name = f"{len(vectors)} vectors, one row each: {', '.join(vectors[:2])}{' …' if len(vectors) > 2 else ''}"
        count = sum(sizes[one] for one in vectors)
        tile = Tile(
            name=name, label=vector_label(vectors), shape=f"{len(vectors)} rows", weights=count, rows=0, columns=0
        )
        groups.append(TileGroup(name="vectors", tiles=[tile]))
        spots |= {one: Spot(number, spots[one].group, row) for row, one in enumerate(vectors)}
    return Layout(list(spots.values()), groups, list(words.values()), len(matrices) - len(drawn))


def _tile(name: str, label: str, weight: Weight) -> Tile:
    shape = " × ".join(map(str, weight.before.shape))
    return Tile(name=name, label=label, shape=shape, weights=weight.before.numel(), rows=0, columns=0)


def _tiles(look: InspectContext[Any], params: WeightSaliency, plan: Layout, counted: Mosaic) -> Tiles:
    for tile, pixels in zip((tile for group in plan.groups for tile in group.tiles), counted.pull, strict=True):
        tile.rows, tile.columns = pixels.shape
    start, note = _start(look, params, counted)
    sentences = [_headline(plan.layers, counted, at) for at in range(len(PERCENT))]
    moved = counted.moved > 0
    return Tiles(
        title="Weight saliency: where the forget set pulls hardest",
        how=_how(_noun(look)),
        says=sentences[start],
        groups=plan.groups,
        arrays=look.arrays("tiles", **_stored(counted)),
        percent=PERCENT.tolist(),
        start=start,
        note=note,
        weights=int(counted.group_weights.sum()),
        with_gradient=counted.with_gradient,
        not_measured=counted.not_measured,
        moved=counted.moved,
        mask=counted.mask.tolist(),
        overlap=_percentages(counted.shared, counted.mask) if moved else [],
        chance=_percentages(counted.reach, counted.with_gradient) if moved else [],
        says_at=sentences,
        left_out=plan.left_out,
    )


def _noun(look: InspectContext[Any]) -> str:
    if families.has(look.task.family, "answers"):
        return "answers"
    return "images" if families.has(look.task.family, "pictures") else families.get(look.task.family).noun


def _how(noun: str) -> str:
    return (
        "Each tile is a weight tensor, rows by columns; a pixel is one weight, or the mean of those below it, on a log scale. "
        f"The gradient is that of the forget loss, summed over the {noun} to be forgotten. As many pixels of a tile light up as weights of it are in the mask, "
        "brightest first. Overlap: how much of the mask is among as many weights that moved furthest. Chance: the same of a random mask "
        "of weights with a gradient."
    )


def _stored(counted: Mosaic) -> dict[str, NDArray[Any]]:
    """The arrays beside the findings, as `Tiles` says."""
    names = ("weights", "salient", "furthest", "both", "group_weights", "group_salient", "mask", "shared", "reach")
    return {
        "percent": PERCENT,
        **{name: getattr(counted, name) for name in names},
        "line": counted.line,
        "move_line": counted.move_line,
        "pull": np.concatenate([pixels.flatten() for pixels in counted.pull]),
        "move": np.concatenate([pixels.flatten() for pixels in counted.move]),
        "pull_range": np.array(counted.pull_range),
        "move_range": np.array(counted.move_range),
    }


def _percentages(counts: NDArray[np.int64], of: NDArray[np.int64] | int) -> list[Number]:
    return [float(value) for value in 100 * counts / of]


def _start(look: InspectContext[Any], params: WeightSaliency, counted: Mosaic) -> tuple[int, str]:
    """The size of the mask at first, as its place in PERCENT, and where it comes from. It never takes every weight with a gradient,
    where there is one that does not."""
    if params.fraction is not None:
        return _not_all(round(100 * params.fraction) - 1, counted), ""
    share = _mask_share(look)
    if share is None:
        return _not_all(START - 1, counted), ""
    allowed = min(share * counted.group_weights.sum(), counted.moved or math.inf)
    at = round(100 * allowed / counted.with_gradient) - 1
    own = f"The method's own mask is {percent(100 * share)} of the weights it may change"
    if at >= len(PERCENT) - 1:
        return _not_all(START - 1, counted), f"{own}: every one that has a gradient."
    return _not_all(at, counted), f"{own}; the slider starts at as many."


def _not_all(at: int, counted: Mosaic) -> int:
    partial = np.flatnonzero(counted.mask < counted.with_gradient)
    return int(partial[partial <= max(0, at)].max(initial=0)) if len(partial) else max(0, at)


def _mask_share(look: InspectContext[Any]) -> float | None:
    """The share of weights that the run's method let move by a mask of its own; None where it had none."""
    spec = runs.RunFolder(look.run).spec if (look.run / "spec.json").is_file() else None
    if spec is None:
        return None
    entry = get("methods", spec.method).entry
    name = next((name for name, one in entry.params.get("properties", {}).items() if one.get("mask")), None)
    return None if name is None else float(spec.params.get(name, entry.params["properties"][name].get("default")))


def _headline(layers: Sequence[str], counted: Mosaic, at: int) -> str:
    """The layer whose share of the mask exceeds its share of the weights most, or that none does clearly."""
    shares = 100 * counted.group_salient[:, at] / counted.mask[at]
    own = 100 * counted.group_weights / counted.group_weights.sum()
    best = int((shares - own).argmax())
    if len(layers) < 2 or shares[best] - own[best] < CLEAR:
        return "No layer holds much more of the mask than its share of the weights."
    sizes = f"{percent(shares[best])} of it, in {percent(own[best])} of the weights"
    if shares[best] < shares.max():
        return f"The mask leans towards {layers[best]}: {sizes}."
    return f"{'Most' if shares[best] > 50 else 'The largest part'} of the mask is in {layers[best]}: {sizes}."


def _no_gradient(count: int, not_measured: int) -> Verdict:
    finding = f"No: the gradient is exactly 0 at all {count:,} weights, so there is no mask to draw."
    if not_measured:
        finding = f"The gradient is not a number at {not_measured:,} of {count:,} weights and 0 at the others, so there is no mask to draw."
    return Verdict(
        title="Does the forget loss have a gradient?",
        how="The gradient of the forget loss is taken at the original model, at every weight.",
        says=finding,
        sign="unknown" if not_measured else "no",
    )


def _nothing(count: int) -> Verdict:
    return Verdict(
        title="Did any weight move?",
        how="The weights of the model after are compared with those of the model before.",
        says=f"No weight moved: all {count:,} are as they were, so there is nothing to compare the mask with.",
        sign="no",
    )
