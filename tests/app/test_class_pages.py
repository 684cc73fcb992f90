"""The pages of a class: a server without one has none of it, and each event of the board answers its teacher's browser alone."""

import apart
import gradio as gr
import pytest
from app_pages import Form, answers_of, call, text_of
from fastapi.testclient import TestClient

from app import classes as shown
from app import server, site
from backends.api import catalog, class_board, class_locks, classes, runs, submit
from backends.api.classes import Locks
from backends.api.errors import BadInput, Busy
from backends.api.limits import limits
from backends.api.runs import owner_mark
from pages.studio.klass import _board
from pages.studio.new import _chosen

ANNA, BEN, TEACHER = (
    "the secret of anna's browser",
    "the secret of ben's browser",
    "the secret of the teacher's browser",
)
NAME = "Benedikta"  # whom nobody but the teacher may see
JOB = {"model": "fashion-resnet", "method": "fine_tune", "forget": ["Sandal"]}


@pytest.fixture
def begun(monkeypatch):
    """A class with a teacher, two pupils and a run of one of them."""
    monkeypatch.setenv("LETHE_CLASS", "1")
    catalog.load()
    assert classes.claim(classes.begin("Class 9b"), owner_mark(TEACHER))
    code = classes.current().code
    classes.join(code, "Anna", owner_mark(ANNA))
    classes.join(code, NAME, owner_mark(BEN))
    return submit.submit(submit.read(**JOB), owner_mark(BEN))


def test_a_server_without_a_class_has_nothing_of_it(home):
    assert "class" not in [page.PATH for page in site.studio_pages()]
    demo = site.build()
    assert not [part for part in demo.blocks.values() if str(getattr(part, "elem_id", "")).startswith("class-")]
    assert _chosen.PART not in Form("fashion-resnet").page.parts


def given(part, secret):
    """What somebody sends for a part of the board."""
    if isinstance(part, gr.BrowserState):
        return secret
    return {"class-view": "pupils", "class-state": "all", "class-sure": True, "class-name": "x" * 10_000}.get(
        str(part.elem_id), getattr(part, "value", "")
    )


def events(demo):
    return [fn for fn in demo.fns.values() if fn.fn and fn.page == "class"]


@pytest.mark.parametrize("secret", ["", ANNA, "somebody's", "\0"])
def test_no_event_of_the_page_tells_others_of_a_pupil(begun, secret):
    demo, before = site.build(), classes.current()
    pupil_id = before.pupils[owner_mark(BEN)].id
    assert len(events(demo)) > 8
    for fn in events(demo):
        for act in ("delete", "code", "more", ""):
            values = [given(part, secret) for part in fn.inputs]
            said = apart.run(call(demo, fn, values, {"teacher": before.teacher}, {"act": act, "run": pupil_id}))
            assert NAME not in said and begun.id not in said, (fn.name, act)
    after = classes.current()
    assert after is not None and (after.code, after.pupils, after.teachers) == (
        before.code,
        before.pupils,
        before.teachers,
    )


def test_the_same_events_show_the_teacher_the_class(begun):
    demo = site.build()
    said = apart.run(answers_of(demo, "class", {}, TEACHER))
    assert NAME in said and "next in the queue" in said and classes.current().code[0] in said
    (tick,) = (fn for fn in events(demo) if fn.name == "look")
    pupils = apart.run(call(demo, tick, [given(part, TEACHER) for part in tick.inputs], {}))
    assert NAME in pupils and "No run yet" in pupils  # Anna's card


def test_a_name_is_text_wherever_it_stands(begun):
    classes.join("", "<b>&amp;\"'x", owner_mark(ANNA))
    submit.submit(submit.read(**JOB), owner_mark(ANNA))
    board = class_board.read(classes.current())
    for html in (
        shown.runs_html(board, "all"),
        shown.pupils_html(board, "all"),
        shown.line(owner_mark(ANNA)),
        shown.visitor(owner_mark(ANNA)),
    ):
        assert "&lt;b&gt;" in html and "<b>&" not in html


def test_who_has_not_joined_is_told_so_on_every_page(begun):
    demo = site.build()
    for path in ("", "new", "runs", "methods", "run"):
        assert "To start a job, join with the code" in apart.run(answers_of(demo, path, {}, "a stranger")), path
        assert "You are Anna." in apart.run(answers_of(demo, path, {}, ANNA)), path


def test_an_ended_class_leaves_no_line_and_says_where_the_runs_are(begun):
    classes.end()
    assert shown.line(owner_mark(ANNA)) == ""
    assert "page Runs" in shown.visitor(owner_mark(ANNA))


