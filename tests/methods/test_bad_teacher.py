"""The student ends near the right teacher on each side."""

import torch
import toy

from backends.core.run import Run
from backends.methods.bad_teacher import BadTeacher, bad_teacher


def distance(run: Run, teacher: torch.nn.Module, part: str) -> float:
    """Mean KL(teacher || model) over a part."""
    index = run.task.parts[part]
    ours, theirs = (
        torch.from_numpy(run.task.outputs(model)["train"][index]).log_softmax(1) for model in (run.model, teacher)
    )
    return float((theirs.exp() * (theirs - ours)).sum(1).mean())


def test_answers_like_the_untrained_teacher_on_the_forget_set_only(toy_task):
    run = Run(toy_task, toy.Memory(), 0)
    clueless = run.fresh(1).eval()
    before = {part: distance(run, clueless, part) for part in ("forget", "keep")}
    bad_teacher(run, BadTeacher(epochs=10, learning_rate=0.05, batch_size=40))
    assert distance(run, clueless, "forget") < before["forget"] / 5
    assert distance(run, run.original, "keep") < distance(run, clueless, "keep") / 3


def test_no_label_is_used(toy_folder):
    """Wrong labels of the training images change nothing."""
    models = []
    for shift in (0, 1):
        task = toy.task(toy_folder)
        task._labels["train"] = (task._labels["train"] + shift) % 5
        run = Run(task, toy.Memory(), 0)
        bad_teacher(run, BadTeacher(epochs=1))
        models.append(run.model.state_dict())
    assert all(torch.equal(models[0][name], models[1][name]) for name in models[0])
