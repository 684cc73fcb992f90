"""SCRUB: the distance to the teacher, and the order of its two parts."""

import math

import numpy as np
import pytest
import torch
import toy

from backends.core.run import Run
from backends.methods._teacher import distillation, teacher_logits
from backends.methods.scrub import Scrub, scrub


def test_distance_at_temperature_four_by_hand():
    teacher, student = torch.tensor([[8.0, 0.0]]), torch.tensor([[0.0, 0.0]])
    p = math.exp(2) / (math.exp(2) + 1)  # softmax of (8, 0) / 4; the student says one half
    by_hand = 16 * (p * math.log(p / 0.5) + (1 - p) * math.log((1 - p) / 0.5))
    assert float(distillation(student, teacher, 4.0)) == pytest.approx(by_hand, rel=1e-5)


def test_distance_is_measured_from_the_teacher_and_averaged():
    teacher, student = torch.tensor([[3.0, 0.0], [1.0, 1.0]]), torch.tensor([[0.0, 1.0], [1.0, 1.0]])
    t, s = teacher.softmax(1), student.softmax(1)
    assert float(distillation(student, teacher)) == pytest.approx(float((t * (t / s).log()).sum() / 2), rel=1e-5)
    assert float(distillation(student, teacher)) != pytest.approx(float(distillation(teacher, student)), rel=1e-2)


def test_a_copy_of_the_teacher_is_at_no_distance():
    logits = torch.randn(6, 4)
    assert float(distillation(logits, logits, 4.0)) == pytest.approx(0, abs=1e-6)


def test_answers_stand_at_the_position_of_the_item(toy_task):
    run = Run(toy_task, toy.Memory(), 0)
    table = teacher_logits(run, run.original, ("forget",))
    index = toy_task.parts["forget"]
    torch.testing.assert_close(
        table[index].numpy(), toy_task.outputs(run.original)["train"][index], rtol=1e-4, atol=1e-4
    )
    assert not table[toy_task.parts["keep"]].any()


class Watch(toy.Memory):
    """Remembers the parts of the data that were walked over."""

    def __init__(self, run_task):
        super().__init__()
        self.parts, make = [], run_task.batch

        def batch(index, **more):
            self.parts.append("forget" if np.isin(index, run_task.parts["forget"]).all() else "keep")
            return make(index, **more)

        run_task.batch = batch


def test_passes_away_and_back_take_turns_then_those_back_follow(toy_task):
    keeper = Watch(toy_task)
    scrub(Run(toy_task, keeper, 0), Scrub(msteps=2, epochs=3, batch_size=64, forget_batch_size=20))
    asked = ["forget", "keep"]  # the teacher, once each
    turn = ["forget"] * 4 + ["keep"] * 5  # 80 images by 20, 320 by 64
    assert keeper.parts == asked + turn + turn + ["keep"] * 5


def test_a_pass_away_raises_the_distance_and_knows_no_label(toy_task):
    """The first steps are taken with wrong labels and come out the same, since only the distance is raised."""

    def first(labels):
        toy_task.data.train.labels[:] = labels
        run = Run(toy_task, toy.Memory(checkpoint_at=5), 0)  # after the teacher and four steps, the first pass
        with pytest.raises(toy.Cancelled):
            scrub(run, Scrub(msteps=1, epochs=1, forget_batch_size=20, learning_rate=0.01))
        return run

    right = toy_task.data.train.labels.copy()
    run, other = first(right), first((right + 1) % 5)
    toy_task.data.train.labels[:] = right
    for name, tensor in run.model.state_dict().items():
        assert torch.equal(tensor, other.model.state_dict()[name]), name
    teacher, index = teacher_logits(run, run.original, ("forget",)), toy_task.parts["forget"]
    logits = torch.from_numpy(toy_task.outputs(run.model)["train"][index])
    assert float(distillation(logits, teacher[index], 4.0)) > 0.1
