"""The engine as a process: it does what is queued, survives kills of everything, and says plainly when it cannot start."""

import os
import random
import signal
import subprocess
import sys
import time

import psutil
import pytest
from small_jobs import LONG, PATIENCE, SETTINGS, jobs, numbers, step_of, until

from backends.api import engine
from backends.api.errors import Busy, LetheError, OutOfReach
from backends.api.spec import ENDED
from backends.engine import exit_codes

SECONDS_OF_STEPS = 400  # how many steps the toy takes in two seconds where nothing else runs: of 1,600 in all


@pytest.fixture
def start():
    """Starts engines, as the studio does, and ends them after the test."""
    started = []

    def go(**how):
        process = engine.start(**how)
        started.append(process)
        engine.wait(process, 60)
        return process

    yield go
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def lasting(tmp_path_factory):
    """An engine for the tests that leave one running, and its home."""
    home = tmp_path_factory.mktemp("lasting")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (SETTINGS | {"LETHE_HOME": str(home)}).items():
            patch.setenv(name, value)
        process = engine.start()
        engine.wait(process, PATIENCE)
    yield process, home
    process.kill()
    process.wait()


@pytest.fixture
def running(lasting, monkeypatch):
    """That engine, which the jobs that a test queues are given to."""
    process, home = lasting
    monkeypatch.setenv("LETHE_HOME", str(home))
    return process


def over(run):
    return run.state.status in ENDED


@pytest.mark.slow
def test_two_jobs_one_after_the_other(running, queue):
    first, second = queue(epochs=2), queue(epochs=2, seed=1)
    until(lambda: over(second), PATIENCE)
    assert first.state.status == second.state.status == "done"
    ended, began = first.state.history[-1].at, second.state.history[1].at
    assert second.state.history[1].status == "running" and began >= ended


@pytest.mark.slow
def test_a_job_killed_at_any_moment_ends_in_the_same_numbers(start, queue, undisturbed):
    process, run = start(), queue(epochs=LONG)
    moments = sorted(random.Random(time.time_ns()).sample(range(1, 250), 2))
    for moment in moments:
        until(lambda moment=moment: step_of(run) >= moment or over(run), PATIENCE)
        for job in jobs(process.pid):
            job.send_signal(signal.SIGKILL)
        until(lambda: run.state.message == exit_codes.CRASHED or over(run))
    until(lambda: over(run), PATIENCE)
    assert run.state.status == "done" and run.state.attempt > 1, (moments, run.state.message)
    assert numbers(run) == undisturbed, f"killed at {moments}"


@pytest.mark.slow
def test_an_engine_killed_and_started_again_ends_in_the_same_numbers(start, queue, undisturbed):
    process, run = start(), queue(epochs=LONG)
    until(lambda: step_of(run) >= 40, PATIENCE)
    children = jobs(process.pid)
    process.kill()
    process.wait()
    psutil.wait_procs(children, timeout=PATIENCE)
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)
    assert run.state.status == "running" and engine.owner() is None
    start()
    until(lambda: over(run), PATIENCE)
    assert (run.state.status, run.state.attempt) == ("done", 2)
    assert exit_codes.RESTARTED in [moment.note for moment in run.state.history]
    assert numbers(run) == undisturbed


@pytest.mark.slow
def test_a_running_job_is_cancelled_within_a_step_and_the_next_one_starts(running, queue):
    run, after = queue(epochs=200), queue(epochs=1)
    until(lambda: step_of(run) >= 3, PATIENCE)
    before = step_of(run)
    run.cancel()
    until(lambda: run.state.status == "cancelled", PATIENCE)
    assert run.state.message == exit_codes.CANCELLED_NOTE
    assert step_of(run) - before < SECONDS_OF_STEPS  # what is told lags behind by up to 0.2 s
    until(lambda: over(after), PATIENCE)
    assert after.state.status == "done"


