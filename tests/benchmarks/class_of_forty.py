"""A class at once: `python -m tests.benchmarks.class_of_forty [--visitors 40] [--minutes 30] [--jobs 1]`.

Each visitor is a thread that asks as a browser does: it joins with the code, opens the pages, starts the default job, looks how
far it is, and opens its result. Printed: finished sessions, how long answers took, whether jobs started in turn, and what the web
process held at most. `--visitors 5 --minutes 1` is a short form. Other work on the machine makes every number larger.
"""

import argparse
import json
import os
import re
import secrets
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

from backends.api import classes, runs
from backends.api.runs import RunFolder
from backends.api.spec import ENDED

from .studio import START, started
from .viewers import quantile

PAUSE = 3.0  # seconds between two looks at one's own runs
API = "/gradio_api/run/predict"


@dataclass
class Page:
    """A page of the studio as its configuration describes it."""

    address: str
    name: str

    @cached_property
    def config(self) -> dict[str, Any]:
        """What Gradio sends a browser of it."""
        with urllib.request.urlopen(f"{self.address}/config?page={self.name}", timeout=START) as answer:
            config: dict[str, Any] = json.load(answer)
        return config

    @cached_property
    def parts(self) -> dict[int, dict[str, Any]]:
        """Its components by their numbers."""
        return {one["id"]: one for one in self.config["components"]}

    def part(self, elem_id: str) -> int:
        """The number of a component."""
        return next(number for number, one in self.parts.items() if one["props"].get("elem_id") == elem_id)

    def events(self, trigger: str, elem_id: str = "") -> list[dict[str, Any]]:
        """The events that Python answers at a trigger, of one component or of any."""
        own = self.part(elem_id) if elem_id else None
        return [
            one
            for one in self.config["dependencies"]
            if one["backend_fn"] and any(event == trigger and own in (None, part) for part, event in one["targets"])
        ]


@dataclass
class Visitor:
    """One pupil: what they hold, how long each answer took, and how far they came."""

    pages: dict[str, Page]
    name: str
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    took: list[float] = field(default_factory=list)
    run_ids: list[str] = field(default_factory=list)
    step: str = "not begun"

    def timed(self, request: urllib.request.Request | str) -> bytes:
        """The answer to a request, with its time noted."""
        begun = time.monotonic()
        with urllib.request.urlopen(request, timeout=START) as answer:
            body = bytes(answer.read())
        self.took.append(time.monotonic() - begun)
        return body

    def ask(self, page: Page, session: str, number: int, values: list[Any]) -> dict[str, Any]:
        """The answer to one event of a page."""
        body = json.dumps({"fn_index": number, "session_hash": session, "data": values, "event_data": {}}).encode()
        headers = {"Content-Type": "application/json"}
        answer: dict[str, Any] = json.loads(self.timed(urllib.request.Request(page.address + API, body, headers)))
        return answer

    def values(self, page: Page, event: dict[str, Any], changed: dict[int, Any]) -> list[Any]:
        """What a browser sends with an event: what parts hold at first, the secret, and what was changed."""
        return [changed[one] if one in changed else self.held(page.parts[one]) for one in event["inputs"]]

    def held(self, part: dict[str, Any]) -> Any:
        """What a part holds at first."""
        return self.secret if part["type"] == "browserstate" else part["props"].get("value")

    def open(self, name: str, query: str = "") -> tuple[str, dict[str, Any]]:
        """Open a page with all that happens on arrival. Returns its session, and what was drawn for it alone."""
        page, session = self.pages[name], secrets.token_hex(6)
        self.timed(f"{page.address}/{name}{query}")
        drawn: dict[str, Any] = {}
        at = {number: query for number, one in page.parts.items() if one["props"].get("elem_id") == "run-at"}
        for event in page.events("load"):
            if event["queue"] is False:
                answer = self.ask(page, session, event["id"], self.values(page, event, at))
                drawn = answer.get("render_config") or drawn
        return session, drawn

    def join(self, code: str) -> None:
        """Join the class."""
        page = self.pages["class"]
        session, _ = self.open("class")
        typed = {page.part("class-code"): code, page.part("class-name"): self.name}
        (event,) = page.events("click", "class-go")
        answer = self.ask(page, session, event["id"], self.values(page, event, typed))["data"][0]
        if answer:
            raise ValueError(re.sub("<[^>]+>", "", answer))

    def start(self) -> None:
        """Start the default job on the page New run."""
        page = self.pages["new"]
        session, drawn = self.open("new")
        button = page.part("start")
        event = next(one for one in drawn["dependencies"] if [button, "click"] in one["targets"])
        settings = {one["id"]: one["props"].get("value") for one in drawn["components"]}
        run_id = self.ask(page, session, event["id"], self.values(page, event, settings))["data"][0]
        if not run_id:
            raise ValueError("the job was refused")
        self.run_ids.append(run_id)

    def session(self, code: str, jobs: int, end: float) -> None:
        """Join, start, look until all jobs have ended or the time is over, and open the results."""
        try:
            self.step = "joining"
            self.open("")
            self.join(code)
            self.step = "starting"
            for _ in range(jobs):
                self.start()
            self.step = "waiting"
            while any(runs.find(one).state.status not in ENDED for one in self.run_ids):
                if time.monotonic() > end:
                    return
                self.open("runs")
                time.sleep(PAUSE)
            for one in self.run_ids:
                self.open("run", f"?id={quote(one)}")
            done = all(runs.find(one).state.status == "done" for one in self.run_ids)
            self.step = "finished" if done else "a job failed"
        except (OSError, ValueError, KeyError, StopIteration) as error:
            self.step = f"ended while {self.step}: {error}"


