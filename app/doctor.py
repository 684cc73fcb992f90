"""What works on this machine, what does not, and why. Facts about torch and the models come from another process."""

import importlib.util
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from backends.api import catalog, engine, pulled
from backends.api.errors import LetheError
from backends.api.home import ready_home

NEEDED_DISK = 2 * 2**30
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: whether it works, and what was found or what to do."""

    name: str
    works: bool
    found: str

    def as_dict(self) -> dict[str, Any]:
        """The same as plain JSON."""
        return asdict(self)


def examine(port: int, scheduler: str | None) -> list[Check]:
    """Look at everything, quick things first. A check that fails in a way nobody thought of is a check that fails."""
    looks: list[tuple[str, Callable[[], list[Check]]]] = [
        ("python", _python),
        ("home", _home),
        ("port", lambda: _port(port)),
        ("browser for tests", _browser),
        ("catalog", _catalog),
        ("optional models", _optional),
        ("torch and models", _models),
    ]
    if scheduler:
        looks.append(("scheduler", lambda: _scheduler(scheduler)))
    found: list[Check] = []
    for name, look in looks:
        try:
            found += look()
        except (LetheError, OSError, ValueError) as error:
            found.append(Check(name, False, " ".join(str(error).split())))
    return found


def _python() -> list[Check]:
    return [Check("python", sys.version_info >= (3, 11), f"{platform.python_version()} at {sys.executable}")]


def _home() -> list[Check]:
    where = ready_home()
    free = shutil.disk_usage(where).free
    room = f"{free / 2**30:.1f} GB free"
    pid = engine.owner()
    return [
        Check("home", True, f"{where} can be written"),
        Check("disk", free >= NEEDED_DISK, room if free >= NEEDED_DISK else f"{room}; runs need about 2 GB"),
        Check(
            "engine",
            True,
            f"process {pid} works on this home" if pid else "none works on this home now; one starts with a job",
        ),
    ]


def _port(port: int) -> list[Check]:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return [
                Check("port", False, f"{port} on 127.0.0.1 is not free ({error.strerror}); choose another with --port")
            ]
    return [Check("port", True, f"{port} on 127.0.0.1 is free")]


def _browser() -> list[Check]:
    path = next(filter(None, map(shutil.which, (os.environ.get("CHROMIUM", ""), *BROWSERS))), None)
    where = path or "none installed; only the tests need one, and `make test` fetches it"
    return [Check("browser for tests", True, where)]


def _catalog() -> list[Check]:
    known = catalog.load()
    counted = ", ".join(
        f"{len(getattr(known, kind))} {kind}" for kind in ("models", "methods", "metrics", "inspectors")
    )
    return [Check("catalog", bool(known.models and known.methods), counted)]


def _optional() -> list[Check]:
    """Whether the models that can be pulled were; a job needs none of them."""
    found = {
        name: f"pulled, in {pulled.folder(name)}"
        if pulled.there(name)
        else f"not pulled; `lethe pull {name}` fetches it"
        for name in pulled.optional()
    }
    return [Check(f"optional model {name}", True, said) for name, said in found.items()]


def _models() -> list[Check]:
    """Ask a process that may import torch."""
    if importlib.util.find_spec("torch") is None:
        return [Check("torch", False, "it is not installed; `make studio` installs it")]
    asked = subprocess.run(
        [sys.executable, "-m", "backends.doctor"], capture_output=True, text=True, timeout=300, check=False
    )
    if asked.returncode:
        last = (asked.stderr.strip().splitlines() or ["its process ended early"])[-1]
        return [Check("torch", False, f"it could not be used: {last}")]
    return [Check(**found) for found in json.loads(asked.stdout.splitlines()[-1])]


def _scheduler(address: str) -> list[Check]:
    parts = urlsplit(address)
    if parts.scheme not in ("tcp", "tls") or not parts.hostname or not parts.port:
        return [Check("scheduler", False, f"{address!r} is no address; write tls://10.0.0.1:8786")]
    try:
        with socket.create_connection((parts.hostname, parts.port), timeout=5):
            return [Check("scheduler", True, f"{address} answers")]
    except OSError as error:
        return [Check("scheduler", False, f"{address} does not answer ({error.strerror or error}); is it running?")]
