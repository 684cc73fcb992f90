"""What an image-classification data set is, wherever it comes from, and how a person's image file is opened safely."""

import hashlib
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from ..api.errors import BadInput

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
MAX_PIXELS = 50_000_000  # of one file: a larger one is a mistake, or made to fill the memory


@dataclass(frozen=True)
class Split:
    """Images as uint8 [n, height, width, channels], already at the model's size, and labels as int64 [n]."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class ImageSet:
    """A data set with class names. An item's id is its position in `train`."""

    id: str
    names: list[str]
    train: Split
    test: Split

    @cached_property
    def key(self) -> str:
        """A hash of all images and labels."""
        seen = hashlib.blake2b(digest_size=16)
        for split in (self.train, self.test):
            seen.update(str(split.images.shape).encode())
            seen.update(np.ascontiguousarray(split.images))
            seen.update(np.ascontiguousarray(split.labels))
        return seen.hexdigest()


def open_image(path: Path) -> Image.Image:
    """Read one image file, turned as its camera says. The size is looked at before anything is unpacked.

    Raises:
        BadInput: it is missing, no image of a known format, damaged, or has too many pixels; the sentence names the file.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(path, formats=FORMATS)
        with image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise BadInput(
                    f"{path.name} has {width} x {height} pixels; at most {MAX_PIXELS // 10**6} million are allowed."
                )
            return ImageOps.exif_transpose(image)
    except Image.DecompressionBombError:
        raise BadInput(
            f"{path.name} has far too many pixels; at most {MAX_PIXELS // 10**6} million are allowed."
        ) from None
    except FileNotFoundError:
        raise BadInput(f"There is no file {path.name[:80]!r}.") from None
    except (OSError, SyntaxError, ValueError):
        raise BadInput(f"{path.name} is no image that can be read; give {', '.join(FORMATS)}.") from None
