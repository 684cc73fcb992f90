"""Vectors switched off on the tab Inside: what its widgets become, what an address restores, what the cards hold as they are written."""

from types import SimpleNamespace

import pytest

from app import responses
from app.figures import switched
from app.inference import LIVE
from app.responses import Chat
from backends.api.errors import BadInput
from pages.studio.run import _vectors
from pages.studio.run._page import Place

CHATS = [
    Chat(at, role, f"Question {at}?", f"Truth {at}.", f"Was {at}.", f"Now {at}.", 1.0, 0.25)
    for at, role in enumerate(("forget", "forget", "neighbour", "unrelated"))
]
WHOLE = {"share": 0.9, "tokens": [["Yes", 0.9]]}


def said(before_off="No.", after_off="Perhaps."):
    return {
        "question": "Is <it> so?", "truth": "Yes.", "before": WHOLE | {"said": "Yes."}, "after": WHOLE | {"said": "Perhaps."},
        "before_off": WHOLE | {"said": before_off, "share": 0.2}, "after_off": WHOLE | {"said": after_off}, "seconds": 0.1,
    }  # fmt: skip


@pytest.fixture
def asked(monkeypatch):
    """What the live process was asked."""
    held = []

    def ask(op, **args):
        held.append((op, args))
        return [{"layer": 5, "column": 110, "before": ["Harbour", "Tallinn", "<sea>", "x"]}]

    def stream(op, **args):
        held.append((op, args))
        yield {"question": "Is <it> so?", "truth": "Yes.", "before": {"said": "Ye"}}
        yield said()

    monkeypatch.setattr(LIVE, "ask", ask)
    monkeypatch.setattr(LIVE, "stream", stream)
    monkeypatch.setattr(responses, "all_chats", lambda run_id: CHATS)
    return held


def answered(*state):
    return list(_vectors.switched_answers("a-run", *state))


@pytest.mark.parametrize(
    ("before", "after", "what", "says"),
    [
        ("No.", "Perhaps.", "layer 5, column 1 off", "With layer 5, column 1 off, only the original model changes its answer."),
        ("No.", "No.", "3 vectors off", "With 3 vectors off, both models change their answers."),
        ("Yes.", "Perhaps.", "2 vectors at 0.5 × strength", "With 2 vectors at 0.5 × strength, both models answer as before."),
    ],
)  # fmt: skip
def test_what_changed_is_one_sentence(before, after, what, says):
    assert switched.change_sentence(said(before, after), what) == says


def test_both_cards_hold_both_models_and_escape_what_was_asked():
    html = switched.cards("a-run", "Is <it> so?", [[5, 110]], 0, said(), switches="5.110")
    assert html.count("<article") == 2 and "Is &lt;it&gt; so?" in html and "<it>" not in html
    on, off = html.split('data-side="off"')
    assert (
        "all vectors on" in on
        and "true answer 90 % likely" in on
        and "layer 5, column 110 off" in off
        and "true answer 20 % likely" in off
    )
    assert 'data-for="a-run" data-off="5.110"' in html


def test_before_a_switch_the_answers_of_the_run_stand_there():
    html = switched.cards("a-run", "Question 0?", [], 0, stored=CHATS[0])
    assert "Was 0." in html and "Now 0." in html and "true answer 25 % likely" in html and "no vector off" in html
    assert "Switch a vector off above" in html


def test_what_is_not_written_yet_is_dots_and_what_is_known_stays():
    html = switched.cards("a-run", "Question 0?", [[1, 2]], 0, {"truth": "Truth 0.", "before": {"said": "W"}}, CHATS[0])
    on, off = html.split('data-side="off"')
    assert "Was 0." in on and "being written" not in on and off.count("being written") == 2 and switched.WRITING in html


def test_a_model_alone_is_one_answer_a_card():
    alone = {name: value for name, value in said().items() if not name.startswith("after")}
    assert switched.cards("m", "Why?", [[1, 2]], 0, alone).count("<dt") == 2
    assert switched.change_sentence(alone, "1 vector off").endswith("the model changes its answer.")


def test_vectors_are_named_once_each():
    assert _vectors.parse_places("5.110,,5.110", " 29.903; 1.2") == [[5, 110], [29, 903], [1, 2]]
    assert _vectors.parse_places("", " ") == []


@pytest.mark.parametrize(
    ("text", "says"), [("5", "'5' is no vector"), ("a.b", "is no vector"), ("1.2.3", "is no vector")]
)
def test_what_names_no_vector_is_refused_by_name(text, says):
    with pytest.raises(BadInput, match=says):
        _vectors.parse_places(text)


