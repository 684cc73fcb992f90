"""A class: who may start what in it, what is kept of whom, and what every door of it refuses."""

import csv
import io
import json

import pytest

from backends.api import catalog, class_board, class_locks, classes, files, runs, submit
from backends.api.classes import Locks
from backends.api.errors import BadInput, Unreadable
from backends.api.home import shared
from backends.api.limits import limits
from backends.api.runs import owner_mark
from backends.api.spec import JobSpec

ANNA, BEN, TEACHER = (owner_mark(f"the secret of {name}'s browser") for name in ("anna", "ben", "the teacher"))
JOB = {"model": "fashion-resnet", "method": "fine_tune", "forget": ["Sandal"]}


@pytest.fixture
def begun(monkeypatch):
    """A class whose teacher's browser is known: its code."""
    monkeypatch.setenv("LETHE_CLASS", "1")
    catalog.load()
    assert classes.claim(classes.begin("Class 9b"), TEACHER)
    return classes.current().code


def job(owner, **changes):
    return submit.submit(submit.read(**(JOB | changes)), owner)


def test_a_studio_without_a_class_knows_nothing_of_it(home):
    classes.begin("Class 9b")
    assert classes.current() is None and not shared()
    assert job("somebody").state.status == "queued"


def test_a_class_is_shared_by_strangers(begun):
    assert shared()
    assert len(begun) == classes.LENGTH and set(begun) <= set(classes.LETTERS)


def test_only_who_joined_starts_a_job(begun):
    with pytest.raises(BadInput, match=r"This studio is used by Class 9b.*join with the code"):
        job(ANNA)
    with pytest.raises(BadInput, match="join with the code"):
        submit.several([submit.read(**JOB)] * 2, ANNA)
    assert not runs.all_runs(shipped=False)
    classes.join(begun, "Anna", ANNA)
    assert job(ANNA).state.owner == ANNA
    assert job(TEACHER).state.owner == TEACHER
    assert job("").state.owner == ""  # the person at this machine


@pytest.mark.parametrize("typed", ["{}", " {} ", "{}\n"])
def test_a_code_is_taken_as_people_type_it(begun, typed):
    spaced = f"{begun[:3]}-{begun[3:]}".lower()
    assert classes.join(typed.format(spaced), "Anna", ANNA).name == "Anna"


@pytest.mark.parametrize("wrong", ["", "BBBBBB", "x" * 10_000, "ß", "\udcff", "\0"])
def test_a_wrong_code_lets_nobody_in(begun, wrong):
    with pytest.raises(classes.WrongCode, match="not the code of Class 9b; it has 6 letters"):
        classes.join(wrong, "Anna", ANNA)
    assert not classes.current().pupils


def test_a_browser_without_a_secret_does_not_join(begun):
    with pytest.raises(BadInput, match="not known here yet"):
        classes.join(begun, "Anna", "")
    with pytest.raises(BadInput):
        classes.check(JobSpec(**JOB), "another")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "at least one letter"),
        (" \n ", "at least one letter"),
        ("🙂", "at least one letter"),
        ("x" * 25, "25 characters; at most 24"),
        ("x" * 10_000, "10,000 characters; at most 24"),
        ("Anna\u202eneB", "cannot be shown"),
        ("Anna\0", "cannot be shown"),
        ("\udcffa", "cannot be shown"),
    ],
)
def test_a_name_that_cannot_be_shown_is_refused(begun, name, says):
    with pytest.raises(BadInput, match=says) as caught:
        classes.join(begun, name, ANNA)
    assert len(str(caught.value)) < 200
    assert not classes.current().pupils


def test_pupils_of_one_name_are_told_apart_and_a_pupil_can_take_another(begun):
    assert [classes.join(begun, name, f"mark{at}").name for at, name in enumerate(["Anna", "anna", "Anna "])] == [
        "Anna",
        "anna 2",
        "Anna 3",
    ]
    first = classes.current().pupils["mark0"]
    assert classes.join("", "Zoe", "mark0").id == first.id  # who is in needs no code
    assert {pupil.name for pupil in classes.current().pupils.values()} == {"Zoe", "anna 2", "Anna 3"}


