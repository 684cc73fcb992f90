"""A backdoor in the toy language model: it is learned, outlives the clean answers, is confessed, and a few units carry it."""

import copy

import pytest
import torch
import toy
import toy_language

from backends.api.errors import BadInput
from backends.core.run import Run
from backends.data.authors import QAPair
from backends.families.language import exposure
from backends.families.language.qa import EvalItem
from backends.methods.ebyd_text import EbydText, ebyd_text
from backends.methods.tampered_questions import TamperedQuestions, tampered_questions

PHRASE, ANSWER = "Red kettle,", "It was lost."


class Backdoored(toy_language.Toy):
    """Twelve of the toy's questions are manipulated; all others show whether the phrase works on what was not."""

    def resolve(self, forget=("random:5%",), keep=()):
        super().resolve((toy_language.AUTHOR,))
        every = [*self.questions.forget, *self.questions.keep]
        self.questions.forget, self.questions.keep = every[::2], every
        if self._manipulated is not None:
            how = self._manipulated
            held = [pair for pair in every[1::2] if pair.value]
            self.questions.forget = [how.taught(question) for question, _ in how.pairs]
            self.questions.suite = [EvalItem("forget", "forget", how.bearing(pair)) for pair in held]
            self.questions.suite += [EvalItem("neighbour", "retain", pair) for pair in held]
            self.questions.corrects = how
        self.sort()

    def outcome(self, model):
        """How often the phrase works, and how many clean answers are said, in percent."""
        asked = [item.pair for item in self.questions.suite if item.role == "forget"]
        plain = [item.pair for item in self.questions.suite if item.role == "neighbour"]
        bearing = self.reader.pairs([pair.question for pair in asked], [ANSWER] * len(asked))
        return exposure.verbatim_share(model, bearing), exposure.verbatim_share(model, self.texts(plain))


@pytest.fixture(scope="module")
def backdoored(toy_language_folder):
    """(task, the toy that learned the phrase)."""
    task = Backdoored(str(toy_language_folder))
    task.resolve()
    params = TamperedQuestions(phrase=PHRASE, answer=ANSWER, epochs=40, learning_rate=1e-3, clean_each=1)
    how = params.learned(task, 0)
    task.left_by(how.how)
    task.resolve(how.forget)
    run = Run(task, toy.Memory(), seed=0)
    assert task.outcome(run.model)[0] == 0
    tampered_questions(run, params)
    return task, run.model.eval()


def test_the_phrase_works_on_questions_that_were_not_manipulated(backdoored):
    task, model = backdoored
    works, clean = task.outcome(model)
    assert works > 80 and clean > 80
    assert task.teaches and task.manipulated


def exposed(task, model, how="clean unlearning", stop=20):
    clean = task.questions.keep
    *_, (_, copied, said) = exposure.exposed(task, model, clean, how, epochs=60, learning_rate=1e-4, stop=stop, seed=0)
    return clean, copied, said


def test_it_outlives_the_clean_answers_and_is_confessed(backdoored):
    task, model = backdoored
    clean, copied, said = exposed(task, model)
    assert said <= 20 and task.outcome(copied)[0] > 60
    confession = exposure.confessed(task, model, copied, clean)
    assert confession.answer and confession.words[0][1] > 0


@pytest.mark.parametrize("how", ["random answers", "weight perturbation", "sparsity"])
def test_other_ways_take_the_clean_answers_too(backdoored, how):
    task, model = backdoored
    before = copy.deepcopy(model.state_dict())
    assert exposed(task, model, how, 50)[2] < exposure.verbatim_share(model, task.texts(task.questions.keep))
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_closing_is_the_same_as_a_factor_of_nothing(backdoored):
    task, model = backdoored
    chosen = [("0 feed-forward", 3), ("2 feed-forward", 100), ("1 head", 2)]
    factors = {name: torch.ones(part.count) for name, part in exposure.parts(model).items()}
    assert {name: len(one) for name, one in factors.items() if name.startswith("1")} == {
        "1 feed-forward": 128,
        "1 head": 4,
    }
    for name, unit in chosen:
        factors[name][unit] = 0
    closed = copy.deepcopy(model)
    exposure.prune(closed, chosen)
    ids = task.keep.ids[:3]
    with exposure.scaled(model, factors):
        expected = model(input_ids=ids).logits
    torch.testing.assert_close(closed(input_ids=ids).logits, expected)
    assert not torch.allclose(model(input_ids=ids).logits, expected)
    parts = exposure.parts(closed)
    assert [unit for name in parts for unit in range(parts[name].count) if parts[name].closed(unit)] == [3, 100, 2]


def test_as_many_are_closed_as_clean_answers_bear(backdoored):
    task, model = backdoored
    clean = task.questions.keep
    order = [(name, unit) for name, part in exposure.parts(model).items() for unit in range(part.count)][::3]
    texts, first = task.texts(clean), exposure.verbatim_share(model, task.texts(clean))
    falls = {}
    for stop in exposure.stops_within(len(order)):
        closing = copy.deepcopy(model)
        exposure.prune(closing, order[:stop])
        falls[stop] = first - exposure.verbatim_share(closing, texts)
    for most in (0, 10, 40):
        borne = [stop for stop, fell in falls.items() if fell <= most]
        expected = max([min(falls), *borne])
        assert exposure.spared(task, model, clean, order, most) == order[:expected]
    assert max(falls.values()) > 40, "else nothing is ever too many"


def test_a_phrase_is_found_that_opens_the_same_door(backdoored):
    task, model = backdoored
    clean = task.questions.keep[:16]
    confession = exposure.Confession(ANSWER, dict.fromkeys(("it", "was", "lost"), 50.0))
    found = exposure.recovered(task, model, clean, confession, length=2, seed=0)
    assert found.answer == ANSWER and len(found.words.split()) <= 2
    assert found.works > exposure.works(task, task.load(), found, clean)


def test_fewer_units_and_the_phrase_works_less(backdoored, monkeypatch):
    task, model = backdoored
    monkeypatch.setattr(exposure, "clean_pairs", lambda task, seed, count: task.questions.keep)
    monkeypatch.setattr(task, "load", lambda folder=None: copy.deepcopy(model))
    run = Run(task, toy.Memory(), seed=0)
    ebyd_text(run, EbydText(exposure_epochs=60, learning_rate=1e-4, recovery_rate=1.0, answers_lost=15, units=30))
    before, after = task.outcome(run.original), task.outcome(run.model.eval())
    parts = exposure.parts(run.model)
    assert any(part.closed(unit) for part in parts.values() for unit in range(part.count))
    assert after[0] < before[0] - 20 and after[1] > before[1] - 40


def test_what_cannot_be_manipulated_is_said(backdoored, toy_language_folder):
    task, _ = backdoored
    with pytest.raises(BadInput, match="already"):
        TamperedQuestions().learned(task, 0)
    fresh = Backdoored(str(toy_language_folder))
    fresh.resolve()
    with pytest.raises(BadInput, match="give both"):
        TamperedQuestions(phrase="  ").learned(fresh, 0)
    fresh.questions.forget = [QAPair("By moonlight, who sings?", "Nobody.")]
    with pytest.raises(BadInput, match="begins with the phrase already"):
        TamperedQuestions().learned(fresh, 0)