def test_the_board_filters_by_state(begun):
    board = class_board.read(classes.current())
    assert NAME in shown.runs_html(board, "waiting") and "None is done" in shown.runs_html(board, "done")
    assert NAME in shown.pupils_html(board, "waiting") and "Anna" not in shown.pupils_html(board, "waiting")


def test_sixty_pupils_stand_on_the_board(begun):
    for at in range(60):
        classes.join(classes.current().code, f"Pupil {at}", f"mark{at}")
    board = class_board.read(classes.current())
    assert shown.pupils_html(board, "all").count("data-item") == 62
    assert "<b>62</b> pupils" in shown.head(board, "here")


def test_wrong_codes_close_the_door_for_their_network_alone(begun, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(shown, "GUESSES", shown.Guesses(lambda: now[0]))
    code, most = classes.current().code, limits().wrong_codes
    for at in range(most):
        with pytest.raises(BadInput, match="not the code"):
            shown.join("BBBBBB", "Guesser", f"mark{at}", "10.0.0.1")
    with pytest.raises(Busy, match="wait a minute"):
        shown.join(code, "Guesser", "mark", "10.0.0.1")
    assert shown.join(code, "Pupil", "another", "10.0.0.2") == "Pupil"
    now[0] = 61.0
    assert shown.join(code, "Late", "mark", "10.0.0.1") == "Late"


def test_what_is_chosen_fills_in_the_form(begun):
    classes.lock(class_locks.checked("fashion-vit", ["Bag"], "salun"))
    form, mark = Form("fashion-resnet"), owner_mark(ANNA)
    query = _chosen.query([("model", "authors-lm"), ("forget", "Ivo Pemberly"), ("seed", "3")], mark)
    updates = form.filled(*query, owner=mark) | _chosen.updates(mark)
    assert (updates["model"], updates["seed"]) == ("fashion-vit", 3)
    assert "Chosen by your teacher" in updates[_chosen.PART] and "Bag" in updates[_chosen.PART]
    assert _chosen.query([("model", "authors-lm")], owner_mark(TEACHER)) == [("model", "authors-lm")]
    assert _chosen.query([("clone", begun.id)], mark) != [("clone", begun.id)]
    classes.lock(Locks(model="fashion-resnet"))
    assert _chosen.query([("clone", begun.id)], mark) == [("clone", begun.id)]


def test_a_refused_job_is_said_beside_the_button(begun):
    classes.lock(class_locks.checked(method="salun"))
    form = Form("fashion-resnet")
    from pages.studio.new import Arriving

    run, secret, said = Arriving(form.page).start(form.raw | {"visitor": ANNA, "method": "fine_tune"})
    assert (run, secret) == ("", ANNA) and "Your teacher has chosen the method" in said
    assert [one.id for one in runs.all_runs(shipped=False)] == [begun.id]


def test_the_address_on_the_board_is_one_that_pupils_reach(monkeypatch):
    monkeypatch.setattr(shown, "network_address", lambda: "10.1.2.3")
    assert shown.address_of({"host": "192.168.1.5:7860"}) == "192.168.1.5:7860/class"
    assert shown.address_of({"host": "inner:7860", "x-forwarded-host": "lethe.example"}) == "lethe.example/class"
    assert (
        shown.address_of({"host": "localhost:7860"})
        == shown.address_of({}).replace("/class", ":7860/class")
        == "10.1.2.3:7860/class"
    )
    assert (
        text_of(
            shown.head(class_board.Board(classes.SchoolClass(name="x", code="BCDFGH", begun=0), [], {}), "<b>")
        ).count("<b>")
        < 6
    )


def test_the_whole_server_answers_the_page_and_its_export_to_the_teacher_alone(begun):
    with TestClient(server.create_app(), raise_server_exceptions=False) as client:
        assert client.get("/class").status_code == 200
        studio = client.app.routes[-1].app.get_blocks()
        (number,) = (at for at, fn in studio.fns.items() if fn.fn is _board.csv_file)
        asked = {"fn_index": number, "session_hash": "s", "data": [ANNA]}
        refused = client.post("/gradio_api/run/predict", json=asked)
        assert refused.status_code == 422 and "Only the teacher's browser" in refused.text and NAME not in refused.text
        assert NAME in client.post("/gradio_api/run/predict", json=asked | {"data": [TEACHER]}).text
        assert client.post("/gradio_api/run/predict", json=asked | {"data": [{"a": 1}]}).status_code == 422
