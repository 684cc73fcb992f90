"""How a job of each stage is said."""

from string import Formatter

import pytest

from backends.api import catalog, stage_words
from backends.api.runs import find
from backends.api.stages import WORDS


def fields(pattern: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(pattern) if name}


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_sentences_hold_what_is_filled_into_them(words):
    for pattern in (words.done, words.works, words.planned):
        assert fields(pattern) == {"model", "target"}
    assert fields(words.short) == {"target"} and fields(words.counted) == {"forget", "keep", "noun"}


def test_a_sentence_says_how_far_the_run_is():
    words = WORDS["forget"]
    assert [words.pattern(status) for status in ("queued", "running", "cancelling", "failed", "cancelled", "done")] == [
        words.done, words.works, words.works, words.planned, words.planned, words.done,
    ]  # fmt: skip


def test_the_stage_of_the_method_speaks_and_else_the_target():
    methods = {entry.stage: entry for entry in catalog.load().methods}
    for stage, method in methods.items():
        if method.words is None:
            assert stage_words.words(method, ["Sandal"], "classifier") == WORDS[stage]
    forgets = methods["forget"].model_copy(update={"words": None})
    assert stage_words.words(forgets, ["poison:30%"], "classifier") == WORDS["repair"]
    assert stage_words.words(forgets, ["poison:30%"], "nobody knows") == WORDS["forget"]
    assert stage_words.words(None, ["Sandal"], "classifier") == WORDS["forget"]


def test_a_method_can_say_it_in_its_own_words():
    own = WORDS["learn"].model_copy(update={"asks": "What to copy"})
    method = catalog.load().methods[0].model_copy(update={"words": own})
    assert stage_words.words(method, ["Sandal"], "classifier").asks == "What to copy"


def test_runs_are_asked_their_own_question():
    assert stage_words.questions(find("example-repaired-backdoor"))[0] == "Corrected?"
    assert stage_words.questions(find("example-author-forgotten"))[0] == "Forgotten?"


def test_a_method_may_ask_two_questions_of_its_own():
    assert stage_words.questions(find("example-guided"))[:2] == ("Did the guide help?", "Less by heart?")
    assert stage_words.questions(find("example-forget-sandal")) == ("Forgotten?", "Rest intact?", "Really gone?")
