"""SCRUB: the distance to the teacher, and the order of its two parts."""

import math

import pytest
import torch
import toy

from backends.engine.run import Run
from backends.methods._teacher import answers, distillation
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
    table = answers(run, run.original, ("forget",))
    index = toy_task.parts["forget"]
    torch.testing.assert_close(
        table[index].numpy(), toy_task.outputs(run.original)["train"][index], rtol=1e-4, atol=1e-4
    )
    assert not table[toy_task.parts["keep"]].any()


def test_msteps_steps_go_up_then_the_passes_go_down(toy_task):
    keeper = toy.Memory()
    scrub(Run(toy_task, keeper, 0), Scrub(msteps=7, epochs=2, batch_size=64))
    last = {phase: (step, of) for phase, step, of in keeper.beats if of and phase}
    assert last["away from the teacher"] == (7, 7)
    assert last["back to the teacher"] == (10, 10)  # 320 kept images are 5 batches a pass


def test_the_first_part_raises_the_loss_of_the_forget_set(toy_task):
    run = Run(toy_task, toy.Memory(checkpoint_at=8), 0)  # stops at the first step of the second part
    before = toy.losses(toy_task, run.model, toy_task.parts["forget"]).mean()
    with pytest.raises(toy.Cancelled):
        scrub(run, Scrub(msteps=8, learning_rate=0.01))
    assert toy.losses(toy_task, run.model, toy_task.parts["forget"]).mean() > 2 * before
