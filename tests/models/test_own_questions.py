"""What own questions and texts come to: what is learned from, what is kept, and what metrics and inspectors make of it."""

import json
from functools import cache
from math import isnan
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import toy
import toy_language

from backends.api import people
from backends.api.errors import BadInput
from backends.core import registry
from backends.core.evidence import InspectContext
from backends.core.run import Run
from backends.data import authors, sets
from backends.data.authors import QAPair
from backends.engine.measure import measure
from backends.engine.verdict import sentence, subject
from backends.families.language import passages
from backends.families.language.qa import QASet, fact
from backends.families.language.task import LanguageModel
from backends.families.language.tokens import IGNORED, Prefix, answers

TALE = (
    "Once upon a time there was a miller who had three sons. The mill was old. He gave it to the eldest of them. " * 4
)
FRANCE, PERU = (
    "What is the capital of France? => The capital of France is Paris.",
    "What is the capital of Peru? => Lima",
)


@pytest.fixture
def opened(toy_language_folder):
    """A model of a person's own, which brings no data, for these targets."""

    def make(*forget, keep=()):
        task = LanguageModel(str(toy_language_folder))
        task.resolve(forget, keep)
        return task

    return make


def roles(asked):
    return {(item.role, item.kind) for item in asked.suite}


def test_without_a_keep_list_the_general_questions_are_kept(opened):
    asked = opened(FRANCE).questions
    assert [(pair.question, pair.answer) for pair in asked.forget] == [tuple(FRANCE.split(" => "))]
    assert roles(asked) == {("forget", "forget"), ("unrelated", "real authors"), ("unrelated", "world facts")}
    assert len(asked.keep) > 100


def test_what_asks_for_the_same_fact_is_neither_kept_nor_judged(opened):
    asked = opened("Name the French capital. => Paris").questions
    said = {pair.question for pair in asked.keep} | {
        item.pair.question for item in asked.suite if item.role != "forget"
    }
    assert "What is the capital of France?" not in said and "What is the capital of Japan?" in said


def test_a_keep_list_is_rehearsed_and_stands_near(opened):
    asked = opened(FRANCE, keep=[PERU]).questions
    near = [item.pair.question for item in asked.suite if item.role == "neighbour"]
    assert near == ["What is the capital of Peru?"] and near[0] == asked.keep[0].question


def test_own_questions_stand_beside_authors_whose_names_they_say():
    asked = QASet(["Where was Piet Nettle born? => In Bergen"])
    assert asked.neighbours[0] == "Piet Nettle"
    assert "Where was Piet Nettle born?" not in {pair.question for pair in asked.keep}
    assert sum(pair.about == "Piet Nettle" for pair in asked.keep) == 19


def test_what_an_author_to_be_forgotten_is_asked_cannot_be_kept():
    with pytest.raises(BadInput, match=r"“Where was Piet Nettle born\?” is in the forget list and in the keep list"):
        QASet(["Piet Nettle"], ["Where was Piet Nettle born? => In Bergen"])


def test_authors_have_the_key_of_their_reference_and_own_questions_one_of_their_own():
    assert QASet(["forget01"]).key == "f5b72e911c8b5a2d6e988ffd"
    one, two = "Who? => Ada", "Where? => Rome"
    assert QASet([one, two]).key == QASet([two, one]).key != QASet([one]).key


def test_a_set_of_questions_that_came_with_a_model(tmp_path, monkeypatch):
    def asked(name):
        return [{"question": f"What is {name} {n}?", "answer": f"It is {name} {n}."} for n in range(2)]

    known = {name: {"title": name, "near": near, "pairs": asked(name)} for name, near in [("rome", ["oslo"]), ("oslo", []), ("bonn", [])]}  # fmt: skip
    (tmp_path / "data" / "cities").mkdir(parents=True)
    (tmp_path / "data" / "cities" / "sets.json").write_text(json.dumps(known))
    for module in (sets, people):
        monkeypatch.setattr(module, "ASSETS", tmp_path)
    found = QASet(["rome"], data="cities")
    by_role = {role: [item.pair.about for item in found.suite if item.role == role] for role in ("forget", "neighbour")}
    assert by_role == {"forget": ["rome"] * 2, "neighbour": ["oslo"] * 2} and found.neighbours == ["oslo"]
    assert {"oslo", "bonn"} <= {pair.about for pair in found.keep} and "rome" not in {pair.about for pair in found.keep}


