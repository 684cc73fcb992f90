"""How the precision of a job is chosen: by measuring steps, and no more of them than the answer needs."""

import itertools
import subprocess
import sys
import time

import pytest
import torch

from backends.engine import hardware


class Steps:
    """A task whose trial steps take, by a clock of its own, as many seconds as its precision says."""

    device = torch.device("cpu")
    precision = torch.float32
    architecture = "a step"

    def __init__(self, seconds):
        self.seconds, self.now, self.taken = seconds, 0.0, []

    def trial(self):
        def step():
            self.taken.append(self.precision)
            self.now += self.seconds[self.precision]

        return step


@pytest.fixture
def measured(monkeypatch):
    def measure(float32, bfloat16):
        task = Steps({torch.float32: float32, torch.bfloat16: bfloat16})
        monkeypatch.delenv("LETHE_PRECISION", raising=False)
        monkeypatch.setattr(hardware.time, "perf_counter", lambda: task.now)
        return hardware.precision(task), task

    return measure


def test_bfloat16_is_taken_where_it_is_clearly_faster(measured):
    chosen, task = measured(1.0, 0.5)
    assert chosen == "bfloat16" and len(task.taken) == 2 * hardware.ROUNDS
    assert task.precision == torch.float32  # as it was


def test_one_step_of_each_is_enough_where_bfloat16_is_far_behind(measured):
    chosen, task = measured(1.0, 3.0)
    assert chosen == "float32" and task.taken == [torch.float32, torch.bfloat16]


def test_a_close_race_is_run_to_its_end_and_float32_keeps_it(measured):
    chosen, task = measured(1.0, 0.9)
    assert chosen == "float32"
    assert task.taken == list(itertools.islice(itertools.cycle([torch.float32, torch.bfloat16]), 2 * hardware.ROUNDS))


class Crew:
    """A task whose trial steps take, by a clock of its own, as many seconds as there are threads for."""

    device = torch.device("cpu")
    architecture = "a crew"

    def __init__(self, seconds):
        self.seconds, self.now, self.counts = seconds, 0.0, []

    def trial(self):
        def step():
            self.counts.append(torch.get_num_threads())
            self.now += self.seconds[torch.get_num_threads()]

        return step


@pytest.fixture
def crew(monkeypatch):
    """Threads that a job is given: by the seconds of a step with so many threads, and the cores that others use."""

    def ask(seconds, cores=2, others=0.0, measure=True):
        task = Crew(seconds)
        monkeypatch.delenv("LETHE_THREADS", raising=False)
        monkeypatch.setattr(hardware.machine, "cores", lambda: cores)
        monkeypatch.setattr(hardware.time, "perf_counter", lambda: task.now)
        monkeypatch.setattr(hardware._Others, "cores", lambda self: others)
        return hardware.threads(task, measure=measure), task

    return ask


def test_a_second_thread_that_gains_under_15_percent_is_not_taken(crew):
    before = torch.get_num_threads()
    assert crew({1: 1.0, 2: 0.9})[0] == 1
    assert torch.get_num_threads() == before


def test_threads_are_doubled_as_long_as_it_pays(crew):
    chosen, task = crew({1: 1.0, 2: 0.55, 4: 0.35, 8: 0.33}, cores=8)
    assert chosen == 4
    assert sorted(set(task.counts)) == [1, 2, 4, 8]


def test_what_was_measured_on_a_quiet_machine_is_not_measured_again(crew):
    crew({1: 1.0, 2: 0.5})
    chosen, task = crew({1: 1.0, 2: 2.0})
    assert chosen == 2 and not task.counts


def test_what_was_measured_while_others_were_busy_is_measured_again(crew):
    assert crew({1: 1.0, 2: 1.0}, others=1.5)[0] == 1
    assert crew({1: 1.0, 2: 0.5})[0] == 2


def test_a_loaded_machine_is_left_the_cores_that_others_use(crew):
    crew({1: 1.0, 2: 0.5, 4: 0.25}, cores=4)
    assert crew({}, cores=4, others=1.9)[0] == 2
    assert crew({}, cores=4, others=7.0)[0] == 1


def test_nobody_who_waits_for_a_page_waits_for_a_measurement(crew):
    chosen, task = crew({1: 1.0, 2: 2.0}, measure=False)
    assert chosen == 2 and not task.counts


def test_a_number_that_a_person_gave_is_taken(crew, monkeypatch):
    task = Crew({})
    monkeypatch.setenv("LETHE_THREADS", "3")
    assert hardware.threads(task) == 3 and not task.counts


def test_what_other_processes_compute_is_seen():
    load = hardware._Others()
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(1.5)
        assert load.cores() > 0.1
    finally:
        busy.kill()
        busy.wait()
