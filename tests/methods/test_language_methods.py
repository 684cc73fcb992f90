"""Each method for language models on the toy: what it should forget goes, and what a method of this kind keeps stays."""

import pytest
import toy
import toy_language

from backends.core import registry
from backends.core.run import Run


def done(task, method, **params):
    run = Run(task, toy.Memory(), 0)
    chosen = registry.get("methods", method)
    chosen.function(run, chosen.parse(params))
    return run


def test_the_toy_knows_its_questions(toy_language_task):
    model = toy_language_task.load()
    assert [toy_language.right(toy_language_task, model, role) for role in ("forget", "neighbour", "unrelated")] == [
        100
    ] * 3


@pytest.mark.parametrize("method", ["npo", "simnpo", "grad_diff"])
def test_it_forgets(toy_language_task, method):
    run = done(toy_language_task, method, epochs=30, learning_rate=2e-3)
    assert toy_language.right(toy_language_task, run.model, "forget") <= 20
