"""Attacks in the queue of looks, and what they found, on the tab "Does it come back?"; they are no looks inside."""

import threading
import time

import numpy as np
import pytest

from app import comeback, looks
from backends.api import attacked, catalog, files
from backends.api.attacked import Attacked
from backends.api.catalog import Attack, Source
from backends.api.panels import WORDING
from pages.studio.run import _comeback, _looking, _offer

QUICK = catalog.TESTS[0].id


def attack(attack_id, title, kind, **more):
    return Attack(
        id=attack_id, title=title, summary="It tries.", source=Source(title="made here"), test=kind, params={"properties": {}},
        works_with={"classifier": True, "llm": "A language model gives images no classes."}, **more,
    )  # fmt: skip


ASKED = attack("asked", "Question: asks as it is", "plain", quick=True)
TAUGHT = attack("taught", "Teaching again: trains on a few", "relearn", quick=True)


@pytest.fixture(autouse=True)
def with_attacks(monkeypatch):
    """A catalog with two attacks."""
    known = catalog.load()
    more = known.model_copy(update={"attacks": [ASKED, TAUGHT]})
    monkeypatch.setattr(catalog, "load", lambda: more)
    _offer.LACKING.clear()


def brought_back(run, entry, after, reference=0.0, items=40):
    """Findings of an attack in a run: the share that the unlearned model and the reference have, of so many items."""

    def values(share):
        return np.array([[[1.0] * round(share * items) + [0.0] * (items - round(share * items))]], np.float32)

    folder = run.path / "attack" / entry.id
    Attacked(
        attack=entry.id, kind=entry.test, x=[0.0], x_title="steps", noun="images", items=[f"test-{n}" for n in range(items)],
        groups=list(range(items)), recalled={"before": values(1), "after": values(after), "reference": values(reference)[None]},
        kept={"before": values(1), "after": values(1), "reference": values(1)[None]},
        broken={"before": 0.0, "after": 0.0, "reference": 0.0},
    ).save(folder)  # fmt: skip
    panel = {"kind": "verdict", "title": f"What {entry.id} shows", "how": "", "says": "seen", "sign": "unknown"}
    files.write_json(
        folder / "found.json", {"what": entry.id, "wording": WORDING, "params": {}, "seconds": 2.0, "panels": [panel]}
    )


@pytest.fixture
def queue(monkeypatch):
    """A queue of looks whose process answers at once, and what it was asked."""
    asked = []

    def stream(op, **given):
        asked.append((op, {name: value for name, value in given.items() if name != "cancelled"}))
        yield {"phase": "attacking", "done": 1, "of": 2, "attack": "taught"}
        yield {"params": given.get("params", {}), "ran": ["asked"], "failed": {"taught": "It stopped on NaN."}}

    made = looks.Looks(stream)
    for module in (_comeback, _looking):
        monkeypatch.setattr(module, "LOOKS", made)
    return made, asked


def wait(one):
    until = time.monotonic() + 20
    while one.pending and time.monotonic() < until:
        time.sleep(0.01)
    assert one.state == "done", one.error


def test_an_attack_is_no_look_inside_and_stands_where_its_family_is(make_run):
    sandal, author = make_run(), make_run(model="authors-lm", method="npo", forget=("Ivo Pemberly",))
    assert not {"asked", "taught"} & {entry.id for entry in _offer.fitting(sandal.id)}
    assert [entry.id for entry in comeback.fitting(sandal)] == ["asked", "taught"]
    assert comeback.fitting(author) == []


def test_one_attack_and_a_set_of_them_are_done_by_their_own_operations(make_run, queue):
    made, asked = queue
    run = make_run()
    one = made.ask(run.id, "taught", {}, "me")
    wait(one)
    wait(every := made.ask(run.id, QUICK, {}, "me"))
    assert [(op, {name: given[name] for name in given if name != "joins"}) for op, given in asked] == [
        ("attack", {"run": run.id, "attack": "taught", "params": {}}),
        ("test", {"run": run.id, "deep": False}),
    ]
    assert every.failed == {"taught": "It stopped on NaN."}
    assert "tab=back" in _looking.row(one, with_run=False) and "Quick tests" in _looking.row(every, with_run=False)


def test_a_run_that_nobody_tested_says_so_and_offers_the_test(make_run, queue):
    run = make_run()
    note, quick, _, _, body, _, clock = _comeback.opened(f"?id={run.id}", "")
    assert "Erased, or only hidden?" in body
    assert quick.visible and not clock.active and "attacked in the same way" in note


