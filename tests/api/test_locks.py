import os
import subprocess
import sys
import threading
import time

import pytest

from backends.api import locks, runs
from backends.api.spec import JobSpec

HOLDING = """
import sys
from pathlib import Path
from backends.api import locks
lock = locks.acquire_named(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holding(tmp_path):
    """(lock file, the process that holds it)."""
    path = tmp_path / "one.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield path, process
        process.kill()


def test_who_holds_it_is_told_and_nobody_else_gets_it(holding):
    path, process = holding
    assert locks.holder(path) == process.pid
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        locks.acquire(path)
    assert time.monotonic() - begun < 5
    assert locks.holder(path) == process.pid


def test_a_killed_process_holds_nothing(holding):
    path, process = holding
    process.kill()
    process.wait()
    assert locks.holder(path) is None
    lock = locks.acquire_named(path)
    assert locks.holder(path) == os.getpid()
    lock.release()
    assert locks.holder(path) is None


def test_two_who_only_ask_are_no_holder(tmp_path):
    path = tmp_path / "one.lock"
    assert locks.holder(path) is None and not path.exists()
    path.touch()
    (tmp_path / "one.pid").write_text("4194305")  # more than Linux gives to a process
    asking = locks.acquire(path)  # as another process does for a moment
    threading.Timer(0.05, asking.release).start()
    assert locks.holder(path) is None


def test_a_lock_that_does_not_say_whose_it_is_is_held_all_the_same(tmp_path):
    lock = locks.acquire(tmp_path / "one.lock")
    assert locks.holder(tmp_path / "one.lock") == 0
    lock.release()


def test_a_run_is_held_against_other_threads_and_its_folder_is_not_made_anew(home):
    run = runs.create(JobSpec(model="digits", method="finetune", forget=["3"]))
    order = []

    def second():
        with run.locked():
            order.append("second")

    with run.locked():
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.1)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]
    run.delete()
    with pytest.raises(FileNotFoundError), run.locked():
        pass
    assert not run.path.exists()
