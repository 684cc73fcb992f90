"""Forget and retain sets of an image classifier: targets resolved to a task's parts, once, before a job starts."""

from collections.abc import Sequence

import numpy as np

from ...api import files, runs
from ...api.errors import BadInput
from ...api.targets import Target, parse
from ...api.targets import alike as alike_name
from ...core.task import ClassifierTask, Index


def resolve(task: ClassifierTask, forget: tuple[str, ...], keep: tuple[str, ...] = ()) -> None:
    """Set `parts`, `forgotten_classes` and `neighbours` of the task.

    Without a keep list everything that is not forgotten is kept. With one, the method rehearses only that; the metrics
    still look at everything. Where what was manipulated is to be forgotten, `test_forget` are the test images on which it shows.

    Raises:
        BadInput: an unknown class or id, every class chosen, forget and keep that overlap, or nothing left to keep.
    """
    forget_targets, keep_targets = [parse(text) for text in forget], [parse(text) for text in keep]
    classes = {_class(task, target) for target in forget_targets if target.kind == "class"}
    if len(classes) == len(task.names):
        raise BadInput(f"All {len(classes)} classes were chosen to be forgotten; leave at least one to keep.")
    both = classes & {_class(task, target) for target in keep_targets if target.kind == "class"}
    if both:
        raise BadInput(f"{task.names[min(both)]} is in the forget list and in the keep list; take it out of one.")
    train = task.parts["train"]
    forget_set = _union(task, forget_targets)
    retain = np.setdiff1d(train, forget_set)
    keep_set = np.setdiff1d(_union(task, keep_targets), forget_set) if keep_targets else retain
    if not len(keep_set):
        raise BadInput(
            f"Forgetting {', '.join(forget)[:80]} leaves none of the {len(train):,} training images to keep; choose less."
        )
    labels, test = task.data.test.labels, task.data.own_test
    task.forgotten_classes = sorted(classes) if all(target.kind == "class" for target in forget_targets) else []
    task.corrects = task.data.tampered if all(target.kind == "poison" for target in forget_targets) else None
    touched = task.corrects.affected if task.corrects else test[np.isin(labels[test], task.forgotten_classes)]
    task.parts |= {
        "forget": forget_set,
        "retain": retain,
        "keep": keep_set,
        "test": np.setdiff1d(test, touched),
        "test_forget": touched,
    }
    task.set_forget(forget_set)
    task.neighbours = neighbours(task, task.forgotten_classes or _main_classes(task, forget_set))


def neighbours(task: ClassifierTask, classes: list[int], most: int = 2) -> list[int]:
    """The classes that the model confuses most with these, by its own confusion on the test images, nearest first.

    None for no classes.

    `confusion()[i][j]` is the share of images of class i that the model calls j; both directions count.
    """
    if not classes:
        return []
    confusion = np.array(task_confusion(task))
    nearness = confusion[classes].sum(0) + confusion[:, classes].sum(1)
    nearness[classes] = -1
    nearness[~np.isin(np.arange(len(nearness)), task.data.test.labels)] = -1  # of these there are no images to measure
    return [int(i) for i in np.argsort(-nearness)[:most] if nearness[i] > 0]


def task_confusion(task: ClassifierTask) -> list[list[float]]:
    """Row i: how the model before labels the test images of class i, as shares. From its card, measured where it has none."""
    card = files.read_json(task.folder / "card.json", {})
    if "confusion" in card and card.get("data") == task.data.id:
        shares: list[list[float]] = card["confusion"]
        return shares
    own = task.data.own_test
    predictions = task.outputs(task.load())["test"][own].argmax(1)
    counts = np.zeros((len(task.names), len(task.names)))
    np.add.at(counts, (task.data.test.labels[own], predictions), 1)
    measured: list[list[float]] = (counts / counts.sum(1, keepdims=True).clip(min=1)).tolist()
    return measured


def _union(task: ClassifierTask, targets: list[Target]) -> Index:
    return np.unique(np.concatenate([_items(task, target) for target in targets])).astype(np.int64)


def _class(task: ClassifierTask, target: Target) -> int:
    by_name = {alike_name(name): number for number, name in enumerate(task.names)}
    if alike_name(target.name) not in by_name:
        raise BadInput(f"There is no class {target.name[:60]!r}; {task.id} knows {', '.join(task.names[:20])}.")
    return by_name[alike_name(target.name)]


def _main_classes(task: ClassifierTask, index: Index) -> list[int]:
    """The class that more than half of these items belong to; none for a mixture."""
    counts = np.bincount(task.data.train.labels[index], minlength=len(task.names))
    return [int(counts.argmax())] if 2 * counts.max() > len(index) else []


def _items(task: ClassifierTask, target: Target) -> Index:
    labels, count = task.data.train.labels, len(task.data.train)
    _inside(target.ids, count)
    match target.kind:
        case "class":
            class_items = np.flatnonzero(labels == _class(task, target))
            if not len(class_items):
                raise BadInput(
                    f"There are no images of the class {target.name[:60]!r}; add a folder of them to the data."
                )
            return class_items
        case "random":
            return _share(np.arange(count), target)
        case "poison":
            if task.data.tampered is None:
                raise BadInput(
                    f"The training images of {task.id} were not manipulated, as far as is known; choose a class or images."
                )
            return _share(task.data.tampered.ids, target)
        case "slice":
            return _slice(task, *target.place)
        case "images":
            return np.array(target.ids, dtype=np.int64)
        case "like":
            return alike(task, target.ids[0], target.count)
        case _:
            found_set = runs.find(target.name).found_set
            if found_set is None:
                raise BadInput(
                    f"Run {target.name} found no forget set; name a finished run of a method that finds one."
                )
            _inside(found_set, count)
            return np.array(found_set, dtype=np.int64)


def _share(ids: Index, target: Target) -> Index:
    """A random share of some items, sorted; a larger share of the same draw holds the smaller ones."""
    rng = np.random.default_rng([target.draw, 20_231_013])
    return np.sort(rng.permutation(ids)[: max(1, round(len(ids) * target.share / 100))])


def _slice(task: ClassifierTask, shard: int, number: int) -> Index:
    """The training items of one slice, both counted from 1."""
    from . import tile_training  # a model library

    parts = tile_training.parts(task) if tile_training.holds_tiles(task) else []
    if not (0 < shard <= len(parts) and 0 < number <= len(parts[0])):
        raise BadInput(f"{task.id} has no slice {shard}.{number}; choose a class or images.")
    return parts[shard - 1][number - 1]


def _inside(ids: Sequence[int], count: int) -> None:
    outside = [item for item in ids if not 0 <= item < count]
    if outside:
        raise BadInput(f"There is no training image {outside[0]}; ids run from 0 to {count - 1}.")


def alike(task: ClassifierTask, item: int, count: int) -> Index:
    """The `count` training items whose features (what goes into the last layer) have the highest cosine with the item's."""
    nearness = task.directions @ task.directions[item]
    nearness[item] = np.inf  # itself, also where others are its equal
    return np.sort(np.argsort(-nearness)[:count]).astype(np.int64)
