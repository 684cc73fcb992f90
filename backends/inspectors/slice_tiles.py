"""The tiles of a model that was trained in slices: which are dark, how well it serves after more deletions, and how many it stands."""

from statistics import fmean, pstdev
from typing import Any, cast

import numpy as np
from pydantic import Field

from ..api.panels import AnyPanel, Bars, Lines, Series, SliceGrid, SliceStage, StageState, Verdict
from ..core.evidence import InspectContext
from ..core.registry import Params, inspector
from ..families.classifier import tile_sequences, tile_training
from ..families.classifier.task import Classifier
from ..families.classifier.tile_ensembles import Ensembles, requests
from ..families.classifier.tile_sequences import Slice

NO_TILES = "The model was trained as a whole and holds no tiles."
SHOWN = 60  # further deletions that the curve shows at most
SISA = 1  # orders of each shard


class SliceTiles(Params):
    """How further deletions are tried."""

    tests: int = Field(default=500, ge=20, le=20_000, description="Test images at most that accuracy is measured on.")
    sequences: int = Field(default=100, ge=1, le=500, description="Random sequences of further deletions.")
    trials: int = Field(
        default=2000, ge=100, le=100_000, description="Trials of the simulation of how many deletions are left."
    )


@inspector(
    id="slice_tiles",
    lacks=lambda look: "" if tile_training.holds_tiles(look.task) else NO_TILES,
    title="Tiles: which are dark, and how many deletions are left",
    summary="Which tiles of which shard and order went dark, how accurate the model stays under more deletions, and how many it stands until it has to be trained again.",
    source={
        "title": "Chowdhury et al., Towards Scalable Exact Machine Unlearning Using Parameter-Efficient Fine-Tuning, ICLR 2025",
        "url": "https://arxiv.org/abs/2406.16257",
        "code": "https://github.com/brcsomnath/S3T",
    },
    needs=("classes",),
    order=25,
    group="change",
)
def slice_tiles(look: InspectContext[Classifier], params: SliceTiles) -> list[AnyPanel]:
    """States of tiles; test accuracy in percent after each further deletion of a random training image, measured; deletions left, simulated.

    Further deletions start from the model before, with everything deleted that this run was to forget, for the first few of its orders.
    """
    if not tile_training.holds_tiles(look.task):
        how = "Tiles are drawn of a model that was trained in slices, each with layers of its own."
        return [Verdict(title="Which tiles are dark?", how=how, says=NO_TILES, sign="unknown")]
    before, after = cast(Any, look.before), cast(Any, look.after)
    parts = tile_training.parts(look.task)
    forgotten = look.task.parts["forget"]
    deleted = tile_sequences.touched(parts, forgotten)
    grid = _grid(before.tiles.held.tolist(), after.tiles.held.tolist(), deleted)
    ensembles = Ensembles(look.task, before, look.some("test", params.tests))
    every = before.config.orders
    if ensembles.accuracy(deleted, every) is None:
        return [grid]
    sequences = [[*requests(parts, forgotten, SHOWN, seed)] for seed in range(params.sequences)]
    courses = {
        orders: [
            ensembles.course(deleted, one, orders) for one in look.steps(sequences, f"deleting on, {orders} orders")
        ]
        for orders in dict.fromkeys((every, SISA))
    }
    weights = np.array([[float(np.setdiff1d(ids, forgotten).size) for ids in own] for own in parts])
    left = [
        tile_sequences.simulated_deletions(ensembles.firsts(deleted, orders), weights, params.trials, seed=0)
        for orders in range(1, every + 1)
    ]
    return [grid, _curve(courses, look.task), _left(left)]


def _grid(was: list[list[list[int]]], now: list[list[list[int]]], deleted: list[Slice]) -> SliceGrid:
    """The states of all tiles, from the slices that the two models hold tiles of (0: dark)."""
    shards, dark, lit = [], 0, 0
    serving = [tile_sequences.served([[one for one in row if one] for row in own], ()) for own in now]
    for shard, orders in enumerate(was):
        rows = []
        for order, stages in enumerate(orders):
            row = []
            for stage, slice_before in enumerate(stages):
                slice_now = now[shard][order][stage]
                state: StageState = "kept" if slice_now else "dark" if slice_before else "dark before"
                if slice_now and order == serving[shard][0] and stage < serving[shard][1]:
                    state = "served"
                dark, lit = dark + (state == "dark"), lit + bool(slice_before)
                row.append(SliceStage(slice=slice_now or slice_before, state=state))
            rows.append(row)
        shards.append(rows)
    living = sum(stages > 0 for _, stages in serving)
    finding = f"{dark} of {lit} tiles went dark; {living} of {len(was)} shards go on serving."
    if not dark:
        finding = f"No tile went dark: this run changed what is served in another way, and {lit} tiles still hold what they learned of the forget set."
    return SliceGrid(
        title="Tiles by shard, order and stage",
        how="Each row is one order of a shard's slices; the number is the slice that a stage added. A stage has seen its own slice and all before it in its row, so "
        "a deletion puts out its slice and everything to the right of it. The longest row that is left serves the shard.",
        says=finding,
        shards=shards,
        deleted=[(shard + 1, number + 1) for shard, number in deleted] if dark else [],
    )


def _curve(courses: dict[int, list[list[float | None]]], task: Classifier) -> Lines:
    """Mean accuracy of the sequences that still serve, as long as half of them do."""
    series, ends = [], {}
    for orders, each in courses.items():
        steps = [[value for value in at if value is not None] for at in zip(*each, strict=True)]
        enough = [values if 2 * len(values) >= len(each) else [] for values in steps]
        ends[orders] = sum(bool(values) for values in enough) - 1
        series.append(
            Series(
                name="SISA (one order)" if orders == SISA else f"S3T ({orders} orders)",
                values=[fmean(values) if values else None for values in enough],
                spread=[pstdev(values) if values else None for values in enough],
                role="neighbour" if orders == SISA else "forget",
            )
        )
    most, least = max(courses), min(courses)
    finding = f"Half of the sequences still serve after {ends[most]} further deletions with {most} orders"
    finding += f" and after {ends[least]} with one." if least != most else "."
    return Lines(
        title="Accuracy after more deletions",
        how="Training images are drawn at random and deleted one after the other; the ensembles that then serve were asked about the same test images. The lines are means "
        "of the sequences in which something is left to serve, and end where that is fewer than half of them.",
        says=finding,
        x=[float(step) for step in range(len(next(iter(courses.values()))[0]))],
        series=series,
        x_title="further deletions of one image",
        y_title="%",
    )


def _left(left: list[np.ndarray]) -> Bars:
    """Simulated deletions until nothing is left, by how many orders a shard has."""
    means = [float(one.mean()) for one in left]
    finding = f"With {len(left)} orders {means[-1]:.0f} more deletions are to be expected until it has to be trained again, with one order (SISA) {means[0]:.0f}."
    return Bars(
        title="Deletions left",
        how="Simulated: images are requested at random among those that are still there, until every order of every shard has lost its first slice. Whiskers: standard deviation.",
        says=finding,
        labels=["1 order (SISA)", *(f"{number} orders" for number in range(2, len(left) + 1))],
        series=[Series(name="deletions", values=list(means), spread=[float(one.std()) for one in left], role="amount")],
        unit="deletions",
    )
