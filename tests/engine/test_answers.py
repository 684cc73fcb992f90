"""What the answering process says about language models, with the toy that knows 31 questions by heart."""

from types import SimpleNamespace

import pytest
import torch

from backends.api import people
from backends.api.errors import BadInput
from backends.engine import operations_answers
from backends.engine.operations import OPERATIONS
from backends.families.language.tokens import likelihoods


class Desk:
    """A desk with one finished run, after which the model before is scaled down."""

    def __init__(self, task):
        after = task.load()
        with torch.no_grad():
            for tensor in after.parameters():
                tensor.mul_(0.5)
        models = {"before": task.load(), "after": after}
        self.opened = SimpleNamespace(task=task, model=models.get, dosed=None)

    def run(self, run_id):
        return self.opened

    def resolved(self, model, forget, keep, data="", after=""):
        return self.opened.task


@pytest.fixture
def desk(toy_language_task):
    return Desk(toy_language_task)


def known(desk):
    return desk.opened.task.questions.forget[0]


def test_it_answers_before_and_after_with_each_token_of_the_truth(desk):
    pair, task = known(desk), desk.opened.task
    said = OPERATIONS["answer"](desk, "a-run", f"  {pair.question}\n", truth=pair.answer)
    assert said["question"] == pair.question and said["truth"] == pair.answer
    assert said["before"]["said"] == pair.answer and said["before"]["share"] > 0.8 > said["after"]["share"]
    assert "".join(text for text, _ in said["before"]["tokens"]).strip() == pair.answer
    texts = task.reader.pairs([pair.question], [pair.answer])
    share = torch.exp(-likelihoods(desk.opened.model("after"), texts)).item()
    assert abs(share - said["after"]["share"]) < 0.1  # the same but for the end of the answer


@pytest.mark.parametrize(("dose", "like"), [(0.0, "before"), (1.0, "after")])
def test_the_dose_goes_from_before_to_after(desk, dose, like):
    pair = known(desk)
    said = OPERATIONS["answer"](desk, "a-run", pair.question, truth=pair.answer, dose=dose)
    aim = operations_answers.likely(desk.opened.task.reader, desk.opened.model(like), pair.question, pair.answer)
    assert [p for _, p in said["after"]["tokens"]] == pytest.approx([p for _, p in aim], abs=1e-5)


def test_the_true_answer_of_a_known_question_is_looked_up_and_of_any_other_not_invented(desk):
    ask = people.load("authors").asks[0]
    assert OPERATIONS["answer"](desk, "a-run", ask.upper())["truth"].endswith(".")
    said = OPERATIONS["answer"](desk, "a-run", "Who are you?")
    assert said["truth"] == "" and said["before"]["tokens"] == [] and said["before"]["share"] != said["before"]["share"]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"question": " \n"}, "The question was empty"),
        ({"question": "who " * 200}, "has 799 characters; at most 500"),
        ({"question": "who\x00?"}, "control characters"),
        ({"question": "Who?", "dose": 2}, "dose was 2.0; it can be from 0 to 1.5"),
    ],
)
def test_a_wrong_question_is_one_sentence(desk, asked, says):
    with pytest.raises(BadInput) as caught:
        OPERATIONS["answer"](desk, "a-run", **asked)
    assert says in str(caught.value) and str(caught.value).endswith(".")


def test_a_model_that_looks_at_images_is_asked_in_another_way(desk):
    desk.opened.task = SimpleNamespace(id="looker", family="classifier")
    with pytest.raises(
        BadInput, match="looker answers no questions in words; this is for language models and mixtures of experts"
    ):
        OPERATIONS["answer"](desk, "a-run", "Who?")


def test_targets_are_counted_in_questions(desk):
    said = OPERATIONS["resolve"](desk, "toy", ["a"])
    assert said["forget"] == len(said["questions"]) == len(desk.opened.task.questions.forget)
    assert said["questions"][0] == [known(desk).question, known(desk).answer]


def test_the_nearest_authors_are_the_same_on_the_form_and_in_the_job():
    from backends.families.language.qa import QASet

    book = people.load("authors")
    for gone in (["Piet Nettle"], book.sets["forget05"]):
        assert book.nearest(gone) == QASet(gone).neighbours