@pytest.mark.slow
def test_a_job_over_the_memory_limit_is_stopped_once_with_one_sentence(start, queue, monkeypatch):
    monkeypatch.setenv("LETHE_MEMORY_LIMIT", "100MB")
    run = queue()
    start()
    until(lambda: over(run), 60)
    assert (run.state.status, run.state.attempt) == ("failed", 1)
    assert "limit of 0.10 GB" in run.state.message and run.state.message.count(".") <= 4


@pytest.mark.slow
def test_an_engine_for_one_run_ends_with_it(start, queue):
    other, run = queue(epochs=1), queue(epochs=1, seed=1)
    process = start(only=run.id)
    assert process.wait(timeout=PATIENCE) == 0
    assert (run.state.status, other.state.status) == ("done", "queued")
    assert engine.owner() is None


def test_a_second_engine_on_a_home_says_so(running):
    assert engine.owner() == running.pid and engine.status()["executor"] == "children"
    second = engine.start()
    with pytest.raises(Busy, match=f"Another engine \\(process {running.pid}\\) already works on "):
        engine.wait(second, 30)
    assert second.wait() == engine.REFUSED and running.poll() is None


def test_an_engine_ends_with_who_started_it(home):
    code = (
        "import sys, time; from backends.api import engine; process = engine.start(); engine.wait(process, 60);"
        "print(process.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        found = psutil.Process(int(parent.stdout.readline()))
        spare = found.children()
        parent.kill()
    psutil.wait_procs([found, *spare], timeout=PATIENCE)
    assert not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in (found, *spare))
    assert engine.owner() is None


def test_asked_to_end_it_leaves_no_process_behind(start):
    process = start()
    children = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    assert process.wait(timeout=PATIENCE) == 0
    psutil.wait_procs(children, timeout=PATIENCE)
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)


def refused(environment: dict, *arguments: str) -> tuple[int, str]:
    """Exit code and standard error of an engine that cannot start."""
    command = [sys.executable, "-m", "backends.engine", *arguments]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr.strip()


def test_a_home_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    code, said = refused({"LETHE_HOME": str(tmp_path / "file" / "home")})
    assert code == engine.UNREACHABLE
    assert said.startswith("LETHE_HOME is ") and "cannot be written" in said and "\n" not in said


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "tls://127.0.0.1:9"])
def test_a_scheduler_that_does_not_answer(address, tmp_path, monkeypatch):
    from backends.engine import tls

    monkeypatch.setenv("LETHE_TLS_DIR", str(tls.make(tmp_path / "tls")))
    code, said = refused({}, "--scheduler", address)
    assert code == engine.UNREACHABLE
    assert (
        said
        == f"The scheduler at {address} does not answer; start it, or leave --scheduler out to work on this machine."
    )


def test_an_unreachable_scheduler_is_told_to_who_started_it(home):
    process = engine.start(scheduler="tcp://127.0.0.1:9")
    with pytest.raises(OutOfReach, match=r"The scheduler at tcp://127.0.0.1:9 does not answer"):
        engine.wait(process, 60)


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("10.0.0.1:8786", "is no address"),
        ("tcp://10.0.0.1:8786", "without encryption"),
        ("tls://127.0.0.1:9", "holds no lethe-cert"),
    ],
)
def test_an_address_that_cannot_be_used(address, why, home):
    code, said = refused({}, "--scheduler", address)
    assert code in (engine.REFUSED, engine.UNREACHABLE) and why in said and "\n" not in said


def test_a_limit_that_is_none(home):
    code, said = refused({"LETHE_MEMORY_LIMIT": "lots"})
    assert code == 2 and said.startswith("LETHE_MEMORY_LIMIT is 'lots'; give")


def test_no_engine_works_on_a_new_home(home):
    assert engine.owner() is None and engine.status() == {}
    process = engine.start(only="nothing")
    with pytest.raises(LetheError, match="There is no run 'nothing'"):
        engine.wait(process, 30)
