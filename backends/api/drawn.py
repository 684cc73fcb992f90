"""The pictures that a run was judged by, read from its folder: no model is opened for them."""

from collections.abc import Sequence
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from . import files
from .runs import RunFolder

OUTPUTS, SUITE = "outputs", "outputs/suite.json"  # of a run that keeps what its models made, by when


def suite(run: RunFolder) -> list[dict[str, Any]] | None:
    """What was drawn, in the order of the pictures: `role`, `prompt`, `object`, `style`, `seed`. None where it was not kept."""
    kept: list[dict[str, Any]] | None = files.read_json(run.path / SUITE)
    return kept


def images(run: RunFolder, when: Literal["before", "after"], items: Sequence[int]) -> NDArray[np.uint8] | None:
    """Some of the pictures [n, height, width, 3] by their number. None where they were not kept, or the disk lost them."""
    try:
        with np.load(run.path / OUTPUTS / f"{when}.npz", allow_pickle=False) as file:
            return file["images"][list(items)]  # type: ignore[no-any-return]
    except (OSError, ValueError, LookupError, EOFError, BadZipFile):
        return None
