"""Looks at the features of classifiers, with a known answer: a model that was not changed, and one that lost a class."""

from functools import partial

import looks
import numpy as np
import pytest
import toy

from backends.core import registry
from backends.core.run import Run


@pytest.fixture(scope="module")
def lost(toy_folder):
    """(task, the toy after random poison on the class two)."""
    task = toy.task(toy_folder)
    run = Run(task, toy.Memory(), 0)
    entry = registry.get("methods", "concept_poisoning")
    entry.function(run, entry.parse({"batch_size": 16, "epochs": 4, "learning_rate": 0.05}))
    return toy.task(toy_folder), run.model.eval()


def test_nothing_moves_in_a_model_that_was_not_changed(toy_task, tmp_path):
    seen = partial(looks.found, seen=looks.look(toy_task, tmp_path))
    for panel in seen("concept_bars"):
        rows = looks.series(panel)
        assert rows["original"] == rows["unlearned"]
    for panel in seen("feature_errors", steps=20):
        rows = looks.series(panel)
        assert rows["original"] == rows["unlearned"] and sum(rows["original"]) > 0


def test_a_lost_class_is_no_longer_made_of_its_concepts(lost, tmp_path):
    task, after = lost
    bars, readable = looks.found(
        "concept_bars", looks.look(task, tmp_path, after), written="middle: two; early: zero, one"
    )
    rows, place = looks.series(bars), bars.labels.index("middle")
    assert rows["original"][place] == max(rows["original"]) > 1
    assert rows["unlearned"][place] < 0.5 * rows["original"][place]
    assert bars.title == "What speaks for two" and "“middle” speaks for it most" in bars.says
    assert readable.folded and min(looks.series(readable)["original"]) > 0.9


def test_features_of_a_lost_class_are_less_like_themselves(lost, tmp_path):
    task, after = lost
    forget, retain = looks.found("feature_errors", looks.look(task, tmp_path, after))
    middles = [
        {name: np.average(np.arange(len(row)), weights=row) for name, row in looks.series(panel).items()}
        for panel in (forget, retain)
    ]
    assert middles[0]["unlearned"] > middles[0]["original"]
    growth = [each["unlearned"] - each["original"] for each in middles]
    assert growth[0] > growth[1]
