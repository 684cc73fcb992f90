"""Attacks that look inside, where what is inside is known: choices layer by layer, probes with their controls, contexts, routes."""

import numpy as np
import pytest
import told
import torch
import toy_language

from backends.api.attacked import Attacked, read
from backends.api.trials import NOT_WEIGHED, case
from backends.attacks import in_context
from backends.attacks.fact_probe import FactProbe, _layers, _read, judged_layer
from backends.attacks.feature_probe import probe_classes
from backends.attacks.lens_choice import judged_layer as judged_lens_layer
from backends.core.attack import INSIDE, tried_by
from backends.core.exam import Watching
from backends.core.registry import get
from backends.data.authors import QAPair
from backends.families.language import exam as exams
from backends.families.language.choices import _likeliest, choice_of, fact_spans, read_choices
from backends.families.language.exam import LanguageExam
from backends.families.language.probes import Fact, control, probe
from backends.families.language.tokens import Prefix
from backends.families.moe.exam import MixtureExam


@pytest.fixture
def exam(toy_language_task):
    return LanguageExam(toy_language_task)


@pytest.fixture(scope="module")
def models(toy_language_folder):
    """(the toy that refuses, the one that never knew)."""
    task = toy_language.task(toy_language_folder)
    return told.refusing(task), told.ignorant(task)


# --- choices


def test_the_fact_is_what_lies_between_what_all_answers_share():
    assert fact_spans([[1, 2, 7, 9], [1, 2, 8, 8, 9], [1, 2, 5, 9]]) == [slice(2, 3), slice(2, 4), slice(2, 3)]
    assert fact_spans([[1, 2], [1, 2, 2]]) == [slice(1, 2), slice(1, 3)]  # each holds at least one token
    assert fact_spans([[4, 9], [5, 9]]) == [slice(0, 1), slice(0, 1)]


def test_no_answer_is_chosen_among_equals_or_by_a_model_without_numbers():
    logs = np.log([[0.5, 0.2, 0.3], [0.1, 0.2, 0.6]])
    assert _likeliest(logs).tolist() == [0, -1, 1]
    assert _likeliest(np.where([[False, False, True]], np.nan, logs)).tolist() == [0, -1, -1]


def test_the_last_layer_gives_the_likelihood_of_the_tokens_by_hand(exam):
    model, reader, pair = exam.task.load(), exam.task.reader, exam.asked[0]
    choice = choice_of(exam.task.questions, pair)
    reading = read_choices(model, reader, [choice])
    prompt, rows = reader.prompt_ids(choice.question), [reader.answer_ids(one) for one in choice.answers]
    means = []
    for row, span in zip(rows, fact_spans(rows), strict=True):
        logs = model(torch.tensor([[*prompt, *row]])).logits[0].log_softmax(-1).detach()
        means.append(
            float(np.mean([float(logs[len(prompt) + at - 1, row[at]]) for at in range(span.start, span.stop)]))
        )
    assert reading.chosen.shape == (4, 1) and reading.chosen[-1, 0] == int(np.argmax(means))
    assert reading.probability[-1, 0] == pytest.approx(np.exp(means[0]), rel=1e-3)
    assert (reading.rank >= 1).all()


def test_a_question_without_wrong_answers_is_weighed_against_others_and_running_text_against_none(exam):
    questions = exam.task.questions
    choice = choice_of(questions, QAPair("Who?", "Nobody."))
    assert choice.answers[0] == "Nobody." and 1 < len(choice.answers) <= 6 and "Nobody." not in choice.answers[1:]
    assert choice_of(questions, QAPair(Prefix("It was"), "late.")) is None


def test_the_layer_is_chosen_by_kept_questions_between_the_ends():
    kept = np.array([[0, 0], [0, 1], [0, 1], [1, 1], [0, 0]])  # right is 0: both, one, one, none, both
    assert judged_lens_layer(kept, 5) == 2
    assert judged_lens_layer(None, 5) == 3 and judged_lens_layer(kept[:2], 2) == 0


def test_every_layer_of_the_original_is_beside_the_reference(exam, models, tmp_path):
    look = told.context(exam.task, tmp_path, models[0], models[1:])
    result = told.attacked_by("lens_choice", look)
    attacked, layers = result.attacked, exam.task.load().config.num_hidden_layers
    assert attacked.x == [float(at) for at in range(layers + 1)] and 0 < attacked.at < layers
    assert attacked.recalled["after"].shape == (1, layers + 1, len(attacked.items))
    assert attacked.recalled["reference"].shape == (1, 1, layers + 1, len(attacked.items))
    assert set(np.unique(attacked.recalled["after"])) <= {0, 1}
    assert attacked.curve("before")[-1] >= 0.75 > 0.5 >= attacked.curve("reference")[-1]
    assert [panel.kind for panel in result.panels] == ["words", "lines", "lines"]


