"""The web process: how soon it answers, how quickly while a job runs, and what it holds."""

import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from backends.api import submit
from backends.api.runs import RunFolder
from backends.api.spec import ENDED

from .jobs import default

START = 120  # seconds; generous for a machine that does other work
PAUSE = 0.3  # seconds between two pages, as a person who clicks fast


def studio() -> Iterator[str]:
    """A studio on a free port with an empty home: its first start, a start with the catalog made, and pages during a job."""
    for start in ("cold start", "second start"):
        begun = time.monotonic()
        process, address = started()
        try:
            get(address)
            yield f"{start} to the first page: {time.monotonic() - begun:.1f} s"
            if start == "second start":
                yield from while_a_job_runs(process.pid, address)
        finally:
            process.terminate()
            process.wait(20)


def started() -> tuple["subprocess.Popen[str]", str]:
    """A studio that listens, and its address."""
    command = [sys.executable, "-u", "-m", "app.cli", "serve", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"http://[\d.]+:\d+", line):
            return process, found[0]
    raise SystemExit(f"The studio ended with {process.wait()} instead of starting.")


def while_a_job_runs(pid: int, address: str) -> Iterator[str]:
    """Every page again and again until the default job is done: what it takes to answer, then what the process holds."""
    pages = ["/" + page[0] for page in json.loads(get(f"{address}/config"))["pages"]] + ["/classroom/"]
    for page in pages:
        get(address + page)  # the classroom is loaded at its first visit
    took: dict[str, list[float]] = {page: [] for page in pages}
    asked = default()
    run = submit.submit(submit.read(**asked))
    while run.state.status == "queued":
        time.sleep(0.05)
    while run.state.status not in ENDED:
        for page in pages:
            begun = time.monotonic()
            get(address + page)
            took[page].append(time.monotonic() - begun)
            time.sleep(PAUSE)
    yield f"the job ended as {run.state.status} after {elapsed(run):.1f} s, with pages asked for all the time"
    for page, each in took.items():
        yield f"{page} while it ran: {1000 * median(each):.0f} ms, slowest {1000 * max(each):.0f} ms of {len(each)}"
    yield f"web process: {resident(pid) / 1e6:.0f} MB, {'WITH' if holds(pid, 'libtorch') else 'without'} torch"


def get(url: str) -> bytes:
    """The body of a page."""
    with urllib.request.urlopen(url, timeout=START) as answer:
        return bytes(answer.read())


def elapsed(run: RunFolder) -> float:
    """Seconds from asking for a run to its end."""
    history = run.state.history
    return history[-1].at - history[0].at


def resident(pid: int) -> int:
    """Bytes of memory that a process holds (Linux)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


def holds(pid: int, library: str) -> bool:
    """Whether a process has a shared library of that name in its memory (Linux)."""
    return library in Path(f"/proc/{pid}/maps").read_text()
