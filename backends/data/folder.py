"""A person's own images: one folder per class, read once at the model's size.

FOLDER/train/<class>/*  and  FOLDER/test/<class>/*
FOLDER/<class>/*        then one image in five, chosen by a hash of its file name, is kept for testing
"""

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..api.errors import BadInput
from ..api.home import shared
from ._images import ImageSet, Split, open_image

MAX_BYTES = 2 * 2**30
AT_ONCE = 256  # images that are opened before the next are begun

Prepare = Callable[[Image.Image], NDArray[np.uint8]]
Files = dict[str, list[Path]]  # class name -> its image files, sorted


def load(folder: Path, prepare: Prepare, model_names: Sequence[str] = ()) -> ImageSet:
    """Read a folder of images by class.

    Args:
        folder: laid out as the module says.
        prepare: a picture to uint8 [height, width, channels] at the model's size.
        model_names: the model's classes in its order. Folders of the same names (in upper or lower case) take that
            order; a model whose classes have no names (LABEL_0, 0, ...) takes the sorted order of the folders.

    Raises:
        BadInput: the folder or its classes are missing, a class is empty or no class of the model, a file is no image,
            or the images need more than 2 GB of memory.
    """
    folder = Path(folder).expanduser()
    if shared():
        raise BadInput("This studio is shared, so folders of its machine cannot be read; choose an embedded model.")
    if not folder.is_dir():
        raise BadInput(f"There is no folder {str(folder)[:200]!r}; give one with a folder of images for each class.")
    if _classes(folder / "train"):
        train, test = _files(folder / "train"), _files(folder / "test")
        if list(train) != list(test):
            odd = sorted(set(train) ^ set(test))[0]
            raise BadInput(f"{folder.name}: train and test hold different classes ({odd!r} is in one of them only).")
    else:
        train, test = _divide(_files(folder))
    names = _order(list(train), model_names, folder)
    return ImageSet(str(folder), names, *_read([_listed(part, names) for part in (train, test)], prepare))


def _classes(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _files(folder: Path) -> Files:
    found = {
        place.name: sorted(path for path in place.iterdir() if path.is_file() and not path.name.startswith("."))
        for place in _classes(folder)
    }
    if len(found) < 2:
        has = f"holds only the class {next(iter(found))!r}" if found else "holds no class folders"
        raise BadInput(f"{folder} {has}; give one folder of images for each of at least two classes.")
    for name, paths in found.items():
        if not paths:
            raise BadInput(f"The class {name!r} in {folder} holds no images; put some into it or remove its folder.")
    return found


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


def _order(found: list[str], model_names: Sequence[str], folder: Path) -> list[str]:
    if not model_names:
        return found
    if len(found) != len(model_names):
        raise BadInput(
            f"The model tells {len(model_names)} classes apart, but {folder.name} holds {len(found)}; "
            "give images for every class of the model."
        )
    by_name = {name.casefold(): name for name in found}
    if all(name.casefold() in by_name for name in model_names):
        return [by_name[name.casefold()] for name in model_names]
    if all(re.fullmatch(r"(LABEL_)?\d+", name) for name in model_names):
        return found
    wrong = next(name for name in found if name.casefold() not in {known.casefold() for known in model_names})
    raise BadInput(f"The folder {wrong!r} is no class of the model; it knows {', '.join(model_names[:20])}.")


def _listed(files: Files, names: list[str]) -> list[tuple[Path, int]]:
    return [(path, label) for label, name in enumerate(names) for path in files[name]]


def _read(splits: list[list[tuple[Path, int]]], prepare: Prepare) -> list[Split]:
    first = prepare(open_image(splits[0][0][0]))
    count, most = sum(map(len, splits)), MAX_BYTES // first.nbytes
    if count > most:
        size = " x ".join(map(str, first.shape))
        raise BadInput(f"The folder holds {count:,} images; at {size} values each, at most {most:,} fit into memory.")

    def one(path: Path) -> NDArray[np.uint8]:
        array = prepare(open_image(path))
        if array.shape != first.shape:
            raise BadInput(
                f"The model's processor makes pictures of different sizes ({path.name}: {array.shape[1]} x "
                f"{array.shape[0]}); give its preprocessor_config.json a fixed height and width."
            )
        return array

    read = []
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for items in splits:
            images = np.empty((len(items), *first.shape), np.uint8)
            for at in range(0, len(items), AT_ONCE):
                for place, array in enumerate(pool.map(one, [path for path, _ in items[at : at + AT_ONCE]]), at):
                    images[place] = array
            read.append(Split(images, np.array([label for _, label in items], np.int64)))
    return read
