"""A person's own images: one folder per class, read once at the model's size.

FOLDER/train/<class>/*  and  FOLDER/test/<class>/*  (or val, valid, validation, where there is no test)
FOLDER/<class>/*        then one image in five, chosen by a hash of its file name, is kept for testing
"""

import hashlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..api.errors import BadInput
from ..api.home import shared
from ..api.targets import alike
from ._images import ImageSet, Split, read_image

MAX_BYTES = 2 * 2**30
AT_ONCE = 256  # images that are opened before the next are begun
TESTS = ("test", "testing", "val", "valid", "validation")  # folders of images to test with, the first that is there
LITTER = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir", "$recycle.bin"}  # of file managers

Prepare = Callable[[Image.Image], NDArray[np.uint8]]
Files = dict[str, list[Path]]  # class name -> its image files, sorted


def load(folder: Path, prepare: Prepare, model_names: Sequence[str] = ()) -> ImageSet:
    """Read a folder of images by class.

    Args:
        folder: laid out as the module says.
        prepare: a picture to uint8 [height, width, channels] at the model's size.
        model_names: the model's classes in its order. Folders are told by their names (see `alike`), and some may be missing; a
            model whose classes have no names (LABEL_0, 0, ...) takes the sorted order of the folders.

    Raises:
        BadInput: the folder or its classes are missing, a class is empty or no class of the model, a file is no image,
            or the images need more than 2 GB of memory.
    """
    folder = Path(folder).expanduser()
    if shared():
        raise BadInput("This studio is shared, so folders of its machine cannot be read; choose an embedded model.")
    if not folder.is_dir():
        raise BadInput(f"There is no folder {str(folder)[:200]!r}; give one with a folder of images for each class.")
    notes: list[str] = []
    if _classes(folder / "train"):
        train, test = _parts(folder, notes)
    else:
        train, test = _divide(_files(folder, notes))
    names, order = _order(list(train), model_names, folder, notes)
    splits, changes = _read([_listed(part, order) for part in (train, test)], prepare)
    notes += [f"{count:,} of its pictures {change}." for change, count in sorted(changes.items())]
    return ImageSet(str(folder), names, splits[0], splits[1], tuple(notes))


def _visible_entries(folder: Path) -> Iterator[Path]:
    """What a folder holds, without what is hidden or left there by file managers."""
    return (path for path in folder.iterdir() if not path.name.startswith(".") and path.name.casefold() not in LITTER)


def _classes(folder: Path) -> list[Path]:
    return sorted(path for path in _visible_entries(folder) if path.is_dir()) if folder.is_dir() else []


def _parts(folder: Path, notes: list[str]) -> tuple[Files, Files]:
    """The files to learn from and to test with, where there is a folder for each."""
    there = [name for name in TESTS if _classes(folder / name)]
    train = _files(folder / "train", notes)
    if not there:
        notes.append(f"{folder.name} holds no images to test with, so one in five of train is kept for that.")
        return _divide(train)
    test = _files(folder / there[0], notes)
    if there[0] != "test":
        notes.append(f"{there[0]} is read as the images to test with.")
    if there[1:]:
        notes.append(f"{' and '.join(there[1:])} {'is' if len(there) == 2 else 'are'} not used.")
    odd = sorted(set(train) ^ set(test))
    if odd:
        raise BadInput(
            f"{folder.name}: train and {there[0]} hold different classes ({odd[0]!r} is in one of them only)."
        )
    return train, test


def _files(folder: Path, notes: list[str]) -> Files:
    paths_by_class: Files = {}
    for place in _classes(folder):
        paths_by_class.setdefault(unicodedata.normalize("NFC", place.name), []).extend(_pictures(place, notes))
    if len(paths_by_class) < 2:
        has = f"holds only the class {next(iter(paths_by_class))!r}" if paths_by_class else "holds no class folders"
        raise BadInput(f"{folder} {has}; give one folder of images for each of at least two classes.")
    for name, paths in paths_by_class.items():
        if not paths:
            raise BadInput(f"The class {name!r} in {folder} holds no images; put some into it or remove its folder.")
    return paths_by_class


def _pictures(place: Path, notes: list[str]) -> list[Path]:
    """The files of a class, and those of folders within it.

    Raises:
        BadInput: it holds nothing but folders, which may be classes themselves.
    """
    own = [path for path in _visible_entries(place) if path.is_file()]
    below = [path for inner in _classes(place) for path in _below(inner)]
    if below and not own:
        raise BadInput(
            f"{place.name!r} holds no images but folders of them (as {below[0].parent.name!r}); put the images of a class "
            "straight into its folder."
        )
    if below:
        notes.append(f"{len(below):,} images in folders within the class {place.name!r} are read as images of it.")
    return sorted(own + below)


