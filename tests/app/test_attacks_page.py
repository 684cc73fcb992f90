"""Attacks appear wherever inspectors do: on the page Look inside, in its queue, among what was found."""

import time

import pytest

from app import looks
from backends.api import catalog, files
from backends.api.catalog import Attack, Source
from pages.studio.run import _found, _looking, _offer
from pages.studio.run import _inside as look_inside

RELEARN = Attack(
    id="relearn", title="Relearning: does a little training bring it back", summary="It trains on a few items.",
    source=Source(title="made here"), works_with={"classifier": True, "llm": "A language model gives images no classes."},
    params={"properties": {"steps": {"type": "integer", "minimum": 1, "maximum": 9, "default": 2}}},
)  # fmt: skip


@pytest.fixture(autouse=True)
def with_an_attack(monkeypatch):
    """A catalog with an attack."""
    known = catalog.load()
    more = known.model_copy(update={"attacks": [RELEARN]})
    monkeypatch.setattr(catalog, "load", lambda: more)
    _offer.LACKING.clear()


@pytest.fixture
def done(monkeypatch):
    """A queue of looks whose process answers at once, and what it was asked."""
    asked = []

    def stream(op, **given):
        asked.append((op, {name: value for name, value in given.items() if name != "cancelled"}))
        yield {"phase": "attacking", "done": 1, "of": 2}
        yield {"params": given["params"]}

    queue = looks.Looks(stream)
    for module in (look_inside, _found, _looking):
        monkeypatch.setattr(module, "LOOKS", queue)
    return queue, asked


def test_an_attack_is_offered_after_the_inspectors_where_it_works(make_run):
    sandal, author = make_run(), make_run(model="authors-lm", method="npo", forget=("Ivo Pemberly",))
    assert _offer.fitting(sandal.id)[-1] == RELEARN
    assert "relearn" not in [entry.id for entry in _offer.fitting(author.id)]


def test_its_settings_and_its_summary_stand_on_the_page():
    assert RELEARN.summary in _found.describe("relearn")
    fields = [0] * sum(len(look_inside.forms.properties(entry.params)) for entry in catalog.load().inspectors)
    assert look_inside.chosen_params("relearn", (*fields, 3)) == {"steps": 3}


def test_it_is_done_in_the_queue_of_looks_by_its_own_operation(make_run, done):
    queue, asked = done
    run = make_run()
    one = queue.ask(run.id, "relearn", {"steps": 2}, "me")
    until = time.monotonic() + 20
    while one.pending and time.monotonic() < until:
        time.sleep(0.01)
    assert one.state == "done", one.error
    assert asked == [("attack", {"run": run.id, "attack": "relearn", "params": {"steps": 2}, "joins": True})]
    assert RELEARN.title in _looking.row(one, with_run=False)


def test_what_it_found_is_shown_from_its_own_folder(make_run):
    run = make_run()
    assert "Nobody has looked at this" in _found.findings_or_hint(run.id, "relearn")
    found = {"what": "relearn", "params": {"steps": 2}, "seconds": 1.0, "wording": 1, "panels": []}
    files.write_json(run.path / "attack" / "relearn" / "found.json", found)
    assert RELEARN.title in _found.findings_or_hint(run.id, "relearn") and "steps 2" in _found.findings_or_hint(
        run.id, "relearn"
    )
    assert "Nobody has looked at this" in _found.findings_or_hint(run.id, "confusion")
