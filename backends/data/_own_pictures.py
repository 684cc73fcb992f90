"""A person's pictures as they come, a folder, one file or a zip of them, and pictures as they go, a zip of PNGs."""

import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from PIL import Image

from ..api.errors import BadInput, OutOfReach
from ._images import open_image, read_bytes

MB = 2**20
MOST = 200  # pictures at once
LARGEST = 20 * MB  # bytes of one picture
ALL = 200 * MB  # bytes of all of them, unpacked
PIXELS = 100_000_000  # of all of them
PLAIN = re.compile(r"[^\w .()+-]+")


def pictures(source: Path, most: int = PIXELS) -> Iterator[tuple[str, Image.Image]]:
    """Each picture with its name, as grey or colour of 8 bits a value.

    Args:
        source: a folder (what lies in it, not in folders within), an image, or a zip of images. Hidden files are left out.
        most: pixels of all of them.

    Raises:
        BadInput: there is none, or too many or too large ones, or a file that is no image; nothing is unpacked beyond the limits.
    """
    total = 0
    for name, picture in _zipped(source) if source.suffix.lower() == ".zip" else _files(source):
        total += picture.width * picture.height
        if total > most:
            raise BadInput(
                f"The pictures have more than {most / 10**6:g} million pixels together; give fewer or smaller ones."
            )
        yield name, picture


def _files(source: Path) -> Iterator[tuple[str, Image.Image]]:
    try:
        paths = [source] if source.is_file() else sorted(one for one in source.iterdir() if one.is_file())
        paths = [one for one in paths if not one.name.startswith(".")]
        sizes = [one.stat().st_size for one in paths]
    except FileNotFoundError:
        raise BadInput(
            f"There is nothing at {str(source)[:80]!r}; name a folder of pictures, one picture or a zip."
        ) from None
    except OSError as error:
        raise BadInput(f"{str(source)[:80]!r} cannot be read ({error.strerror}); name a folder of pictures.") from None
    _check([one.name for one in paths], sizes, source.name)
    for path in paths:
        yield path.name, open_image(path)


def _zipped(source: Path) -> Iterator[tuple[str, Image.Image]]:
    try:
        with zipfile.ZipFile(source) as packed:
            members = [
                one
                for one in packed.infolist()
                if not one.is_dir() and not Path(one.filename).name.startswith(".") and "__MACOSX" not in one.filename
            ]
            _check([one.filename for one in members], [one.file_size for one in members], source.name)
            for member in members:
                with packed.open(member) as file:
                    content = file.read(LARGEST + 1)  # a header may lie about how much there is
                if len(content) > min(LARGEST, member.file_size):
                    raise BadInput(f"{source.name[:80]} holds more than its own list says; pack it again.")
                name = Path(member.filename).name
                yield name, read_bytes(content, name)
    except FileNotFoundError:
        raise BadInput(
            f"There is no file {str(source)[:80]!r}; name a folder of pictures, one picture or a zip."
        ) from None
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, NotImplementedError, EOFError):
        raise BadInput(f"{source.name[:80]} is no whole zip that can be read without a password.") from None


def _check(names: list[str], sizes: list[int], where: str) -> None:
    if not names:
        raise BadInput(f"There is no picture in {where[:80]!r}; give PNG or JPEG files.")
    if len(names) > MOST:
        raise BadInput(f"{where[:80]!r} holds {len(names):,} files; at most {MOST} pictures are taken at once.")
    for name, size in zip(names, sizes, strict=True):
        if size > LARGEST:
            raise BadInput(
                f"{Path(name).name[:80]} has {size / MB:.0f} MB; a picture may have at most {LARGEST // MB} MB."
            )
    if sum(sizes) > ALL:
        raise BadInput(
            f"The pictures have {sum(sizes) / MB:.0f} MB together; at most {ALL // MB} MB are taken at once."
        )


def write_zip(to: Path, each: Iterator[tuple[str, Image.Image]]) -> list[str]:
    """Write pictures as PNGs into a new zip, as a whole or not at all; two of one name get different ones.

    Returns:
        the names in it.

    Raises:
        BadInput: there is such a file already, or no such folder; or as whoever gives the pictures.
        OutOfReach: it cannot be written.
    """
    if to.exists():
        raise BadInput(f"There is a file {to.name[:80]!r} already; name another one.")
    if not to.parent.is_dir():
        raise BadInput(f"There is no folder {str(to.parent)[:80]!r} to write to.")
    names: list[str] = []
    part = to.with_name(f".{to.name}.{os.getpid()}.part")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as packed:  # PNGs are compressed already
            for name, picture in each:
                names.append(_free(name, names))
                content = BytesIO()
                picture.save(content, "PNG")
                packed.writestr(names[-1], content.getvalue())
        part.rename(to)
    except OSError as error:
        raise OutOfReach(f"{to.name[:80]} could not be written ({error.strerror or error}).") from None
    finally:
        part.unlink(missing_ok=True)
    return names


def _free(name: str, used: list[str]) -> str:
    stem = PLAIN.sub("_", Path(name).stem)[:100].strip(" .") or "picture"
    number, free = 1, f"{stem}.png"
    while free in used:
        number += 1
        free = f"{stem}-{number}.png"
    return free
