"""Looks inside on their page: filed under what they look at, one after the other, with true progress, cancelled for good."""

import queue
import re
import threading
from html import unescape
from types import SimpleNamespace

import pytest

from app import looks
from app.looks import Looks
from backends.api import files, findings, runs, visits
from backends.api.errors import Busy, LetheError
from backends.api.limits import limits
from backends.api.line import GivenUp
from backends.api.panels import Found, Verdict
from pages.studio._shared import secret_and_mark
from pages.studio.run import _found, _looking, _offer
from pages.studio.run import _inside as look_inside

from .folders import write_run

pytestmark = pytest.mark.usefixtures("catalog")
FIRST, SECOND = "20261122-000001-aaa", "20261122-000002-bbb"
ME, YOU = "a-secret", "another-secret"


def plain(html):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


class Process:
    """A stream whose looks stand still until they are told: tell("a piece"), done(), or an error."""

    def __init__(self):
        self.asked, self.joined, self._said = [], [], queue.SimpleQueue()

    def stream(self, op, cancelled, run, inspector, params, joins):
        assert op == "inspect"
        self.asked.append((run, inspector, params))
        self.joined.append(joins)
        while True:
            try:
                said = self._said.get(timeout=0.02)
            except queue.Empty:
                if cancelled.is_set():
                    raise GivenUp("given up") from None
                continue
            if isinstance(said, Exception):
                raise said
            if said is None:
                complete = {"rate": 0.1} | params if inspector == "look" else params
                rate = f" at {params['rate']}" if "rate" in params else ""
                words = f"{inspector} found this{rate}."
                panel = Verdict(title="Found", how="", says=words, sign="yes")
                value = Found(what=inspector, params=complete, seconds=1, panels=[panel]).model_dump()
                folder = runs.find(run)
                place = findings.folder(folder, inspector) if joins else visits.folder(folder, inspector, complete)
                files.write_json(place / "found.json", value)
                yield value
                return
            yield said

    def tell(self, phase, done, of):
        self._said.put({"phase": phase, "done": done, "of": of})

    def done(self):
        self._said.put(None)

    def fail(self, error):
        self._said.put(error)


@pytest.fixture
def process():
    return Process()


@pytest.fixture(autouse=True)
def board(process, monkeypatch, home):
    """The looks of a server with two finished runs."""
    for run_id in (FIRST, SECOND):
        write_run(home, run_id, method="slow", model="m")
    made = Looks(process.stream)
    for module in (look_inside, _found, _looking):
        monkeypatch.setattr(module, "LOOKS", made)
    yield made
    for one in made._all:
        one.cancelled.set()


def until(ready):
    """Wait until something is so."""
    pause = threading.Event()
    assert any(ready() or pause.wait(0.02) for _ in range(1500))


def at(run=FIRST, beside=""):
    """The query of the address of a run's page."""
    return f"?id={run}&with={beside}&tab=inside"


def press(inspector, *values, run=FIRST, secret=ME, beside=""):
    """(bar, seen) after the button; the forms of both looks hold values: "look" has one, "glance" none."""
    _, bar, seen, _, _ = look_inside.ask(at(run, beside), secret, inspector, *(values or (0.1,)))
    return plain(bar), plain(seen)


def page(inspector, run=FIRST, secret=ME, mark=None):
    """(bar, seen, whether the page goes on asking) as it is now."""
    bar, seen, _, clock = look_inside.standing(secret, run, inspector, None, mark)
    return plain(bar), plain(seen) if isinstance(seen, str) else seen, clock.active


def test_a_look_asks_with_the_values_of_its_own_form_only_and_is_filed_under_its_own_name(process, board):
    press("look", 0.3)
    until(lambda: process.asked == [(FIRST, "look", {"rate": 0.3})])
    bar, seen = press("glance", 0.3)
    assert "A glance waiting: 1 before it" in bar and "Looking: A glance" in seen and "found this" not in seen
    process.done()
    until(lambda: board.of(FIRST, "look").state == "done")
    bar, seen, goes_on = page("glance")
    assert "look found this at 0.3." not in seen and goes_on and "A look done Show" in bar
    until(lambda: process.asked[1:] == [(FIRST, "glance", {})])
    process.done()
    until(lambda: board.of(FIRST, "glance").state == "done")
    for inspector, title in (("look", "A look"), ("glance", "A glance")):
        bar, seen, goes_on = page(inspector)
        assert seen.startswith(title) and f"{inspector} found this" in seen and not goes_on
    assert page("look")[0] == ""  # both were seen


