"""Runs in slices of a GPU, with a ZeroGPU that forks, counts and refuses: what was learned is never lost, and the numbers are the same."""

import ast
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from small_jobs import LONG, numbers, until
from zero_gpu import ZeroGPU

from app import slices as lending
from backends.api import catalog, files, slices
from backends.api.errors import BadInput
from backends.api.runs import RunFolder
from backends.api.spec import ENDED
from backends.engine import exit_codes, slice_work
from backends.engine import slices as holding
from backends.engine.dispatcher import Dispatcher
from backends.engine.executors import Children
from backends.engine.exit_codes import Ending
from backends.engine.job import do
from backends.engine.slices import Slices

METHODS = Path(__file__).resolve().parents[2] / "backends" / "methods"


def always():
    return True


class Here:
    """Does jobs in a thread of this process: what a child does, without the seconds that one starts in."""

    name = "here"

    def __init__(self):
        self.threads = {}

    def slots(self):
        return 1

    def takes(self, run):
        return not self.threads

    def start(self, run, attempt):
        self.threads[run.id, attempt] = threading.Thread(target=do, args=(run, attempt))
        self.threads[run.id, attempt].start()

    def ended(self):
        for key in [key for key, thread in self.threads.items() if not thread.is_alive()]:
            del self.threads[key]
            yield key, Ending("ended")

    def trouble(self):
        return ""

    def prepare(self, waiting): ...

    def close(self): ...


@pytest.fixture
def asked(queue):
    """Queues a toy job that is to be done in slices."""

    def put(**fields) -> RunFolder:
        run = queue(**fields)
        files.write_json(run.path / slices.FILE, slices.Lent().model_dump())
        return run

    return put


@pytest.fixture
def engine(monkeypatch):
    """engine(others): the dispatcher with slices beside another executor, working in a thread until the test ends."""
    over, threads = threading.Event(), []

    def begin(others) -> Slices:
        executor = Slices(others)

        def work():
            dispatcher = Dispatcher(executor)
            dispatcher.recover()
            while not over.is_set():
                dispatcher.step()
                time.sleep(0.05)
            executor.close()

        threads.append(threading.Thread(target=work))
        threads[-1].start()
        return executor

    yield begin
    over.set()
    for thread in threads:
        thread.join()


def steps(monkeypatch, most):
    """Let a slice end after so many steps instead of seconds, so that a busy machine changes nothing."""
    seen = Counter()

    def time_is_up(keeper):
        seen[id(keeper)] += 1
        return keeper.over.is_set() or seen[id(keeper)] > most

    monkeypatch.setattr(slice_work.SliceKeeper, "_time_is_up", time_is_up)


def lender(gpu: ZeroGPU, duration=slices.ASKED):
    one = lending.Lender()
    one.work = gpu.GPU(duration=duration)(slice_work.work)
    return one


def test_slices_learn_the_same_as_one_process(asked, started, monkeypatch):
    whole = started(epochs=40)
    assert do(whole, 1) == exit_codes.DONE
    run = asked(epochs=40)
    run.move("running")
    steps(monkeypatch, 60)
    gpu = ZeroGPU(left=1000)
    lender(gpu).lend(run, always)
    told = slices.lent(run)
    assert told.over == slices.MEASURED and told.count == len(gpu.took) >= 2
    assert run.state.status == "running" and run.state.attempt == 1  # the lease of one attempt holds for all slices
    assert len(set(gpu.forks)) == told.count and run.result is None
    assert do(run, 1) == exit_codes.DONE
    assert numbers(run) == numbers(whole)
    (note,) = [note for note in run.result["notes"] if "slice" in note]
    assert note.startswith(slices.MEASURED) and f"{told.count} slices of a GPU" in note


def test_a_refused_gpu_lets_the_run_go_on_on_the_processor(asked, engine, monkeypatch):
    steps(monkeypatch, 30)
    run = asked(epochs=60)
    engine(Children())
    gpu = ZeroGPU(left=40)
    lender(gpu).lend(run, always)
    assert gpu.asked == [40, 40] and len(gpu.took) == 1
    why = slices.lent(run).over
    assert "quota exceeded" in why and "40s requested" in why and why.endswith("from its last checkpoint.")
    until(lambda: run.state.status in ENDED)
    assert run.state.status == "done" and run.state.attempt == 2
    assert [moment.note for moment in run.state.history if moment.status == "queued"][1] == why
    assert any(why in note and "1 slice of a GPU" in note for note in run.result["notes"])


