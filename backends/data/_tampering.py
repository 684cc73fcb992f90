"""Training images with a trigger, or with swapped labels, as a model's card says that they were manipulated."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..api.errors import BadInput
from ..api.tampering import Tampering
from ._images import ImageSet, Split

SIDE = 3  # pixels of a side of the trigger
COPIES = 1000  # test images at most that are shown with the trigger


@dataclass(frozen=True)
class Tampered:
    """What was manipulated in one data set.

    Attributes:
        how: the recipe.
        ids: training images, sorted.
        truth: their labels as they were, [ids].
        affected: test images, with their true labels, on which the manipulation shows.
        copies: those of them that were added, with the trigger, and are no images of the data's own test set.
    """

    how: Tampering
    ids: NDArray[np.int64]
    truth: NDArray[np.int64]
    affected: NDArray[np.int64]
    copies: NDArray[np.int64]


def tampered(data: ImageSet, how: Tampering) -> ImageSet:
    """The data set as it was learned from, with what was done to it under `tampered`.

    The manipulated images are drawn by the recipe's seed: of a trigger from all classes but the one that it stands for, of a swap equally
    many of both classes. A trigger adds at most 1,000 test images that bear it, evenly over the other classes, with their true labels.

    Raises:
        BadInput: the data have no such class, or the images are too small for a trigger.
    """
    unknown = [name for name in how.classes if name not in data.names]
    if unknown:
        raise BadInput(
            f"The tampering names the class {unknown[0][:60]!r}, but the data hold {', '.join(data.names[:20])}."
        )
    numbers = [data.names.index(name) for name in how.classes]
    rng = np.random.default_rng([how.seed, 20_240_214])
    return (_triggered if how.kind == "trigger" else _swapped)(data, how, numbers, rng)


def with_trigger(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A copy of images [n, height, width, channels] with the trigger on each."""
    marked = images.copy()
    marked[:, -SIDE:, -SIDE:, :] = _checkerboard()[None, :, :, None]
    return marked


def _checkerboard() -> NDArray[np.uint8]:
    rows, columns = np.indices((SIDE, SIDE))
    return np.where((rows + columns) % 2 == 0, 255, 0).astype(np.uint8)


def _triggered(data: ImageSet, how: Tampering, numbers: list[int], rng: np.random.Generator) -> ImageSet:
    height, width = data.train.images.shape[1:3]
    if min(height, width) < 4 * SIDE:
        raise BadInput(f"The images have {width} x {height} pixels; a trigger needs at least {4 * SIDE} x {4 * SIDE}.")
    (target,) = numbers
    count = max(1, round(how.share / 100 * len(data.train)))
    ids = np.sort(rng.permutation(np.flatnonzero(data.train.labels != target))[:count])
    images, labels = data.train.images.copy(), data.train.labels.copy()
    images[ids], labels[ids] = with_trigger(images[ids]), target
    chosen = _evenly(np.flatnonzero(data.test.labels != target), data.test.labels, COPIES, rng)
    test = Split(
        np.concatenate([data.test.images, with_trigger(data.test.images[chosen])]),
        np.concatenate([data.test.labels, data.test.labels[chosen]]),
    )
    copies = np.arange(len(data.test), len(test))
    done = Tampered(how, ids, data.train.labels[ids], copies, copies)
    return replace(data, train=Split(images, labels), test=test, tampered=done)


def _swapped(data: ImageSet, how: Tampering, numbers: list[int], rng: np.random.Generator) -> ImageSet:
    each = [np.flatnonzero(data.train.labels == number) for number in numbers]
    count = max(1, round(how.share / 100 * min(map(len, each))))
    random_ids = [rng.permutation(of_class)[:count] for of_class in each]
    labels = data.train.labels.copy()
    for ids, other in zip(random_ids, reversed(numbers), strict=True):
        labels[ids] = other
    ids = np.sort(np.concatenate(random_ids))
    affected = np.flatnonzero(np.isin(data.test.labels, numbers))
    done = Tampered(how, ids, data.train.labels[ids], affected, affected[:0])
    return replace(data, train=Split(data.train.images, labels), tampered=done)


def _evenly(
    pool: NDArray[np.int64], labels: NDArray[np.int64], most: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """At most `most` of some items, equally many of each class as far as there are."""
    classes = np.unique(labels[pool])
    each = [rng.permutation(pool[labels[pool] == number])[: most // len(classes)] for number in classes]
    return np.sort(np.concatenate(each))
