"""The tiles of a model that was trained in slices, by shard, order and stage; a press on a slice shows what would go dark with it."""

from typing import Final

from markupsafe import Markup

from app import markup
from app.templating import render
from backends.api.languages import later, tr
from backends.api.panels import SliceGrid

NOTHING: Final = later("There are no tiles to show.")
WORDS: Final = {
    "served": later("served"),
    "kept": later("kept in reserve"),
    "dark": later("went dark in this run"),
    "dark before": later("dark before"),
}


def slice_grid(panel: SliceGrid) -> Markup:
    """One block a shard, one row an order, one cell a stage with the number of its slice; slice_grid.js answers a press."""
    if not any(orders for orders in panel.shards):
        return markup.nothing(NOTHING)
    deleted = {tuple(one) for one in panel.deleted}
    shards = [
        [
            [(stage.slice, stage.state, tr(WORDS[stage.state]), (number, stage.slice) in deleted) for stage in order]
            for order in orders
        ]
        for number, orders in enumerate(panel.shards, 1)
    ]
    states = [(state, tr(words)) for state, words in WORDS.items() if _count(panel, state)]
    return render("slice_grid.slice_grid", shards, states)


def _count(panel: SliceGrid, state: str) -> int:
    return sum(stage.state == state for orders in panel.shards for order in orders for stage in order)


def table(panel: SliceGrid) -> Markup:
    """How many tiles of each shard are in which state, and how long its longest prefix is."""
    heads = [tr("shard"), *(tr(words) for words in WORDS.values())]
    rows: list[list[markup.Cell]] = [
        [str(number), *(sum(stage.state == state for order in orders for stage in order) for state in WORDS)]
        for number, orders in enumerate(panel.shards, 1)
    ]
    return markup.numbers_table(heads, rows)
