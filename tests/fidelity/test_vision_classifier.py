"""Every method for classifiers comes to the weights that its paper's formulas give, step by step, from the same draws."""

import numpy as np
import pytest
import torch
import toy
from fidelity import vision_values
from fidelity.vision import RECORDED, Sorter, agrees, doubles, same, sorted_by, tensor, theta

from backends.core import registry
from backends.core.run import Run
from backends.families.classifier.guards import INPUT_DELTA
from backends.methods import random_label, salun, worst_case

METHODS = registry.entries("methods")
__all__ = ["doubles"]  # the fixture
WHOLE = 64  # all items in one batch, so that their order does not count
pytestmark = pytest.mark.usefixtures("doubles")


def test_the_recorded_values_are_those_of_the_formulas():
    inputs = {name: array for name, array in RECORDED.items() if not name.startswith("value ")}
    for name, array in vision_values.given().items():
        np.testing.assert_array_equal(array, inputs[name], err_msg=name)
    for name, value in vision_values.values(inputs).items():
        np.testing.assert_allclose(
            value.astype(float), RECORDED[f"value {name}"].astype(float), rtol=1e-7, err_msg=name
        )


def trained(name, value=None, **params):
    run = sorted_by(METHODS[name], **params)
    same(theta(run.model), value or name, RECORDED["other_theta" if name == "retrain" else "theta"])


@agrees("methods", "fine_tune")
def test_fine_tune():
    trained("fine_tune", epochs=3, learning_rate=0.1, batch_size=WHOLE)


@agrees("methods", "gradient_ascent")
def test_gradient_ascent():
    trained("gradient_ascent", epochs=3, learning_rate=0.01, batch_size=WHOLE)


@agrees("methods", "l1_sparse")
def test_l1_sparse():
    trained("l1_sparse", epochs=4, learning_rate=0.1, alpha=5e-3, epochs_without=1, batch_size=WHOLE)


def dealt(run, params, saved):
    """Stands for the drawing of labels: all items in one batch, with the recorded labels."""
    of = len(RECORDED["drawn_labels"])
    for step, labels in enumerate(tensor("drawn_labels")):
        batch = run.task.batch(np.arange(24))
        yield type(batch)(batch.x, batch.y, batch.index, batch.forget, step=step, of=of), labels


@agrees("methods", "random_label")
def test_random_label(monkeypatch):
    monkeypatch.setattr(random_label, "relabelled", dealt)
    trained("random_label", learning_rate=0.1, alpha=2.0, batch_size=WHOLE)


@agrees("methods", "salun")
def test_salun(monkeypatch):
    monkeypatch.setattr(salun, "relabelled", dealt)
    trained("salun", learning_rate=0.1, alpha=2.0, share=0.5, batch_size=8)
    scores = salun.saliency(Run(Sorter(), toy.Memory(), 0), 8)
    mask = salun.largest(scores, 0.5)
    assert np.array_equal(torch.cat([part.flatten() for part in mask.values()]), RECORDED["value salun_mask"])


@agrees("methods", "influence")
def test_influence():
    """Which image comes first is drawn; the value for each that may is recorded."""
    run = sorted_by(METHODS["influence"], alpha=0.7, samples=15)
    first = next(run.batches("keep", 1, limit=1)).index
    place = int(np.flatnonzero(run.task.parts["keep"] == int(first))[0])
    start, value = RECORDED["theta"], RECORDED["value influence"][place]
    np.testing.assert_allclose(theta(run.model).numpy() - start, value - start, rtol=1e-5, atol=1e-9)


@agrees("methods", "ssd")
def test_ssd():
    trained("ssd", alpha=1.2, dampening=0.9, batch_size=8)


@agrees("methods", "scrub")
def test_scrub():
    sizes = {"batch_size": WHOLE, "forget_batch_size": WHOLE}
    trained("scrub", msteps=2, epochs=3, learning_rate=0.05, gamma=0.9, alpha=0.3, temperature=4.0, **sizes)


@agrees("methods", "bad_teacher")
def test_bad_teacher():
    trained("bad_teacher", epochs=3, learning_rate=0.05, batch_size=WHOLE)


@agrees("methods", "forget_vector")
def test_forget_vector():
    run = sorted_by(
        METHODS["forget_vector"],
        epochs=4,
        beta=3.0,
        tau=0.4,
        alpha=0.8,
        shrink=0.5,
        learning_rate=0.2,
        batch_size=WHOLE,
    )
    same(run.model.get_buffer(INPUT_DELTA).flatten(), "forget_vector")
    assert np.array_equal(theta(run.model), RECORDED["theta"])


@agrees("methods", "worst_case")
def test_worst_case():
    params = METHODS["worst_case"].parse({"weight_rate": 0.3, "gamma": 0.1, "learning_rate": 1e-2, "steps": 2})
    same(worst_case.upper(tensor("set_weights"), tensor("set_losses"), 3, params), "worst_case")
    run = Run(Sorter(), toy.Memory(), 0)
    run.task.parts["others"] = run.task.parts["keep"]
    worst_case.trial(run, "round", params)
    same(theta(run.model), "sign_steps", RECORDED["theta"])


@agrees("methods", "retrain")
def test_retrain():
    trained("retrain", epochs=2)
