"""The frozen model is asked once about what is to be forgotten, and again only about what is drawn anew."""

import pytest
import torch
import toy

from backends.core import registry
from backends.core.run import Run

EPOCHS, BATCH = 3, 2  # over five questions: nine steps
STEPS = 9


@pytest.fixture
def passes(toy_language_task):
    """Forward passes of the frozen model in a whole method, and how many of them are about every question to forget."""

    def count(method, **params):
        run = Run(toy_language_task, toy.Memory(), 0)
        seen = []
        run.original.register_forward_pre_hook(lambda *given: seen.append(given[-1]["input_ids"]), with_kwargs=True)
        chosen = registry.get("methods", method)
        chosen.function(run, chosen.parse({"epochs": EPOCHS, "batch_size": BATCH, **params}))
        whole = toy_language_task.forget.ids
        return len(seen), sum(ids.shape == whole.shape and bool(torch.equal(ids.cpu(), whole)) for ids in seen)

    return count


@pytest.mark.parametrize(
    ("method", "params", "whole", "steps"),
    [
        ("npo", {"retain": "likelihood"}, 1, 0),
        ("npo", {"retain": "divergence"}, 1, STEPS),  # of pairs to keep, which are drawn anew
        ("dpo", {"retain": "likelihood"}, 1, STEPS),  # of refusals, which are drawn anew
        ("idk", {}, 0, 0),
        ("grad_diff", {}, 0, 0),
        ("simnpo", {}, 0, 0),
        ("kl_min", {}, 0, STEPS),  # of pairs to keep, which are drawn anew
        ("wagle", {"objective": "npo"}, 1, 0),
        ("wagle", {"objective": "grad_diff"}, 0, 0),
        ("wagle", {"objective": "dpo"}, 1, STEPS),
    ],
)
def test_the_frozen_model_is_asked_once(passes, method, params, whole, steps):
    assert passes(method, **params) == (whole + steps, whole)


def test_what_it_said_is_kept_for_a_resumed_job(toy_language_task):
    first = Run(toy_language_task, toy.Memory(), 0)
    chosen = registry.get("methods", "npo")
    chosen.function(first, chosen.parse({"epochs": 1}))
    again = Run(toy_language_task, toy.Memory(), 0, {"model": {}, "once": first.state()["once"]})
    again.original.register_forward_pre_hook(lambda *_: pytest.fail("it was asked again"))
    chosen.function(again, chosen.parse({"epochs": 1}))