def test_a_page_is_told_which_choice_its_panels_are_of():
    _, seen, _, _ = look_inside.standing(ME, FIRST, "glance", SECOND)
    assert unescape(re.search(r'data-of="([^"]*)"', seen)[1]) == (
        f'{{"run": "{FIRST}", "inspector": "glance", "with": "{SECOND}"}}'
    )


def test_progress_is_what_the_process_tells_and_nothing_is_sent_twice(process, board):
    press("look", 0.3)
    process.tell("reading states", 3, 12)
    until(lambda: board.of(FIRST, "look").of == 12)
    bar, _, mark, clock = look_inside.standing(ME, FIRST, "look", None)
    assert "reading states: 3 of 12" in plain(bar) and 'aria-valuenow="25"' in bar and clock.active
    assert not isinstance(look_inside.standing(ME, FIRST, "look", None, mark)[1], str)
    process.done()
    until(lambda: board.of(FIRST, "look").state == "done")
    assert "look found this at 0.3." in look_inside.standing(ME, FIRST, "look", None, mark)[1]


def test_a_pace_is_told_once_two_steps_are_done(process, board):
    press("look", 0.3)
    process.tell("reading", 0, 10)
    process.tell("reading", 1, 10)
    until(lambda: board.of(FIRST, "look").done == 1)
    assert board.of(FIRST, "look").left is None
    process.tell("reading", 5, 10)
    until(lambda: board.of(FIRST, "look").done == 5)
    one = board.of(FIRST, "look")
    one.entered -= 5
    assert one.left == pytest.approx(5, abs=0.5) and "left in this part" in page("look")[0]


def test_cancel_ends_the_work_and_the_next_look_begins(process, board):
    press("look", 0.3)
    press("glance")
    until(lambda: process.asked)
    button = re.search(r'data-look="(\d+)"', look_inside.standing(ME, FIRST, "look", None)[0])[1]
    look_inside.cancel(SimpleNamespace(_data={"look": button}), at(), ME, "look", "")
    until(lambda: board.of(FIRST, "look").state == "cancelled")
    until(lambda: process.asked[1:] == [(FIRST, "glance", {})])
    assert "“A look” was cancelled" in page("look")[1]
    process.done()
    until(lambda: board.of(FIRST, "glance").state == "done")


def test_one_that_waits_is_cancelled_without_being_begun(process, board):
    press("look", 0.3)
    press("glance")
    until(lambda: process.asked)
    board.cancel(board.of(FIRST, "glance").number, secret_and_mark(ME)[1])
    assert board.of(FIRST, "glance").state == "cancelled" and "A glance" not in page("look")[0]
    process.done()
    until(lambda: board._worker is None)
    assert process.asked == [(FIRST, "look", {"rate": 0.3})]


def test_nobody_cancels_what_another_asked_for(process, board):
    press("look", 0.3)
    number = str(board.of(FIRST, "look").number)
    look_inside.cancel(SimpleNamespace(_data={"look": number}), at(), YOU, "look", "")
    assert not board.of(FIRST, "look").cancelled.is_set() and page("look", secret=YOU)[0] == ""
    press("look", 0.3, secret=YOU)  # joins it
    assert len(board._all) == 1
    look_inside.cancel(SimpleNamespace(_data={"look": number}), at(), ME, "look", "")
    assert not board.of(FIRST, "look").cancelled.is_set()
    look_inside.cancel(SimpleNamespace(_data={"look": number}), at(), YOU, "look", "")
    until(lambda: board.of(FIRST, "look").state == "cancelled")


def test_who_comes_back_finds_the_look_where_it_stands(process, board):
    press("look", 0.3)
    process.tell("reading", 1, 4)
    until(lambda: board.of(FIRST, "look").done == 1)
    address = f"{at()}&inspector=look"
    _, _, _, _, bar, seen, _, clock, *_ = look_inside.opened(address, ME)
    assert "reading: 1 of 4" in plain(bar) and "Looking: A look" in plain(seen) and clock.active
    _, _, _, _, bar, seen, _, clock, *_ = look_inside.opened(
        address, ""
    )  # whoever has the link sees that it is worked on
    assert bar == "" and "Looking: A look" in plain(seen) and clock.active


def test_a_look_that_fails_says_why_and_a_bad_setting_asks_nothing(process, board):
    press("look", 0.3)
    process.fail(LetheError("The process ended."))
    until(lambda: board.of(FIRST, "look").state == "failed")
    assert "The process ended." in page("look")[1]
    assert "at most 1" in press("look", 3.0)[1]
    assert len(process.asked) == 1
    press("look", 0.5)  # another try takes its place
    process.done()
    until(lambda: board.of(FIRST, "look").state == "done")
    assert "look found this at 0.5." in page("look")[1] and "The process ended." not in page("look")[1]