def _below(folder: Path) -> list[Path]:
    return [path for path in _visible_entries(folder) if path.is_file()] + [
        path for inner in _classes(folder) for path in _below(inner)
    ]


def _divide(files: Files) -> tuple[Files, Files]:
    """One in five of each class, at least one, for testing: those whose names have the smallest hashes."""
    train: Files = {}
    test: Files = {}
    for name, paths in files.items():
        if len(paths) < 2:
            raise BadInput(
                f"The class {name!r} holds one image; at least two are needed, one to learn and one to test."
            )
        order = sorted(paths, key=lambda path: hashlib.sha256(path.name.encode()).digest())
        count = max(1, len(paths) // 5)
        test[name], train[name] = sorted(order[:count]), sorted(order[count:])
    return train, test


def _order(
    class_names: list[str], model_names: Sequence[str], folder: Path, notes: list[str]
) -> tuple[list[str], dict[str, int]]:
    """(names of all classes, the class that each folder holds)."""
    if not model_names:
        return class_names, {name: label for label, name in enumerate(class_names)}
    numbers = _by_name(model_names)
    if all(alike(name) in numbers for name in class_names):
        order = {name: numbers[alike(name)] for name in class_names}
        names = list(model_names)
        for name, label in order.items():
            names[label] = name
        if len({*order.values()}) < len(class_names):
            raise BadInput(f"Two folders of {folder.name} are the same class of the model; put their images together.")
        if len(class_names) < len(names):
            notes.append(
                f"It has images of {len(class_names):,} of the model's {len(names):,} classes; the others are not measured."
            )
        return names, order
    unnamed = all(re.fullmatch(r"(LABEL_)?\d+", name) for name in model_names)
    if len(class_names) != len(model_names) and unnamed:
        raise BadInput(
            f"The model tells {len(model_names)} classes apart, but {folder.name} holds {len(class_names)}; as its classes have no "
            "names, give images for every class of the model."
        )
    if unnamed:
        some = ", ".join(f"{label} is {name!r}" for label, name in enumerate(class_names[:12]))
        notes.append(
            f"The model's classes have no names, so folders are taken in the order of their text: class {some}."
        )
        return class_names, {name: label for label, name in enumerate(class_names)}
    wrong = next(name for name in class_names if alike(name) not in numbers)
    more = f" and {len(model_names) - 20:,} more" if len(model_names) > 20 else ""
    raise BadInput(f"The folder {wrong!r} is no class of the model; it knows {', '.join(model_names[:20])}{more}.")


def _by_name(model_names: Sequence[str]) -> dict[str, int]:
    """The class of each name that is one class's only. Of a list of names (tench, Tinca tinca) each means it."""
    label_by_name: dict[str, int] = {}
    for ways in ([name.split(",") for name in model_names], [[name] for name in model_names]):
        single = [(alike(one), label) for label, way in enumerate(ways) for one in way if alike(one)]
        once = Counter(name for name, _ in single)
        label_by_name |= {name: label for name, label in single if once[name] == 1}
    return label_by_name


def _listed(files: Files, order: dict[str, int]) -> list[tuple[Path, int]]:
    return [(path, order[name]) for name in sorted(order, key=order.__getitem__) for path in files[name]]


def _read(splits: list[list[tuple[Path, int]]], prepare: Prepare) -> tuple[list[Split], Counter[str]]:
    """The images, and how many of them were changed in which way."""
    first = prepare(read_image(splits[0][0][0])[0])
    count, most = sum(map(len, splits)), MAX_BYTES // first.nbytes
    if count > most:
        size = " x ".join(map(str, first.shape))
        raise BadInput(f"The folder holds {count:,} images; at {size} values each, at most {most:,} fit into memory.")

    def one(path: Path) -> tuple[NDArray[np.uint8], str]:
        image, change = read_image(path)
        array = prepare(image)
        if array.shape != first.shape:
            raise BadInput(
                f"The model's processor makes pictures of different sizes ({path.name}: {array.shape[1]} x "
                f"{array.shape[0]}); give its preprocessor_config.json a fixed height and width."
            )
        return array, change

    read, changes = list[Split](), Counter[str]()
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for items in splits:
            images = np.empty((len(items), *first.shape), np.uint8)
            for at in range(0, len(items), AT_ONCE):
                done = pool.map(one, [path for path, _ in items[at : at + AT_ONCE]])
                for place, (array, change) in enumerate(done, at):
                    images[place] = array
                    changes.update([change] if change else [])
            read.append(Split(images, np.array([label for _, label in items], np.int64)))
    return read, changes
