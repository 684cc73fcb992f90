"""EBYD on a toy that learned a trigger: the trigger outlives the clean task, and a few filters carry it."""

import pytest
import toy

from backends.api import tampering
from backends.api.errors import BadInput
from backends.core.run import Run
from backends.data._tampering import tampered
from backends.families.classifier import exposure
from backends.families.classifier.resolve import resolve
from backends.families.classifier.task import Classifier
from backends.methods.ebyd import Ebyd, ebyd
from backends.models.recipe import train

TRIGGER = tampering.Tampering(kind="trigger", classes=("two",), share=15)


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory):
    """A toy trained on images of which 15 % bear the trigger, with all of them to be forgotten."""
    folder = toy.make(tmp_path_factory.mktemp("poisoned"))
    task = Classifier(str(folder), tampered(toy.data(), TRIGGER))
    run = Run(task, toy.Memory(), seed=0)
    task.parts["keep"] = task.parts["train"]
    train(run, 12)
    run.model.save_pretrained(folder)
    made = Classifier(str(folder), tampered(toy.data(), TRIGGER))
    resolve(made, ("poison:100%",))
    return made


def works(task, model):
    """How often the trigger works, and the clean accuracy, in percent."""
    done = task.data.tampered
    bearing, clean = task.batch(done.copies, test=True), task.batch(task.parts["test"], test=True)
    return (
        exposure.right(task, model, bearing.x, bearing.y * 0 + task.names.index("two")),
        exposure.right(task, model, clean.x, clean.y),
    )


def test_the_trigger_outlives_the_clean_task(poisoned):
    index = exposure.defence_set(poisoned, 0, 100)
    assert not set(index) & set(poisoned.data.tampered.ids)
    first = works(poisoned, poisoned.load())
    *_, (_, copy, accuracy) = exposure.exposed(
        poisoned, poisoned.load(), index, "clean unlearning", epochs=40, learning_rate=2e-3, stop=30, seed=0
    )
    assert first[0] > 90 and first[1] > 80
    assert accuracy <= 30 and works(poisoned, copy)[0] > 90


def test_a_few_filters_less_and_the_trigger_works_less_while_the_rest_stays(poisoned):
    run = Run(poisoned, toy.Memory(), seed=0)
    ebyd(
        run,
        Ebyd(
            exposure="clean unlearning",
            clean_images=100,
            learning_rate=2e-3,
            exposure_epochs=40,
            stop_at=50,
            recovery_rate=0.2,
            accuracy_lost=15,
            filters=8,
        ),
    )
    before, after = works(poisoned, run.original), works(poisoned, run.model.eval())
    closed = [name for name, layer in exposure.filters(run.model).items() if (layer.weight == 0).any()]
    assert closed
    assert after[0] < before[0] - 30 and after[1] > before[1] - 15


def test_as_many_filters_are_closed_as_clean_images_bear(poisoned):
    index, model = exposure.defence_set(poisoned, 0, 100), poisoned.load()
    batch = poisoned.batch(index)
    order = [
        (name, channel) for name, layer in exposure.filters(model).items() for channel in range(len(layer.weight))
    ][:40]
    before = exposure.right(poisoned, model, batch.x, batch.y)
    falls = []
    for count in range(1, len(order) + 1):
        closing = poisoned.load()
        exposure.prune(closing, order[:count])
        falls.append(before - exposure.right(poisoned, closing.eval(), batch.x, batch.y))
    for most in (0, 5, 20):
        borne = [count for count, fell in enumerate(falls, start=1) if fell <= most]
        assert exposure.spared(poisoned, model, index, order, most) == order[: max([1, *borne])]
    assert max(falls) > 20, "else nothing is ever too many"


def test_a_network_without_such_filters_is_refused(poisoned, monkeypatch):
    monkeypatch.setattr(exposure, "filters", lambda model: {})
    with pytest.raises(BadInput, match="no filters with batch normalisation"):
        ebyd(Run(poisoned, toy.Memory(), seed=0), Ebyd())


def test_the_class_whose_trigger_is_far_smaller_stands_out():
    assert exposure.anomaly([40.0, 61.0, 70.0, 66.0, 64.0])[0] > 2
    assert exposure.anomaly([5.0, 5.0, 5.0]) == [0.0, 0.0, 0.0]
