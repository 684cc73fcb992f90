"""The process that does one job: `python -m backends.engine.job RUN_DIR ATTEMPT`, and its warm form, --warm.

A warm one has imported everything and waits on standard input for a line {"run": folder, "attempt": number}. It does that
one job and ends; its exit code says how (see `outcome`). Nothing heavy is imported before it is tied to its parent.
"""

import contextlib
import importlib
import json
import os
import select
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ..api.runs import RunFolder
from .parent import end_with

NEEDED = (  # by jobs of every family, and imported late by tasks and metrics: seconds that no job is to wait for
    "backends.engine.attempt", "transformers.modeling_utils", "transformers.models.auto.modeling_auto",
    "transformers.models.auto.image_processing_auto", "scipy.stats", "sklearn.svm", "rouge_score.rouge_scorer",
)  # fmt: skip
NICE = 10  # looking never waits for learning; $LETHE_NICE decides otherwise


def do(run_folder: RunFolder | Path | str, attempt: int) -> int:
    """Do a run that is in the state running, in this process; see `work.do`."""
    from .attempt import do as work

    return work(run_folder if isinstance(run_folder, RunFolder) else RunFolder(Path(run_folder)), attempt)


def _asked() -> bool:
    """Whether a job is asked for already."""
    return bool(select.select([sys.stdin], [], [], 0)[0])


def imports() -> list[Callable[[], object]]:
    """The steps that import all that a job needs."""
    from ..api import families
    from ..core import registry

    tasks = [family.task.partition(":")[0] for family in families.every().values()]
    steps: list[Callable[[], object]] = [partial(importlib.import_module, name) for name in (*NEEDED, *tasks)]
    return steps + [partial(registry.entries, kind) for kind in ("methods", "metrics")]


def _warm() -> None:
    """Import all that a job needs, and do what the first one would wait for, while none is asked for: one that is loads what it needs itself."""
    from .loading import warm_up

    for step in imports():
        if _asked():
            return
        step()
    with contextlib.suppress(Exception):  # a job that needs what failed here will say so
        warm_up(_asked)


def main() -> int:
    """Do the job named on the command line, or the one that standard input will name. Returns the exit code."""
    parent = os.environ.get("LETHE_PARENT", "")
    if parent.isdigit():
        end_with(int(parent))
    niceness = os.environ.get("LETHE_NICE", "")
    os.nice(max(0, (int(niceness) if niceness.isdigit() else NICE) - os.nice(0)))
    if sys.argv[1:] == ["--warm"]:
        _warm()
        line = sys.stdin.readline()
        if not line:
            return 0  # the parent has no job for it any more
        request = json.loads(line)
        return do(request["run"], int(request["attempt"]))
    if len(sys.argv) != 3 or not sys.argv[2].isdigit():
        print("python -m backends.engine.job RUN_DIR ATTEMPT does one job.", file=sys.stderr)
        return 2
    return do(sys.argv[1], int(sys.argv[2]))


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # nothing is left to do, and torch's threads need a second to end
