"""Where strangers share one studio, nobody is shown another's run: not its id, not its name, not a word of it."""

import ast
import re
import shutil
import threading
from pathlib import Path

import apart
import pytest
import rendered
from app_pages import Form, answers_of, call, events, text_of

from app import permissions, site
from app.inference import LIVE
from app.looks import LOOKS
from app.sessions import Session
from backends.api import catalog, files, runs, submit
from backends.api.errors import BadInput, LetheError
from backends.api.home import ASSETS
from pages.classroom import show
from pages.studio import _growing, _sweep, methods

ALICE, BOB = "the secret of alice's browser", "the secret of bob's browser"
HERS = re.compile("alice|canary", re.IGNORECASE)
SHIPPED = ("example-forget-sandal", "example-author-forgotten", "example-forget-cat", "example-experts-one")
SANDAL = SHIPPED[0]
ROOT = Path(__file__).resolve().parents[2]


def put(home: Path, name: str, of: str = SANDAL, status: str = "done", **fields) -> Path:
    """A run of Alice's, of which every text says so: a copy of a shipped one, with other fields of the spec."""
    path = home / "runs" / f"20261101-000000-alice-{name}"
    shutil.copytree(ASSETS / "runs" / of, path, ignore=shutil.ignore_patterns("inspect"), copy_function=shutil.copyfile)
    spec = files.read_json(path / "spec.json") | fields
    files.write_json(path / "spec.json", spec)
    moments = [{"status": one, "at": 1.0} for one in ("queued", "running", status)]
    state = {"status": status, "owner": runs.owner_mark(ALICE), "message": "canary", "history": moments}
    files.write_json(path / "state.json", state)
    result = files.read_json(path / "result.json") | {"run_id": path.name, "verdict": "A canary was forgotten."}
    files.write_json(
        path / "result.json",
        result | {"params": result["params"] | spec["params"], "forget_count": 2000 * len(spec["forget"])},
    )
    if status != "done":
        (path / "result.json").unlink()
    return path


