"""A network as shapes from its entrance to its exit, coloured by how far each part moved; a press opens a part."""

import math
from typing import Final

from markupsafe import Markup
from plotly.colors import sample_colorscale

from app import theme
from app.templating import render
from backends.api.languages import tr
from backends.api.panels import Block, ModelMap, Number, Stage

TENSORS: Final = 24  # of an opened part that are listed
WIDE: Final = 9  # stages beside each other for which there is room for whole words
ABBREVIATED: Final = {
    "convolutions": "conv", "convolution": "conv", "self-attention": "self-attn", "cross-attention": "cross-attn",
    "attention": "attn", "feed-forward": "ff", "norms": "norm",
}  # fmt: skip
SIGNS: Final = {
    "embedding": "▤", "convolution": "▦", "attention": "◫", "cross-attention": "⊗", "feed-forward": "▥", "expert": "⬡",
    "router": "⑃", "head": "▶", "other": "·",
}  # fmt: skip


def model_map(panel: ModelMap) -> Markup:
    """The network, the scale of its colours, and what an opened part holds."""
    most = largest(panel)
    narrow = len(panel.stages) > WIDE
    stages = [
        (
            short(stage.title),
            stage.level,
            [_box(block, at, number, most, narrow) for number, block in enumerate(stage.blocks)],
        )
        for at, stage in enumerate(panel.stages)
    ]
    opened = [
        _opened(stage, block, f"{at}-{number}", most)
        for at, stage in enumerate(panel.stages)
        for number, block in enumerate(stage.blocks)
    ]
    depth = max((stage.level for stage in panel.stages), default=0)
    skips = [(panel.stages[one].title, panel.stages[other].title) for one, other in panel.skips]
    first = furthest(panel)
    scale = [colour(share * most, most) for share in (0.001, 0.25, 0.5, 0.75, 1.0)]
    return render("network.network", stages, opened, depth, skips, first, scale, theme.percent(most))


def largest(panel: ModelMap) -> float:
    """The largest change of a block, in percent: the end of the scale."""
    changes = [block.change for stage in panel.stages for block in stage.blocks]
    return max((float(change) for change in changes if change is not None and _measured(change)), default=0.0) or 1.0


def furthest(panel: ModelMap) -> str:
    """The place of the block that moved furthest, as "stage-block"."""
    places = [
        (block.change if _measured(block.change) else -1.0, f"{at}-{number}")
        for at, stage in enumerate(panel.stages)
        for number, block in enumerate(stage.blocks)
    ]
    return max(places, key=lambda one: one[0] or 0.0)[1] if places else ""


def colour(change: Number, most: float) -> str:
    """The colour of a change: the square root of its share of the largest, so that small ones differ too. What did not move has none."""
    if not _measured(change) or not change:
        return ""
    share = math.sqrt(min(1.0, max(0.0, float(change or 0.0) / most)))
    return str(sample_colorscale(theme.AMOUNT, [share])[0])


def short(title: str) -> str:
    """The title of a stage as it stands over it."""
    return title.removeprefix("U-Net ").replace(tr("text encoder"), "text")


def _measured(change: Number) -> bool:
    return theme.measured(change)


def _ink(change: Number, most: float) -> str:
    """Black or white, whichever is read on the colour."""
    if not colour(change, most):
        return ""
    channels = [int(float(part)) for part in colour(change, most).strip("rgb()").split(",")]
    light = 0.299 * channels[0] + 0.587 * channels[1] + 0.114 * channels[2]
    return "#15171c" if light > 128 else "#ffffff"


def _box(block: Block, at: int, number: int, most: float, narrow: bool) -> tuple[object, ...]:
    """(place, whole title, title, kind, sign, change in words, colour, ink, (title, words, colour) of its cells)."""
    cells = [(cell.title, theme.percent(cell.change), colour(cell.change, most)) for cell in block.cells]
    words = theme.percent(block.change)
    return (
        f"{at}-{number}", block.title, ABBREVIATED.get(block.title, block.title) if narrow else block.title, block.kind,
        "" if narrow else SIGNS[block.kind], words, colour(block.change, most), _ink(block.change, most), cells,
    )  # fmt: skip


def _opened(stage: Stage, block: Block, place: str, most: float) -> tuple[object, ...]:
    """(place, title, line, rows of heads or experts, rows of tensors, how many tensors are left out)."""
    title = block.title if block.title == stage.title else f"{block.title}, {stage.title}"
    line = tr(
        "{weights:,} weights in {tensors_count} tensors moved by {change} of their own length.",
        weights=block.weights,
        tensors_count=len(block.tensors),
        change=theme.percent(block.change),
    )
    cells = [(cell.title, *_row(cell.change, most)) for cell in block.cells]
    tensors = [(name, *_row(change, most)) for name, change in block.tensors[:TENSORS]]
    return place, title, line, cells, tensors, max(0, len(block.tensors) - TENSORS)


def _row(change: Number, most: float) -> tuple[str, float]:
    """(the change in words, the length of its bar in percent)."""
    if not _measured(change):
        return theme.NOT_MEASURED, 0.0
    return theme.percent(change), min(100.0, 100 * float(change or 0.0) / most)
