"""The verdict of a run folder is computed when it is read: shipped runs, old ones, and what looks inside them found."""

import pytest

from backends.api import files, runs, verdict
from backends.api.home import ASSETS

SHIPPED = sorted(path.name for path in (ASSETS / "runs").iterdir())


@pytest.fixture
def copied(home):
    """Write a shipped run as one of this home, with changes: copied("example-...", result={...}, metrics={...})."""

    def copy(name, result=None, metrics=None, without=(), looks=False):
        path = home / "runs" / f"my-{name}"
        for file in ("spec.json", "state.json", "result.json", "metrics.json"):
            files.write_json(path / file, files.read_json(ASSETS / "runs" / name / file))
        for found in (ASSETS / "runs" / name / "inspect").glob("*/found.json") if looks else ():
            files.write_json(path / "inspect" / found.parent.name / found.name, files.read_json(found))
        was = files.read_json(path / "result.json") | (result or {})
        files.write_json(path / "result.json", {key: value for key, value in was.items() if key not in without})
        measured = files.read_json(path / "metrics.json") | (metrics or {})
        files.write_json(path / "metrics.json", {key: one for key, one in measured.items() if key not in without})
        return runs.RunFolder(path)

    return copy


@pytest.mark.parametrize("name", SHIPPED)
def test_what_a_shipped_run_was_finished_with_is_what_its_numbers_say_now(name):
    run = runs.find(name)
    assert verdict.of_run(run) == run.result["verdict"]


def test_the_verdicts_of_the_shipped_runs_name_what_contradicts_them():
    said = {name: verdict.of_run(runs.find(name)) for name in SHIPPED}
    for name, words in {
        "example-experts-one": "held back by one expert, not erased: with expert 3 of layer 3 switched off, 100 %",
        "example-experts-busiest": "held back by one expert, not erased: with expert 3 of layer 2 switched off, 100 %",
        "example-author-refused": "a probe still reads 62.5 % of 8 such facts from inside the model",
        "example-author-forgotten": "cannot tell it from a model that never saw it (p 0.83), but membership attacks can: PrivLeak",
        "example-forget-sandal": "but far from it in MIA (entropy) 99.9 % (36.1 % retrained)",
    }.items():
        assert words in said[name]
    assert not any("cannot be told" in one or "not only rerouted" in one for one in said.values())


@pytest.mark.parametrize(
    "name",
    [name for name in SHIPPED if not {"backdoor", "guided", "learned", "protected", "tilt"} & {*name.split("-")}],
)  # of which there are no earlier runs
def test_a_run_of_an_earlier_version_gets_the_sentence_of_today(copied, name):
    run = copied(name, {"verdict": "By what it holds for likely it cannot be told."}, without=("about",), looks=True)
    said = verdict.of_run(run)
    assert said.replace("its neighbours", "people like them") == verdict.of_run(runs.find(name))


def test_a_run_whose_numbers_do_not_suffice_keeps_its_sentence(copied):
    run = copied("example-forget-sandal", {"verdict": "As it was."}, without=("remaining_accuracy",))
    assert verdict.of_run(run) == "As it was."
    damaged = copied("example-forget-cat", {"verdict": "As it was."}, {"unlearning_accuracy": {"before": "?"}})
    assert verdict.of_run(damaged) == "As it was."


def look(run, finding, covers=""):
    panel = {
        "kind": "verdict",
        "title": "T?",
        "how": "",
        "says": "S.",
        "sign": "no",
        "finding": finding,
        "covers": covers,
    }
    found = {"what": "any", "wording": 2, "params": {}, "seconds": 1.0, "panels": [panel]}
    files.write_json(run.path / "inspect" / "any" / "found.json", found)


def test_what_a_look_found_joins_the_verdict_at_once(copied):
    for name in ("example-author-forgotten", "example-forget-sandal", "example-forget-cat"):
        run = copied(name)
        before = verdict.of_run(run)
        look(run, "a probe still reads 60 % of it")
        assert "; a probe still reads 60 % of it" in verdict.of_run(run) and "probe" not in before


def test_a_look_stands_in_for_a_metric_that_was_not_measured(copied):
    finding = "with expert 1 of layer 1 switched off the forgotten answers come back (+75 points of probability)"
    old = copied("example-experts-one", without=("one_expert_off",))
    assert "whether one expert alone holds it back was not tested" in verdict.of_run(old)
    look(old, finding, "one_expert_off")
    assert finding in verdict.of_run(old) and "not tested" not in verdict.of_run(old)
    new = copied("example-experts-busiest")
    look(new, finding, "one_expert_off")
    assert finding not in verdict.of_run(new)


def test_of_a_run_that_is_not_done_there_is_none(make_queued):
    assert verdict.of_run(make_queued()) == ""


@pytest.fixture
def make_queued(home):
    def make():
        files.write_json(
            home / "runs" / "waiting" / "spec.json", files.read_json(ASSETS / "runs" / SHIPPED[0] / "spec.json")
        )
        return runs.RunFolder(home / "runs" / "waiting")

    return make