def test_an_error_that_nobody_expected_costs_its_own_look_only(process, board):
    press("look", 0.3)
    press("glance")
    process.fail(ValueError("x"))
    until(lambda: board.of(FIRST, "look").state == "failed")
    process.done()
    until(lambda: board.of(FIRST, "glance").state == "done")


def test_a_process_that_answers_others_is_asked_again(process, board, monkeypatch):
    monkeypatch.setattr(looks, "AGAIN", 0.01)
    press("look", 0.3)
    process.fail(Busy("others"))
    until(lambda: len(process.asked) == 2)
    process.done()
    until(lambda: board.of(FIRST, "look").state == "done")


def test_two_runs_are_looked_into_and_shown_each_under_its_name(process, board):
    bar, _ = press("look", 0.3, beside=SECOND)
    assert "A look the process that opens models is got ready" in bar or "it starts in a moment" in bar
    process.done()
    process.done()
    until(lambda: board.of(SECOND, "look").state == "done")
    _, seen, _, _ = look_inside.standing(ME, FIRST, "look", SECOND)
    assert plain(seen).count("look found this at 0.3.") == 2


def test_owners_take_turns_and_nobody_fills_the_queue_alone(process, board, monkeypatch):
    monkeypatch.setenv("LETHE_WAITING_LOOKS", "12")
    limits.cache_clear()
    try:
        begun = board.ask(FIRST, "look", {"rate": 0}, "me")
        until(lambda: begun.state == "working")
        mine = [board.ask(FIRST, "look", {"rate": at}, "me") for at in (1, 2)]
        with pytest.raises(Busy, match="ask again in a moment"):
            board.ask(FIRST, "look", {"rate": 3}, "me")
        yours = board.ask(SECOND, "look", {}, "you")
        assert [board.before(one) for one in (yours, *mine)] == [1, 2, 3]
    finally:
        limits.cache_clear()


def narrowed(run, inspector, group=""):
    _offer.learn(run)
    return _offer.narrow(run, group or _offer.catalog.load().look(inspector).group, inspector)


def test_what_can_say_nothing_of_a_run_is_not_offered_and_the_reason_is_said(monkeypatch):
    asked = []

    def ask(op, **args):
        asked.append((op, args))
        return {"glance": "This run has nothing to glance at."}

    monkeypatch.setattr(_offer, "LIVE", SimpleNamespace(ask=ask))
    monkeypatch.setattr(_offer, "LACKING", {})
    radio, words = narrowed(FIRST, "look")
    assert [way for _, way in radio.choices] == ["look"]
    assert plain(words) == "A glance This run has nothing to glance at." and 'aria-disabled="true"' in words
    radio, _ = narrowed(FIRST, "glance")  # what is chosen stays, with its reason in place of a button's promise
    assert [way for _, way in radio.choices] == ["look", "glance"] and asked == [("lacking", {"run": FIRST})]
    radio, _ = narrowed(FIRST, "glance", "change")
    assert not hasattr(radio, "choices"), "an answer to a question that is no longer open changes nothing"
    assert "nothing to glance at" in page("glance")[1] and "Press the button" not in page("glance")[1]


def test_while_that_cannot_be_asked_everything_is_offered(monkeypatch):
    def ask(op, **args):
        raise Busy("others")

    monkeypatch.setattr(_offer, "LIVE", SimpleNamespace(ask=ask))
    monkeypatch.setattr(_offer, "LACKING", {})
    radio, _ = narrowed(FIRST, "look")
    assert not hasattr(radio, "choices") and "Press the button" in page("glance")[1]


@pytest.fixture
def hers(home, monkeypatch):
    """A shared studio, in which the first run is another visitor's; gives what changed in it since."""
    monkeypatch.setenv("LETHE_SHARED", "1")
    run = runs.find(FIRST)
    files.write_json(run.path / "state.json", run.state.model_dump() | {"owner": runs.owner_mark(YOU)})

    def content():
        return {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}

    before = content()
    return lambda: {path.name for path, now in content().items() if before.get(path) != now}


