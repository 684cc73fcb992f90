"""What attacks examine regressors by, and the attacks of all families on the toy."""

import copy

import numpy as np
import pytest
import torch
import toy_regressor

from backends.api.errors import BadInput
from backends.api.panels import Words
from backends.core.attack import AttackContext
from backends.core.registry import entries, get
from backends.families.regressor.exam import RegressorExam
from backends.families.regressor.red_team import RegressorRedTeam


@pytest.fixture(scope="module")
def gold(toy_regressor_folder):
    made = toy_regressor.task(toy_regressor_folder)
    return toy_regressor.retrained(made, made.parts["keep"], 1)


@pytest.fixture
def exam(toy_regressor_folder):
    return RegressorExam(toy_regressor.task(toy_regressor_folder))


def test_new_items_of_the_range_are_asked_and_training_items_taught(exam):
    assert exam.test and exam.goal == "concept" and set(exam.asked) <= set(exam.task.parts["test_forget"])
    assert np.array_equal(exam.pool, exam.task.parts["forget"]) and len(exam.items) == len(exam.labels)


def test_of_single_items_half_are_asked_and_the_others_taught(toy_regressor_folder):
    exam = RegressorExam(toy_regressor.task(toy_regressor_folder, ("items:0-19",)))
    assert exam.goal == "samples" and len(exam.asked) == 10 and not set(exam.asked) & set(exam.pool)
    one = RegressorExam(toy_regressor.task(toy_regressor_folder, ("items:3",)))
    with pytest.raises(BadInput, match="none to teach"):
        next(one.teach(one.task.load(), "forgotten", 0, (0, 2)))


def test_the_original_has_the_range_and_what_never_saw_it_has_not(exam, gold):
    scores = {
        name: exam.score(exam.make(model)).mean() for name, model in (("original", exam.task.load()), ("gold", gold))
    }
    assert scores["original"] > 0.6 and scores["gold"] < 0.2
    right, broken = exam.kept(exam.task.load())
    assert right.mean() > 0.8 and broken == 0


def test_a_model_that_says_one_number_or_none_is_broken(exam):
    model = exam.task.load()
    with torch.no_grad():
        model.head.weight.zero_()
    assert exam.kept(model)[1] == 1
    with torch.no_grad():
        model.head.bias.fill_(float("nan"))
    assert exam.kept(model)[1] == 1 and not exam.score(exam.make(model)).any()


def test_a_lesson_teaches_and_leaves_the_items_asked_alone(exam, gold, monkeypatch):
    taught, batch = [], exam.task.batch
    monkeypatch.setattr(exam.task, "batch", lambda index, **more: taught.append(index) or batch(index, **more))
    learner = copy.deepcopy(gold)
    assert list(exam.teach(learner, "forgotten", 0, (0, 4, 64))) == [0, 4, 64]
    assert len(taught) == 64 and not learner.training and {len(index) for index in taught} == {64}
    assert set(taught[0][:10]) <= set(exam.task.parts["forget"]) and set(taught[0][10:]) <= set(
        exam.task.parts["retain"]
    )
    assert np.abs(exam.make(learner) - exam.labels).mean() < np.abs(exam.make(gold) - exam.labels).mean()


def test_by_hand_only_forgotten_items_are_tried_and_the_reference_has_them_wrong(toy_regressor_folder, gold):
    made = toy_regressor.task(toy_regressor_folder)
    team, items = RegressorRedTeam(made), [f"test-{item}" for item in made.parts["test_forget"]]
    questions = [team.question(item) for item in items]
    hits = {
        name: sum(team.hit(one, team.ask(model, one)) for one in questions)
        for name, model in (("original", made.load()), ("gold", gold))
    }
    assert hits["original"] > 0.6 * len(items) and hits["gold"] < 0.2 * len(items)
    for question in ("", "hello", f"test-{made.parts['test'][0]}", "test-99999"):
        with pytest.raises(BadInput, match="choose one, like test-"):
            team.question(question)


def test_every_attack_of_all_families_tries_it(toy_regressor_folder, gold, tmp_path):
    made = toy_regressor.task(toy_regressor_folder)
    models = {"before": made.load(), "after": made.load(), "reference": gold}
    with torch.no_grad():
        models["after"].head.weight.mul_(1.01)
    look = AttackContext(made, models.get, lambda when: {}, tmp_path, tmp_path / "attack" / "x")
    look.load_references = lambda: [gold]
    fits = [name for name, one in entries("attacks").items() if one.entry.works_with["regressor"] is True]
    assert {
        "relearning",
        "rounding",
        "weight_noise",
        "pruning",
        "interpolation",
        "undo_directions",
        "plain_question",
    } <= set(fits)
    for name in sorted({"relearning", "rounding", "undo_directions", "plain_question"}):
        entry = get("attacks", name)
        result = entry.function(look, entry.parse({}))
        curves = {when: result.attacked.curve(when) for when in ("before", "after", "reference")}
        assert curves["before"][0] > 0.6 and curves["after"][0] > 0.6 and curves["reference"][0] < 0.2, name
        assert name != "relearning" or isinstance(result.panels[0], Words)
