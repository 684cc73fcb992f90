"""The two sweeps over what is forgotten, read from run folders."""

import re
from html import unescape

import pytest

from backends.api import files, runs, submit
from backends.api.errors import BadInput
from pages.studio import _growing, _sweep

from .folders import write_run

pytestmark = pytest.mark.usefixtures("catalog")


def made(home, name, forget, count, **fields):
    run = write_run(home, f"20261122-00000{name}", method="slow", model="m")
    files.write_json(run.path / "spec.json", run.spec.model_copy(update={"forget": forget, **fields}).model_dump())
    files.write_json(run.path / "result.json", run.result | {"forget_count": count, "forget": list(forget)})
    return run


def plain(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def test_steps_are_written_with_semicolons_and_plus_signs():
    assert _growing.parse_steps(" Bag; Bag + Sandal ;images:1,2") == [("Bag",), ("Bag", "Sandal"), ("images:1,2",)]
    for text, wrong in (
        ("", "Nothing to forget"),
        (" ; ", "Nothing"),
        ("a; a", "named twice"),
        (";".join("abcdefghijklm"), "13"),
    ):
        with pytest.raises(BadInput, match=wrong):
            _growing.parse_steps(text)


def test_larger_sets_are_gathered_by_size_and_only_where_one_holds_the_other(home):
    base = made(home, 1, ("Sandal",), 100)
    made(home, 2, ("Sandal", "Bag"), 200)
    made(home, 3, ("Bag",), 101)  # neither within nor around
    made(home, 4, ("Sandal", "Bag", "Coat"), 300, seed=5)  # differs in something else
    after = made(home, 5, ("Sandal", "Bag", "Dress"), 300, after=base.id, earlier=("Sandal",))
    assert [(run.id[-1], size) for run, size in _growing.growing_runs(base)] == [("1", 100), ("2", 200)]
    assert [run.id for run, _ in _growing.growing_runs(after)] == [after.id]
    shown, clock = _sweep.show(base.id, _growing.LARGER)
    assert "From" in plain(shown) or "at every value" in plain(shown)
    assert "Sandal and Bag" in plain(shown) and clock.active is False


def test_a_chain_is_found_from_any_of_its_runs_in_its_order(home):
    first = made(home, 1, ("Sandal",), 100)
    second = made(home, 2, ("Bag",), 200, after=first.id, earlier=("Sandal",))
    third = made(home, 3, ("Coat",), 300, after=second.id, earlier=("Sandal", "Bag"))
    made(home, 4, ("Coat",), 300, after=first.id, seed=3)  # other settings: no part of this chain
    for base in (first, second, third):
        assert [(run.id, at) for run, at in _growing.chain_of(base)] == [(first.id, 1), (second.id, 2), (third.id, 3)]
    assert _growing.last_of_chain(first).id == third.id
    shown, _ = _sweep.show(second.id, _growing.AFTER)
    assert "one more request" in plain(shown)
    first.delete()
    assert [run.id for run, _ in _growing.chain_of(third)] == [second.id, third.id]


def test_started_jobs_each_start_from_the_last(home):
    base = made(home, 1, ("Sandal",), 100)
    files.write_json(base.path / "spec.json", submit.check(base.spec).model_dump())
    _growing.submit_steps(base, _growing.AFTER, "Bag; Sneaker", "")
    chain = [run for run, _ in _growing.chain_of(runs.find(base.id))]
    assert [run.spec.forget for run in chain] == [("Sandal",), ("Bag",), ("Sneaker",)]
    assert chain[2].spec.after == chain[1].id and chain[2].spec.earlier == ("Sandal", "Bag")
    count = len(runs.all_runs())
    with pytest.raises(BadInput, match="There is no class 'Nobody'"):
        _growing.submit_steps(base, _growing.LARGER, "Sandal + Bag; Nobody", "")
    assert len(runs.all_runs()) == count
