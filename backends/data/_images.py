"""What an image-classification data set is, wherever it comes from, and how a person's image file is opened safely."""

import base64
import binascii
import hashlib
import warnings
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from ..api.errors import BadInput

if TYPE_CHECKING:
    from ._tampering import Tampered

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
MAX_PIXELS = 50_000_000  # of one file: a larger one is a mistake, or made to fill the memory
LONGEST_URL = 2_000_000  # characters of a picture that comes as text
URL = "data:image/png;base64,"
WHITE = (255, 255, 255, 255)
ALPHA, DEEP = "have transparent parts, which lie on white", "hold more than 8 bits a value, which were scaled to 8"


@dataclass(frozen=True)
class Split:
    """Images as uint8 [n, height, width, channels], already at the model's size, and labels as int64 [n]."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class ImageSet:
    """A data set with class names. An item's id is its position in `train`; `notes` say how it was read, for people; `tampered`, what
    was done to it before a model learned from it."""

    id: str
    names: list[str]
    train: Split
    test: Split
    notes: tuple[str, ...] = ()
    tampered: "Tampered | None" = None

    @property
    def own_test(self) -> NDArray[np.int64]:
        """The test images as they were taken, without the copies that bear a trigger."""
        copies = self.tampered.copies if self.tampered else np.zeros(0, np.int64)
        return np.setdiff1d(np.arange(len(self.test)), copies)

    @cached_property
    def key(self) -> str:
        """A hash of all images and labels."""
        digest = hashlib.blake2b(digest_size=16)
        for split in (self.train, self.test):
            digest.update(str(split.images.shape).encode())
            digest.update(np.ascontiguousarray(split.images).data)
            digest.update(np.ascontiguousarray(split.labels).data)
        return digest.hexdigest()


def open_image(path: Path) -> Image.Image:
    """`read_image` without its words."""
    return read_image(path)[0]


def read_bytes(content: bytes, name: str) -> Image.Image:
    """The picture of a file's content, otherwise as `read_image`; `name` is what it is called."""
    return _read(BytesIO(content), name[:80], FORMATS)[0]


def image_of_url(url: str) -> Image.Image:
    """The picture of a data address, which has to be a PNG; otherwise as `read_image`.

    Raises:
        BadInput: it is none, too long or damaged, or as `read_image`.
    """
    if not isinstance(url, str) or not url.startswith(URL):
        raise BadInput(f"The picture was no PNG as a data address; give one that begins with {URL}")
    if len(url) > LONGEST_URL:
        raise BadInput(f"The picture has {len(url):,} characters; at most {LONGEST_URL:,} are allowed.")
    try:
        content = base64.b64decode(url[len(URL) :], validate=True)
    except (binascii.Error, ValueError):
        raise BadInput("The picture is damaged: what follows base64, is no base64.") from None
    return _read(BytesIO(content), "The picture", ("PNG",))[0]


def read_image(path: Path) -> tuple[Image.Image, str]:
    """Read one image file as grey ("L") or colour ("RGB") of 8 bits a value, turned as its camera says, and what was changed
    (ALPHA, DEEP or nothing). The size is looked at before anything is unpacked.

    Raises:
        BadInput: it is missing, no image of a known format, damaged, has too many pixels or values of an unknown range; the
            sentence names the file.
    """
    return _read(path, path.name, FORMATS)


def _read(source: Path | BytesIO, name: str, formats: tuple[str, ...]) -> tuple[Image.Image, str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(source, formats=formats)
        with image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise BadInput(
                    f"{name} has {width} x {height} pixels; at most {MAX_PIXELS // 10**6} million are allowed."
                )
            return _plain(ImageOps.exif_transpose(image), name, str(image.format))
    except Image.DecompressionBombError:
        raise BadInput(f"{name} has far too many pixels; at most {MAX_PIXELS // 10**6} million are allowed.") from None
    except FileNotFoundError:
        raise BadInput(f"There is no file {name[:80]!r}.") from None
    except (OSError, SyntaxError, ValueError):
        raise BadInput(f"{name} is no image that can be read; give {', '.join(formats)}.") from None


def _plain(image: Image.Image, name: str, kind: str) -> tuple[Image.Image, str]:
    """Any of Pillow's modes as "L" or "RGB". Values of more than 8 bits are scaled by the range that their kind has."""
    if image.mode.startswith("I") or image.mode == "F":
        return _scaled(image, name, kind), DEEP
    if image.has_transparency_data:
        clear = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        if clear.getchannel("A").getextrema() == (255, 255):
            return clear.convert("RGB"), ""
        ground = Image.new("RGBA", clear.size, WHITE)
        return Image.alpha_composite(ground, clear).convert("RGB"), ALPHA
    if image.mode == "LAB":
        to = ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
        converted = ImageCms.applyTransform(image, to)
        assert converted is not None  # that is so only of pictures changed in place
        return converted, ""
    return image if image.mode in ("L", "RGB") else image.convert("L" if image.mode == "1" else "RGB"), ""


def _scaled(image: Image.Image, name: str, kind: str) -> Image.Image:
    """Whole numbers of 16 bits, or fractions from 0 to 1, as 8 bits.

    Raises:
        BadInput: whole numbers of 32 bits or other fractions, which may mean anything.
    """
    values = np.asarray(image, np.float64)
    least, most = (float(values.min()), float(values.max())) if np.isfinite(values).all() else (np.nan, np.nan)
    if image.mode == "F":
        top, allowed = 1.0, "fractions have to be from 0 to 1"
    else:
        top, allowed = 65535.0, "whole numbers have to be of 8 or 16 bits without a sign"
    scalable = image.mode.startswith("I;16") or image.mode == "F" or kind in ("PNG", "PPM") or most > 255
    if not scalable or not (least >= 0 and most <= top):
        raise BadInput(f"{name} holds values from {least:g} to {most:g}, but {allowed}; save it with 8 bits a value.")
    return Image.fromarray((values * (255 / top)).round().astype(np.uint8))
