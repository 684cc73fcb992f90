"""The queue, with an executor that only remembers: order, slots, crashes, losses, restarts."""

import errno
import os

import pytest

from backends.api import engine, files, runs
from backends.api.limits import Limits
from backends.api.runs import RunFolder
from backends.api.spec import JobSpec
from backends.engine import exit_codes
from backends.engine.dispatcher import CRASHES, Dispatcher
from backends.engine.exit_codes import Ending


class Remembers:
    """An executor without jobs: a test says what ends."""

    name = "fake"

    def __init__(self, slots=1):
        self.count, self.started, self.over, self.said, self.gone = slots, [], [], "", set()

    def slots(self):
        return self.count

    def takes(self, run):
        return len(set(self.started) - self.gone) < self.count

    def start(self, run, attempt):
        self.started.append((run.id, attempt))

    def ended(self):
        over, self.over = self.over, []
        self.gone |= {key for key, _ in over}
        return iter(over)

    def trouble(self):
        return self.said

    def prepare(self, waiting): ...

    def close(self): ...

    def end(self, kind, message=""):
        """The attempt started last ended so."""
        self.over.append((self.started[-1], Ending(kind, message)))


RESULT = {
    "run_id": "r", "status": "done", "model": "m", "method": "x", "params": {}, "forget": ["a"], "keep": [], "seed": 0,
    "seconds": 1.0, "metrics": {}, "verdict": "a is forgotten.", "device": "cpu", "precision": "float32", "threads": 1,
    "versions": {}, "peak_memory": 1, "forget_count": 1, "forget_key": "k",
}  # fmt: skip


def put(seed=0) -> RunFolder:
    return runs.create(JobSpec(model="m", method="x", forget=("a",), seed=seed))


@pytest.fixture
def work():
    executor = Remembers()
    return executor, Dispatcher(executor)


def test_runs_start_one_after_the_other_in_the_order_they_came(work):
    executor, dispatcher = work
    queued = [put(seed) for seed in range(5)]
    for number, run in enumerate(queued):
        dispatcher.step()
        dispatcher.step()
        assert [name for name, _ in executor.started] == [r.id for r in queued[: number + 1]]
        run.move("done")
        executor.end("ended")
    dispatcher.step()
    assert len(executor.started) == 5


def test_every_slot_is_used_and_no_more(work):
    executor, dispatcher = work
    executor.count = 2
    queued = [put(seed) for seed in range(3)]
    dispatcher.step()
    assert [name for name, _ in executor.started] == [run.id for run in queued[:2]]
    assert [run.state.status for run in queued] == ["running", "running", "queued"]


def test_a_cancelled_queued_run_never_starts(work):
    executor, dispatcher = work
    first, second = put(), put()
    first.cancel()
    dispatcher.step()
    assert executor.started == [(second.id, 1)]


def test_a_crashed_run_is_tried_three_times(work):
    executor, dispatcher = work
    run = put()
    for attempt in range(1, CRASHES + 1):
        dispatcher.step()
        assert executor.started[-1] == (run.id, attempt)
        executor.end("crashed", "Its process ended with code -9.")
    dispatcher.step()
    state = run.state
    assert state.status == "failed" and "3 times" in state.message and "code -9" in state.message
    assert len(executor.started) == CRASHES


def test_losses_of_what_holds_the_job_do_not_count_as_crashes(work):
    executor, dispatcher = work
    run = put()
    for _ in range(10):
        dispatcher.step()
        executor.end("lost")
    dispatcher.step()
    assert run.state.status == "running" and run.state.attempt == 11


def test_what_may_not_be_tried_again_fails_with_its_sentence(work):
    executor, dispatcher = work
    run = put()
    dispatcher.step()
    executor.end("refused", "The job held 3.00 GB, more than the limit of 2.00 GB, and was stopped.")
    dispatcher.step()
    assert (run.state.status, run.state.attempt) == ("failed", 1) and "limit of 2.00 GB" in run.state.message


def test_a_run_that_was_being_cancelled_is_cancelled_however_it_ended(work):
    executor, dispatcher = work
    run = put()
    dispatcher.step()
    run.cancel()
    executor.end("stopped")
    dispatcher.step()
    assert run.state.status == "cancelled" and "did not answer" in run.state.message


def test_a_finished_run_whose_process_died_at_the_last_moment_is_done(work):
    executor, dispatcher = work
    run = put()
    dispatcher.step()
    files.write_json(run.path / "result.json", RESULT)
    executor.end("crashed")
    dispatcher.step()
    assert run.state.status == "done"


def test_an_old_attempt_that_ends_late_changes_nothing(work):
    executor, dispatcher = work
    run = put()
    dispatcher.step()
    run.move("queued"), run.move("running")
    executor.over.append(((run.id, 1), Ending("crashed")))
    dispatcher.step()
    assert (run.state.status, run.state.attempt) == ("running", 2)


def test_at_a_start_unfinished_runs_go_back_into_the_queue(work):
    _, dispatcher = work
    going, stopping, finished, waiting = (put(seed) for seed in range(4))
    for run in (going, stopping, finished):
        run.move("running")
    stopping.cancel()
    files.write_json(finished.path / "result.json", RESULT)
    dispatcher.recover()
    states = [run.state.status for run in (going, stopping, finished, waiting)]
    assert states == ["queued", "cancelled", "done", "queued"]
    assert going.state.message == exit_codes.RESTARTED


