"""A network's weight tensors in pixels under a mask whose size is dragged: the page holds all that the slider shows."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from app import markup, theme
from app.templating import render
from backends.api import findings
from backends.api.languages import later, tr
from backends.api.panels import Tile, Tiles

MISSING: Final = later("The values of these tiles are missing from the run folder.")
FEW: Final = 24  # tiles that stand in one line, large
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class DrawnTile:
    """A tile at the start of the slider: its share in the mask and among the weights that moved furthest, in words."""

    tile: Tile
    number: int
    inside: str
    furthest: str

    @property
    def hint(self) -> str:
        """Its full name, shape and number of weights."""
        return tr(
            "{name} ({shape}): {weights:,} weights",
            name=self.tile.name,
            shape=self.tile.shape,
            weights=self.tile.weights,
        )


def tiles(panel: Tiles, folder: Path) -> Markup:
    """The tiles by group, the slider, and what it says at each size of the mask; tiles.js draws and answers."""
    arrays = read(panel, folder)
    if arrays is None:
        return markup.nothing(MISSING)
    number = iter(range(len(arrays["weights"])))
    groups = [
        (group.name, [_at_start(panel, arrays, tile, next(number)) for tile in group.tiles]) for group in panel.groups
    ]
    count = sum(len(group.tiles) for group in panel.groups)
    return render(
        "tiles.tiles",
        panel=panel,
        data={
            "pull": _packed(arrays["pull"], "u1"),
            "move": _packed(arrays["move"], "u1") if panel.moved else "",
            "salient": _packed(arrays["salient"], "<u4"),
            "furthest": _packed(arrays["furthest"], "<u4") if panel.moved else "",
        },
        states=json.dumps(states(panel)),
        state=states(panel)[panel.start],
        groups=groups,
        count=count,
        few=count <= FEW,
        without=without(panel),
        moved=_moved(panel),
        left_out=panel.left_out,
    )


def read(panel: Tiles, folder: Path) -> Arrays | None:
    """The panel's arrays; None where they are missing or do not fit it."""
    arrays = findings.arrays(folder, panel.arrays)
    every = [tile for group in panel.groups for tile in group.tiles]
    sizes, pixels = (len(every), len(panel.percent)), sum(tile.rows * tile.columns for tile in every)
    shapes = {
        "weights": sizes[:1],
        "salient": sizes,
        "furthest": sizes,
        "both": sizes,
        "pull": (pixels,),
        "move": (pixels,),
    }
    fits = (
        arrays is not None
        and 0 <= panel.start < len(panel.percent) == len(panel.says_at) == len(panel.mask)
        and (not panel.moved or len(panel.overlap) == len(panel.chance) == len(panel.percent))
        and all(name in arrays and arrays[name].shape == shape for name, shape in shapes.items())
        and all(np.issubdtype(arrays[name].dtype, np.integer) for name in shapes)
    )
    return arrays if fits else None


def states(panel: Tiles) -> list[dict[str, str]]:
    """What stands beside the slider at each size of the mask."""
    return [
        {
            "mask": tr("{percent} % of the weights with a gradient", percent=percent)
            + (tr(": every one of them") if panel.mask[at] >= panel.with_gradient else ""),
            "says": panel.says_at[at],
            "overlap": _short(panel.overlap[at]) if panel.moved else "",
            "chance": _short(panel.chance[at]) if panel.moved else "",
        }
        for at, percent in enumerate(panel.percent)
    ]


def without(panel: Tiles) -> str:
    """How many weights have no gradient, in brackets; empty where all have one."""
    none = panel.weights - panel.with_gradient - panel.not_measured
    parts = [tr("{none} have none at all", none=share(none, panel.weights))] if none else []
    if panel.not_measured:
        parts.append(tr("at {not_measured} it is not a number", not_measured=share(panel.not_measured, panel.weights)))
    return f"({'; '.join(parts)})" if parts else ""


def _moved(panel: Tiles) -> str:
    """How few weights moved, where a mask can be larger than that."""
    if not panel.moved or panel.moved >= panel.with_gradient:
        return ""
    return tr("Only {moved} of the weights moved at all.", moved=theme.percent(100 * panel.moved / panel.weights))


def share(count: int, of: int) -> str:
    """A share as a tile has room for: whole percent, and nothing rounded to none or all; the same as in tiles.js."""
    percent = 100 * count / max(1, of)
    if 0 < percent < 0.5:
        return "<1\u00a0%"
    return ">99\u00a0%" if 99.5 <= percent < 100 else f"{int(percent + 0.5)}\u00a0%"


def _short(value: float | None) -> str:
    """A percentage without the tenths that change too fast to be read."""
    if value is None or not theme.measured(value):
        return theme.NOT_MEASURED
    return f"{value:.0f}\u00a0%" if value >= 10 else theme.percent(value).replace(" ", "\u00a0")


def _at_start(panel: Tiles, arrays: Arrays, tile: Tile, number: int) -> DrawnTile:
    inside, furthest = (
        share(int(arrays[name][number, panel.start]), int(arrays["weights"][number]))
        for name in ("salient", "furthest")
    )
    return DrawnTile(tile, number, inside, furthest)


def _packed(values: NDArray[Any], kind: str) -> str:
    return base64.b64encode(values.astype(kind).tobytes()).decode()


def table(panel: Tiles, folder: Path) -> Markup:
    """The counts of every tile at the start of the slider."""
    arrays = read(panel, folder)
    if arrays is None:
        return Markup()
    size = panel.percent[panel.start]
    heads = ["tensor", "weights", tr("in the mask of {size} %", size=size), tr("moved furthest"), tr("in both")]
    rows: list[list[markup.Cell]] = []
    number = 0
    for group in panel.groups:
        for tile in group.tiles:
            counts = [float(arrays[name][number, panel.start]) for name in ("salient", "furthest", "both")]
            rows.append([f"{group.name}, {tile.label}", float(tile.weights), *counts])
            number += 1
    return markup.numbers_table(heads, rows)
