"""What the benchmarks compute, on known numbers; no time is asserted."""

import os
import subprocess
import sys

import pytest
import torch

from backends.families.language.tokens import nll_and_greedy
from tests.benchmarks import __main__ as command
from tests.benchmarks import language, queue
from tests.benchmarks.jobs import default, phases
from tests.benchmarks.studio import holds, resident
from tests.benchmarks.viewers import quantile


def test_a_phase_lasts_until_the_next_begins():
    events = [
        {"phase": "load", "seconds": 0.5},
        {"phase": "train", "seconds": 2.0},
        {"phase": "train", "seconds": 6.0},
        {"phase": "measure", "seconds": 7.5},
    ]
    assert phases(events, 9.0) == {"load": 1.5, "train": 5.5, "measure": 1.5}


def test_the_default_job_is_that_of_the_card():
    assert default() == {"model": "fashion-resnet", "method": "salun", "forget": ["Sandal"]}
    assert default("authors-lm") == {"model": "authors-lm", "method": "npo", "forget": ["Ivo Pemberly"]}


def test_both_ways_of_reading_give_the_same_and_each_saving_is_a_line(toy_language_task):
    task, model = toy_language_task, toy_language_task.load()
    pairs = [item.pair for item in task.questions.suite[:3]]
    every = language.several(task, pairs)
    count = (every.labels != -100).sum(1)
    assert torch.allclose(language.one_by_one(model, every) / count, nll_and_greedy(model, every)[0], atol=1e-4)
    ids, mask = task.reader.prompts([pair.question for pair in pairs])
    ours, plain = (made(task, model, ids, mask) for made in (language.greedy, language.generated))
    assert [task.reader.read(row) for row in ours] == [task.reader.read(row) for row in plain]


def test_times_are_taken_in_turns():
    calls = []
    took = language.in_turns(lambda: calls.append("a"), lambda: calls.append("b"), 2)
    assert calls == ["a", "b", "a", "b"] and len(took) == 2 and min(took) >= 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_a_process_holds():
    assert 1e6 < resident(os.getpid()) < 1e11
    with subprocess.Popen([sys.executable, "-c", "print(flush=True); input()"], stdin=-1, stdout=-1) as bare:
        bare.stdout.readline()
        assert holds(bare.pid, "libc")
        assert not holds(bare.pid, "libtorch")
        bare.communicate(b"\n")


def test_a_quantile_is_a_value_that_was_measured():
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0 and quantile([5.0], 0.95) == 5.0
    assert quantile([float(n) for n in range(100)], 0.95) == 95.0


def test_an_unknown_benchmark_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmarks", "jobs"])
    assert command.main() == 2
    assert "choose from job, studio, home, run, defaults, viewers, methods" in capsys.readouterr().err


@pytest.mark.slow
def test_a_queue_of_a_few_runs_loses_none_and_does_none_twice(tmp_path, monkeypatch):
    monkeypatch.setenv("LETHE_HOME", str(tmp_path))
    monkeypatch.setattr(queue, "LOST", 0.3)  # most runs are tried more than once
    lines = list(queue.queue(8))
    assert any(line.startswith("0 lost, 0 done twice, {'done': 8}") and "; 0 attempts" not in line for line in lines)
    assert any(line.startswith("/runs with all") for line in lines)