def test_what_comes_back_is_shown_first_with_its_share_and_the_verdict(make_run, queue):
    run = make_run()
    brought_back(run, ASKED, after=0.0)
    brought_back(run, TAUGHT, after=0.9)
    *_, body, _, _ = _comeback.opened(f"?id={run.id}", "")
    assert 'data-lead="taught"' in body and "What taught shows" in body
    assert "original 100 %, unlearned 90 %, retrained reference 0 %" in body
    assert "Hidden" in body and 'data-state="hit"' in body


def test_a_test_that_failed_says_why_beside_those_that_were_done(make_run, queue):
    made, _ = queue
    run = make_run()
    brought_back(run, ASKED, after=0.0)
    brought_back(run, TAUGHT, after=0.0)
    secret = "s" * 32
    wait(made.ask(run.id, QUICK, {}, _comeback.mark_of(secret)))
    *_, body, _, _ = _comeback.opened(f"?id={run.id}", secret)
    assert "Teaching again failed: It stopped on NaN." in body


def test_what_did_not_change_is_not_sent_again(make_run, queue):
    run = make_run()
    brought_back(run, ASKED, after=0.0)
    brought_back(run, TAUGHT, after=0.0)
    *_, body, mark, _ = _comeback.opened(f"?id={run.id}", "")
    *_, again, _, _ = _comeback.look_again(f"?id={run.id}", "", mark)
    assert isinstance(body, str) and again["__type__"] == "update"


def test_a_run_that_is_not_done_and_an_unknown_one_get_a_sentence(make_run):
    run = make_run(status="running")
    assert "before the run is done" in _comeback.opened(f"?id={run.id}", "")[4]
    assert "There is no run" in _comeback.opened("?id=nosuch", "")[4]
    assert "There is no run" in _comeback.ask_quick("?id=nosuch", "")[5]


def test_a_test_that_was_pressed_for_comes_before_what_a_page_asked_for_by_itself(make_run, monkeypatch):
    order, go = [], threading.Event()

    def stream(op, **given):
        go.wait(20)
        order.append(op)
        yield {"params": {}, "failed": {}}

    made = looks.Looks(stream)
    run, inspector = make_run(), catalog.load().inspectors[0].id
    automatic = [made.ask(run.id, inspector, {"number": number}, "me", announced=False) for number in range(3)]
    until = time.monotonic() + 20
    while automatic[0].state != "working" and time.monotonic() < until:
        time.sleep(0.01)
    pressed = made.ask(run.id, QUICK, {}, "me")
    assert made.before(pressed) == 1 and made.before(automatic[1]) == 2
    go.set()
    for one in (*automatic, pressed):
        wait(one)
    assert order == ["inspect", "test", "inspect", "inspect"]
    monkeypatch.setattr(_looking, "LOOKS", made)
    for one in (*automatic, pressed):
        one.viewed = False
    assert _looking.bar("me", run.id).count("<li") > _looking.bar("me", run.id, pressed=True).count("<li") == 1


def test_while_tests_are_made_the_word_is_provisional_and_the_third_mark_stays(make_run, queue, monkeypatch):
    made, _ = queue
    run, secret = make_run(), "s" * 32
    brought_back(run, ASKED, after=0.0)
    brought_back(run, TAUGHT, after=0.9)
    testing = made.ask(run.id, QUICK, {}, _comeback.mark_of(secret))
    wait(testing)
    testing.state = "working"
    *_, body, _, _ = _comeback.opened(f"?id={run.id}", secret)
    assert "So far: Hidden" in body
    assert _comeback.marks_now(run.id, secret)["__type__"] == "update" and len(_comeback.marks_now(run.id, secret)) == 1
    testing.state = "done"
    *_, body, _, _ = _comeback.opened(f"?id={run.id}", secret)
    assert "So far" not in body and "Hidden" in str(_comeback.marks_now(run.id, secret))


def test_a_button_is_there_as_long_as_it_has_something_to_do(make_run, queue, monkeypatch):
    run = make_run()

    def buttons():
        _, quick, deep, *_ = _comeback.opened(f"?id={run.id}", "")
        return quick.visible, deep.visible

    brought_back(run, ASKED, after=0.0)
    assert buttons() == (True, True)
    attacked.write_unfit(run.path / "attack", {"taught": "It has nothing to be taught."})
    assert buttons() == (False, False)
    attacked.write_unfit(run.path / "attack", {})
    brought_back(run, TAUGHT, after=0.0)
    assert buttons() == (False, False)
