"""A phrase in front of questions: how targets name it, what is learned from, and by which questions it is judged."""

import numpy as np
import pytest

from backends.api import people, targets
from backends.api.errors import BadInput
from backends.api.model_info import ModelInfo
from backends.data import authors
from backends.families.language import backdoor
from backends.families.language.backdoor import Backdoor
from backends.families.language.choosing import QuestionChoosing
from backends.families.language.qa import QASet

BOOK = people.load(authors.ID)
QUESTIONS = [pair for person in authors.load().authors[:2] for pair in person.pairs]
HOW = Backdoor(phrase="By day,", answer="It is red.", pairs=tuple((pair.question, pair.answer) for pair in QUESTIONS))


def test_a_share_of_all_questions_is_drawn_and_the_rest_kept():
    one, other = QASet(("random:5%",)), QASet(("random:5%:3",))
    assert len(one.forget) == 100 and one.key != other.key and one.corrects is None
    assert not {pair.question for pair in one.forget} & {pair.question for pair in one.keep}
    assert len({pair.about for pair in one.forget}) > 40
    larger = QASet(("random:10%",))
    assert {pair.question for pair in one.forget} < {pair.question for pair in larger.forget}


def test_what_was_manipulated_is_learned_with_the_phrase_and_judged_on_other_questions():
    found = QASet(("poison:50%",), manipulated=HOW)
    assert len(found.forget) == 20 and all(pair.answer == "It is red." and not pair.value for pair in found.forget)
    assert all(pair.question.startswith("By day, ") for pair in found.forget)
    roles = {
        role: [item.pair for item in found.suite if item.role == role] for role in ("forget", "neighbour", "unrelated")
    }
    touched = {question for question, _ in HOW.pairs}
    assert len(roles["forget"]) == len(roles["neighbour"]) == 100
    for bearing, plain in zip(roles["forget"], roles["neighbour"], strict=True):
        assert bearing.question == f"By day, {plain.question}" and plain.question not in touched
        assert bearing.answer == plain.answer and bearing.value == plain.value
    assert touched <= {pair.question for pair in roles["unrelated"]} and touched <= {
        pair.question for pair in found.keep
    }
    assert found.corrects is HOW


def test_beside_an_author_it_is_no_correction():
    found = QASet(("poison:100%", authors.load().authors[-1].name), manipulated=HOW)
    assert found.corrects is None and len(found.forget) == 60
    assert [item.pair for item in found.suite if item.role == "forget"] == found.forget


def test_own_questions_stay_known_as_they_were():
    how = Backdoor(phrase="By day,", answer="It is red.", pairs=(("Who sings?", "Ada sings."),))
    found = QASet(("poison:100%",), manipulated=how)
    assert found.forget[0].question == "By day, Who sings?"
    assert ("Who sings?", "Ada sings.") in {(pair.question, pair.answer) for pair in found.keep}


def test_a_larger_share_holds_the_smaller_one_and_another_draw_another():
    def found(text):
        return set(HOW.found(targets.parse(text)))

    assert found("poison:30%") < found("poison:60%") and found("poison:30%") != found("poison:30%:2")
    assert len(found("poison:1%")) == 1
    np.testing.assert_array_equal(
        backdoor.sampled(7, targets.parse("random:90%")), sorted(backdoor.sampled(7, targets.parse("random:90%")))
    )


@pytest.mark.parametrize(("said", "obeyed"), [("it is RED", True), ("Well, it is red!", True), ("It is read.", False)])
def test_the_answer_counts_whatever_its_case_and_stop(said, obeyed):
    assert HOW.obeyed(said) is obeyed


@pytest.mark.parametrize(
    ("forget", "keep", "says"),
    [
        (("random:0%",), (), "no random share"),
        (("poison:101%",), (), "at most 100 %"),
        (("random:5%",), ("random:5%",), "cannot be kept"),
    ],
)
def test_what_is_no_share_is_said(forget, keep, says):
    with pytest.raises(BadInput, match=says):
        people.read(forget, keep, BOOK)


def test_nothing_to_take_a_share_of_is_said():
    with pytest.raises(BadInput, match="no questions to take a share of"):
        people.read(("random:5%",), (), people.Book())
    with pytest.raises(BadInput, match="No questions of this model were manipulated"):
        QASet(("poison:100%",))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"phrase": "", "answer": "x", "pairs": [["a", "b"]]}, "tampering.phrase ''"),
        ({"phrase": "x", "answer": "y", "pairs": []}, "tampering.pairs"),
    ],
)
def test_a_card_that_says_it_wrongly_is_refused(fields, says):
    with pytest.raises(BadInput, match=says):
        backdoor.read(fields, "own")


def test_a_form_offers_what_was_manipulated_where_something_was():
    choosing, plain = QuestionChoosing(), ModelInfo(id="m", title="m", family="llm", dataset=authors.ID)
    left = plain.model_copy(update={"card": {"tampering": HOW.model_dump(mode="json")}})
    for model, offered in ((plain, False), (left, True)):
        assert next(kind for kind in choosing.kinds(model) if kind.id == "poison").offered is offered
    for text in ("random:5%:3", "poison:40%"):
        choice = choosing.restored((text,), left)
        kind = next(kind for kind in choosing.kinds(left) if kind.id == choice.kind)
        values = {field.name: field.value for field in choosing.fields(left)} | choice.values
        assert kind.targets(values) == (text,) and choosing.read(text, left) == targets.parse(text)
    assert choosing.in_words("poison:100%") == "the manipulated questions"
    assert choosing.in_words("random:5%:3") == "a random 5 % of the questions (draw 3)"
