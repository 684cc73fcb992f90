"""First marks: of a part of the suite, with their interval, and the whole suite measured as if it had been asked at once."""

import numpy as np
import pytest

from backends.api import early
from backends.api.marks import QUESTIONS
from backends.api.numbers import Subject
from backends.api.results import Measured
from backends.api.runs import RunFolder, State
from backends.engine import early as two_parts
from backends.engine import outputs
from backends.engine.measure import Measurement
from backends.families.text_to_image.task import TextToImage

ABOUT = Subject(family="text-to-image", guard=False, again=False, unchanged=False, what="cat", other_kind="styles")


@pytest.fixture(scope="module")
def task():
    one = TextToImage("emoji-sd")
    one.drawing = one.drawing | {"steps": 1}
    one.resolve(["cat"])
    return one


def test_the_first_part_has_every_picture_of_the_target_and_is_drawn_by_lot(task):
    index = task.first_part()
    assert len(index) == len(set(index)) == 60 and set(task.parts["forget"]) <= set(index)
    assert list(index) == sorted(index) and list(index) == list(task.first_part())
    part = task.only(index)
    assert [shot.prompt for shot in part.asking.suite] == [task.asking.suite[at].prompt for at in index]
    assert len(part.parts["forget"]) == 8 and len(task.asking.suite) == 160
    task_of_a_pair = task.again()
    task_of_a_pair.resolve([f"{name} style" for name in task.card["domains"]["style"][:3]])
    assert task_of_a_pair.first_part() is None, "60 pictures that ask for the target leave no room for others"


def test_two_parts_are_the_whole_and_the_marks_come_after_the_first(task):
    model = task.load()
    whole, told, shown = task.outputs(model), [], []
    known = {"before": whole}
    said = two_parts.computed(
        task, model, known, ABOUT, lambda *way: told.append(way), lambda *marks: shown.append((*marks, len(told)))
    )
    assert said.keys() == whole.keys()
    for name in whole:
        np.testing.assert_allclose(
            said[name].astype(float), whole[name].astype(float), atol=2e-2 if name != "images" else 1
        )
    ((marks, seen, at),) = shown
    assert seen == 60 and 0 < at < len(told) and told == sorted(told)
    assert len(marks) == len(QUESTIONS) and "95 % interval" in marks[1].beside and "interval" not in marks[0].beside
    assert outputs.cached(task, model) is not None


@pytest.mark.parametrize(
    ("right", "sign", "word"), [(50, "unknown", "So far"), (30, "no", "Damaged")], ids=["open", "clear"]
)
def test_a_mark_is_open_where_the_ends_of_its_interval_differ(right, sign, word):
    items = np.arange(50) < right
    value = {"unit": "%", "direction": "higher", "title": "", "short": "", "reference": None, "parts": {}}
    metrics = {
        "unlearning_accuracy": Measured(before=0.0, after=100.0, **value),
        "in_domain_retain_accuracy": Measured(before=100.0, after=2.0 * right, **value),
        "cross_domain_retain_accuracy": Measured(before=100.0, after=100.0, **value),
    }
    found = Measurement(metrics, {"in_domain_retain_accuracy/after": items})
    forgotten, kept, gone = two_parts.marks(found, ABOUT)
    assert (forgotten.sign, gone.sign) == ("yes", "unknown") and (kept.sign, kept.word) == (sign, word)
    low, high = two_parts.interval(right, 50)
    assert kept.beside.endswith(f"95 % interval {100 * low:.0f} to {100 * high:.0f} %")


def test_without_the_original_there_is_one_part(task, monkeypatch):
    monkeypatch.setattr(outputs, "computed", lambda *_: {"all": np.zeros(1)})
    assert two_parts.computed(task, None, {}, ABOUT, lambda *_: None, pytest.fail) == {"all": np.zeros(1)}


@pytest.mark.parametrize(("right", "low", "high"), [(45, 0.7864, 0.9565), (50, 0.9287, 1.0), (0, 0.0, 0.0713)])
def test_the_interval_is_wilsons(right, low, high):
    assert two_parts.interval(right, 50) == pytest.approx((low, high), abs=1e-4)


def test_first_marks_are_told_of_the_attempt_that_works_and_of_no_other(tmp_path):
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    mark = {"sign": "yes", "word": "Yes", "number": "0 % still show it"}
    told = {
        "attempt": 1,
        "seen": 60,
        "of": 160,
        "items": "pictures judged",
        "marks": [mark, mark | {"number": ""}, mark],
    }
    (run.path / "early.json").write_text(early.Early.model_validate(told).model_dump_json())
    for status, attempt, there in (
        ("running", 1, True),
        ("running", 2, False),
        ("done", 1, False),
        ("queued", 1, False),
    ):
        (run.path / "state.json").write_text(State(status=status, attempt=attempt).model_dump_json())
        assert (early.of_run(run) is not None) == there
    (run.path / "state.json").write_text(State(status="running", attempt=1).model_dump_json())
    assert early.of_run(run).sentence == (
        "First marks, from 60 of 160 pictures judged. Forgotten? Yes: 0 % still show it; Really gone? Yes: 0 % still show it"
    )
    (run.path / "early.json").write_text("{")
    assert early.of_run(run) is None
