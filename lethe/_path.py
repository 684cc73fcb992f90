"""Where the studio's code lies, app, pages, backends and assets: inside this package where a wheel was installed, beside it in a checkout."""

import importlib
import sys
from pathlib import Path

_INSIDE = Path(__file__).resolve().parent / "_studio"
ROOT = _INSIDE if _INSIDE.is_dir() else Path(__file__).resolve().parents[1]


def make_importable() -> None:
    """Let Python find the studio's code before any other of the same names.

    Raises:
        ImportError: something else is imported under one of these names already.
    """
    sys.path[:] = [str(ROOT), *(path for path in sys.path if path != str(ROOT))]
    for name in ("app", "backends"):
        module = importlib.import_module(name)
        if not Path(module.__file__ or "/").resolve().is_relative_to(ROOT):
            raise ImportError(
                f"Lethe has a package {name!r}, but {module.__file__} is imported under that name; rename that, or import lethe before it."
            )