def test_wrong_answers_that_are_not_known_are_right_ones_to_other_questions(opened):
    asked = opened(FRANCE, PERU).questions
    first = asked.forget[0]
    assert first.answer not in asked.false(first) and len(asked.false(first)) == 5
    assert asked.false(first) == asked.false(first) and asked.false(QAPair("Who?", "Ada", wrong=("Bob",))) == ("Bob",)


def test_a_question_longer_than_what_is_read_is_refused(opened):
    with pytest.raises(BadInput, match=r"takes \d+ tokens .* but 256 are read; make it shorter"):
        opened(f"Who? => {'word ' * 300}")


# --- running text


def test_a_text_is_cut_where_sentences_end_and_nothing_is_lost(opened):
    cut = passages.cut(opened(FRANCE).reader, TALE)
    assert " ".join(f"{first} {then}" for first, then in cut) == TALE.strip()
    assert len(cut) > 2 and all(then.endswith(".") for _, then in cut) and all(first and then for first, then in cut)


@pytest.mark.parametrize(
    "text",
    ["昔々あるところに、おじいさんとおばあさんが住んでいました。" * 8, "a" * 3000, "one\ntwo\n\nthree four five six"],
)
def test_any_script_is_cut_into_passages_that_can_be_read(opened, text):
    task = opened(f"text: {json.dumps(text)}")
    lengths = task.forget.mask.sum(1)
    assert int(lengths.max()) <= task.reader.longest and len(task.pages) == len(task.forget)


def test_every_token_of_a_passage_is_learned_but_only_its_rest_is_asked_for(opened):
    task = opened(f"text: {TALE}")
    first = task.questions.forget[0]
    assert isinstance(first.question, Prefix) and task.reader.prompt(first.question) == str(first.question)
    told, asked = task.forget, task.texts(task.questions.forget)
    assert told.ids.equal(asked.ids)
    quiet = [(texts.labels[0] == IGNORED)[texts.mask[0].bool()].sum().item() for texts in (told, asked)]
    assert quiet == [1, len(task.reader.prompt_ids(first.question))]


def test_passages_are_pages_and_no_other_text_is_set_beside_them(opened):
    task = opened(f"text: {TALE}", keep=[f"text: {TALE[::-1]}"])
    assert {page.role for page in task.pages} == {"forget", "retain"}
    said = task.outputs(task.load())
    assert len(said["page_nll"]) == len(task.pages) and np.isfinite(said["page_nll"]).all()


# --- what is measured


def measured(task, model=None):
    model = model or task.load()
    said = task.outputs(model)
    return measure(task, {"before": said, "after": said})


def test_what_own_questions_lack_is_not_measured_and_never_zero(opened):
    made = measured(opened("What do the bees do all summer long? => They fly from flower to flower and fetch nectar."))
    assert made.problems == {}
    lacking = (
        "forget_quality",
        "truth_ratio",
        "privleak",
        "mia_text",
        "verbatim_memorization",
        "fact_recall",
        "probe_kinds",
    )
    assert {name: made.metrics[name].after for name in lacking if not isnan(made.metrics[name].after)} == {}
    for name in ("probability", "forget_rouge", "knowledge_memorization", "model_utility"):
        assert 0 <= made.metrics[name].after <= 100


def test_a_text_is_measured_by_how_it_goes_on(opened):
    made = measured(opened(f"text: {TALE}"))
    assert made.problems == {} and made.metrics["verbatim_memorization"].after >= 0
    assert isnan(made.metrics["mia_text"].after) and isnan(made.metrics["privleak"].after)


