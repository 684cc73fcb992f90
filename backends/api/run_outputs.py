"""The pictures or answers that a run was judged by, read from its folder: no model is opened for them."""

from collections.abc import Sequence
from math import exp
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from . import reading
from .errors import Unreadable
from .runs import RunFolder

When = Literal["before", "after", "reference"]
PERTURBATIONS = "perturbations"  # what protects images, among what a method made besides the model
OUTPUTS, SUITE = "outputs", "outputs/suite.json"  # of a run that keeps what its models made, by when


def made_file(name: str) -> str:
    """Where, within a run's folder, arrays lie that its method made besides the model."""
    return f"made/{name}.npz"


def protects(folder: Path) -> bool:
    """Whether a run's method made what protects images, its own and others."""
    return (folder / made_file(PERTURBATIONS)).is_file()


def method_arrays(folder: Path, name: str) -> dict[str, NDArray[Any]] | None:
    """Those arrays, by name. None where the method made none, or the disk lost them."""
    try:
        with np.load(folder / made_file(name), allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except (OSError, ValueError, LookupError, EOFError, BadZipFile):
        return None


def suite(run: RunFolder) -> list[dict[str, Any]] | None:
    """What was asked, in order. None where it was not kept.

    Of pictures: `role`, `prompt`, `object`, `style`, `seed`; of answers: `role`, `kind`, `prompt` and the true answer, `truth`.
    """
    try:
        entries = reading.document(run.path / SUITE, run.path.parent)
    except Unreadable:
        return None
    return entries if isinstance(entries, list) and all(map(_is_suite_entry, entries)) else None


def _is_suite_entry(one: Any) -> bool:
    """Whether an entry of the suite says what was asked, and in which role."""
    return isinstance(one, dict) and all(isinstance(one.get(name), str) for name in ("role", "prompt"))


def arrays(run: RunFolder, when: When) -> dict[str, NDArray[Any]] | None:
    """What its family kept of the outputs of one of the models, by name. None where they were not kept, or the disk lost them."""
    try:
        with np.load(run.path / OUTPUTS / f"{when}.npz", allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, LookupError, EOFError, BadZipFile):
        return None


def images(run: RunFolder, when: When, items: Sequence[int]) -> NDArray[np.uint8] | None:
    """Some of the pictures [n, height, width, 3] by their number. None where they were not kept, or the disk lost them."""
    try:
        with np.load(run.path / OUTPUTS / f"{when}.npz", allow_pickle=False) as file:
            pictures: NDArray[np.uint8] = file["images"][list(items)]
            return pictures
    except (OSError, ValueError, LookupError, EOFError, BadZipFile):
        return None


def answers(run: RunFolder, when: When) -> list[tuple[str, float]] | None:
    """For every question of the suite what was said, and how likely the true answer is, a token, from 0 to 1.

    None where they were not kept, or the disk lost them.
    """
    try:
        with np.load(run.path / OUTPUTS / f"{when}.npz", allow_pickle=False) as file:
            pairs = zip(file["said"].tolist(), file["answer"].tolist(), strict=True)
            return [(str(response), exp(-nats)) for response, nats in pairs]
    except (OSError, ValueError, LookupError, EOFError, BadZipFile, AttributeError, TypeError):
        return None
