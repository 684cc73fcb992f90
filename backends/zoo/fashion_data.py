"""The Fashion-MNIST subset that Lethe ships, drawn from Debian's package dataset-fashion-mnist."""

import gzip
import zipfile
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from ..api.errors import BadInput
from ..api.files import write_bytes, write_json
from ..data.fashion import FOLDER, NAMES
from ..families.classifier import FAMILY

SPLITS = (("train", "train", 20_000), ("test", "t10k", 5_000))
LICENCE = """The MIT License (MIT)

Copyright (c) 2017 Zalando SE, https://tech.zalando.com

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""
README = """# Fashion-MNIST, a subset

20,000 training and 5,000 test images of clothes, 28 x 28 pixels in grey, ten classes with equally many images each. They
are drawn at random, with a fixed seed, from the 60,000 and 10,000 images of Fashion-MNIST (Xiao, Rasul and Vollgraf,
2017, https://arxiv.org/abs/1708.07747), copyright 2017 Zalando SE, under the MIT licence (file LICENSE beside this one).

`train.npz` and `test.npz` each hold `images` (uint8 [n, 28, 28]), `labels` (uint8 [n]) and `index` (int32 [n], the
image's place in the original file). Nothing was changed in the images.

To make the files again: install Debian's package `dataset-fashion-mnist`, then run `python -m backends.zoo fashion-data`.
"""
CARD = {
    "title": "Clothes (Fashion-MNIST)",
    "summary": "20,000 small grey pictures of clothes to learn from and 5,000 to test with, in ten classes.",
    "family": FAMILY.id,
    "classes": NAMES,
    "train_count": 20_000,
    "test_count": 5_000,
    "size": [28, 28, 1],
    "source": {
        "title": "Xiao, Rasul and Vollgraf, Fashion-MNIST, 2017",
        "url": "https://arxiv.org/abs/1708.07747",
        "code": "https://github.com/zalandoresearch/fashion-mnist",
        "licence": "MIT",
    },
}
SOURCE = Path("/usr/share/datasets/fashion-mnist")


def main(
    source: Annotated[Path, typer.Option(help="Folder with the four original files.")] = SOURCE,
    to: Annotated[Path, typer.Option(help="Folder to write to.")] = FOLDER,
) -> None:
    """Draw the class-balanced subset of Fashion-MNIST, with its licence and card."""
    rng = np.random.default_rng(0)
    for name, prefix, count in SPLITS:
        images, labels = _read(source, prefix)
        each = count // len(NAMES)
        chosen = [rng.permutation(np.flatnonzero(labels == label))[:each] for label in range(len(NAMES))]
        index = np.sort(np.concatenate(chosen))
        arrays = {"images": images[index], "labels": labels[index], "index": index.astype(np.int32)}
        _save(to / f"{name}.npz", arrays)
    write_bytes(to / "LICENSE", LICENCE.encode())
    write_bytes(to / "README.md", README.encode())
    write_json(to / "card.json", CARD)
    typer.echo(f"Wrote {', '.join(sorted(path.name for path in to.iterdir()))} to {to}.", err=True)


def _read(source: Path, prefix: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images [n, 28, 28] and labels [n] of one original split; both files are a short header and plain bytes."""

    def content(kind: str, header: int) -> NDArray[np.uint8]:
        path = source / f"{prefix}-{kind}-ubyte.gz"
        if not path.is_file():
            raise BadInput(f"{path} is missing; install Debian's package dataset-fashion-mnist or give --source.")
        return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header)

    return content("images-idx3", 16).reshape(-1, 28, 28), content("labels-idx1", 8)


def _save(path: Path, arrays: dict[str, NDArray[np.generic]]) -> None:
    """Write arrays as numpy.savez_compressed does, with a fixed date, so that the same arrays always make the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as file:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            with file.open(entry, "w", force_zip64=True) as out:
                np.lib.format.write_array(out, array, allow_pickle=False)
