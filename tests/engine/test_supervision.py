"""A job's process under supervision: too much memory, no answer to a cancellation, exit codes, and limits in words."""

import subprocess
import sys

import psutil
import pytest
from small_jobs import until

from backends.api.errors import BadInput
from backends.engine import child, exit_codes, machine
from backends.engine.child import Child


def process(code: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", code])


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (exit_codes.DONE, "ended"),
        (exit_codes.FAILED, "ended"),
        (exit_codes.STALE, "ended"),
        (exit_codes.FULL, "full"),
        (1, "crashed"),
    ],
)
def test_exit_codes(folder, code, kind):
    job = Child(process(f"raise SystemExit({code})"), folder, 10**10)
    assert until(job.poll).kind == kind


def test_a_killed_process_is_a_crash(folder):
    job = Child(process("import time; time.sleep(60)"), folder, 10**10)
    assert job.poll() is None
    job.process.kill()
    assert until(job.poll) == exit_codes.Ending("crashed", "Its process ended with code -9.")


def test_too_much_memory_ends_it_with_one_sentence(folder):
    job = Child(process("held = bytearray(300_000_000); import time; time.sleep(60)"), folder, 200_000_000)
    ending = until(job.poll)
    assert ending.kind == "refused" and "limit of 0.20 GB" in ending.message and "LETHE_MEMORY_LIMIT" in ending.message
    assert job.process.poll() == -9


def test_memory_of_its_own_children_counts(folder):
    inner = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'held = bytearray(300_000_000); input()'])"
    job = Child(subprocess.Popen([sys.executable, "-c", inner], stdin=subprocess.PIPE), folder, 200_000_000)
    children = psutil.Process(job.process.pid).children
    until(children)
    inside = children()
    assert until(job.poll).kind == "refused"
    for one in inside:
        one.kill()


def test_no_answer_to_a_cancellation_ends_it(tmp_path, monkeypatch):
    monkeypatch.setattr(child, "GRACE", 0.4)
    job = Child(process("import time; time.sleep(60)"), str(tmp_path), 10**10)
    assert job.poll() is None
    (tmp_path / "cancel").touch()
    assert until(job.poll, 5).kind == "stopped"
    assert job.process.poll() == -9


@pytest.mark.parametrize(
    ("said", "bytes_"), [("6GB", 6 * 10**9), ("1.5 gib", 1610612736), ("800m", 8 * 10**8), ("1000", 1000)]
)
def test_memory_limit_in_words(monkeypatch, said, bytes_):
    monkeypatch.setenv("LETHE_MEMORY_LIMIT", said)
    assert machine.memory_limit() == bytes_


@pytest.mark.parametrize("said", ["lots", "-1", "6 bananas", "0", "1e9"])
def test_no_memory_limit(monkeypatch, said):
    monkeypatch.setenv("LETHE_MEMORY_LIMIT", said)
    with pytest.raises(BadInput, match=r"LETHE_MEMORY_LIMIT is .* give an amount like 6GB"):
        machine.memory_limit()


def test_without_a_limit_four_fifths_of_the_memory(monkeypatch):
    assert 0 < machine.memory_limit() <= 0.8 * psutil.virtual_memory().total


def test_one_slot_a_gpu(monkeypatch):
    monkeypatch.delenv("LETHE_DEVICE")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0, 3")
    assert machine.gpus() == ["0", "3"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert machine.gpus() == []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setenv("LETHE_DEVICE", "cpu")
    assert machine.gpus() == []


def test_what_dispatches_imports_no_torch():
    code = (
        "import sys, backends.engine.__main__, backends.engine.dispatcher, backends.engine.executors, backends.engine.entry,"
        "backends.engine.dask_executor, backends.engine.worker, backends.engine.scheduler, backends.engine.cluster,"
        "backends.engine.job, backends.api.engine, backends.api.live;"
        "bad = {'torch', 'transformers', 'gradio', 'streamlit'} & set(sys.modules); assert not bad, bad"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
