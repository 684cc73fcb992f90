"""The queue under load: a thousand runs, eight workers that only pretend to learn, and somebody who opens pages all the while."""

import asyncio
import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from statistics import median

from backends.api import files, runs, submit
from backends.api.home import home
from backends.api.runs import RunFolder
from backends.api.spec import ENDED
from backends.engine.dispatcher import EVERY, Dispatcher
from backends.engine.executors import Key
from backends.engine.exit_codes import Ending

from .jobs import default
from .studio import get
from .viewers import load, quantile

RUNS, WORKERS = 1000, 8
SECONDS = (0.1, 1.5)  # that a job takes
LOST, CRASHED = 0.02, 0.02  # shares of attempts whose worker goes away, or whose process dies
PAGES = ("", "runs")
SERVER = """
import socket, uvicorn
from app.server import create_app
app = create_app()
listener = socket.socket(); listener.bind(("127.0.0.1", 0)); listener.listen(128)
print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="error")).run(sockets=[listener])
"""


class Workers:
    """An executor of workers that hold a run for a while and then end it as a job does; some are lost on the way."""

    name = "simulated"

    def __init__(self, count: int) -> None:
        self._count, self._random = count, random.Random(0)
        self._held: dict[Key, tuple[RunFolder, float, str]] = {}
        self.attempts: Counter[str] = Counter()  # by run
        self.completed: Counter[str] = Counter()
        self.together = 0  # most that were held at once

    def slots(self) -> int:
        return self._count

    def takes(self, run: RunFolder) -> bool:
        return len(self._held) < self._count

    def start(self, run: RunFolder, attempt: int) -> None:
        chance = self._random.random()
        kind = "lost" if chance < LOST else "crashed" if chance < LOST + CRASHED else "ended"
        self._held[run.id, attempt] = (run, time.monotonic() + self._random.uniform(*SECONDS), kind)
        self.attempts[run.id] += 1
        self.together = max(self.together, len(self._held))

    def ended(self) -> Iterator[tuple[Key, Ending]]:
        for key, (run, due, kind) in [*self._held.items()]:
            if time.monotonic() < due:
                continue
            del self._held[key]
            if kind == "ended":
                spec = run.spec
                result = {
                    "run_id": run.id, "status": "done", "model": spec.model, "method": spec.method, "params": {}, "forget": list(spec.forget),
                    "keep": [], "seed": spec.seed, "seconds": 1.0, "metrics": {}, "verdict": "Nothing was learned.", "device": "none",
                    "precision": "float32", "threads": 1, "versions": {}, "peak_memory": 1, "forget_count": 1, "forget_key": "none",
                }  # fmt: skip
                files.write_json(run.path / "result.json", result)
                run.move("done", attempt=key[1])
                self.completed[run.id] += 1
            yield key, Ending(kind)  # type: ignore[arg-type]

    def trouble(self) -> str:
        return ""

    def prepare(self, waiting: int) -> None: ...

    def close(self) -> None: ...


def queue(count: int = RUNS) -> Iterator[str]:
    """Everything is submitted at once; then runs that were lost or done twice are counted, and how soon pages stood meanwhile."""
    process, address = served()
    try:
        asyncio.run(once(address))  # what is loaded at the first visit is not measured
        begun = time.monotonic()
        submitted = [submit.submit(submit.read(**default() | {"seed": seed})).id for seed in range(count)]
        yield f"{count} runs submitted in {time.monotonic() - begun:.1f} s"
        workers, over = Workers(WORKERS), threading.Event()
        steps: list[float] = []
        thread = threading.Thread(target=dispatch, args=(workers, count, over, steps))
        begun = time.monotonic()
        thread.start()
        took = asyncio.run(opened(address, over))
        thread.join()
        yield f"{WORKERS} workers: done after {time.monotonic() - begun:.0f} s, at most {workers.together} at once; a look at the queue {1000 * median(steps):.0f} ms, p95 {1000 * quantile(steps, 0.95):.0f} ms"
        yield from outcome(workers, submitted)
        for page, each in ((page, each) for page, each in took.items() if each):
            yield f"/{page} with all that happens on arrival: p50 {quantile(each, 0.5):.2f} s, p95 {quantile(each, 0.95):.2f} s of {len(each)}"
    finally:
        process.terminate()
        process.wait(20)


def outcome(workers: Workers, submitted: list[str]) -> Iterator[str]:
    """What became of the runs that were submitted."""
    states = Counter(runs.find(name).state.status for name in submitted)
    missing = [name for name in submitted if not (home() / "runs" / name).is_dir()]
    again = sum(count - 1 for count in workers.attempts.values())
    twice = sum(count > 1 for count in workers.completed.values())
    yield f"{len(missing)} lost, {twice} done twice, {dict(states)}; {again} attempts were lost or crashed and made again"


def served() -> tuple["subprocess.Popen[str]", str]:
    """A web process without an engine, and its address."""
    process = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    if not address:
        raise SystemExit(f"The web process ended with {process.wait()} instead of starting.")
    return process, address


def dispatch(workers: Workers, count: int, over: threading.Event, steps: list[float]) -> None:
    """Look at the queue as the engine does, until so many runs have ended."""
    dispatcher = Dispatcher(workers)
    try:
        while True:
            begun = time.monotonic()
            dispatcher.step()
            steps.append(time.monotonic() - begun)
            if sum(run.state.status in ENDED for run in runs.all_runs(shipped=False)) >= count:
                return
            time.sleep(EVERY)
    finally:
        over.set()


async def once(address: str) -> None:
    """Open every page."""
    for page in PAGES:
        await load(address, json.loads(get(f"{address}/config?page={page}")), f"/{page}")


async def opened(address: str, over: threading.Event) -> dict[str, list[float]]:
    """Open page after page until it is over: seconds of each, by page."""
    configs = {page: json.loads(get(f"{address}/config?page={page}")) for page in PAGES}
    took: dict[str, list[float]] = {page: [] for page in PAGES}
    while not over.is_set():
        for page in PAGES:
            begun = time.monotonic()
            await load(address, configs[page], f"/{page}")
            took[page].append(time.monotonic() - begun)
    return took
