"""Weight tensors in pixels, and how many weights of each are in a mask of any size: computed tensor by tensor, however large the model."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ._ranks import Ranks

PERCENT = np.arange(1, 101)  # sizes of the mask, in percent of the weights that have a gradient
SIDE = 40  # pixels of a tile at most, each way
PIXELS = 1_100_000  # of all tiles, so that a page stays small
PIECE = 1 << 21  # weights that are looked at at once
KERNEL = 16  # a last dimension up to this is that of a filter, which stands in one row
LARGEST = float(np.finfo(np.float32).max)
ENDS = 0.02, 0.998  # of all pixels, between which brightness is spread: the few beyond would flatten the picture
NONE, NOT_MEASURED, FIRST = 0, 1, 2  # values of pixels
Steps = Callable[[Iterable[Any], str], Iterable[Any]]


class Weight(NamedTuple):
    """A weight tensor: the gradient of the forget loss at it, and its values before and after."""

    gradient: Tensor
    before: Tensor
    after: Tensor


@dataclass
class Mosaic:
    """What is drawn of all tensors and counted in them; T tiles, G groups, P sizes of the mask (`PERCENT`).

    `salient`, `furthest` and `both` are [T, P]; `group_salient` is [G, P]; `mask`, `shared` and `reach` are [P], over all weights: those in
    the mask, those of them among the weights that moved furthest, and those among the latter that have a gradient.
    """

    weights: NDArray[np.int64]
    salient: NDArray[np.int64]
    furthest: NDArray[np.int64]
    both: NDArray[np.int64]
    group_weights: NDArray[np.int64]
    group_salient: NDArray[np.int64]
    mask: NDArray[np.int64]
    shared: NDArray[np.int64]
    reach: NDArray[np.int64]
    line: NDArray[np.float32]
    move_line: NDArray[np.float32]
    with_gradient: int
    moved: int
    not_measured: int
    pull: list[NDArray[np.uint8]]
    move: list[NDArray[np.uint8]]
    pull_range: tuple[float, float]
    move_range: tuple[float, float]


@dataclass(frozen=True)
class Spot:
    """Where a tensor is drawn: its tile (-1: nowhere), its group, and of a vector its row among those of its tile."""

    tile: int
    group: int
    row: int = -1


def matrix_shape(shape: Sequence[int]) -> tuple[int, int]:
    """Rows and columns of a tensor as a matrix; of a vector one row. Filters stand in one row, stacked matrices below each other."""
    sizes = [size for size in shape if size != 1]
    if len(sizes) < 2:
        return 1, math.prod(sizes)
    rows = math.prod(sizes[:-1]) if len(sizes) == 3 and sizes[-1] > KERNEL else sizes[0]
    return rows, math.prod(sizes) // rows


def side(tiles: int) -> int:
    """The largest side of a tile, so that all of them together stay within `PIXELS`, in both rows."""
    return max(8, min(SIDE, math.isqrt(PIXELS // max(1, 2 * tiles))))


class Canvas:
    """The mean amount below each pixel [height, width] of a matrix [rows, columns]; amounts that are no number are left out."""

    def __init__(self, rows: int, columns: int, most: int) -> None:
        self.shape = min(rows, most), min(columns, most)
        self.rows, self.columns = rows, columns
        self._sums, self._counts = (torch.zeros(self.shape, dtype=torch.float64) for _ in range(2))

    def add(self, amounts: Tensor, first: int) -> None:
        """Some whole rows [n, columns], from the row `first` on."""
        finite = amounts.isfinite()
        at_row = _pixels(torch.arange(first, first + len(amounts)), self.rows, self.shape[0])
        at_column = _pixels(torch.arange(self.columns), self.columns, self.shape[1])
        for totals, values in ((self._sums, torch.where(finite, amounts, 0)), (self._counts, finite)):
            narrow = torch.zeros(len(amounts), self.shape[1], dtype=torch.float64)
            narrow.index_add_(1, at_column, values.double().cpu())
            totals.index_add_(0, at_row, narrow)

    def means(self) -> NDArray[np.float64]:
        """NaN where no amount was a number."""
        means: NDArray[np.float64] = (self._sums / self._counts).numpy()
        return means


def _pixels(places: Tensor, of: int, pixels: int) -> Tensor:
    """The pixel of each row or column; as many more pixels than places show a place several times elsewhere."""
    return places * pixels // of


def stretched(vector: Tensor, width: int) -> Tensor:
    """A vector as a row [1, width]: means of neighbours where it is longer, each value several times where it is shorter."""
    if len(vector) <= width:
        return vector[torch.arange(width, device=vector.device) * len(vector) // width][None]
    canvas = Canvas(1, len(vector), width)
    canvas.add(vector[None], 0)
    return torch.from_numpy(canvas.means()).float()


def pieces(weight: Weight) -> Iterator[tuple[int, Tensor, Tensor]]:
    """A tensor in blocks of whole rows: the first row, |gradient| and |after - before| [n, columns], float32.

    What moved beyond all numbers moved furthest.
    """
    rows, columns = matrix_shape(weight.before.shape)
    gradient, before, after = (tensor.detach().reshape(rows, columns) for tensor in weight)
    for first in range(0, rows, step := max(1, PIECE // columns)):
        block = slice(first, first + step)
        moved = (after[block].float() - before[block].float()).abs()
        yield first, gradient[block].float().abs(), moved.nan_to_num(nan=LARGEST, posinf=LARGEST)


@dataclass
class Sheet:
    """All tiles while they are filled: two canvases each, or of the vectors, one row each."""

    canvases: list[tuple[Canvas, Canvas]]
    most: int

    def add(self, spot: Spot, first: int, pull: Tensor, move: Tensor) -> None:
        """A block of a tensor."""
        if spot.tile < 0:
            return
        for canvas, amounts in zip(self.canvases[spot.tile], (pull, move), strict=True):
            if spot.row < 0:
                canvas.add(amounts, first)
            else:
                canvas.add(stretched(amounts[0], canvas.columns), spot.row)


def sheet(spots: Sequence[Spot], shapes: Sequence[Sequence[int]], tiles: int) -> Sheet:
    """Empty tiles; that of vectors has a row for each and is as wide as the longest."""
    most = side(tiles)
    sizes: dict[int, tuple[int, int]] = {}
    for spot, shape in zip(spots, shapes, strict=True):
        rows, columns = matrix_shape(shape)
        if spot.row >= 0:
            before = sizes.get(spot.tile, (0, 1))
            rows, columns = max(before[0], spot.row + 1), max(before[1], min(columns, most))
        sizes[spot.tile] = rows, columns
    return Sheet([(Canvas(*sizes[at], most), Canvas(*sizes[at], most)) for at in range(tiles)], most)


@dataclass
class _Counts:
    """Weights by the smallest mask that takes them: `PERCENT` and one more for none."""

    weights: int = 0
    salient: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(PERCENT) + 1, np.int64))
    furthest: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(PERCENT) + 1, np.int64))
    both: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(PERCENT) + 1, np.int64))
    reach: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(PERCENT) + 1, np.int64))

    def add(self, pulled: Tensor, moved: Tensor) -> None:
        """Some weights, by their sizes of the mask."""
        self.weights += len(pulled)
        for counts, levels in (
            (self.salient, pulled),
            (self.furthest, moved),
            (self.both, torch.maximum(pulled, moved)),
            (self.reach, moved[pulled < len(PERCENT)]),
        ):
            counts += torch.bincount(levels, minlength=len(counts)).cpu().numpy()


def mosaic(weights: Sequence[Weight], spots: Sequence[Spot], steps: Steps) -> Mosaic:
    """Three passes over the tensors: pixels and the upper bits of all amounts, their lower bits, and the counts.

    Args:
        weights: every tensor of the model; anything with a length that can be gone through again, so that nothing need be held.
        spots: where each is drawn.
        steps: goes through something and says how far it is, as `InspectContext.steps`.
    """
    tiles = 1 + max(spot.tile for spot in spots)
    drawing = sheet(spots, [tuple(weight.before.shape) for weight in weights], tiles)
    pulls, moves, not_measured = Ranks(), Ranks(), 0
    for spot, weight in zip(spots, steps(weights, "comparing weights"), strict=True):
        for first, pull, move in pieces(weight):
            drawing.add(spot, first, pull, move)
            finite = pull.isfinite()
            not_measured += int((~finite).sum())
            pulls.count(torch.where(finite, pull, 0))
            moves.count(move)
    sizes = np.maximum(1, np.round(PERCENT / 100 * pulls.total)).astype(np.int64)
    pulls.aim(sizes)
    moves.aim(sizes)
    for weight in steps(weights, "ranking weights"):
        for _, pull, move in pieces(weight):
            pulls.refine(pull.nan_to_num(0, 0, 0))
            moves.refine(move)
    lines, move_lines = pulls.lines(), moves.lines()
    by_tile = [_Counts() for _ in range(tiles)]
    by_group = [_Counts() for _ in range(1 + max(spot.group for spot in spots))]
    for spot, weight in zip(spots, steps(weights, "counting the mask"), strict=True):
        for _, pull, move in pieces(weight):
            levels = _levels(pull.nan_to_num(0, 0, 0), lines), _levels(move, move_lines)
            by_group[spot.group].add(*levels)
            if spot.tile >= 0:
                by_tile[spot.tile].add(*levels)
    pull_pixels, pull_range = _shades([first.means() for first, _ in drawing.canvases])
    move_pixels, move_range = _shades([second.means() for _, second in drawing.canvases])
    total = {name: _at_most(by_group, name).sum(0) for name in ("salient", "both", "reach")}
    return Mosaic(
        weights=np.array([counts.weights for counts in by_tile]),
        **{name: _at_most(by_tile, name) for name in ("salient", "furthest", "both")},
        group_weights=np.array([counts.weights for counts in by_group]),
        group_salient=_at_most(by_group, "salient"),
        mask=total["salient"],
        shared=total["both"],
        reach=total["reach"],
        line=lines,
        move_line=move_lines,
        with_gradient=pulls.total,
        moved=moves.total,
        not_measured=not_measured,
        pull=pull_pixels,
        move=move_pixels,
        pull_range=pull_range,
        move_range=move_range,
    )


def _levels(amounts: Tensor, lines: NDArray[np.float32]) -> Tensor:
    """Which mask is the smallest that takes each amount; the number of masks where none does, as for 0."""
    rising = torch.from_numpy(lines[::-1].copy()).to(amounts.device)
    flat = amounts.flatten()
    reached = torch.bucketize(flat, rising, right=True)
    return len(lines) - torch.where(flat > 0, reached, 0)


def _at_most(counts: Sequence[_Counts], name: str) -> NDArray[np.int64]:
    """[n, P]: the weights that a mask of each size takes."""
    return np.cumsum([getattr(one, name)[:-1] for one in counts], axis=1)


def _shades(means: Sequence[NDArray[np.float64]]) -> tuple[list[NDArray[np.uint8]], tuple[float, float]]:
    """Pixels as bytes on one log scale, and its two ends as powers of ten."""
    above = np.concatenate([tile[tile > 0] for tile in means])
    if not len(above):
        return [np.where(np.isnan(tile), NOT_MEASURED, NONE).astype(np.uint8) for tile in means], (math.nan, math.nan)
    low, high = (float(end) for end in np.quantile(np.log10(above), ENDS))
    span = max(high - low, 1e-6)
    shades = []
    for tile in means:
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = np.clip((np.log10(tile) - low) / span, 0, 1)
        bytes_ = FIRST + np.round(np.nan_to_num(scaled) * (255 - FIRST))
        shades.append(np.where(np.isnan(tile), NOT_MEASURED, np.where(tile > 0, bytes_, NONE)).astype(np.uint8))
    return shades, (low, high)
