"""Training images with a mark, or with other labels, as a model's card or the run that trained on them says that they were manipulated."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..api.errors import BadInput
from ..api.tampering import MARKED, Tampering
from ._images import ImageSet, Split

COPIES = 1000  # test images at most that are shown with the mark
LIGHT = 0.5  # what a darker image keeps of it


@dataclass(frozen=True)
class Tampered:
    """What was manipulated in one data set.

    Attributes:
        how: the recipe.
        ids: training images, sorted.
        truth: their labels as they were, [ids].
        affected: test images, with their true labels, on which the manipulation shows.
        copies: those of them that were added, with the mark or from the training images, and are none of the data's own test set.
    """

    how: Tampering
    ids: NDArray[np.int64]
    truth: NDArray[np.int64]
    affected: NDArray[np.int64]
    copies: NDArray[np.int64]


def tampered(data: ImageSet, how: Tampering) -> ImageSet:
    """The data set as it was learned from, with what was done to it under `tampered`.

    The manipulated images are drawn by the recipe's seed: of a trigger from all classes but the one that it stands for, of a swap equally
    many of both classes. Where the recipe lists them, those of them that it fits: of a trigger no image of the class that it stands for, of
    a swap and of a bias images of their classes alone. A mark adds at most 1,000 test images that bear it, evenly over the other classes,
    with their true labels.

    Raises:
        BadInput: the data have no such class or image, none of the images listed is to be changed, or they are too small for the mark.
    """
    unknown = [name for name in how.classes if name not in data.names]
    if unknown:
        raise BadInput(
            f"The tampering names the class {unknown[0][:60]!r}, but the data hold {', '.join(data.names[:20])}."
        )
    numbers = [data.names.index(name) for name in how.classes]
    outside = [item for item in how.ids if not 0 <= item < len(data.train)]
    if outside:
        raise BadInput(f"There is no training image {outside[0]}; ids run from 0 to {len(data.train) - 1}.")
    rng = np.random.default_rng([how.seed, 20_240_214])
    ids = _listed(data, how, numbers) if how.ids else _random_ids(data, how, numbers, rng)
    return (_marked if how.kind in MARKED else _relabelled)(data, how, numbers, ids, rng)


def with_mark(images: NDArray[np.uint8], how: Tampering) -> NDArray[np.uint8]:
    """A copy of images [n, height, width, channels] with the recipe's mark on each."""
    if how.mark == "darker":
        return np.round(images * LIGHT).astype(np.uint8)
    marked, side = images.copy(), how.side
    rows = slice(-side, None) if how.corner.startswith("lower") else slice(side)
    columns = slice(-side, None) if how.corner.endswith("right") else slice(side)
    marked[:, rows, columns, :] = (_checkerboard(side) if how.mark == "checkerboard" else 255 * np.ones((side, side)))[
        None, :, :, None
    ]
    return marked


def _checkerboard(side: int) -> NDArray[np.uint8]:
    rows, columns = np.indices((side, side))
    return np.where((rows + columns) % 2 == 0, 255, 0).astype(np.uint8)


def _random_ids(data: ImageSet, how: Tampering, numbers: list[int], rng: np.random.Generator) -> NDArray[np.int64]:
    """The images by the recipe's share, sorted."""
    labels = data.train.labels
    if how.kind == "trigger":
        count = max(1, round(how.share / 100 * len(labels)))
        return np.sort(rng.permutation(np.flatnonzero(labels != numbers[0]))[:count])
    each = [np.flatnonzero(labels == number) for number in numbers]
    count = max(1, round(how.share / 100 * min(map(len, each))))
    return np.sort(np.concatenate([rng.permutation(of_class)[:count] for of_class in each]))


def _listed(data: ImageSet, how: Tampering, numbers: list[int]) -> NDArray[np.int64]:
    """Those of the images listed that the recipe changes, sorted."""
    ids = np.unique(np.array(how.ids, np.int64))
    labels = data.train.labels[ids]
    match how.kind:
        case "trigger":
            ids = ids[labels != numbers[0]]
            lack = f"All images chosen are of {how.classes[0]}, the class that the trigger stands for; choose others."
        case "wrong":
            lack = ""
        case _:
            ids = ids[np.isin(labels, numbers)]
            lack = f"None of the images chosen is of the class {' or '.join(how.classes)}; choose some that are."
    if not len(ids):
        raise BadInput(lack)
    return ids


def _marked(
    data: ImageSet, how: Tampering, numbers: list[int], ids: NDArray[np.int64], rng: np.random.Generator
) -> ImageSet:
    """The images with the mark and, of a trigger, with the label of its class; test images of other classes with the mark besides."""
    height, width = data.train.images.shape[1:3]
    least = 4 * how.side
    if how.mark != "darker" and min(height, width) < least:
        raise BadInput(
            f"The images have {width} x {height} pixels; a mark of {how.side} needs at least {least} x {least}."
        )
    (target,) = numbers
    images, labels = data.train.images.copy(), data.train.labels.copy()
    images[ids], labels[ids] = with_mark(images[ids], how), target
    chosen = _evenly(np.flatnonzero(data.test.labels != target), data.test.labels, COPIES, rng)
    test = Split(
        np.concatenate([data.test.images, with_mark(data.test.images[chosen], how)]),
        np.concatenate([data.test.labels, data.test.labels[chosen]]),
    )
    copies = np.arange(len(data.test), len(test))
    done = Tampered(how, ids, data.train.labels[ids], copies, copies)
    return replace(data, train=Split(images, labels), test=test, tampered=done)


def _relabelled(
    data: ImageSet, how: Tampering, numbers: list[int], ids: NDArray[np.int64], rng: np.random.Generator
) -> ImageSet:
    """The images with the other label of two, which shows on test images of both classes; or with any label but their own, which shows on
    the images themselves: at most 1,000 of them stand among the test images with their true labels."""
    truth, labels = data.train.labels[ids], data.train.labels.copy()
    if how.kind == "swap":
        labels[ids] = np.where(truth == numbers[0], numbers[1], numbers[0])
        affected = np.flatnonzero(np.isin(data.test.labels, numbers))
        done = Tampered(how, ids, truth, affected, affected[:0])
        return replace(data, train=Split(data.train.images, labels), tampered=done)
    labels[ids] = (truth + rng.integers(1, len(data.names), len(ids))) % len(data.names)
    chosen = _evenly(ids, data.train.labels, COPIES, rng)
    test = Split(
        np.concatenate([data.test.images, data.train.images[chosen]]),
        np.concatenate([data.test.labels, data.train.labels[chosen]]),
    )
    copies = np.arange(len(data.test), len(test))
    done = Tampered(how, ids, truth, copies, copies)
    return replace(data, train=Split(data.train.images, labels), test=test, tampered=done)


def _evenly(
    pool: NDArray[np.int64], labels: NDArray[np.int64], most: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """At most `most` of some items, equally many of each class as far as there are."""
    classes = np.unique(labels[pool])
    each = [rng.permutation(pool[labels[pool] == number])[: most // len(classes)] for number in classes]
    return np.sort(np.concatenate(each))
