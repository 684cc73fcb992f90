"""Vectors switched off on the page Look inside: what its widgets become, what an address restores, what is said."""

from types import SimpleNamespace

import pytest

from app import responses
from app.figures import switched
from app.inference import LIVE
from app.responses import Chat
from backends.api.errors import BadInput
from pages.studio.run import _vectors

CHATS = [
    Chat(at, role, f"Question {at}?", f"Truth {at}.", "", "", 1.0, 0.0)
    for at, role in enumerate(("forget", "forget", "neighbour", "unrelated"))
]


def said(before_off="No.", after_off="Perhaps."):
    answer = {"tokens": [["Yes", 0.9]], "share": 0.9}
    return {
        "question": "Is <it> so?", "truth": "Yes.", "before": answer | {"said": "Yes."}, "after": answer | {"said": "Perhaps."},
        "before_off": answer | {"said": before_off, "share": 0.2}, "after_off": answer | {"said": after_off},
    }  # fmt: skip


@pytest.fixture
def asked(monkeypatch):
    """What the live process was asked."""
    held = []

    def ask(op, **args):
        held.append((op, args))
        return (
            [{"layer": 5, "column": 110, "before": ["Harbour", "Tallinn", "sea", "x"]}] if op == "vectors" else said()
        )

    monkeypatch.setattr(LIVE, "ask", ask)
    monkeypatch.setattr(responses, "all_chats", lambda run_id: CHATS)
    return held


@pytest.mark.parametrize(
    ("before", "after", "count", "strength", "says"),
    [
        ("No.", "Perhaps.", 1, 0, "Without this vector, the model before answers otherwise, the other one as before."),
        ("No.", "No.", 3, 0, "Without these 3 vectors, both models answer otherwise."),
        ("Yes.", "Perhaps.", 2, 0.5, "With these 2 vectors at 0.5 times their strength, both models answer as before."),
    ],
)
def test_what_changed_is_one_sentence(before, after, count, strength, says):
    assert switched.change_sentence(said(before, after), count, strength) == says


def test_cards_show_both_models_and_escape_what_was_asked():
    shown = switched.cards(said(), 1, 0)
    assert shown.count("<article") == 2 and "Is &lt;it&gt; so?" in shown and "<it>" not in shown
    assert "90 %".replace(" ", "\u00a0") in shown and "20\u00a0%" in shown


def test_a_model_alone_is_one_card():
    alone = {name: value for name, value in said().items() if not name.startswith("after")}
    assert switched.cards(alone, 1, 0).count("<article") == 1
    assert switched.change_sentence(alone, 1, 0) == "Without this vector, the model before answers otherwise."


def test_vectors_are_named_once_each():
    assert _vectors.parse_places(["5.110", "", "29.903", "5.110"]) == [[5, 110], [29, 903]]


@pytest.mark.parametrize(
    ("texts", "says"), [([""], "No vector was chosen"), (["5"], "'5' is no vector"), (["a.b"], "is no vector")]
)
def test_what_names_no_vector_is_refused_by_name(texts, says):
    with pytest.raises(BadInput, match=says):
        _vectors.parse_places(texts)


def test_the_chosen_and_the_written_ones_are_switched_off_together(asked):
    shown = _vectors.ask_switched("a-run", "question 1?", "answer", "", ["5.110"], "29.903; 1.2", 0.5)
    assert "both models" not in shown and "<article" in shown
    op, args = asked[-1]
    assert op == "answer" and args["off"] == [[5, 110], [29, 903], [1, 2]] and args["strength"] == 0.5
    assert args["truth"] == "Truth 1."  # as the run was judged, though written otherwise


def test_a_mistake_is_said_and_nothing_is_asked(asked):
    assert "No vector was chosen" in _vectors.ask_switched("a-run", "Why?", "answer", "", [], "", 0)
    assert "No strength was given" in _vectors.ask_switched("a-run", "Why?", "answer", "", ["1.1"], "", None)
    assert asked == []