def test_a_stranger_s_look_is_shown_to_them_and_leaves_her_run_and_her_findings(process, board, hers):
    bar, seen = press("look", 0.3)
    assert "A look" in bar and "Looking: A look" in seen
    process.tell("reading", 1, 4)
    until(lambda: board.of(FIRST, "look", secret_and_mark(ME)[1]).of == 4)
    assert "reading: 1 of 4" in page("look")[0]
    assert page("look", secret=YOU)[:2] == ("", page("look", secret="nobody")[1])  # of hers nothing is under way
    process.done()
    until(lambda: board.of(FIRST, "look", secret_and_mark(ME)[1]).state == "done")
    assert process.joined == [False] and hers() == set()
    words = "kept beside the run, which is not yours to change"
    for _ in range(2):  # also when the page is loaded again
        bar, seen, goes_on = page("look")
        assert "look found this at 0.3." in seen and words in seen and (bar, goes_on) == ("", False)
    assert "Press the button" in page("look", secret=YOU)[1]
    press("look", 0.7, secret=YOU)
    process.done()
    until(lambda: process.joined == [False, True] and board._worker is None)
    assert hers() == {"found.json"}
    assert "look found this at 0.7." in page("look", secret=YOU)[1] and "run folder" in page("look", secret=YOU)[1]
    assert "look found this at 0.3." in page("look")[1]
    assert "look found this at 0.7." in page("look", secret="a third one")[1]


def test_a_stranger_s_look_is_cancelled_by_them_alone(process, board, hers):
    press("look", 0.3)
    press("look", 0.3, secret=YOU)  # another look: hers becomes part of the run
    until(lambda: process.asked)
    assert len(board._all) == 2
    number = str(board.of(FIRST, "look", secret_and_mark(ME)[1]).number)
    look_inside.cancel(SimpleNamespace(_data={"look": number}), at(), YOU, "look", "")
    assert board.of(FIRST, "look", secret_and_mark(ME)[1]).pending
    look_inside.cancel(SimpleNamespace(_data={"look": number}), at(), ME, "look", "")
    until(lambda: board.of(FIRST, "look", secret_and_mark(ME)[1]).state == "cancelled")
    assert "was cancelled" in page("look")[1] and "Looking: A look" in page("look", secret=YOU)[1]


def test_a_look_with_the_settings_as_they_come_is_there_for_everybody(process, board, hers):
    """Of one run it is the same whoever looks; also after the server was started again."""
    press("look", 0.1)
    process.done()
    until(lambda: board._worker is None)
    board._all.clear()
    assert "look found this at 0.1." in page("look", secret="a third one")[1] and hers() == set()


def test_a_quick_look_is_asked_for_once_and_not_announced(process, board, monkeypatch):
    known = _offer.catalog.load()
    quick = [entry.model_copy(update={"quick": entry.id == "glance"}) for entry in known.inspectors]
    monkeypatch.setattr(_offer.catalog, "load", lambda: known.model_copy(update={"inspectors": quick}))
    assert not isinstance(look_inside.ask_quick(at(), ME, "look")[1], str) and not board._all
    _, _, seen, _, clock = look_inside.ask_quick(at(), ME, "glance")
    assert "Looking: A glance" in plain(seen) and clock.active
    assert not isinstance(look_inside.ask_quick(at(), ME, "glance")[1], str) and len(board._all) == 1
    process.done()
    until(lambda: board.of(FIRST, "glance").state == "done")
    assert page("look")[0] == "" and "glance found this" in page("glance")[1]
    assert not isinstance(look_inside.ask_quick(at(), ME, "glance")[1], str) and len(process.asked) == 1


def test_a_question_offers_its_own_looks_and_another_its_first(monkeypatch):
    known = _offer.catalog.load()
    groups = {"look": "change", "glance": "there"}
    grouped = [entry.model_copy(update={"group": groups[entry.id]}) for entry in known.inspectors]
    monkeypatch.setattr(_offer.catalog, "load", lambda: known.model_copy(update={"inspectors": grouped}))
    assert [way for _, way in _offer.choices(FIRST, "look")] == ["look"]
    assert _offer.first_of(FIRST, "there") == "glance" and _offer.first_of(FIRST, "attacker") == "look"
    group, radio, *_ = look_inside.opened(f"{at()}&inspector=glance", ME)
    assert group.value == "there" and [way for _, way in radio.choices] == ["glance"]


def test_quick_looks_are_asked_for_when_an_own_run_ends_and_never_of_a_stranger(process, board, monkeypatch):
    known = _offer.catalog.load()
    quick = [entry.model_copy(update={"quick": entry.id == "glance"}) for entry in known.inspectors]
    monkeypatch.setattr(_offer.catalog, "load", lambda: known.model_copy(update={"inspectors": quick}))
    look_inside.ask_all_quick(at(), ME)
    look_inside.ask_all_quick(at(), ME)
    assert [one.inspector for one in board._all] == ["glance"]
    monkeypatch.setenv("LETHE_SHARED", "1")
    look_inside.ask_all_quick(at(SECOND), ME)
    look_inside.ask_all_quick("?id=nosuch", ME)
    assert len(board._all) == 1