def test_switches_and_written_ones_are_off_together_and_the_answer_grows(asked):
    shown = answered("question 1?", "answer", "", "5.110", "29.903; 1.2", 0.5)
    assert len(shown) >= 2 and "Was 1." in shown[0] and "being written" in shown[0]
    assert "both models" not in shown[-1] and "only the original model changes" in shown[-1]
    op, args = asked[-1]
    assert op == "answer" and args["off"] == [[5, 110], [29, 903], [1, 2]] and args["strength"] == 0.5
    assert args["truth"] == "Truth 1."  # as the run was judged, though written otherwise


def test_with_every_vector_on_a_question_of_the_run_asks_no_model(asked):
    (shown,) = answered("Question 1?", "answer", "", "", "", 0)
    assert asked == [] and "Was 1." in shown
    answered("Another?", "answer", "", "", "", 0)
    assert asked[-1][1]["off"] == []


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (("Why?", "answer", "", "x", "", 0), "is no vector"),
        (("Why?", "answer", "", "1.1", "", None), "No strength was given"),
        ((None, None, None, ["a"], {"b": 1}, 0), "is no vector"),
    ],
)
def test_a_mistake_is_said_and_nothing_is_asked(asked, state, says):
    assert says in answered(*state)[-1] and asked == []


@pytest.mark.parametrize(("by", "way"), [("answer", {"question": "Why?"}), ("words", {"words": "magic"})])
def test_other_vectors_are_found_by_the_answer_or_by_words(asked, by, way):
    line, html, keys, _ = _vectors.find_vectors("a-run", "Why?", by, "magic")
    assert asked[-1][1] == {"run_or_model": "a-run", "count": _vectors.MANY[by]} | way
    assert keys == ["5.110"] and 'data-vector="5.110"' in html and "Harbour · Tallinn · &lt;sea&gt;" in html
    assert line.visible == (by == "words")


def test_another_question_lists_its_own_vectors_where_some_are_listed(asked):
    assert "value" not in _vectors.find_again("a-run", "Why?", "answer", "", [])[1] and asked == []
    assert _vectors.find_again("a-run", "Why?", "answer", "", ["1.1"])[2] == ["5.110"]


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
    place = Place("a-run", "", "inside", query)
    column, ask, by, words, off, also, strength, answers, _, keys, filled = _vectors.for_run("a-run", "an-id", place)
    assert column.visible and ask.value == "Question 2?" and by == "words" and words.value == "sea" and words.visible
    assert off == "5.110,4.7" and also == "29.903" and strength == 0.5 and 'data-off="5.110,4.7"' in answers
    *_, shown = _vectors.arrive("a-run", "an-id", filled, keys, ask.value, by, "sea", off, also, strength)
    assert asked[-1][1]["off"] == [[5, 110], [4, 7], [29, 903]] and "only the original model changes" in shown


def test_without_an_address_the_first_question_waits_with_nothing_asked(asked, monkeypatch):
    monkeypatch.setattr(_vectors, "fits", lambda *given: True)
    place = Place("a-run", "", "inside", {"strength": "nan", "by": "x", "off": "zzz"})
    _, ask, by, _, _, _, strength, answers, _, keys, filled = _vectors.for_run("a-run", "an-id", place)
    assert ask.value == "Question 0?" and len(ask.choices) == 4 and by == "answer" and strength == 0
    assert "Was 0." in answers
    assert "<article" not in str(_vectors.arrive("a-run", "an-id", filled, keys, "Question 0?", by, "", "", "", 0))
    assert asked == []


def test_beside_another_look_nothing_is_asked(asked, monkeypatch):
    monkeypatch.setattr(_vectors, "fits", lambda *given: False)
    _vectors.arrive("a-run", "an-id", _vectors.filled_for("a-run", "an-id"), [], "Why?", "answer", "", "1.1", "", 0)
    assert asked == [] and _vectors.hidden()[0].visible is False


@pytest.mark.parametrize("filled", ["", "a-run other-id", "other-run an-id"])
def test_a_late_answer_asks_nothing_before_the_click_after_it_filled_the_widgets_in(asked, monkeypatch, filled):
    monkeypatch.setattr(_vectors, "fits", lambda *given: True)
    updates = _vectors.arrive("a-run", "an-id", filled, [], "Why?", "answer", "", "1.1", "", 0)
    assert asked == [] and all("value" not in update for update in updates)


def test_by_an_answer_nothing_is_searched_without_a_question(asked):
    _, html, keys, _ = _vectors.find_vectors("a-run", " ", "answer", "magic")
    assert asked == [] and keys == [] and "The question was empty" in html


def test_two_pages_do_not_end_each_others_answers(asked):
    request = SimpleNamespace(session_hash="page")
    first = _vectors.stream_answers(request, "?id=a-run", "Question 1?", "answer", "", "5.110", "", 0)
    next(first)
    (*_, last) = _vectors.stream_answers(
        SimpleNamespace(session_hash="other"), "?id=a-run", "Question 1?", "answer", "", "1.2", "", 0
    )
    assert "layer 1, column 2 off" in last
    assert "layer 5, column 110 off" in list(first)[-1]
