"""A small catalog, so that no model library is loaded to test pages."""

import pytest

from backends.api import catalog as contract
from backends.api.catalog import Catalog, Inspector, Method, Metric, Model, Source

from .folders import CLASSES

SOURCE = Source(title="A paper", url="https://example.org/paper")
HEAD = {"summary": "A plain sentence.", "source": SOURCE, "works_with": {"classifier": True}}
RATE = {"properties": {"rate": {"type": "number", "default": 0.1, "exclusiveMinimum": 0, "maximum": 1}}}


@pytest.fixture
def catalog(monkeypatch):
    """One model, two methods, four metrics, two inspectors."""
    texts = {"school": "Like this.", "student": "Like that.", "label": "same algorithm, smaller model"}
    measure = {"direction": "reference", "unit": "%"}
    forgets = {"measures": "forgetting", "forgets": "higher"}
    keeps = {"direction": "higher", "unit": "%", "measures": "keeping"}
    made = Catalog(
        models=[
            Model(
                id="m", title="A model", family="classifier", data="d", default_forget=["Sandal"], default_method="slow",
                card={"classes": CLASSES}, **HEAD,
            )
        ],
        data=[],
        methods=[
            Method(id="slow", title="Slow", short="Slow", params=RATE, kind="push", departures="It is slower.", **texts, **HEAD),
            Method(id="quick", title="Quick", short="Quick", params={"properties": {}}, kind="hide", guard=True, **texts, **HEAD),
        ],
        metrics=[
            Metric(id="first", title="Unlearning accuracy (UA)", short="UA", order=1, **measure, **forgets, **HEAD),
            Metric(id="second", title="What is kept", short="RA", departures="It has <1,000> images.", order=2, **keeps, **HEAD),
            Metric(id="third", title="Never measured", departures="", order=3, **measure, **HEAD),
            Metric(id="by_class", title="Right, by class", order=4, **measure, **HEAD),
        ],
        inspectors=[
            Inspector(id="look", title="A look", params=RATE, **HEAD),
            Inspector(id="glance", title="A glance", params={"properties": {}}, **HEAD),
        ],
        attacks=[],
        lessons=[],
    )  # fmt: skip
    monkeypatch.setattr(contract, "load", lambda: made)
    return made
