"""Model map: the network drawn part by part, coloured by how far each part moved."""

import math
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ..api.panels import AnyPanel, Block, BlockCell, ModelMap, Stage
from ..core.evidence import InspectContext
from ..core.registry import Params, inspector
from . import _anatomy
from ._anatomy import Part
from ._common import from_entrance, nothing_moved, percent


class NoSettings(Params):
    """There is nothing to choose."""


@dataclass
class Sums:
    """Squares of a part's movement and of its size before, its number of weights, and the same by cell."""

    moved: float = 0.0
    size: float = 0.0
    weights: int = 0
    cells: dict[str, "Sums"] = field(default_factory=dict)
    tensors: list[tuple[str, float]] = field(default_factory=list)

    def add(self, before: Tensor, after: Tensor) -> float:
        """Take in a tensor; its own relative change in percent."""
        size, moved = float(before.double().square().sum()), float((after - before).double().square().sum())
        self.size, self.moved, self.weights = self.size + size, self.moved + moved, self.weights + before.numel()
        return relative(moved, size)

    @property
    def change(self) -> float:
        """Relative change in percent."""
        return relative(self.moved, self.size)


def relative(moved: float, size: float) -> float:
    """Percent that something moved of its own length, from squares; NaN where it was zero before or is no number now."""
    if moved == 0:
        return 0.0
    return 100 * math.sqrt(moved / size) if size and math.isfinite(moved) else math.nan


@inspector(
    id="model_map",
    title="Model map: where in the network it changed",
    summary="The network drawn part by part, each coloured by how far its weights moved relative to their own size. Click a part to open it.",
    source={"title": "Relative Frobenius distance: the norm of the difference over the norm of the original"},
    needs=("weights",),
    order=-10,
    group="change",
    quick=True,
)
def model_map(look: InspectContext[Any], params: NoSettings) -> list[AnyPanel]:
    """|after - before| / |before| by part of the network (Frobenius norms), by head of attention and by expert; buffers are left out.

    Heads are the rows of queries, keys and values and the columns of the output that belong to them; keys and values that heads share
    belong to none. A part that was all zero before, or that is no longer a number, is "not measured".
    """
    parts = measured(look)
    if not any(sums.moved for sums in parts.values()):
        return [nothing_moved(look, sum(len(sums.tensors) for sums in parts.values()))]
    stages: dict[str, Stage] = {}
    for part, sums in parts.items():
        stage = stages.setdefault(part.stage, Stage(title=part.stage, level=0, blocks=[]))
        stage.blocks.append(_block(part, sums))
    listed = _in_order(list(stages.values()))
    return [
        ModelMap(
            title="How far each part moved",
            how="Every box is a part of the network, from its input (left) to its output (right), coloured by how far it moved: 10 % means that its weights together moved by a tenth of their own length. Small squares are heads of attention or experts.",
            says=_sentence(parts),
            stages=listed,
            skips=_skips(listed),
        )
    ]


def measured(look: InspectContext[Any]) -> dict[Part, Sums]:
    """How far each part moved, from the entrance of the network to its exit."""
    before, after = look.before.state_dict(), look.after.state_dict()
    parameters = dict(look.before.named_parameters())
    parts: dict[Part, Sums] = {}
    for name in look.steps(from_entrance(before, look.before), "comparing weights"):
        if name not in parameters or name not in after:
            continue
        sums = parts.setdefault(_anatomy.part(name, look.before), Sums())
        sums.tensors.append((name, sums.add(before[name], after[name])))
        expert = _anatomy.expert_of(name)
        cut = None if expert is not None else _anatomy.cells(name, look.before)
        if expert is not None:
            sums.cells.setdefault(f"expert {expert}", Sums()).add(before[name], after[name])
        elif cut is not None:
            what, count, axis = cut
            pieces = zip(before[name].chunk(count, axis), after[name].chunk(count, axis), strict=True)
            for number, (piece_before, piece_after) in enumerate(pieces):
                sums.cells.setdefault(f"{what} {number}", Sums()).add(piece_before, piece_after)
    return parts


def _block(part: Part, sums: Sums) -> Block:
    by_change = sorted(sums.tensors, key=lambda one: -one[1] if math.isfinite(one[1]) else 1.0)
    tensors: list[tuple[str, float | None]] = [*by_change]
    return Block(
        title=part.block,
        kind=part.kind,
        weights=sums.weights,
        change=sums.change,
        cells=[BlockCell(title=title, change=cell.change) for title, cell in sums.cells.items()],
        tensors=tensors,
    )


def _in_order(stages: list[Stage]) -> list[Stage]:
    """The stages with their depth: those of a U-Net lie the deeper the further they are from its ends."""
    down = [stage for stage in stages if stage.title.startswith("U-Net down")]
    for stage in stages:
        words = stage.title.split()
        if stage.title.startswith("U-Net down"):
            stage.level = int(words[-1]) + 1
        elif stage.title.startswith("U-Net up"):
            stage.level = len(down) - int(words[-1])
        elif stage.title == "U-Net mid":
            stage.level = len(down) + 1
    return stages


def _skips(stages: list[Stage]) -> list[tuple[int, int]]:
    """Pairs of stages that a U-Net joins past what lies between: those of the same depth."""
    down = {stage.level: at for at, stage in enumerate(stages) if stage.title.startswith("U-Net down")}
    up = {stage.level: at for at, stage in enumerate(stages) if stage.title.startswith("U-Net up")}
    return [(down[level], up[level]) for level in sorted(down) if level in up]


def _sentence(parts: dict[Part, Sums]) -> str:
    """Which part moved furthest, and how many did not move at all."""
    moved = {part: sums.change for part, sums in parts.items() if sums.moved and math.isfinite(sums.change)}
    still = sum(not sums.moved for sums in parts.values())
    rest = f" {still} of {len(parts)} parts did not move." if still else ""
    if not moved:
        return f"No relative change could be measured.{rest}"
    furthest = max(moved, key=lambda part: moved[part])
    where = f"{furthest.block}, {furthest.stage}" if furthest.block != furthest.stage else furthest.stage
    return f"Furthest moved: {where} ({percent(moved[furthest])} of its own length).{rest}"