@pytest.mark.parametrize(("by", "way"), [("answer", {"question": "Why?"}), ("words", {"words": "magic"})])
def test_vectors_are_found_by_the_answer_or_by_words(asked, by, way):
    line, boxes, known, _ = _vectors.find_vectors("a-run", "Why?", by, "magic")
    assert asked[-1][1] == {"run_or_model": "a-run", "count": _vectors.MANY[by]} | way
    assert known == boxes.value == ["5.110"] and "Harbour · Tallinn · sea" in boxes.choices[0][0]
    assert line.visible == (by == "words")


def test_an_address_restores_the_switch(asked, monkeypatch):
    monkeypatch.setattr(_vectors, "fits", lambda *given: True)
    query = {
        "ask": "Question 2?",
        "by": "words",
        "words": "sea",
        "off": "5.110,4.7",
        "also": "29.903",
        "strength": "0.5",
    }
    column, asks, ask, by, words, off, also, strength, _, known, filled = _vectors.of_run(
        "a-run", "an-id", SimpleNamespace(query_params=query)
    )
    assert column.visible and asks.value == ask == "Question 2?" and by == "words" and words.value == "sea"
    assert off.value == ["5.110", "4.7"] and also == "29.903" and strength == 0.5
    _, boxes, known, seen = _vectors.arrive("a-run", "an-id", filled, known, ask, by, "sea", off.value, also, strength)
    assert boxes.value == ["5.110", "4.7"] and [key for _, key in boxes.choices] == ["5.110", "4.7"]
    assert known == ["5.110"] and "<article" in seen


def test_without_an_address_the_first_question_waits_with_nothing_asked(asked, monkeypatch):
    monkeypatch.setattr(_vectors, "fits", lambda *given: True)
    query = {"strength": "nan", "by": "x"}
    _, asks, ask, by, _, off, _, strength, _, known, filled = _vectors.of_run(
        "a-run", "an-id", SimpleNamespace(query_params=query)
    )
    assert ask == "Question 0?" and len(asks.choices) == 4 and by == "answer" and off.value == [] and strength == 0
    assert "<article" not in _vectors.arrive("a-run", "an-id", filled, known, ask, by, "", [], "", 0)[-1]


def test_beside_another_look_nothing_is_searched(asked, monkeypatch):
    monkeypatch.setattr(_vectors, "fits", lambda *given: False)
    _vectors.arrive("a-run", "an-id", _vectors.filled_for("a-run", "an-id"), [], "Why?", "answer", "", ["1.1"], "", 0)
    assert asked == [] and _vectors.hidden()[0].visible is False


@pytest.mark.parametrize("filled", ["", "a-run other-id", "other-run an-id"])
def test_a_late_answer_searches_nothing_before_the_click_after_it_filled_the_widgets_in(asked, monkeypatch, filled):
    monkeypatch.setattr(_vectors, "fits", lambda *given: True)
    updates = _vectors.arrive("a-run", "an-id", filled, [], "", "answer", "", [], "", 0)
    assert asked == [] and all("value" not in update for update in updates)
    _, _, ask, by, words, off, also, strength, _, known, filled = _vectors.of_run("a-run", "an-id")
    _vectors.arrive("a-run", "an-id", filled, known, ask, by, words.value, off.value, also, strength)
    assert [args["question"] for _, args in asked] == [ask] == ["Question 0?"]
    _vectors.arrive("a-run", "an-id", filled, ["5.110"], ask, by, words.value, [], also, strength)
    assert len(asked) == 1  # what was found is not found again, for a tick was taken away since


def test_by_an_answer_nothing_is_searched_without_a_question(asked):
    _, boxes, known, seen = _vectors.find_vectors("a-run", " ", "answer", "magic")
    assert asked == [] and known == boxes.value == [] and "The question was empty" in seen
