"""The metrics of concept vectors on vectors written down by hand."""

from math import isnan
from types import SimpleNamespace

import numpy as np
import pytest

from backends.core import registry
from backends.core.evidence import Evidence

BEFORE = {
    "vectors": np.array([[1.0, 0.0], [0.0, 2.0]], np.float32), "random_vectors": np.array([[1.0, 1.0]], np.float32),
    "vector_words": np.array([[1, 2, 3], [4, 5, 6]]), "random_words": np.array([[7, 8, 9]]),
    "vector_places": np.array([[29, 903], [27, 452]]), "vector_of": np.array(["Ann", ""]),
}  # fmt: skip
AFTER = {
    "vectors": np.array([[0.0, 1.0], [0.0, 1.0]], np.float32), "random_vectors": np.array([[2.0, 2.0]], np.float32),
    "vector_words": np.array([[2, 3, 4], [4, 5, 6]]), "random_words": np.array([[9, 8, 7]]),
}  # fmt: skip


def score(metric, outputs, when="after", before=BEFORE):
    others = {"before": SimpleNamespace(outputs=before)}
    return registry.get("metrics", metric).function(Evidence(when, None, outputs, lambda *_: 0.0, others=others))


def test_words_by_hand():
    found = score("concept_vector_words", AFTER)
    assert found.value == pytest.approx(75) and found.parts == {"random columns": 100}
    assert found.items.tolist() == [50, 100] and found.ids == ["layer 29, column 903 (Ann)", "layer 27, column 452"]


def test_direction_by_hand():
    found = score("concept_vector_cosine", AFTER)
    assert found.value == pytest.approx(0.5) and found.parts == {"random columns": pytest.approx(1)}


@pytest.mark.parametrize("metric", ["concept_vector_words", "concept_vector_cosine"])
def test_what_cannot_be_compared_is_not_measured(metric):
    assert isnan(score(metric, AFTER, when="reference").value)  # trained from nothing: its columns are others anyway
    assert isnan(score(metric, {}).value) and isnan(score(metric, AFTER, before={}).value)
