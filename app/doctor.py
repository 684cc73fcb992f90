"""Checks of what works on this machine, what does not, and why. Facts about torch and the models come from another process."""

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

from backends.api import catalog, engine, optional_models, processes
from backends.api.errors import LetheError
from backends.api.home import ready_home

NEEDED_DISK = 2 * 2**30
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass(frozen=True)
class Check:
    """One check: whether what it is about works, and what was found or what to do."""

    name: str
    works: bool
    found: str

    def as_dict(self) -> dict[str, Any]:
        """The check as plain JSON."""
        return asdict(self)


def examine(port: int, scheduler: str | None) -> list[Check]:
    """Run every check, quick ones first. A check that fails in a way nobody thought of is a check that fails."""
    probes: list[tuple[str, Callable[[], list[Check]]]] = [
        ("python", _python),
        ("home", _home),
        ("port", lambda: _port(port)),
        ("browser for tests", _browser),
        ("tools over MCP", _tools),
        ("catalog", _catalog),
        ("optional models", _optional),
        ("torch and models", _models),
    ]
    if scheduler:
        probes.append(("scheduler", lambda: _scheduler(scheduler)))
    checks: list[Check] = []
    for name, probe in probes:
        try:
            checks += probe()
        except (LetheError, OSError, ValueError) as error:
            checks.append(Check(name, False, " ".join(str(error).split())))
    return checks


def _python() -> list[Check]:
    return [Check("python", sys.version_info >= (3, 11), f"{platform.python_version()} at {sys.executable}")]


def _tools() -> list[Check]:
    there = importlib.util.find_spec("mcp") is not None
    return [
        Check(
            "tools over MCP",
            there,
            "at /gradio_api/mcp/" if there else "the package mcp is missing; install it, as make studio does",
        )
    ]


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
    entries = catalog.load()
    counted = ", ".join(
        f"{len(getattr(entries, kind))} {kind}" for kind in ("models", "methods", "metrics", "inspectors")
    )
    return [Check("catalog", bool(entries.models and entries.methods), counted)]


def _optional() -> list[Check]:
    """Checks of the models that can be pulled; a job needs none of them."""
    state_by_name = {
        name: f"pulled, in {optional_models.folder(name)}"
        if optional_models.there(name)
        else f"not pulled; `lethe pull {name}` fetches it"
        for name in optional_models.optional()
    }
    return [Check(f"optional model {name}", True, state) for name, state in state_by_name.items()]


def _models() -> list[Check]:
    """Checks by a process that may import torch."""
    if importlib.util.find_spec("torch") is None:
        return [Check("torch", False, "it is not installed; `make studio` installs it")]
    process = subprocess.run(
        processes.command("backends.doctor"),
        env=processes.environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if process.returncode:
        last = (process.stderr.strip().splitlines() or ["its process ended early"])[-1]
        return [Check("torch", False, f"it could not be used: {last}")]
    return [Check(**fields) for fields in json.loads(process.stdout.splitlines()[-1])]


def _scheduler(address: str) -> list[Check]:
    parts = urlsplit(address)
    if parts.scheme not in ("tcp", "tls") or not parts.hostname or not parts.port:
        return [Check("scheduler", False, f"{address!r} is no address; write tls://10.0.0.1:8786")]
    try:
        with socket.create_connection((parts.hostname, parts.port), timeout=5):
            return [Check("scheduler", True, f"{address} answers")]
    except OSError as error:
        return [Check("scheduler", False, f"{address} does not answer ({error.strerror or error}); is it running?")]
