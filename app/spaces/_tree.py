"""The files of this tree that a Space with a server needs: only what git tracks, so that nothing private goes along."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

from app.spaces import ROOT
from backends.api.errors import LetheError

PARTS: Final = ("app", "assets", "backends", "lethe", "pages", "pyproject.toml", "requirements/studio.txt", "LICENSE")
MOST: Final = 2**30  # bytes


def copy(folder: Path, *more: str) -> None:
    """Copy the parts of the tree that serve the studio, and `more`, as git tracks them.

    Raises:
        LetheError: this Lethe is no checkout.
    """
    for name in tracked((*PARTS, *more)):
        source, to = ROOT / name, folder / name
        if source.is_file() and not source.is_symlink():
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, to)


def tracked(parts: tuple[str, ...]) -> list[str]:
    """The tracked files among some parts of the tree, relative to it.

    Raises:
        LetheError: git knows none of them, or not all.
    """
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), "ls-files", "-z", "--error-unmatch", "--", *parts],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        raise LetheError(
            f"{ROOT} is no git checkout of Lethe, so it is not known which files belong to it; "
            "write this Space from a checkout, or take --sdk static."
        ) from None
    return [name for name in done.stdout.split("\0") if name]


def version_of(package: str) -> str:
    """The version of a package that the tests were run with.

    Raises:
        LetheError: the lock does not name it.
    """
    for name, version, _ in locked():
        if name == package:
            return version
    raise LetheError(f"requirements/studio.txt does not name {package}.")


def locked() -> list[tuple[str, str, str]]:
    """(package, version, what it is for) of every line of the lock; the last is a marker as pip reads it, or empty."""
    lines = (ROOT / "requirements" / "studio.txt").read_text("utf-8").splitlines()
    each = []
    for line in (line.removesuffix("\\").strip() for line in lines if "==" in line and not line.startswith((" ", "#"))):
        pinned, _, marker = (part.strip() for part in line.partition(";"))
        name, _, version = pinned.partition("==")
        each.append((name, version, marker))
    return each
