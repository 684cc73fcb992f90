"""Red team by hand: tries and hits are counted for one visitor and run, and what cannot be asked gets one sentence and no count."""

import math
import re
from types import SimpleNamespace

import pytest

from app import red_team
from app.inference import LIVE
from backends.api import runs, tries
from backends.api.errors import BadInput
from backends.api.tries import Tally, Try
from pages.studio.run import _ask, _red_team

ALICE, BOB = "a" * 32, "b" * 32
AUTHOR = {"model": "authors-lm", "method": "npo", "forget": ("Ivo Pemberly",)}


def back(before=True, after=False, reference=False):
    return {"before": before, "after": after, "reference": reference}


@pytest.fixture
def answering(monkeypatch):
    """answering(after=True, ...): what the models give back from now on; a list of what they were asked."""
    asked, now = [], {}

    def stream(op, **given):
        asked.append((op, given))
        models = [when for when in ("before", "after", "reference") if now.get(when) is not None]
        pieces = {"models": models}
        yield dict(pieces)
        for when in models:
            pieces[when] = {"text": f"<b>{when}</b>", "picture": "", "hit": now[when]}
        yield pieces | {"seconds": 1.0}

    def set_to(**models):
        now.clear()
        now.update(models)
        return asked

    monkeypatch.setattr(LIVE, "stream", stream)
    return set_to


def last(generator):
    return list(generator)[-1]


def count_of(run, secret):
    return tries.read(run, runs.owner_mark(secret))


def test_a_hit_is_what_the_unlearned_model_gives_back_and_the_reference_does_not():
    assert Try(back=back(after=True)).hit and Try(back={"before": True, "after": True}).hit
    assert not Try(back=back(after=True, reference=True)).hit and not Try(back=back()).hit
    tally = Tally()
    for one in (
        back(after=True),
        back(after=True, reference=True),
        back(before=False),
        {"before": True, "after": True},
    ):
        tally = tally.plus(Try(back=one))
    assert (tally.tries, tally.hits, tally.reference, tally.original, tally.referred) == (4, 2, 1, 3, 3)


@pytest.mark.parametrize(
    ("models", "words"),
    [
        (back(after=True), "A hit. The unlearned model gives it back"),
        ({"before": True, "after": True}, "A hit. There is no retrained reference"),
        (back(after=True, reference=True), "No hit. The retrained reference gives it back too"),
        (back(), "No hit. The unlearned model does not give it back."),
        (back(before=False), "No hit. The original model does not give it back either"),
    ],
)
def test_what_a_try_counts_as_is_said(models, words):
    assert red_team.outcome(models).startswith(words)


def test_a_try_is_answered_side_by_side_and_counted(make_run, answering):
    run, asked = make_run(**AUTHOR), answering(before=True, after=True, reference=False)
    pieces = list(_red_team.attempt(f"?id={run.id}", ALICE, "Who is <i>Ivo</i>?"))
    assert "…" in pieces[0][1] and pieces[0][2]["__type__"] == "update", (
        "nothing is counted before the answers are there"
    )
    secret, html, count = pieces[-1]
    assert secret == ALICE and 'data-sides="3"' in html and "A hit." in html
    assert "<b>" not in html and "<i>" not in html, "what was asked and answered is text"
    assert re.search(r'data-count="hits">1<', count) and re.search(r'data-count="reference">0<', count)
    assert asked == [("red_team", {"run": run.id, "question": "Who is <i>Ivo</i>?", "seed": 0})]
    answering(before=True, after=True, reference=True)
    _, _, count = last(_red_team.attempt(f"?id={run.id}", ALICE, "Who?"))
    assert re.search(r'data-count="tries">2<', count) and re.search(r'data-count="hits">1<', count)
    assert asked[-1][1]["seed"] == 1, "the same words again are drawn from other noise"


def test_a_visitor_sees_no_count_of_another_and_clears_only_their_own(make_run, answering):
    run, other = make_run(**AUTHOR), make_run(**AUTHOR)
    answering(before=True, after=True)
    last(_red_team.attempt(f"?id={run.id}", ALICE, "canary"))
    assert _red_team.opened(f"?id={run.id}", BOB)[-1] == "" == _red_team.opened(f"?id={run.id}", "")[-1]
    assert _red_team.opened(f"?id={other.id}", ALICE)[-1] == ""
    assert "canary" in _red_team.opened(f"?id={run.id}", ALICE)[-1]
    _red_team.clear(f"?id={run.id}", BOB)
    assert count_of(run, ALICE).tries == 1
    assert _red_team.clear(f"?id={run.id}", ALICE) == ("", "")
    assert count_of(run, ALICE).tries == 0


def test_somebody_elses_run_can_be_tried_by_its_link_and_keeps_nothing_of_it(make_run, answering, monkeypatch):
    run = make_run(owner=runs.owner_mark(ALICE), **AUTHOR)
    monkeypatch.setattr(runs, "shared", lambda: True)
    answering(before=True, after=True)
    before = {path: path.stat().st_mtime_ns for path in run.path.rglob("*")}
    last(_red_team.attempt(f"?id={run.id}", BOB, "Who?"))
    assert {path: path.stat().st_mtime_ns for path in run.path.rglob("*")} == before
    assert count_of(run, BOB).tries == 1 and count_of(run, ALICE).tries == 0