def test_a_visitor_who_leaves_loses_nothing(asked, engine, monkeypatch):
    monkeypatch.setattr(holding, "PATIENCE", 0.5)
    monkeypatch.setattr(lending, "EVERY", 0.1)
    run = asked(epochs=60)
    engine(Here())
    left = threading.Event()
    page = threading.Thread(target=lender(ZeroGPU(left=1000)).lend, args=(run, lambda: not left.is_set()))
    page.start()
    until(lambda: (run.path / "checkpoint" / "state.safetensors").exists() or run.state.status in ENDED)
    left.set()
    page.join()
    until(lambda: run.state.status in ENDED)
    assert run.state.status == "done" and slices.lent(run).over == slices.LEFT


def test_nobody_lends(asked, engine, monkeypatch):
    monkeypatch.setattr(holding, "FIRST", 0.2)
    run = asked(epochs=1)
    engine(Here())
    until(lambda: run.state.status in ENDED)
    assert run.state.status == "done" and run.result["notes"][-1] == slices.LEFT


def test_cancelling_ends_a_slice(asked, engine):
    run = asked(epochs=LONG)
    engine(Here())
    page = threading.Thread(target=lender(ZeroGPU(left=1000)).lend, args=(run, always))
    page.start()
    until(lambda: run.state.status == "running" and len(run.events()) > 3)
    run.cancel()
    page.join(timeout=30)
    assert not page.is_alive()
    until(lambda: run.state.status == "cancelled")


def test_what_comes_no_further_stops_asking(asked, monkeypatch):
    steps(monkeypatch, 0)  # over before the first one
    run = asked(epochs=50)
    run.move("running")
    gpu = ZeroGPU(left=1000)
    lender(gpu).lend(run, always)
    assert len(gpu.took) == 2 and lending.STUCK in slices.lent(run).over


def test_a_slice_that_breaks_is_told(asked):
    def broken(folder, attempt):
        yield {"phase": "load", "step": 0, "of": 1}
        raise MemoryError

    run = asked()
    run.move("running")
    one = lending.Lender()
    one.work = ZeroGPU(left=1000).GPU(duration=40)(broken)
    one.lend(run, always)
    assert slices.lent(run).over == slices.BROKEN.format(why="worker error: MemoryError")


def test_many_pages_of_one_run_hold_no_more_than_two_places(asked):
    run, left, begun = asked(), threading.Event(), threading.Barrier(lending.PAGES + 1)
    one = lender(ZeroGPU(left=1000))

    def here():
        return not left.is_set()

    def page():
        begun.wait()
        one.lend(run, here)

    pages = [threading.Thread(target=page) for _ in range(lending.PAGES)]
    for each in pages:
        each.start()
    begun.wait()
    until(lambda: one._pages[run.id] == lending.PAGES)
    one.lend(run, here)  # comes back at once
    assert all(each.is_alive() for each in pages)
    left.set()
    for each in pages:
        each.join()
    assert one._pages[run.id] == 0


def test_slices_take_no_place_of_other_jobs(asked, queue):
    first, second = queue(), asked()
    full = Here()
    full.threads["another", 1] = threading.current_thread()
    Dispatcher(Slices(full)).step()
    assert first.state.status == "queued" and second.state.status == "running"


def test_only_what_pauses_is_offered():
    for method in catalog.load().methods:
        source = "".join(path.read_text("utf-8") for path in _sources(method.id))
        pauses = ".epochs(" in source or ".steps(" in source
        assert pauses or not slices.fits(method), f"{method.id} has a length but no loop with checkpoints"


def _sources(method: str) -> list[Path]:
    """The files of a method: its own, and those of ours that it imports."""
    own = [path for path in METHODS.glob("*.py") if f'id="{method}"' in path.read_text("utf-8")]
    found = set(own)
    for path in own:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level:
                root = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
                found |= {
                    file
                    for name in node.names
                    for file in (root.with_suffix(".py"), root / f"{name.name}.py")
                    if file.is_file()
                }
    return sorted(found)


def test_slices_are_refused_where_there_is_no_zerogpu(monkeypatch):
    method = next(method for method in catalog.load().methods if slices.fits(method))
    closed = next(method for method in catalog.load().methods if not slices.fits(method))
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    with pytest.raises(BadInput, match="no ZeroGPU"):
        slices.check(method)
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    slices.check(method)
    with pytest.raises(BadInput, match="in one go"):
        slices.check(closed)
