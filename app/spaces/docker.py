"""A Docker Space: the studio in the container of the Dockerfile. The Hub lets paid plans create one."""

from pathlib import Path
from typing import Final

from app.spaces import HEAD, TEXT, Kind, Order, front_matter
from app.spaces._tree import MOST, copy

SDK: Final = "docker"
ABOUT: Final = """# Lethe

Pick a model, say what it should forget, and see what changed, where, and whether the knowledge is gone or only hidden. This Space is a
whole studio, built by its `Dockerfile`. Those who visit it share it: each sees only their own runs and the examples.
"""


def write(order: Order, folder: Path) -> None:
    """Fill a folder with what the Dockerfile builds from.

    Raises:
        LetheError: this Lethe is no checkout.
    """
    copy(folder, "Dockerfile", ".dockerignore")
    head = {**HEAD} | {"sdk": SDK, "app_port": 7860, "short_description": TEXT}
    (folder / "README.md").write_text(front_matter(head) + ABOUT, "utf-8")


KIND: Final = Kind(SDK, "The studio in a container: creating it needs a paid plan of the Hub.", write, MOST)