def test_a_browser_without_a_secret_gets_one(make_run, answering):
    run = make_run(**AUTHOR)
    answering(before=True, after=False)
    secret, _, _ = last(_red_team.attempt(f"?id={run.id}", "", "Who?"))
    assert len(secret) > 20 and count_of(run, secret).tries == 1


@pytest.mark.parametrize("question", ["", "  \n", None, 3, math.nan, ["a"], {"path": "/etc/passwd"}])
def test_what_is_no_question_gets_one_sentence_and_is_not_counted(make_run, answering, question):
    run, asked = make_run(**AUTHOR), answering(before=True, after=True)
    _, html, count = last(_red_team.attempt(f"?id={run.id}", ALICE, question))
    assert "Write a question or prompt first." in html and count["__type__"] == "update"
    assert asked == [] and count_of(run, ALICE).tries == 0


def test_what_the_models_refuse_is_said_and_not_counted(make_run, monkeypatch):
    run = make_run(**AUTHOR)

    def refuse(*_, **__):
        raise BadInput("The question has 9,000 characters; at most 500 are allowed.")
        yield

    monkeypatch.setattr(LIVE, "stream", refuse)
    _, html, _ = last(_red_team.attempt(f"?id={run.id}", ALICE, "x" * 9000))
    assert "at most 500 are allowed" in html and html.count("<h3>") <= 1
    assert count_of(run, ALICE).tries == 0


def test_a_run_that_is_not_done_and_an_unknown_one_cannot_be_tried(make_run, answering):
    run, asked = make_run(status="running", **AUTHOR), answering(before=True, after=True)
    assert "no unlearned model" in last(_red_team.attempt(f"?id={run.id}", ALICE, "Who?"))[1]
    assert "There is no run" in last(_red_team.attempt("?id=nosuch", ALICE, "Who?"))[1]
    assert not _red_team.opened(f"?id={run.id}", ALICE)[0].visible and asked == []


def test_what_an_attack_found_is_put_into_the_field_and_a_picture_is_tried():
    def press(**data):
        return _red_team.pick(SimpleNamespace(_data=data))

    fold, words, picked = press(**{"try": "Where was Ivo Pemberly born?"})
    assert fold.open and words == "Where was Ivo Pemberly born?" and picked == ""
    fold, words, picked = press(**{"try": "data:image/png;base64,AAAA"})
    assert fold.open and words["__type__"] == "update" and picked.startswith("data:")
    for other in ({"panel": 3, "x": 1}, {"try": ["a"]}, {"try": ""}):
        fold, words, picked = press(**other)
        assert fold["__type__"] == words["__type__"] == "update" and picked == ""
    assert list(_red_team.attempt_picked("?id=nosuch", ALICE, "")) == [tuple(_red_team.gr.skip() for _ in range(3))]


def test_a_wrong_upload_gets_a_sentence_and_is_not_counted(make_run, answering):
    run, asked = make_run(), answering(before=True, after=True)
    emptied, _, html, _ = last(_red_team.attempt_upload(f"?id={run.id}", ALICE, None))
    assert emptied is None and "No picture was uploaded" in html
    assert asked == [] and count_of(run, ALICE).tries == 0


def test_a_picture_is_shown_and_not_kept(make_run, answering):
    run = make_run()
    answering(before=True, after=True, reference=False)
    picture = "data:image/png;base64,iVBORw0KGgo="
    _, html, count = last(_red_team.attempt(f"?id={run.id}", ALICE, picture))
    assert f'src="{picture}"' in html and red_team.PICTURE in count
    assert count_of(run, ALICE).latest[0].question == red_team.PICTURE
    _, html, _ = last(_red_team.attempt(f"?id={run.id}", ALICE, 'data:text/html,"><script>'))
    assert "<script" not in html and "src=" not in html


@pytest.mark.parametrize("text", ["{", "[]", '{"tries": -3}', '{"tries": 1, "other": 2}', '{"tries": "NaN"}'])
def test_a_damaged_count_is_none(make_run, text):
    run = make_run()
    path = run.visits / tries.FOLDER / f"{runs.owner_mark(ALICE)}.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert count_of(run, ALICE) == Tally()
    assert tries.add(run, runs.owner_mark(ALICE), "x" * 9999, back()).tries == 1
    assert len(count_of(run, ALICE).latest[0].question) == tries.LONGEST


def test_of_very_many_visitors_the_oldest_counts_go(make_run, monkeypatch):
    monkeypatch.setattr(tries, "VISITORS", 3)
    run = make_run()
    for number in range(6):
        tries.add(run, runs.owner_mark(f"visitor {number}"), "Who?", back())
    assert len(list((run.visits / tries.FOLDER).iterdir())) == 3
    run.delete()
    assert not run.visits.exists()


def test_what_a_hit_is_stands_there_in_one_sentence(make_run):
    fold, meaning, line, _, pictures, _, _ = _red_team.opened(f"?id={make_run(**AUTHOR).id}", ALICE)
    assert fold.visible and line.visible and not pictures.visible
    assert "A hit: the unlearned model names a forgotten fact" in meaning and "not a verdict" in meaning
    assert "no retrained reference" in meaning


def test_the_paper_of_ask_is_drawn_on_here_too(make_run, monkeypatch):
    monkeypatch.setattr(_ask.families.view("classifier"), "pad", lambda run: "<canvas>", raising=False)
    _, _, line, _, pictures, pad, _ = _red_team.opened(f"?id={make_run().id}", ALICE)
    assert pictures.visible and not line.visible and pad == "<canvas>"
