"""How quickly a model learns again what it forgot: the steps of the anamnesis index."""

import copy
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.optim import Adam

from ...core.task import Index, Tell, silent

if TYPE_CHECKING:
    from .task import RegressorTask

EPOCHS, BATCH, RATE = 10, 256, 0.01  # of the paper's notebook
WITHIN = 1.05  # of the original's loss
ASKED = 200  # items at most whose loss is looked at


def relearning_steps(task: "RegressorTask", model: nn.Module, tell: Tell = silent) -> int:
    """Minibatches of all training items until the forget loss of a copy of the model is within 1.05 of the original's; 10 epochs at most.

    The loss is that of new items of the forgotten range, or where single items are forgotten of these. The batches are the same for every
    model. The original itself, and whatever is as good, needs none.
    """
    index, test = measured_items(task)
    goal = WITHIN * _error(task, task.load(), index, test)
    if _error(task, model, index, test) <= goal:
        return 0
    learner, size = copy.deepcopy(model).requires_grad_(True), min(BATCH, max(8, len(task.parts["train"]) // 4))
    optimizer, step = Adam(learner.parameters(), lr=RATE), 0
    count = -(-len(task.parts["train"]) // size)
    for epoch in range(EPOCHS):
        order = np.random.default_rng([epoch, 5]).permutation(task.parts["train"])
        for part in np.array_split(order, count):
            learner.train()
            batch = task.batch(part)
            loss = task.loss(task.forward(learner, batch.x), batch.y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            tell(step, EPOCHS * count)
            if _error(task, learner, index, test) <= goal:
                return step
    return step


def measured_items(task: "RegressorTask") -> tuple[Index, bool]:
    """The items whose loss is looked at, and whether they are test items."""
    test = bool(len(task.parts["test_forget"]))
    return task.parts["test_forget" if test else "forget"][:ASKED], test


@torch.no_grad()
def _error(task: "RegressorTask", model: nn.Module, index: Index, test: bool) -> float:
    labels = (task.data.test if test else task.data.train).labels[index]
    return float(np.abs(task.predict(model, test=test, index=index) - labels).mean())
