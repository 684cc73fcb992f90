"""Vectors found and switched off live, with the toy that knows 31 questions by heart."""

from types import SimpleNamespace

import pytest
import torch

from backends.api.errors import BadInput
from backends.engine import operations_answers
from backends.engine.operations import OPERATIONS
from backends.families.language.concept_vectors import columns, writers
from backends.families.language.task import MOST
from backends.families.language.tokens import answers


@pytest.fixture
def desk(toy_language_task):
    """A desk with one finished run, after which a column is turned round."""
    after = toy_language_task.load()
    toy_language_task.follow(toy_language_task.load())
    with torch.no_grad():
        place = toy_language_task.trace.places[0]
        columns(after, place.layer)[place.column] *= -1
    models = {"before": toy_language_task.load(), "after": after}
    opened = SimpleNamespace(task=toy_language_task, model=models.get, dosed=None)
    return SimpleNamespace(opened=opened, run=lambda run_id: opened)


def ask(desk, **more):
    pair = desk.opened.task.questions.forget[0]
    return OPERATIONS["answer"](desk, "a-run", pair.question, truth=pair.answer, **more)


def test_without_all_columns_of_its_layers_the_answer_changes_in_both_models(desk):
    every = [[layer, column] for layer in (1, 2) for column in range(30)]
    said = ask(desk, off=every[:60])
    plain = ask(desk)
    assert said["before"] == plain["before"] and said["after"] == plain["after"] and "before_off" not in plain
    assert said["before_off"]["share"] < said["before"]["share"] and {"after_off"} <= said.keys()
    assert not any(part._forward_pre_hooks for part in writers(desk.opened.model("before")))


def test_a_zeroed_weight_says_the_same(desk):
    said = ask(desk, off=[[1, 7]])["before_off"]
    zeroed = desk.opened.task.load()
    with torch.no_grad():
        columns(zeroed, 1)[7] = 0
    pair, task = desk.opened.task.questions.forget[0], desk.opened.task
    want = operations_answers.likely(task.reader, zeroed, pair.question, pair.answer)
    assert [share for _, share in said["tokens"]] == pytest.approx([share for _, share in want], abs=1e-5)
    assert said["said"] == answers(zeroed, task.reader, [pair.question], MOST)[0]


def test_full_strength_is_as_it_is(desk):
    said = ask(desk, off=[[1, 7]], strength=1.0)
    assert said["before_off"]["said"] == said["before"]["said"]
    assert said["before_off"]["share"] == pytest.approx(said["before"]["share"], abs=1e-6)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"off": [[9, 1]]}, "There is no layer 9; the model has layers 0 to 2."),
        ({"off": [[1, 4000]]}, "Layer 1 has no column 4000; it has columns 0 to 127."),
        ({"off": [["1", 2]]}, "each by its layer and its column"),
        ({"off": 5}, "each by its layer and its column"),
        ({"off": [[1, 2, 3]]}, "each by its layer and its column"),
        ({"off": [[1, 2]] * 61}, "at most 60 vectors"),
        ({"off": [[1, 2]], "strength": 3.0}, "strength was 3.0; it can be from 0 to 2"),
    ],
)
def test_what_cannot_be_switched_off_is_one_sentence(desk, wrong, says):
    with pytest.raises(BadInput) as caught:
        ask(desk, **wrong)
    assert says in str(caught.value) and str(caught.value).endswith(".")


def test_the_vectors_of_what_was_forgotten_are_those_that_a_job_traces(desk):
    found = OPERATIONS["vectors"](desk, "a-run")
    trace = desk.opened.task.trace
    assert [(one["layer"], one["column"]) for one in found] == [(place.layer, place.column) for place in trace.places]
    assert found[0]["cosine"] == pytest.approx(-1) and found[0]["kept"] < 0.5 and found[1]["kept"] == 1
    assert found[0]["before"] != found[0]["after"] and len(found[0]["before"]) == 8


def test_a_free_word_finds_columns(desk):
    found = OPERATIONS["vectors"](desk, "a-run", words="novel", count=3)
    assert len(found) == 3 and all(one["of"] == "" for one in found)


def test_what_an_answer_leans_on_carries_it(desk):
    pair = desk.opened.task.questions.forget[0]
    found = OPERATIONS["vectors"](desk, "a-run", question=pair.question, count=40)
    best, spelled = (
        [[one["layer"], one["column"]] for one in some]
        for some in (found, OPERATIONS["vectors"](desk, "a-run", count=40))
    )
    assert ask(desk, off=best)["before_off"]["share"] < ask(desk, off=spelled)["before_off"]["share"]


@pytest.mark.parametrize(
    ("wrong", "says"), [({"count": 0}, "count was 0"), ({"words": "w" * 501}, "has 501 characters")]
)
def test_a_wrong_search_is_one_sentence(desk, wrong, says):
    with pytest.raises(BadInput, match=says):
        OPERATIONS["vectors"](desk, "a-run", **wrong)
