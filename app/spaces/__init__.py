"""Spaces of Hugging Face, written from this tree: one file for each kind, whose `KIND` is a `Kind`.

A folder is made beside the one that was named and takes its place when it is whole, so that nothing is left behind by what fails.
"""

import importlib
import pkgutil
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from backends.api import files, languages
from backends.api.errors import BadInput, LetheError
from backends.api.runs import RunFolder

ROOT: Final = Path(__file__).resolve().parents[2]
LARGEST: Final = 10 * 2**20  # bytes of one file; the Hub takes larger ones in another way
MARK: Final = ".lethe-space.json"  # what was written, so that it can be written again
THEIRS: Final = {".git", ".gitattributes", "README.md"}  # what the Hub puts into a new Space
LICENSE: Final = "apache-2.0"
ORGANISATION: Final = re.compile(r"[\w-]{1,96}")


@dataclass(frozen=True)
class Order:
    """What a Space is to hold.

    Attributes:
        runs: finished runs of one's own besides those that come with Lethe.
        studio: address of a studio that its links lead to, without a slash at the end; empty without one.
        sign_in: visitors may sign in with their account of the Hub.
        organisation: the one organisation whose members may; empty for everybody.
        language: of pages without a server; a studio speaks all that it has.
    """

    runs: Sequence[RunFolder] = ()
    studio: str = ""
    sign_in: bool = False
    organisation: str = ""
    language: str = languages.ENGLISH


@dataclass(frozen=True)
class Kind:
    """One way to host a Space.

    Attributes:
        sdk: as the front matter of its README names it.
        line: what it is and who may host it, in one sentence.
        write: fills an empty folder.
        most: bytes of all its files.
        static: it holds finished runs and links, and no server.
        signs_in: it has what signing in with an account of the Hub needs.
    """

    sdk: str
    line: str
    write: Callable[[Order, Path], None]
    most: int
    static: bool = False
    signs_in: bool = False


@cache
def kinds() -> Mapping[str, Kind]:
    """The kinds of Spaces by their SDK."""
    names = [module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")]
    each = [importlib.import_module(f"{__name__}.{name}").KIND for name in names]
    return MappingProxyType({one.sdk: one for one in each})


def kind(sdk: str) -> Kind:
    """A kind of Space by its SDK.

    Raises:
        BadInput: there is no such kind.
    """
    if sdk not in kinds():
        raise BadInput(f"--sdk was {sdk[:40]!r}; a Space is one of {', '.join(sorted(kinds()))}.")
    return kinds()[sdk]


def address(studio: str) -> str:
    """The address of a studio as links begin with it.

    Raises:
        BadInput: it is none that a studio answers at.
    """
    parts = urlsplit(studio.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or '"' in studio:
        raise BadInput(f"--studio was {studio[:80]!r}; give the address of a studio, as https://studio.example.org.")
    if parts.hostname in ("huggingface.co", "hf.co"):
        raise BadInput(
            f"--studio was {studio[:80]!r}, the page around a Space; give the address that the Space itself answers at, "
            "as https://user-name.hf.space."
        )
    return studio.strip().rstrip("/")


def language(name: str) -> str:
    """A language that pages can be written in, by its name as "de".

    Raises:
        BadInput: there is no such one.
    """
    if name not in languages.NAMES:
        raise BadInput(f"--lang was {name[:40]!r}; pages are written in one of {', '.join(languages.NAMES)}.")
    return name


def write(sdk: str, to: Path, order: Order) -> list[Path]:
    """Write a whole Space to a folder, in the place of an earlier one. Returns its files, relative to the folder.

    Raises:
        BadInput: there is no such kind, it takes no runs or links, or the folder holds something else.
        LetheError: it would be too large, or what it is made from is missing.
    """
    chosen = kind(sdk)
    if not chosen.static and (order.runs or order.studio):
        raise BadInput(f"A {sdk} Space holds the studio itself; --run and --studio are for --sdk static.")
    if not chosen.static and order.language != languages.ENGLISH:
        raise BadInput(f"A {sdk} Space speaks the language of each visitor; --lang is for --sdk static.")
    if order.sign_in and not chosen.signs_in:
        able = " or ".join(sorted(one.sdk for one in kinds().values() if one.signs_in))
        raise BadInput(f"Nobody can sign in on a {sdk} Space of Lethe; --sign-in is for --sdk {able}.")
    if order.organisation and not (order.sign_in and ORGANISATION.fullmatch(order.organisation)):
        raise BadInput(
            f"--org was {order.organisation[:60]!r}; give the name of an organisation of the Hub, together with --sign-in."
        )
    check_place(to)
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{to.name}-", dir=to.parent) as making:
        folder = Path(making) / "space"
        folder.mkdir()
        chosen.write(order, folder)
        written = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        check_size(folder, written, chosen)
        files.write_json(folder / MARK, {"sdk": sdk, "files": [str(path) for path in written]})
        _put(folder, to)
    return written


def check_place(to: Path) -> None:
    """See that a folder is free for a Space.

    Raises:
        BadInput: it holds something that no earlier call wrote.
    """
    if to.is_symlink() or (to.exists() and not to.is_dir()):
        raise BadInput(
            f"--to was {str(to)[:80]!r}, which is no folder; name an empty folder, or one that lethe space wrote."
        )
    if to.is_dir() and not (to / MARK).is_file() and {path.name for path in to.iterdir()} - THEIRS:
        raise BadInput(f"{str(to)[:80]!r} holds other files; name an empty folder, or one that lethe space wrote.")


def check_size(folder: Path, written: Iterable[Path], chosen: Kind) -> None:
    """See that a Space can be hosted.

    Raises:
        LetheError: a file, or all of them together, are too large.
    """
    sizes = {path: (folder / path).stat().st_size for path in written}
    for path, size in sizes.items():
        if size > LARGEST:
            raise LetheError(f"{path} would have {size / 2**20:.0f} MB; a file may have at most {LARGEST // 2**20} MB.")
    if sum(sizes.values()) > chosen.most:
        raise LetheError(
            f"The Space would have {sum(sizes.values()) / 2**20:.0f} MB; it may have at most {chosen.most // 2**20} MB."
        )


def _put(folder: Path, to: Path) -> None:
    """Move a folder's files to another one, without those that an earlier call left there; what else is there stays."""
    earlier = files.read_json(to / MARK) if (to / MARK).is_file() else {}
    to.mkdir(exist_ok=True)
    for name in earlier.get("files", []) if isinstance(earlier, dict) else []:
        old = (to / str(name)).resolve()
        if old.is_relative_to(to.resolve()) and old.is_file():
            old.unlink()
            _tidy(old.parent, to.resolve())
    shutil.copytree(folder, to, dirs_exist_ok=True)


def _tidy(folder: Path, to: Path) -> None:
    """Remove folders that have become empty, up to that of the Space."""
    while folder != to and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def front_matter(values: Mapping[str, str | int]) -> str:
    """The head of a Space's README.md, which says how it is hosted."""
    return "\n".join(["---", *(f"{name}: {value}" for name, value in values.items()), "---", "", ""])


TEXT: Final = "Make a model forget, then see what changed and where."
HEAD: Final[Mapping[str, str | int]] = MappingProxyType(
    {"title": "Lethe", "emoji": "🌊", "colorFrom": "blue", "colorTo": "indigo", "pinned": "false", "license": LICENSE}
)