# --- probes


def cloud(per, noise, seed):
    draw = np.random.default_rng(seed)
    values = np.repeat(np.array(["a", "b", "c"]), per)
    return (np.repeat(np.eye(8)[:3] * 4, per, 0) + noise * draw.normal(size=(3 * per, 8))).astype(np.float32), list(
        values
    )


def test_a_control_reads_by_chance_what_a_probe_reads():
    (own, values), (others, truth) = cloud(20, 0.3, 0), cloud(40, 0.3, 1)
    assert probe(own, values, others, truth, 3, 0.1)[1].mean() == 1
    dealt = np.mean([control(own, values, others, truth, seed, 0.1) for seed in range(20)])
    assert 0.15 < dealt < 0.5
    assert np.isnan(control(np.full_like(own, np.nan), values, others, truth, 0, 0.1)).all()


def test_facts_are_read_in_their_order():
    (own, values), (others, truth) = cloud(10, 0.3, 0), cloud(2, 0.3, 1)
    pairs = [[QAPair("?", "", value=value) for value in some] for some in (values, truth)]
    blind = np.zeros_like(own), np.zeros_like(others)
    facts = [Fact("there", *pairs), Fact("not there", *pairs)]
    right, dealt, kept = _read(np.concatenate([own, others, *blind]), facts, FactProbe())
    assert right[:6].tolist() == [1] * 6 and right[6:].sum() == 2  # one value of three is said of all
    assert dealt.shape == (12,) and 0.6 < kept < 0.7


def test_the_probe_is_judged_where_kept_people_are_read_best():
    assert judged_layer(np.array([0.1, 0.8, 0.8, 0.2])) == 2
    assert judged_layer(np.array([0.1, np.nan])) == 0
    assert _layers(4) == [0, 1, 2, 3] and len(_layers(33)) == 8 and _layers(33)[-1] == 32


def test_the_toy_has_too_few_facts_for_a_probe(exam, tmp_path):
    assert "are needed" in get("attacks", "fact_probe").lacks(told.context(exam.task, tmp_path, None))


def test_a_probe_of_features_names_classes_however_many_examples_they_have():
    rng = np.random.default_rng(0)
    centres = 3 * np.eye(5)[:3]
    y = np.repeat([2, 4, 7], [2, 60, 60])
    x = (centres[np.searchsorted([2, 4, 7], y)] + 0.2 * rng.normal(size=(len(y), 5))).astype(np.float32)
    others = (np.repeat(centres, 4, 0) + 0.2 * rng.normal(size=(12, 5))).astype(np.float32)
    assert probe_classes(x, y, others).tolist() == [2] * 4 + [4] * 4 + [7] * 4
    assert set(probe_classes(np.full_like(x, np.nan), y, others)) <= {2, 4, 7}


# --- contexts


def test_a_context_holds_the_fact_and_as_many_others_always_in_the_same_order(exam):
    pairs = exam.task.questions.forget
    text = in_context.context(pairs[0], pairs, 3)
    assert text == in_context.context(pairs[0], pairs, 3) and pairs[0].answer in text
    assert sum(pair.answer in text for pair in pairs) == 3
    assert in_context.context(pairs[0], pairs, 1) == pairs[0].answer


def test_the_page_comes_last_where_there_is_room_for_it(exam):
    contexts = in_context.contexts_of(exam)
    assert contexts.sizes[:3] == [0, 1, 3] and contexts.sizes == sorted(set(contexts.sizes))
    assert all(len(prompts) == len(exam.asked) for prompts in contexts.prompts)
    page = exam.task.questions.forgotten[0].page
    assert (contexts.names[-1] == "the page") == in_context.fits(exam.task, f"{page}\n\n{exam.items[0]}")
    exam.task.reader.room = 40
    assert in_context.contexts_of(exam).names[-1] != "the page"


def test_strangers_are_told_of_as_the_forgotten_are(exam):
    contexts = in_context.contexts_of(exam)
    pairs, (plain, told_first) = in_context.reading_check(exam.task, 3, contexts)
    forgotten = {pair.about for pair in exam.asked}
    assert len(pairs) == len(plain) == len(told_first) == 3 and not {pair.about for pair in pairs} & forgotten
    for pair, text in zip(pairs, told_first, strict=True):
        assert text.endswith(pair.question) and pair.value.casefold() in text.casefold()


