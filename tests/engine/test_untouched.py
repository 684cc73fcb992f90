"""What attacks do to the original and the references is stored, shipped, and what it would be were it done again."""

import numpy as np
import pytest

from backends.core.registry import get
from backends.engine import untouched
from backends.engine.session import Desk
from backends.engine.untouched import Untouched


@pytest.fixture
def sandal(home, tmp_path):
    """The shipped run on sandals, as an attack sees it, and where outcomes of the plain question are."""
    run = Desk().run("example-forget-sandal")
    look = run.look("attack", "plain_question", place=(tmp_path, tmp_path / "plain_question"))
    return look, run.shelf("plain_question", get("attacks", "plain_question").parse({}).model_dump(), look.exam)


def test_what_is_shipped_is_what_is_made(sandal):
    look, shelf = sandal
    assert len(look.references) == 5
    shipped = [shelf.read(model, "asking") for when, model in look.models() if when != "after"]
    made = look.try_on_each(lambda model, seed: iter([model]), 1, "asking", copies=False)
    again = [made.recalled["before"], *made.recalled["reference"]]
    for stored, fresh in zip(shipped, again, strict=True):
        assert stored is not None, "run python -m backends.zoo example-tests"
        assert np.abs(stored["recalled"] - fresh).mean() < 0.02, (
            "raise RECIPE in backends/engine/untouched.py, and make it again"
        )


def test_an_outcome_is_of_these_weights_these_settings_and_these_items(sandal, home):
    look, _ = sandal
    model, other = look.before, look.after
    one = Untouched("m", "an_attack", {"items": ["a"]})
    assert one.read(model, "asking") is None
    one.write(model, "asking", {"recalled": np.ones(3), "texts": ["a", "b ", ""], "broken": 0.25})
    stored = Untouched("m", "an_attack", {"items": ["a"]}).read(model, "asking")
    assert (
        stored["recalled"].tolist() == [1, 1, 1]
        and stored["texts"] == ["a", "b ", ""]
        and float(stored["broken"]) == 0.25
    )
    assert one.read(other, "asking") is None and one.read(model, "training") is None
    for shelf in (
        Untouched("m", "an_attack", {"items": ["b"]}), Untouched("n", "an_attack", {"items": ["a"]}), Untouched("m", "another", {"items": ["a"]}),
    ):  # fmt: skip
        assert shelf.read(model, "asking") is None


def test_a_stored_outcome_that_is_damaged_is_made_again_and_a_name_leads_nowhere_else(sandal, home):
    look, _ = sandal
    shelf = Untouched("../../m", "an_attack", {})
    shelf.write(look.before, "asking", {"recalled": np.ones(3)})
    (path,) = untouched.folder().glob("*.npz")
    path.write_bytes(path.read_bytes()[:40])
    assert shelf.read(look.before, "asking") is None
    assert untouched.shipped("../../m") == untouched.SHIPPED / "m"