def class_of(count: int, minutes: float, jobs: int = 1) -> Iterator[str]:
    """A studio for a class in the home of this process, and `count` visitors for at most so many minutes: what was measured."""
    before = os.environ.get("LETHE_CLASS", "")
    os.environ["LETHE_CLASS"] = "Benchmark"
    process, address = started()
    try:
        while (klass := classes.current()) is None:
            time.sleep(0.1)
        pages = {name: Page(address, name) for name in ("", "class", "new", "runs", "run")}
        for page in pages.values():
            assert page.config
        visitors = [Visitor(pages, f"Pupil {number:02}") for number in range(1, count + 1)]
        end = time.monotonic() + 60 * minutes
        threads = [threading.Thread(target=one.session, args=(klass.code, jobs, end)) for one in visitors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        yield from report(visitors)
        if peak := most_resident(process.pid):
            yield f"web process: {peak / 1e6:.0f} MB at most"
    finally:
        os.environ["LETHE_CLASS"] = before
        process.terminate()
        process.wait(20)


def report(visitors: list[Visitor]) -> Iterator[str]:
    """Finished sessions, times of answers, and the order in which jobs started."""
    finished = sum(one.step == "finished" for one in visitors)
    yield f"{finished} of {len(visitors)} sessions finished"
    for step in sorted({one.step for one in visitors} - {"finished"}):
        yield f"  {sum(one.step == step for one in visitors)}: {step}"
    took = [seconds for one in visitors for seconds in one.took]
    if took:
        yield f"answers: median {median(took):.2f} s, p95 {quantile(took, 0.95):.2f} s of {len(took)}"
    yield from fairness({one.name: [runs.find(run_id) for run_id in one.run_ids] for one in visitors})


def fairness(by_visitor: dict[str, list[RunFolder]]) -> Iterator[str]:
    """Whether nobody's second job started before another's first, and of first jobs how many overtook one that was asked for before."""
    starts = {who: sorted(at for run in each if (at := began(run))) for who, each in by_visitor.items()}
    first = {who: each[0] for who, each in starts.items() if each}
    asked = {who: runs_of[0].state.history[0].at for who, runs_of in by_visitor.items() if runs_of}
    order = sorted(first, key=first.__getitem__)
    overtook = sum(asked[a] > asked[b] for at, a in enumerate(order) for b in order[at + 1 :])
    yield f"{len(first)} of {len(asked)} first jobs started, {overtook} pairs in another order than asked for: {', '.join(order)}"
    second = min((each[1] for each in starts.values() if len(each) > 1), default=None)
    if second is not None:
        late = sum(who not in first or first[who] > second for who in asked)
        yield f"{late} of {len(asked)} visitors had no first job yet when a second one started"


def began(run: RunFolder) -> float | None:
    """When a run first left the queue; None where it has not."""
    return next((moment.at for moment in run.state.history if moment.status == "running"), None)


def most_resident(pid: int) -> int:
    """Bytes of memory that a process held at most; 0 where the system does not say (it is not Linux)."""
    path = Path(f"/proc/{pid}/status")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


def main() -> None:
    """Measure a class in a home that is thrown away."""
    parser = argparse.ArgumentParser(description="A class at once: finished sessions, times, turns, memory.")
    parser.add_argument("--visitors", type=int, default=40)
    parser.add_argument("--minutes", type=float, default=30.0, help="at most; it ends when all are finished")
    parser.add_argument("--jobs", type=int, default=1, help="of each visitor, at most as many as may wait")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LETHE_HOME"] = folder
        print(f"a class of {chosen.visitors} (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)", flush=True)
        for line in class_of(chosen.visitors, chosen.minutes, chosen.jobs):
            print(f"  {line}", flush=True)


if __name__ == "__main__":
    main()
