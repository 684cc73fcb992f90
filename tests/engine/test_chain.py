"""Jobs that start from the model that an earlier run left."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from backends.api import runs, submit
from backends.api.errors import BadInput
from backends.core import changes
from backends.engine import exit_codes, start_from
from backends.engine.dispatcher import Dispatcher
from backends.engine.job import do
from backends.engine.loading import open_task
from backends.engine.session import Desk


@pytest.fixture
def chained(started, queue):
    """Two finished runs, the second of which starts from the first."""
    first = started(epochs=1)
    assert do(first, 1) == exit_codes.DONE
    spec = first.spec.model_copy(update={"forget": ("three",), "after": first.id})
    second = submit.submit(spec)
    second.move("running")
    assert do(second, 1) == exit_codes.DONE, second.state.message
    return first, second


def test_the_second_starts_where_the_first_ended_and_is_measured_against_the_model_itself(chained, tmp_path):
    first, second = chained
    assert second.spec.earlier == ("two",) and second.spec.forgotten == ("two", "three")
    assert second.result["forget_count"] == 160 and "two and three" in second.result["verdict"].replace(", ", " and ")
    for name in ("testing_accuracy",):  # before is the model itself, less what both forget
        assert second.metrics[name]["before"] > 90
    desk = Desk()
    start = desk.run(first.id).model("after").state_dict()
    original = desk.run(second.id).model("before").state_dict()
    assert any(not torch.equal(start[name], original[name]) for name in start)
    taken = changes.apply(desk.run(second.id).task.load(), changes.before(second)).state_dict()
    assert all(torch.equal(start[name], taken[name]) for name in start)

    after = desk.run(second.id).model("after").state_dict()
    first.delete()  # the folder alone is enough
    moved = second.path.with_name("copied")
    shutil.copytree(second.path, moved)
    shutil.rmtree(second.path)
    again = Desk().run("copied").model("after").state_dict()
    assert all(torch.equal(after[name], again[name]) for name in after)


def test_the_method_forgets_only_the_new_and_rehearses_nothing_old(started, queue):
    first = started(epochs=1)
    run = queue(forget=("three",), after=first.id, earlier=("two",))
    whole = open_task(run.spec.model, run.spec.data, {})
    whole.resolve(run.spec.forgotten)
    own = start_from.request(whole, run)
    labels = own.data.train.labels
    assert set(labels[own.parts["forget"]]) == {3} and set(labels[whole.parts["forget"]]) == {2, 3}
    for part in ("keep", "retain"):
        assert set(labels[own.parts[part]]) == {0, 1, 4}
    assert np.array_equal(whole.parts["keep"], own.parts["keep"])


def test_a_job_waits_for_the_one_it_starts_from(queue):
    first = queue()
    second = queue(forget=("three",), after=first.id, earlier=("two",))
    given = []
    executor = SimpleNamespace(
        name="none", slots=lambda: 2, takes=lambda run: len(given) < 2, start=lambda run, attempt: given.append(run.id), ended=lambda: [],
        prepare=lambda count: None, trouble=lambda: "",
    )  # fmt: skip
    dispatcher = Dispatcher(executor)
    dispatcher.step()
    dispatcher.step()
    assert given == [first.id] and second.state.status == "queued"
    first.move("failed", note="Broken.")
    dispatcher._busy.clear()
    dispatcher.step()
    assert given == [first.id, second.id]
    assert do(second, 1) == exit_codes.FAILED
    assert second.state.message == f"Run {first.id}, which this one starts from, is failed; it left no model."


def test_what_no_job_can_start_from_is_refused(queue, toy_folder):
    run = queue()
    spec = run.spec.model_copy(update={"after": run.id, "forget": ("three",)})
    assert submit.check(spec).earlier == ("two",)  # a queued one will have finished
    with pytest.raises(BadInput, match="There is no run 'nobody'"):
        submit.check(spec.model_copy(update={"after": "nobody"}))
    with pytest.raises(BadInput, match="two is in the forget list and in the keep list"):
        submit.check(spec.model_copy(update={"keep": ("two",)}), {"classes": ["zero", "one", "two", "three", "four"]})
    run.move("cancelled")
    with pytest.raises(BadInput, match=r"was not finished \(cancelled\), so no job can start from it"):
        submit.check(spec)
    assert submit.check(spec.model_copy(update={"after": ""})).earlier == ()
    assert len(runs.all_runs(shipped=False)) == 1