def test_a_model_that_cannot_read_makes_the_test_void_and_one_that_can_explains(exam, models, tmp_path):
    look = told.context(exam.task, tmp_path, models[0], models[1:])
    attacked = told.attacked_by("in_context", look).attacked
    assert "cannot read" in attacked.void and not attacked.counts
    assert in_context.unread(0.9, 0.1) == "" and in_context.unread(0.9, 0.6)
    attacked.save(tmp_path / "saved")
    stored = read(tmp_path / "saved")
    assert (stored.void, stored.explains) == (attacked.void, attacked.explains)


@pytest.mark.parametrize(("void", "why"), [("", "It reads."), ("It cannot read.", "It cannot read.")])
def test_what_explains_is_not_void_because_the_reference_has_as_much(void, why):
    def outcome(share):
        return np.full((1, 1, 4), share, np.float32)

    def one(name, kind, before, after, reference, **fields):
        recalled = {"before": outcome(before), "after": outcome(after), "reference": outcome(reference)[None]}
        return Attacked(name, kind, [0.0], "", recalled, list("abcd"), "facts", **fields)

    plain = one("plain", "plain", 1, 0, 0)
    (trial,) = (
        test.trial
        for test in case(
            [plain, one("told", "ask", 1, 1, 1, counts=False, explains="It reads.", void=void)], False, {}
        ).attacks
    )
    assert (trial.void, trial.why, trial.valid, trial.hit) == (bool(void), why, False, False)
    (other,) = (test.trial for test in case([plain, one("dose", "weights", 1, 1, 0, counts=False)], False, {}).attacks)
    assert not other.void and other.why == NOT_WEIGHED


def test_what_is_reintroduced_is_what_lies_between_a_model_and_the_original():
    def curve(*shares):
        return np.array(shares, np.float32).reshape(1, -1, 1)

    attacked = Attacked(
        "x",
        "ask",
        [0, 1],
        "",
        {"before": curve(1, 1), "after": curve(0.2, 0.6), "reference": curve(1, 1)[None]},
        ["a"],
        "facts",
    )
    assert in_context.reintroduced(attacked, "after") == pytest.approx(0.5)
    assert np.isnan(in_context.reintroduced(attacked, "reference"))


# --- routes


def test_routes_are_followed_along_the_relearning_of_a_mixture(tmp_path, monkeypatch):
    task = toy_language.task(toy_language.make(tmp_path / "model", mixture=True))
    monkeypatch.setattr(exams, "RATE", told.RATE)
    look = told.context(task, tmp_path, told.refusing(task), [task.fresh(1)])
    look.__dict__["exam"] = MixtureExam(task)
    panel = told.attacked_by("relearning", look).panels[-1]
    by_name = {one.name: one.values for one in panel.series}
    steps = [str(step) for step in look.exam.steps]
    assert panel.x == steps and by_name["experts drawn at random"] == [50] * len(steps)
    assert by_name["original model"][0] == 100 > by_name["original model"][-1]
    assert (
        50 < by_name["unlearned model"][0] < 100 and by_name["retrained reference"][0] < by_name["unlearned model"][0]
    )


def test_routes_are_shares_of_the_originals_experts():
    def routed(*experts):
        return [{"routed": np.array([[one] for one in experts], np.int16), "of": np.array(4)}]

    exam = object.__new__(MixtureExam)
    exam.items = ["a"]
    (panel,) = exam.course([0], {"before": [routed([0, 1], [2, 3])], "after": [routed([0, 1], [0, 2])]})
    assert {one.name: one.values for one in panel.series}["unlearned model"] == [75]
    everywhere = [{"routed": np.array([[[0, 1, 2, 3]]]), "of": np.array(4)}]
    assert exam.course([0], {"before": [everywhere], "after": [everywhere]}) == []


def test_a_language_model_without_experts_has_no_routes_to_follow(exam):
    assert not isinstance(exam, Watching) and isinstance(object.__new__(MixtureExam), Watching)
    assert object.__new__(MixtureExam).inside(exam.task.load()) == {}


def test_readings_come_back_by_place():
    outcome = {"recalled": np.ones((1, 2, 3)), f"{INSIDE}1-routed": np.array([2]), f"{INSIDE}0-routed": np.array([1])}
    readings = tried_by({"after": [outcome]}, []).readings["after"]
    assert [int(one["routed"][0]) for one in readings[0]] == [1, 2]
