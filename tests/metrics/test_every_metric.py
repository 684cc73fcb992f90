"""What holds for every metric there is, those added later too."""

from math import isnan
from types import SimpleNamespace

import numpy as np
import pytest
from handmade import NAMES, evidence, true_confidence

from backends.core import registry

METRICS = [  # those of manipulated images stand in test_corrected.py, those of guided networks in test_guided_training.py
    name
    for name, found in registry.entries("metrics").items()
    if found.entry.works_with.get("classifier") is True and not found.lacks(SimpleNamespace(corrects=None, parts={}))
]


def seen(seed=0, order=None, classes=True):
    """60 training and 40 test images of three classes; `order` shuffles every part."""
    rng = np.random.default_rng(seed)
    labels = {"train": rng.integers(0, 3, 60), "test": rng.integers(0, 3, 40)}
    outputs = {name: true_confidence(own, rng.beta(4, 2, len(own))) for name, own in labels.items()}
    if classes:
        forget, gone = np.flatnonzero(labels["train"] == 0), labels["test"] == 0
    else:
        forget, gone = np.arange(12), np.zeros(40, bool)
    parts = {
        "forget": forget, "retain": np.setdiff1d(np.arange(60), forget), "keep": np.setdiff1d(np.arange(60), forget),
        "train": np.arange(60), "test": np.flatnonzero(~gone), "test_forget": np.flatnonzero(gone),
    }  # fmt: skip
    if order is not None:
        parts = {name: np.random.default_rng(order).permutation(index) for name, index in parts.items()}
    return evidence(
        outputs["train"], outputs["test"], labels["train"], labels["test"], parts, neighbours=[1],
        forgotten=[0] if classes else [], other=lambda name, when: 10.0 if when == "after" else 20.0,
        seconds=3.0, memory=5e8, moved=12.5,
    )  # fmt: skip


@pytest.fixture(params=METRICS)
def metric(request):
    return registry.get("metrics", request.param)


@pytest.mark.parametrize("name", registry.entries("metrics"))
def test_bears_the_name_of_the_field_and_says_what_it_is_in_a_line(name):
    entry = registry.get("metrics", name).entry
    inside = entry.title.partition(" (")[2].removesuffix(")")
    assert ":" not in entry.title and entry.short.startswith(inside)
    assert entry.line.endswith(".") and ":" not in entry.summary and len(entry.summary) <= 105


def test_in_its_range(metric):
    value = metric.function(seen()).value
    assert isinstance(value, float)
    assert value >= 0 and (metric.entry.unit != "%" or value <= 100)


def test_items_are_as_many_as_their_names(metric):
    found = metric.function(seen())
    if found.items is not None:
        assert found.items.dtype == np.float32 and found.items.ndim == 1
        assert len(found.items) == len(found.ids) == len(set(found.ids))


def test_order_of_items_does_not_matter(metric):
    one, other = metric.function(seen()), metric.function(seen(order=7))
    assert other.value == pytest.approx(one.value, nan_ok=True)
    assert other.parts == pytest.approx(one.parts, nan_ok=True)
    if one.items is not None:
        by_id = [dict(zip(found.ids, found.items.tolist(), strict=True)) for found in (one, other)]
        assert by_id[0] == pytest.approx(by_id[1])


def test_the_same_each_time(metric):
    assert metric.function(seen()).value == metric.function(seen()).value


def test_nothing_to_measure_is_never_zero(metric):
    empty = {name: [] for name in ("forget", "retain", "keep", "train", "test", "test_forget")}
    none = np.zeros((0, len(NAMES)), np.float32)
    assert isnan(metric.function(evidence(none, none, [], [], empty)).value)


def test_single_images_forgotten(metric):
    value = metric.function(seen(classes=False)).value
    assert isnan(value) == (metric.id == "forgotten_test_accuracy")


def test_says_what_it_is(metric):
    entry = metric.entry
    assert entry.summary.endswith(".") and entry.source.title and entry.unit
    assert metric.function.__doc__ and entry.works_with.get("classifier") is True


def test_departures_from_a_paper_stand_where_a_page_finds_them():
    entries = [one.entry for one in registry.entries("metrics").values()]
    assert sum(bool(entry.departures) for entry in entries) >= 16
    assert all(entry.departures.endswith(".") for entry in entries if entry.departures)
    texts = [str(one.function.__doc__) for one in registry.entries("metrics").values()]
    assert not [text for text in texts if "Departs" in text or "Departure" in text]
