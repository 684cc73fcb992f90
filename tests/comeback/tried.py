"""A model that knows five numbers, and an exam that asks for them: what attacks bring back is known beforehand."""

from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from backends.api.panels import Verdict
from backends.core.attack import AttackContext

TRUTH = torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0])


class Knowing(nn.Module):
    """Answers with its weights: item i is known where the sign of answer i is right. The last two items are kept ones."""

    def __init__(self, answers):
        super().__init__()
        self.layer = nn.Linear(len(TRUTH), len(TRUTH), bias=False)
        with torch.no_grad():
            self.layer.weight.copy_(torch.diag(torch.as_tensor(answers, dtype=torch.float32)))

    def forward(self):
        return self.layer(torch.ones(len(TRUTH)))


class SignExam:
    """Three items to be forgotten, two that are kept. A lesson moves all answers towards the truth, by as much as the model has left."""

    items, groups, noun, goal = ("a", "b", "c"), (0, 1, 2), "signs", "concept"
    lessons = {"forgotten": "one sign", "form": "other signs", "other": "kept signs"}  # noqa: RUF012
    steps = (0, 1, 2)

    def make(self, model):
        return model().detach().numpy()

    def score(self, outputs):
        return (np.sign(outputs[:3]) == TRUTH[:3].numpy()).astype(np.float32)

    def kept(self, model):
        return (np.sign(model().detach().numpy()[3:]) == TRUTH[3:].numpy()).astype(np.float32), 0.0

    def teach(self, model, lesson, seed, stops):
        for at in stops:
            with torch.no_grad():
                weight = model.layer.weight
                weight.copy_(torch.diag(weight.diagonal() + (0.3 * TRUTH if at and lesson == "forgotten" else 0)))
            yield at

    def comeback(self, look, title, stages, outputs, reference):
        return Verdict(title=title, how="", says=" ".join(stages), sign="unknown")


def context(tmp_path, after, *, before=None, references=(), guarded=False):
    """What an attack sees of a run with these models; weights are given as the diagonal of the one layer."""
    models = {"before": Knowing(2 * TRUTH if before is None else before), "after": Knowing(after), "reference": None}
    look = AttackContext(
        SimpleNamespace(family="toy"), models.get, lambda when: {}, tmp_path, tmp_path / "attack" / "x"
    )
    look.__dict__["exam"] = SignExam()
    look.load_references = lambda: [Knowing(one) for one in references]
    look.guarded = guarded
    return look
