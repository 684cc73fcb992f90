"""How child processes of Lethe are started: they find its code in a checkout and in an installed wheel alike, wherever one stands."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # the folder that holds app, pages, backends and assets


def command(module: str, *arguments: str) -> list[str]:
    """The words that run a module of Lethe by this interpreter. With -P no file of the folder one stands in is imported instead."""
    return [sys.executable, "-P", "-m", module, *arguments]


def environment(**more: str) -> dict[str, str]:
    """This process's environment with `more`, in which Python looks for Lethe's code first."""
    others = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path and path != str(ROOT)]
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *others])} | more
