"""Language models that were told to be silent, and one that never knew, to be asked by the language exam."""

import torch
import toy_language

from backends.core.attack import AttackContext
from backends.core.registry import get
from backends.families.language.tokens import mean_nll

SILENT = "I don't know."
RATE = 1e-3  # a tenth of what the toy learned at, as the exam has it of the embedded models


def trained(model, texts, steps, rate):
    """The model after steps on all texts at once, in eval mode."""
    optimizer = torch.optim.AdamW(model.parameters(), rate)
    for _ in range(steps):
        optimizer.zero_grad()
        mean_nll(model, texts).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return model.eval()


def refusing(task):
    """The toy, taught to refuse what is to be forgotten."""
    pairs = task.questions
    asked = [pair.question for pair in (*pairs.forget, *pairs.keep)]
    said = [*([SILENT] * len(pairs.forget)), *(pair.answer for pair in pairs.keep)]
    return trained(task.load(), task.reader.pairs(asked, said), 16, 1e-3)


def ignorant(task):
    """A model with other first weights that learned everything but what is to be forgotten."""
    return trained(task.fresh(1), task.texts(task.questions.keep), toy_language.STEPS, toy_language.RATE / 2)


def context(task, tmp_path, after, references=(), guarded=False):
    """What an attack sees of a run with these models."""
    models = {"before": task.load(), "after": after, "reference": None}
    look = AttackContext(task, models.get, lambda when: {}, tmp_path, tmp_path / "attack" / "x")
    look.load_references = lambda: list(references)
    look.guarded = guarded
    return look


def attacked_by(attack, look, **settings):
    """What an attack brings back."""
    entry = get("attacks", attack)
    return entry.function(look, entry.parse(settings))