def test_only_one_run_is_done_and_then_it_says_so(home):
    executor = Remembers()
    other, run = put(1), put(2)
    dispatcher = Dispatcher(executor, only=run.id)
    assert not dispatcher.step()
    run.move("done")
    executor.end("ended")
    assert dispatcher.step()
    assert other.state.status == "queued" and executor.started == [(run.id, 1)]


def test_a_run_deleted_or_broken_while_it_waits_does_no_harm(work):
    executor, dispatcher = work
    first, second, third = put(1), put(2), put(3)
    executor.count = 0
    dispatcher.step()
    first.delete()
    (second.path / "state.json").write_text("{broken")
    executor.count = 3
    dispatcher.step()
    assert executor.started == [(third.id, 1)]


def test_a_full_disk_keeps_the_ending_until_it_can_be_written(work, monkeypatch):
    executor, dispatcher = work
    run = put()
    dispatcher.step()
    executor.end("full", exit_codes.FULL_DISK)
    with monkeypatch.context() as patch:

        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        patch.setattr(files, "write_bytes", full)
        dispatcher.step()
        assert run.state.status == "running"
    dispatcher.step()
    assert run.state.status == "failed" and run.state.message == exit_codes.FULL_DISK


def test_it_says_what_it_is_and_what_troubles_it(work, home, capsys):
    executor, dispatcher = work
    put()
    dispatcher.step()
    assert engine.status() == {"pid": os.getpid(), "executor": "fake", "slots": 1, "message": ""}
    executor.said = "The scheduler does not answer."
    dispatcher.step(), dispatcher.step()
    assert engine.status()["message"] == executor.said
    assert capsys.readouterr().err.count(executor.said) == 1


def test_two_runs_of_one_second_keep_their_places(home):
    queued = [put(seed) for seed in range(12)]
    assert [runs.place_in_queue(run) for run in queued] == list(range(12))


@pytest.fixture
def shared(monkeypatch):
    """A studio that strangers share."""
    monkeypatch.setenv("LETHE_SHARED", "1")
    monkeypatch.setattr("backends.engine.dispatcher.WATCH", 0.0)


def ask(owner, seed=0) -> RunFolder:
    return runs.create(JobSpec(model="m", method="x", forget=("a",), seed=seed), owner)


def test_a_flooder_keeps_nobody_waiting(work, shared):
    executor, dispatcher = work
    flood = [ask("flooder", seed) for seed in range(8)]
    dispatcher.step()
    late = [ask("late", seed) for seed in range(2)]
    order = []
    for _ in range(6):
        run = RunFolder(flood[0].path.parent / executor.started[-1][0])
        order.append(run.state.owner)
        run.move("done")
        executor.end("ended")
        dispatcher.step()
    assert order == ["flooder", "late", "flooder", "late", "flooder", "flooder"]
    assert all(run.state.status == "done" for run in late)


def test_a_visitor_has_one_job_at_work_however_many_slots_are_free(work, shared):
    executor, dispatcher = work
    executor.count = 4
    ask("one"), ask("one", 1), ask("two")
    dispatcher.step()
    dispatcher.step()
    owners = [RunFolder(home / name).state.owner for home in [runs.home() / "runs"] for name, _ in executor.started]
    assert owners == ["one", "two"]


def test_the_machines_own_jobs_have_no_such_limit(work, shared):
    executor, dispatcher = work
    executor.count = 3
    ask(""), ask("", 1), ask("", 2)
    dispatcher.step()
    assert len(executor.started) == 3


@pytest.mark.parametrize("ending", ["stopped", "crashed"])
def test_a_job_without_end_is_ended_with_its_sentence(work, shared, monkeypatch, ending):
    executor, dispatcher = work
    run = ask("one")
    dispatcher.step()
    dispatcher.step()
    assert run.state.status == "running"
    state = run.state.model_dump()
    state["history"][-1]["at"] -= 10_000
    files.write_json(run.path / "state.json", state)
    files.write_bytes(run.path / "checkpoint" / "state.safetensors", b"x")
    dispatcher.step()
    assert run.state.status == "cancelling" and (run.path / "cancel").exists()
    executor.end(ending)
    dispatcher.step()
    assert run.state.status == "failed" and run.state.message.startswith("It ran for 15 minutes, as long as a job")
    assert not (run.path / "checkpoint").exists()


def test_old_runs_go_when_a_visitors_room_is_full(work, shared, monkeypatch):
    executor, dispatcher = work
    monkeypatch.setattr("backends.api.quota.limits", lambda: Limits(visitor_bytes=1024 * 1024))
    old, new = ask("one"), ask("one", 1)
    for run in (old, new):
        dispatcher.step()
        files.write_bytes(run.path / "after" / "changed", bytes(700 * 1024))
        RunFolder(run.path).move("done")
        executor.over.append(((run.id, 1), Ending("ended")))
        dispatcher.step()
    dispatcher.step()
    assert len(runs.all_runs(shipped=False)) == 1


def test_a_full_disk_leaves_no_checkpoint(work):
    executor, dispatcher = work
    run = put()
    dispatcher.step()
    files.write_bytes(run.path / "checkpoint" / "state.safetensors", b"x")
    executor.end("full", exit_codes.FULL_DISK)
    dispatcher.step()
    assert run.state.status == "failed" and not (run.path / "checkpoint").exists()