def hers(home: Path) -> None:
    """Alice's runs: comparable with the shipped ones, members of sweeps around them, waiting, working, failed, damaged."""
    params = files.read_json(ASSETS / "runs" / SANDAL / "spec.json")["params"]
    put(home, "same")
    put(home, "swept", params=params | {"epochs": 7})
    put(home, "larger", forget=["Sandal", "Bag"])
    put(home, "after", forget=["Bag"], after=SANDAL, earlier=["Sandal"])
    for status in ("queued", "running", "failed", "cancelled"):
        put(home, status, status=status, params=params | {"epochs": 8})
    files.write_json(put(home, "finder", method="worst_case") / "found.json", {"ids": [1, 2], "share": 0.1})
    put(home, "words", SHIPPED[1], forget=["Who is the canary? => Alice"])
    put(home, "drawn", SHIPPED[2])
    put(home, "routed", SHIPPED[3])
    (put(home, "damaged") / "metrics.json").write_text("{")


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    """The pages of a shared studio, built while Alice's runs are there, and its home."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        patch.setenv("LETHE_HOME", str(home))
        patch.setenv("LETHE_SHARED", "1")
        hers(home)
        yield site.build(), home


@pytest.fixture
def shared(studio, monkeypatch):
    """The studio, with nobody to answer for models."""

    def busy(*_, **__):
        raise LetheError("Nobody answers here.")

    monkeypatch.setattr(LIVE, "ask", busy)
    monkeypatch.setattr(LIVE, "stream", busy)
    monkeypatch.setenv("LETHE_SHARED", "1")
    monkeypatch.setenv("LETHE_HOME", str(studio[1]))
    return studio[0]


ADDRESSES = [
    ("", {}),
    ("new", {"clone": SANDAL}),
    ("new", {"model": "fashion-resnet"}),
    ("runs", {}),
    ("run", {}),
    ("run", {"id": "nobody"}),
    *(("run", {"id": name, "with": SANDAL}) for name in SHIPPED),
    *(("methods", {"tab": tab}) for tab in ("methods", "runs", "measured", "sweep")),
    *(("methods", {"tab": "sweep", "base": SANDAL, "param": param}) for param in ("epochs", *_growing.KINDS)),
]


@pytest.mark.parametrize("secret", ["", BOB])
def test_no_address_shows_a_stranger_her_runs(shared, secret):
    for path, query in ADDRESSES:
        shown = apart.run(answers_of(shared, path, query, secret))
        assert not HERS.search(shown), (path, query, HERS.search(shown))


def given(component, run: str, param: str, group: str, secret: str = BOB):
    """What a stranger sends for a part of a page: what he may choose there, else what it holds at first."""
    name = str(getattr(component, "elem_id", "") or "")
    if type(component).__name__ == "BrowserState":
        return secret if component.storage_key == "lethe-identity" else ""
    if name == "run-at":
        return f"?id={run}&with={SANDAL}&tab=inside"
    if name == "sweep-base":
        return run
    known = {"sweep-param": param, "sweep-values": "Sandal" if param.startswith("*") else "0.1", "own-group": group}
    return known.get(name, getattr(component, "value", None))


def test_no_event_tells_a_stranger_of_her_runs(shared):
    """Every event of every page, whether a page shows it or not, and those of the lists with all that leads to her."""
    keys = {f"{r['model']}/{r['forget_key']}" for name in SHIPPED if (r := runs.find(name).result)}
    lists = {"run-at", "sweep-base", "own-group"}
    asked = 0
    for fn in events(shared):
        listing = bool(lists & {getattr(one, "elem_id", None) for one in fn.inputs})
        ways = [(SANDAL, "epochs", sorted(keys)[0])]
        if listing:
            ways = [(SANDAL, param, sorted(keys)[0]) for param in ("epochs", *_growing.KINDS)]
            ways += [(run, "epochs", key) for run, key in zip(SHIPPED[1:], sorted(keys)[1:], strict=False)]
        for way in ways:
            said = apart.run(
                call(shared, fn, [given(one, *way) for one in fn.inputs], {}, {"run": SANDAL, "act": "delete"})
            )
            asked += 1
            assert not HERS.search(said), (fn.name, way, HERS.search(said))
    assert asked > 100 and any(fn.rendered_in for fn in events(shared))
    assert not HERS.search(text_of(shared.get_config_file()))


def test_nothing_of_her_is_drawn_for_a_stranger(shared):
    """The settings of every method, which are drawn for each page alone."""
    session = Session(shared)
    for method in catalog.load().methods:
        chosen = {"method": method.id}
        rendered.draw(shared, session, lambda part, by=chosen: by.get(part.elem_id, given(part, "", "", "")))
    parts = rendered.parts(session, shared)
    assert len(parts) > 200 and not HERS.search(text_of(parts))


def test_the_walk_would_notice(shared):
    """She herself is shown all of them, by the same walk."""
    listed = apart.run(answers_of(shared, "runs", {}, ALICE))
    for name in ("same", "swept", "larger", "after", "queued", "running", "failed", "finder", "words", "damaged"):
        assert f"alice-{name}" in listed, name
    (group,) = {f"{r['model']}/{r['forget_key']}" for r in [runs.find(SANDAL).result]}
    first, second = "unlearning_accuracy", "remaining_accuracy"
    assert "alice-same" in text_of(methods.show_runs(ALICE, group, first, second))
    assert "alice" not in text_of(methods.show_runs(BOB, group, first, second))
    for param, member in (("epochs", "swept"), (_growing.LARGER, "larger"), (_growing.AFTER, "after")):
        assert f"alice-{member}" in _sweep.show(SANDAL, param, ALICE)[0], param
        assert "alice" not in _sweep.show(SANDAL, param, BOB)[0], param


def test_the_form_offers_the_sets_that_ones_own_runs_found_and_no_others(shared):
    """At every event that fills the list in: by another kind of target, and by another model."""
    asked = set()
    for fn in events(shared):
        heard = {getattr(shared.blocks.get(part), "elem_id", None) for part, _ in fn.targets} & {"kind", "model"}
        if not heard or "found" not in [getattr(one, "elem_id", None) for one in fn.outputs]:
            continue
        asked |= heard
        names = [getattr(one, "elem_id", None) for one in fn.inputs]
        for secret in (ALICE, BOB, ""):
            sent = [given(one, SANDAL, "", "", secret) for one in fn.inputs]
            sent[names.index("kind")], sent[names.index("found")] = "found", None
            said = apart.run(call(shared, fn, sent, {}))
            assert ("alice-finder" in said) == (secret == ALICE), (heard, secret)
    assert asked == {"kind", "model"}


def test_a_set_that_a_link_names_is_offered_too(shared):
    name, form = "20261101-000000-alice-finder", Form("fashion-resnet")
    for secret in (ALICE, BOB):
        found = form.filled(("forget", f"run:{name}"), owner=runs.owner_mark(secret))["images.found"]
        assert found.value == name and name in [value for _, value in found.choices]


def test_who_has_the_link_looks_and_starts_own_jobs_but_changes_nothing(shared):
    name = "20261101-000000-alice-same"
    for tab in ("see", "ask", "inside", "numbers"):
        shown = apart.run(answers_of(shared, "run", {"id": name, "tab": tab}, BOB))
        assert name in shown and not re.search("alice-(?!same)", shown), tab
    assert "Forgotten?" in apart.run(answers_of(shared, "run", {"id": name}, BOB))
    with pytest.raises(BadInput, match="another browser"):
        permissions.for_change(name, BOB)
    spec = runs.find(name).spec
    mine = submit.submit(spec.model_copy(update={"forget": ("Bag",), "after": name}), runs.owner_mark(BOB))
    assert mine.spec.earlier == ("Sandal",)
    assert permissions.may_change(mine, BOB) and not permissions.may_change(mine, ALICE)
    mine.cancel()
    mine.delete()


@pytest.mark.parametrize("run", ["20261101-000000-alice-same", SANDAL])
def test_what_a_stranger_looks_for_is_no_part_of_a_run(shared, monkeypatch, run):
    """Of hers and of those that came with Lethe: every event of the page, sent by him, asks for looks beside the run only."""
    asked = []

    def stream(op, **args):
        asked.append((op, args["run"], args["joins"]))
        yield {"params": args.get("params", {}), "panels": [], "seconds": 1.0}

    monkeypatch.setattr(LIVE, "stream", stream)
    for fn in events(shared):
        if any(getattr(one, "elem_id", None) == "run-at" for one in fn.inputs):
            sent = [f"?id={run}" if one.elem_id == "run-at" else given(one, run, "", "") for one in fn.inputs]
            apart.run(call(shared, fn, sent, {}, {"look": "1"}))
    for _ in range(500):
        if LOOKS._worker is None:
            break
        threading.Event().wait(0.02)
    assert set(asked) == {("inspect", run, False), ("test", run, False)}


def test_a_damaged_run_is_deleted_by_nobody_but_its_owner(shared):
    name = "20261101-000000-alice-damaged"
    with pytest.raises(BadInput, match="another browser"):
        permissions.for_change(name, BOB)
    assert permissions.for_change(name, ALICE).id == name
    assert name not in {run.id for run in runs.unreadable(runs.owner_mark(BOB))}


def test_lessons_tell_of_shipped_runs(shared):
    for capability in ("classes", "answers", "router", "pictures"):
        example = show.example(needs=capability)
        assert example is None or example.shipped
    assert all(run.shipped for run in show.shipped({"One": SANDAL}, needs="classes").values())


SHOWING = [
    *(ROOT / "pages").rglob("*.py"),
    *(path for path in (ROOT / "app").rglob("*.py") if "commands" not in path.parts),
]


def test_whoever_shows_runs_asks_the_one_function():
    """The command line is left out: who may run it may read the folder."""
    raw = {"all_runs", "unreadable_of_home", "_folders"}
    wrong = []
    for path in SHOWING:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
            made = (
                isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "RunFolder"
            )
            folder = isinstance(node, ast.BinOp) and isinstance(node.right, ast.Constant) and node.right.value == "runs"
            if name in raw or made or folder:
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert len(SHOWING) > 40 and wrong == []
