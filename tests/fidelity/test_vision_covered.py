"""Each method and metric of classifiers and drawing models is held to its formulas by a test of this folder."""

import importlib
from pathlib import Path

import pytest

from backends.core import registry

FAMILIES = ("classifier", "text-to-image")
WITHOUT = {
    ("metrics", "run_time"): "is read off a clock",
    ("metrics", "peak_memory"): "is read off the operating system or the graphics card",
}


def held():
    """What the tests of this folder say they hold."""
    found = set()
    for path in Path(__file__).parent.glob("test_vision_*.py"):
        module = importlib.import_module(f"fidelity.{path.stem}")
        for name, test in vars(module).items():
            if name.startswith("test_"):
                found |= set(getattr(test, "agrees", []))
    return found


@pytest.mark.parametrize("kind", ["methods", "metrics"])
def test_each_has_an_agreement_test_or_a_reason(kind):
    ours = {
        (kind, name)
        for name, entry in registry.entries(kind).items()
        if any(entry.entry.works_with.get(family) is True for family in FAMILIES)
    }
    missing = ours - held() - WITHOUT.keys()
    assert not missing, f"no agreement test for {sorted(name for _, name in missing)}"
    assert not held() & WITHOUT.keys()
    assert {one for one in WITHOUT if one[0] == kind} <= ours, "a reason for what is not registered"
