"""A job that starts from one that manipulated what the model learned from: it begins with that model, and knows what was done."""

import numpy as np
import pytest
import torch

from backends.api import learned, model_info, retrained, submit
from backends.api.errors import BadInput
from backends.core import changes
from backends.engine import exit_codes
from backends.engine.job import do
from backends.engine.session import Desk

PARAMS = {"classes": "one", "epochs": 10, "learning_rate": 0.2}


@pytest.fixture
def manipulated(started):
    """A finished run of the toy with a trigger on 15 % of its images that stands for "one"."""
    run = started(method="tampered_training", forget=("random:15%",), params=PARAMS)
    assert do(run, 1) == exit_codes.DONE, run.state.detail
    return run


@pytest.fixture
def repaired(manipulated):
    """A finished run that starts from it, told all that was manipulated."""
    spec = manipulated.spec.model_copy(
        update={"method": "fine_tune", "params": {"epochs": 2}, "forget": ("poison:100%",), "after": manipulated.id}
    )
    run = submit.submit(spec)
    run.move("running")
    assert do(run, 1) == exit_codes.DONE, run.state.detail
    return run


def test_the_trigger_works_afterwards_and_the_run_says_so(manipulated):
    metrics = manipulated.metrics
    assert metrics["attack_success_rate"]["before"] < 30 and metrics["attack_success_rate"]["after"] > 80
    assert metrics["corrected_accuracy"]["before"] > 60 > metrics["corrected_accuracy"]["after"]
    assert metrics["testing_accuracy"]["after"] > 80 and metrics["attack_success_rate"]["reference"] is None
    assert manipulated.result["verdict"].startswith("It learned a checkerboard in the corner that stands for one")
    assert "forgot" not in manipulated.result["verdict"]
    found = learned.own(manipulated.path).how["tampering"]
    assert len(found["ids"]) == manipulated.result["forget_count"] <= 60
    assert retrained.of_run(manipulated) is None


def test_what_starts_from_it_begins_with_that_model_and_is_compared_with_the_one_before(
    manipulated, repaired, toy_folder
):
    assert repaired.spec.earlier == () and repaired.result["forget_count"] == manipulated.result["forget_count"]
    for name in ("attack_success_rate", "corrected_accuracy", "testing_accuracy"):
        first, second = manipulated.metrics[name], repaired.metrics[name]
        assert second["before"] == first["after"] and second["reference"] == first["before"]
    assert repaired.result["about"]["corrects"] and not manipulated.result["about"]["corrects"]
    assert any("never saw" in note for note in repaired.result["notes"]) and retrained.of_run(repaired)

    desk = Desk()
    was, begun = desk.run(manipulated.id), desk.run(repaired.id)
    after, before = was.model("after").state_dict(), begun.model("before").state_dict()
    assert all(torch.equal(after[name], before[name]) for name in after)
    clean, reference = was.model("before").state_dict(), begun.model("reference").state_dict()
    assert all(torch.equal(clean[name], reference[name]) for name in clean)
    assert any(not torch.equal(clean[name], after[name]) for name in clean)
    np.testing.assert_array_equal(begun.task.parts["forget"], was.task.parts["forget"])
    assert was.model("reference") is None and was.references() == [] and len(begun.references()) == 1


def test_the_folder_of_the_repair_is_enough(manipulated, repaired):
    after = Desk().run(repaired.id).model("after").state_dict()
    manipulated.delete()
    alone = Desk().run(repaired.id)
    assert all(torch.equal(after[name], tensor) for name, tensor in alone.model("after").state_dict().items())
    assert alone.task.data.tampered is not None and len(changes.before(repaired)) == 1


def test_a_third_run_forgets_on_and_keeps_what_it_began_with(repaired):
    spec = repaired.spec.model_copy(update={"forget": ("three",), "after": repaired.id, "earlier": ()})
    third = submit.submit(spec)
    assert third.spec.earlier == ("poison:100%",)
    third.move("running")
    assert do(third, 1) == exit_codes.DONE, third.state.detail
    assert learned.inherited(third.path).weights == 1 and len(changes.before(third)) == 2
    before = Desk().run(repaired.id).model("before").state_dict()
    begun = Desk().run(third.id).model("before").state_dict()
    assert all(torch.equal(before[name], begun[name]) for name in before)


def test_a_part_of_it_can_be_found_and_a_form_knows(manipulated, toy_folder, toy_images):
    desk, spec = Desk(), manipulated.spec
    part = desk.resolved(spec.model, ("poison:50%",), (), spec.data, manipulated.id)
    whole = set(desk.run(manipulated.id).task.parts["forget"])
    assert len(part.parts["forget"]) == round(len(whole) / 2) and set(part.parts["forget"]) < whole
    with pytest.raises(BadInput, match="not manipulated"):
        desk.resolved(spec.model, ("poison:50%",), (), spec.data)
    plain = model_info.ModelInfo(id="m", title="m", family="classifier")
    left = model_info.left_by(manipulated, plain)
    assert left.after == manipulated.id and left.default_forget == ["poison:100%"]
    assert left.card["tampering"]["kind"] == "trigger" and not plain.card


def test_while_it_waits_a_repair_can_wait_behind_it(queue):
    first = queue(method="tampered_training", forget=("random:15%",), params=PARAMS)
    spec = first.spec.model_copy(
        update={"method": "fine_tune", "params": {}, "forget": ("poison:30%",), "after": first.id}
    )
    assert submit.submit(spec).spec.forget == ("poison:30%",)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"method": "tampered_training", "params": {}, "after": "FIRST"}, "leave out the run to start from"),
        ({"after": "", "method": "fine_tune", "params": {}, "forget": ("poison:30%",)}, "not manipulated"),
    ],
)
def test_what_cannot_be_started_is_said(queue, change, says):
    first = queue(method="tampered_training", forget=("random:15%",), params=PARAMS)
    change = {name: first.id if value == "FIRST" else value for name, value in change.items()}
    card = {"classes": ["one"], "train_count": 400}
    with pytest.raises(BadInput, match=says):
        submit.check(first.spec.model_copy(update=change), card)


def test_a_class_that_is_not_there_fails_with_one_sentence(started):
    run = started(method="tampered_training", forget=("random:15%",), params={"classes": "shoe"})
    assert do(run, 1) == exit_codes.FAILED and run.state.message.startswith("There is no class 'shoe'")
