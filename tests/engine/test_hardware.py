"""How the precision of a job is chosen: by measuring steps, and no more of them than the answer needs."""

import itertools

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