def test_a_full_class_takes_nobody_until_one_is_removed(begun, monkeypatch):
    monkeypatch.setenv("LETHE_CLASS_PUPILS", "60")
    limits.cache_clear()
    try:
        for at in range(60):
            classes.join(begun, f"Pupil {at}", f"mark{at}")
        with pytest.raises(BadInput, match="60 have joined this class, as many as may"):
            classes.join(begun, "Anna", ANNA)
        classes.join(begun, "Renamed", "mark3")
        classes.remove(classes.current().pupils["mark3"].id)
        classes.join(begun, "Anna", ANNA)
    finally:
        limits.cache_clear()
    assert len(classes.current().pupils) == 60 and "mark3" not in classes.current().pupils


def test_nobody_becomes_the_teacher_without_the_link(begun):
    for wrong in ("", begun, "x" * 10_000, "\udcff", classes.current().teacher):
        assert not classes.claim(wrong, ANNA)
    assert not classes.claim(classes.begin(), "")
    assert classes.current().teachers == [TEACHER]


def test_a_new_start_goes_on_with_the_class_and_makes_a_new_link(begun):
    classes.join(begun, "Anna", ANNA)
    old, new = classes.begin(), classes.begin()
    assert not classes.claim(old, BEN)
    assert classes.claim(new, BEN)
    klass = classes.current()
    assert (klass.name, klass.code, klass.pupils[ANNA].name) == ("Class 9b", begun, "Anna")
    assert klass.is_teacher(TEACHER)


def test_no_secret_lies_on_disk_in_clear(begun, home):
    secret = classes.begin()
    classes.join(begun, "Anna", ANNA)
    text = (home / "class.json").read_text()
    assert secret not in text and "secret of" not in text and "Anna" in text
    assert (home / "class.json").stat().st_mode & 0o077 == 0


def test_a_new_code_lets_in_who_has_it_and_keeps_who_joined(begun):
    classes.join(begun, "Anna", ANNA)
    classes.renew_code()
    with pytest.raises(classes.WrongCode):
        classes.join(begun, "Ben", BEN)
    assert job(ANNA)


def test_the_end_forgets_every_name_and_keeps_the_runs(begun, home):
    classes.join(begun, "Anna", ANNA)
    run = job(ANNA)
    assert classes.end() and not classes.end()
    assert not any("Anna" in path.read_text() for path in home.rglob("*.json"))
    assert runs.find(run.id).state.owner == ANNA
    assert classes.current() is None
    with pytest.raises(BadInput, match="has ended"):
        classes.join(begun, "Ben", BEN)
    assert job(BEN)  # an ordinary shared studio from then on


def test_a_damaged_file_closes_the_class_instead_of_opening_it(begun, home):
    (home / "class.json").write_text("{")
    with pytest.raises(Unreadable, match="lethe class --end"):
        job(ANNA)
    assert classes.end()


CHOSEN = [
    (("fashion-resnet", ["sandal"], "salun"), Locks(model="fashion-resnet", forget=("Sandal",), method="salun")),
    (("authors-lm", [], ""), Locks(model="authors-lm")),
    (("", [" "], "salun"), Locks(method="salun")),
    (("", [], ""), Locks()),
]


@pytest.mark.parametrize(("given", "locks"), CHOSEN)
def test_what_is_chosen_is_checked_as_a_job_is(begun, given, locks):
    assert class_locks.checked(*given) == locks


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("fashion-restnet", [], ""), "no model 'fashion-restnet'"),
        (("/etc", [], ""), "no model '/etc'"),
        (("owner/name", [], ""), "no model 'owner/name'"),
        (("fashion-resnet", ["Hat"], ""), "no class 'Hat'"),
        (("", ["Sandal"], ""), "choose the model"),
        (("", [], "erase"), "no method 'erase'"),
        (("authors-lm", [], "salun"), "cannot be used with this model"),
    ],
)
def test_what_cannot_be_chosen_is_said(begun, given, says):
    with pytest.raises(BadInput, match=says):
        class_locks.checked(*given)


