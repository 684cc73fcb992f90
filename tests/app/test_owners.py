"""Where strangers share one studio, a run is changed only by who started it."""

import pytest

from app import permissions
from backends.api import runs
from backends.api.errors import BadInput
from pages.studio import runs as page


@pytest.fixture
def shared(monkeypatch):
    monkeypatch.setenv("LETHE_SHARED", "1")


class Press:
    def __init__(self, act, run):
        self._data = {"act": act, "run": run}


def test_alone_everyone_may_change(make_run):
    assert permissions.may_change(make_run("queued", owner="someone"), "")


def test_shared_only_the_owner_may(make_run, shared):
    run = make_run("queued", owner=runs.owner_mark("mine"))
    assert permissions.may_change(run, "mine")
    assert (
        not permissions.may_change(run, "theirs")
        and not permissions.may_change(run, "")
        and not permissions.may_change(run, None)
    )
    with pytest.raises(BadInput, match="another browser"):
        permissions.for_change(run.id, "theirs")


@pytest.mark.parametrize("act", ["cancel", "delete"])
def test_the_handler_itself_refuses_strangers(make_run, shared, act):
    run = make_run("queued", owner=runs.owner_mark("mine"))
    said = page.act("theirs", 20, Press(act, run.id))[1]
    assert run.path.is_dir() and run.state.status == "queued" and "another browser" in said
    assert "another browser" not in page.act("theirs", 20, Press("more", run.id))[1]


def test_a_visitor_lists_only_own_runs(make_run, shared):
    mine, theirs = (
        make_run("done", owner=runs.owner_mark("mine")),
        make_run("done", owner=runs.owner_mark("theirs"), seed=9),
    )
    shown = "".join(page.show("mine"))
    assert mine.id in shown and theirs.id not in shown
