"""One expert switched off live, with the toy mixture that knows 31 questions by heart."""

from types import SimpleNamespace

import pytest
import toy_language

from backends.api.errors import BadInput
from backends.engine import operations_answers
from backends.engine.operations import OPERATIONS
from backends.families.language import experts
from backends.families.language.expert_sweep import facts_changed
from backends.families.language.tokens import answers


@pytest.fixture
def desk(toy_mixture_task, toy_mixture_folder):
    """A desk with one finished run; `told` are the pieces of its answers."""
    after, told = toy_language.forgotten(toy_mixture_folder), []
    opened = SimpleNamespace(
        task=toy_mixture_task, model={"after": after}.get, outputs=lambda when: toy_mixture_task.outputs(after)
    )
    return SimpleNamespace(opened=opened, run=lambda run_id: opened, told=told, tell=told.append)


def ask(desk, **more):
    given = {"run": "a-run", "question": desk.opened.task.questions.forget[0].question, "layer": 1, "expert": 2}
    return OPERATIONS["expert_off"](desk, **(given | more))


def test_the_answer_is_that_of_the_model_without_the_expert(desk):
    task, model = desk.opened.task, desk.opened.model("after")
    pairs = task.questions.forget
    questions = [pair.question for pair in pairs]
    own = answers(model, task.reader, questions, 40)
    with experts.switched_off(model, [(experts.moe_layers(model)[1].number, 2)]):
        want = answers(model, task.reader, questions, 40)
    reply = ask(desk)
    assert reply["said"] == want[0] and (reply["layer"], reply["expert"]) == (1, 2)
    assert (reply["facts"], reply["regained"], reply["lost"]) == (5, *facts_changed(pairs, own, want))
    assert desk.told[-1]["said"] == want[0] and "facts" not in desk.told[-1]
    assert answers(model, task.reader, questions, 40) == own, "the expert is back at its work"


def test_of_a_large_model_only_the_question_is_asked(desk, monkeypatch):
    monkeypatch.setattr(operations_answers, "few_enough", lambda model: False)
    assert ask(desk).keys() == {"question", "layer", "expert", "said"}


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"layer": 3}, "layer was 3; it can be from 0 to 2"),
        ({"expert": 4}, "expert was 4; it can be from 0 to 3"),
        ({"expert": None}, "a whole number is needed"),
        ({"layer": [1]}, "a whole number is needed"),
        ({"question": " "}, "The question was empty"),
        ({"question": "x" * 501}, "at most 500 are allowed"),
    ],
)
def test_what_cannot_be_asked_is_said(desk, wrong, sentence):
    with pytest.raises(BadInput, match=sentence):
        ask(desk, **wrong)