def test_the_server_refuses_what_the_teacher_has_not_chosen(begun):
    classes.join(begun, "Anna", ANNA)
    classes.lock(class_locks.checked("fashion-resnet", ["Sandal"], "fine_tune"))
    for changes in ({"model": "fashion-vit"}, {"forget": ["Bag"]}, {"forget": ["Sandal", "Bag"]}, {"method": "salun"}):
        with pytest.raises(BadInput, match="Your teacher has chosen") as caught:
            job(ANNA, **changes)
        assert "Open New run again" in str(caught.value)
    sweep = [submit.read(**JOB), submit.read(**(JOB | {"forget": ["Bag"]}))]
    with pytest.raises(BadInput, match="Your teacher has chosen"):
        submit.several(sweep, ANNA)
    assert not runs.all_runs(shipped=False)
    assert job(ANNA) and job(TEACHER, method="salun")
    classes.lock(Locks())
    assert job(ANNA, forget=["Bag"])


def test_a_chosen_method_is_its_variant_for_another_family(begun):
    classes.join(begun, "Anna", ANNA)
    classes.lock(class_locks.checked(method="salun"))
    run = job(ANNA, model="emoji-sd", method="salun", forget=["cat"])
    assert run.spec.method != "salun" and class_locks.obeys(run.spec, classes.current().locks)
    assert class_locks.fitting_method("salun", run.spec.family) == run.spec.method
    assert "authors-lm" not in class_locks.fitting_models("salun")
    with pytest.raises(BadInput, match="chosen the method"):
        job(ANNA, model="authors-lm", method="npo", forget=["Ivo Pemberly"])


def test_what_is_chosen_holds_for_pupils_and_strangers_alone(begun):
    classes.lock(Locks(method="salun"))
    assert class_locks.of_visitor(ANNA).method == class_locks.of_visitor("").method == "salun"
    assert not class_locks.of_visitor(TEACHER).some


def test_the_environment_chooses(begun, monkeypatch):
    assert class_locks.from_environment() is None
    monkeypatch.setenv("LETHE_CLASS_MODEL", "fashion-resnet")
    monkeypatch.setenv("LETHE_CLASS_FORGET", "Sandal\nBag")
    assert class_locks.from_environment() == Locks(model="fashion-resnet", forget=("Sandal", "Bag"))


def test_the_board_has_every_run_of_the_class_and_no_other(begun):
    classes.join(begun, "Anna", ANNA)
    classes.join(begun, "Ben", BEN)
    mine, teachers = job(ANNA), job(TEACHER)
    job("")
    runs.create(JobSpec(**JOB), "a stranger before the class")
    board = class_board.read(classes.current())
    assert {(row.pupil, row.run.id) for row in board.rows} == {("Anna", mine.id), ("Teacher", teachers.id)}
    assert sorted(row.place for row in board.rows) == sorted(runs.places()[run.id] for run in (mine, teachers))
    lines = class_board.table(board)
    assert [line["pupil"] for line in lines if not line["run"]] == ["Ben"]
    document = json.loads(json.dumps(class_board.as_document(board)))
    assert document["pupils"] == ["Anna", "Ben"] and len(document["runs"]) == 2
    assert not {ANNA, BEN, TEACHER} & set(files.dumps(document).split('"'))


def test_a_name_is_no_formula_of_a_spreadsheet(begun):
    classes.join(begun, "=HYPERLINK(1)", ANNA)
    job(ANNA)
    (line,) = csv.DictReader(io.StringIO(class_board.as_csv(class_board.read(classes.current()))))
    assert line["pupil"] == "'=HYPERLINK(1)"


def test_pupils_take_turns(begun):
    classes.join(begun, "Anna", ANNA)
    classes.join(begun, "Ben", BEN)
    first, second, third, bens = (job(owner).id for owner in (ANNA, ANNA, ANNA, BEN))
    places = runs.places()
    assert sorted(places, key=places.__getitem__) == [first, bens, second, third]
