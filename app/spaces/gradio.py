"""A Gradio Space: the studio as free accounts may host it, on ZeroGPU hardware. Its jobs work on the processor, or learn on a lent GPU."""

import tomllib
from pathlib import Path
from typing import Final

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from app.spaces import HEAD, ROOT, TEXT, Kind, Order, front_matter
from app.spaces._tree import MOST, copy, locked, version_of

SDK: Final = "gradio"
ENTRY: Final = "space.py"  # beside the package `app`, so it is not called app.py
PYTHON: Final = "3.12"
TORCH, SPACES = "2.11.0", "0.51.3"  # of those that ZeroGPU takes, and with which it was tried
GRADIO: Final = "gradio"  # the Hub installs it, in the version that README.md names
SCOPE: Final = "contribute-repos"  # to make repositories and write to these, and to no others of the visitor
LOOSE: Final = {"pydantic"}  # which extras of Gradio, installed by the Hub, want older than the lock has it
ABOUT: Final = """# Lethe

Pick a model, say what it should forget, and see what changed, where, and whether the knowledge is gone or only hidden. This Space is a
whole studio. Those who visit it share it: each sees only their own runs and the examples.

It runs on ZeroGPU hardware, which free accounts may use, and **works on the processor**: the models that come with it are small enough
for that. Whoever starts a job may let it learn on a GPU, which ZeroGPU lends for 40 seconds at a time and counts against the visitor's own
minutes of the day; a job that gets no more of them goes on on the processor.
"""
START: Final = '''"""Starts Lethe on a Gradio Space; written by `lethe space --sdk gradio`."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["LETHE_DEVICE"] = "cpu"  # the GPU of ZeroGPU is not there for a job's own process
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH", "")]))  # of the engine
sys.path.insert(0, str(HERE))

import spaces  # noqa: E402  before Gradio and PyTorch, as ZeroGPU wants it

from app import launched  # noqa: E402
from backends.api import slices  # noqa: E402

if slices.here():
    from backends.engine.slice_work import ready, work

    ready()
else:
    work = None

if __name__ == "__main__":
    launched.launch(
        port=int(os.environ.get("GRADIO_SERVER_PORT", "7860")),
        work=spaces.GPU(duration=slices.ASKED)(work) if work else None,
    )
'''


def write(order: Order, folder: Path) -> None:
    """Fill a folder with the studio, what starts it, and the packages it needs.

    Raises:
        LetheError: this Lethe is no checkout.
    """
    copy(folder)
    head = {**HEAD} | {
        "sdk": SDK,
        "sdk_version": version_of("gradio"),
        "python_version": f'"{PYTHON}"',
        "app_file": ENTRY,
        "short_description": TEXT,
        "startup_duration_timeout": "30m",
    }
    if order.sign_in:
        head |= {"hf_oauth": "true", "hf_oauth_scopes": f"[{SCOPE}]"}
    if order.organisation:
        head |= {"hf_oauth_authorized_org": order.organisation}
    (folder / "README.md").write_text(front_matter(head) + ABOUT, "utf-8")
    (folder / ENTRY).write_text(START, "utf-8")
    (folder / "requirements.txt").write_text(requirements(), "utf-8")


def requirements() -> str:
    """What the Hub installs: what Lethe names, in the versions of the lock, with a PyTorch that ZeroGPU takes.

    What those need in turn is left to pip: the Hub adds packages of its own, which not every version fits.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    here = {"python_version": PYTHON, "python_full_version": f"{PYTHON}.0", "sys_platform": "linux"}
    versions = {
        name: version for name, version, marker in locked() if not marker or Marker(marker).evaluate(environment=here)
    }
    pinned = {"torch": TORCH, "spaces": SPACES}
    lines = []
    for requirement in map(Requirement, project["dependencies"]):
        name = canonicalize_name(requirement.name)
        if name not in {GRADIO, *pinned}:
            lines.append(f"{name}{requirement.specifier}" if name in LOOSE else f"{name}=={versions[name]}")
    return "\n".join([*(f"{name}=={version}" for name, version in pinned.items()), *sorted(lines), ""])


KIND: Final = Kind(
    SDK,
    "The studio on ZeroGPU hardware, on the processor or a lent GPU: free accounts may host two.",
    write,
    MOST,
    signs_in=True,
)