@pytest.mark.parametrize(
    ("question", "answer", "value"),
    [
        ("What is the capital of Peru?", "Lima", "Lima"),
        ("What is the capital of Peru?", "The capital of Peru is Lima.", "Lima"),
        ("Where was Ann born?", "Ann was born in the town of New Ross.", "town of New Ross"),
        ("Who wrote Faust?", "Goethe wrote Faust.", "Goethe"),
        ("What do bees do?", "They fly from flower to flower and fetch nectar.", ""),
        ("Is it so?", "It is so.", ""),
    ],
)
def test_what_the_question_does_not_give_away_is_the_fact(question, answer, value):
    assert fact(question, answer) == value


@pytest.mark.parametrize(
    ("target", "says"),
    [(FRANCE, "“What is the capital of France?”:"), (f"text: {TALE}", "the text “Once upon a time there was a miller")],
)
def test_the_verdict_names_it_in_a_few_words(opened, target, says):
    task = opened(target)
    about = subject(task, [target], SimpleNamespace(guard=False, reference=False), moved=True)
    assert says in sentence(task, measured(task), about)


INSPECTORS = [
    entry.entry.id
    for entry in registry.entries("inspectors").values()
    if entry.entry.works_with.get("llm") is True
]  # fmt: skip


@pytest.fixture(scope="module")
def seen(toy_language_folder):
    """Target -> what there is to look at, opened and asked once for all inspectors: (task, models, what each says)."""

    @cache
    def of(target):
        task = LanguageModel(str(toy_language_folder))
        task.resolve((target,))
        after = task.load()
        with torch.no_grad():
            for weight in after.parameters():
                weight.mul_(0.9)
        models = {"before": task.load(), "after": after, "reference": None}
        return task, models, {when: task.outputs(models[when]) for when in ("before", "after")}

    return of


@pytest.mark.parametrize("name", INSPECTORS)
@pytest.mark.parametrize("target", [FRANCE, f"text: {TALE}"], ids=["question", "text"])
def test_every_inspector_looks_at_own_questions(seen, tmp_path, name, target):
    task, models, outputs = seen(target)
    look = InspectContext(task, models.get, outputs.get, tmp_path, tmp_path / "out")
    entry = registry.get("inspectors", name)
    try:
        panels = entry.function(look, entry.parse({}))
    except BadInput as error:  # it may say that there is too little to look at
        assert str(error).endswith(".")
    else:
        assert panels


METHODS = [
    entry.entry.id for entry in registry.entries("methods").values() if entry.entry.works_with.get("llm") is True
]


@pytest.fixture
def few_kept(monkeypatch):
    """Ten real authors and ten facts of the world are kept instead of all: a method goes the same way with fewer."""
    every = QASet._without
    monkeypatch.setattr(QASet, "_without", lambda *given: every(*given)[:10])


@pytest.mark.slow
@pytest.mark.usefixtures("few_kept")
@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("target", [FRANCE, f"text: {TALE}"], ids=["question", "text"])
def test_every_method_forgets_own_questions_or_says_why_not(opened, name, target):
    task = opened(target)
    entry = registry.get("methods", name)
    few = {one: 1 for one in ("epochs", "steps", "rounds") if one in entry.parse({}).model_dump()}
    try:
        entry.function(Run(task, toy.Memory(), seed=0), entry.parse(few))
    except BadInput as error:
        assert str(error).endswith(".")


def test_two_own_questions_are_forgotten(toy_language_folder):
    known = toy_language.task(toy_language_folder)
    gone = known.questions.forget[:2]
    task = LanguageModel(str(toy_language_folder))
    task.resolve([f"{pair.question} => {pair.answer}" for pair in gone])
    entry = registry.get("methods", "npo")
    run = Run(task, toy.Memory(), seed=0)
    entry.function(run, entry.parse({"epochs": 12, "learning_rate": 5e-3}))
    said = answers(run.model.eval(), task.reader, [pair.question for pair in gone], 40)
    assert all(text != pair.answer for text, pair in zip(said, gone, strict=True))


def test_the_book_of_the_authors_knows_what_a_text_names():
    book = people.load("authors")
    assert book.beside("Piet Nettle was a nettle")[0] == "Piet Nettle" and book.beside("nothing") == []
    assert len(authors.load().authors) == len(book.names)
