"""Times and memory are taken from what was measured, or said to be unknown."""

import pytest

from app import job_form
from backends.api import catalog, files
from backends.api.estimate import Past, estimate, estimates, pace
from backends.api.model_info import embedded

METHOD = "salun"


def test_nothing_measured_is_said_as_nothing():
    assert estimate("no-such-model", METHOD, {"epochs": 2}) is None
    assert job_form.needs("no-such-model", METHOD, {}) == "time and memory not measured yet"


def test_own_runs_come_first_and_scale_with_the_epochs(make_run):
    make_run("done")
    found = estimate("fashion-resnet", METHOD, {"epochs": 6})
    assert found is not None and found.here and found.seconds == pytest.approx(36.0) and found.memory == 400 * 2**20
    assert "measured on this machine" in job_form.needs("fashion-resnet", METHOD, {"epochs": 2})


def test_runs_that_did_not_finish_do_not_count(make_run):
    make_run("failed", model="no-such-model")
    assert estimate("no-such-model", METHOD, {}) is None


def test_the_models_own_number_of_epochs_is_no_time_of_zero(make_run):
    make_run("done", method="retrain")
    found = estimate("fashion-resnet", "retrain", {"epochs": 0})
    assert found is not None and found.seconds == pytest.approx(12.0)


def past(**more):
    return Past(**({"method": "npo", "params": {"epochs": 10}, "seconds": 10.0, "memory": None} | more))


@pytest.mark.parametrize(
    ("job", "asked", "seconds"),
    [
        (past(around=7.0), None, 27.0),  # twice the epochs; opening and measuring stay as they are
        (past(forget_count=20), 200, 200.0),
        (past(forget_count=20), None, 20.0),
        (past(params={}, forget_count=20), 200, 10.0),  # no epochs: not known to grow with what is asked
    ],
)
def test_only_the_method_grows_with_epochs_and_with_what_is_asked(job, asked, seconds):
    found = estimate("x", "npo", {"epochs": 20}, {"here": [job], "shipped": []}, asked)
    assert found is not None and found.seconds == pytest.approx(seconds)


def test_the_first_job_of_a_table_tells_what_opening_and_measuring_take():
    """Its later jobs share what the first measured of the original; here that was measured already."""
    jobs = [past(around=around) for around in (2.0, 20.0, 2.0, 2.0, 20.0)]
    there, here = (
        estimate("x", "npo", {"epochs": 10}, known)
        for known in ({"here": [], "shipped": jobs}, {"here": jobs, "shipped": []})
    )
    assert there is not None and here is not None and (there.seconds, here.seconds) == (30.0, 12.0)


def test_a_processor_counts_before_a_gpu_and_it_is_said_which_it_was():
    gpu = past(seconds=1.0, device="cuda (NVIDIA H100 80GB HBM3)", threads=1)
    one = past(device="cpu (Some Chip)", threads=1)
    both, only = (estimate("x", "npo", {"epochs": 10}, {"here": [], "shipped": rows}) for rows in ([gpu, one], [gpu]))
    assert both is not None and (both.seconds, both.where) == (10.0, "1 processor core")
    assert only is not None and (only.seconds, only.where) == (1.0, "one NVIDIA H100 80GB HBM3")


def test_a_run_here_tells_what_the_whole_job_took(make_run):
    run = make_run("done", method="retrain")
    state = run.state
    state.history[-1].at = next(moment.at for moment in state.history if moment.status == "running") + 30
    files.write_json(run.path / "state.json", state.model_dump())
    found = estimate("fashion-resnet", "retrain", {"epochs": 0})
    assert found is not None and found.seconds == pytest.approx(30.0)


def test_what_came_with_lethe_is_brought_to_the_pace_of_this_machine(make_run):
    def known(method):
        found = estimate("fashion-resnet", method, {})
        assert found is not None and not found.here
        return found

    before = {name: known(name) for name in ("ssd", "scrub")}
    make_run("done", method=METHOD)
    after = {name: known(name) for name in before}
    times = {after[name].seconds / before[name].seconds for name in before}
    assert len({round(one, 9) for one in times}) == 1 and times.pop() not in (0.0, 1.0)
    assert after["ssd"].where == f"{before['ssd'].where} and brought to the pace of this machine"
    assert after["ssd"].memory == before["ssd"].memory


def test_the_pace_is_that_of_most_runs_and_gpus_say_nothing_of_it():
    known = estimate("authors-lm", "npo", {})
    assert known is not None
    jobs = [past(params={}, seconds=times * known.seconds, around=0.0) for times in (1.5, 2.0, 9.0)]
    gpu = past(params={}, seconds=0.1, device="cuda (Some GPU)")
    assert pace([("authors-lm", job) for job in [*jobs, gpu, gpu]]) == pytest.approx(2.0)
    assert pace([("authors-lm", gpu)]) is None and pace([("no-such-model", jobs[0])]) is None


def test_every_method_of_the_embedded_language_model_has_a_time_of_its_own():
    known, first = estimates("authors-lm"), embedded("authors-lm")
    for method in catalog.load().methods:
        if method.works_with.get("llm") is True:
            found = estimate("authors-lm", method.id, job_form.recommended(first, method, first.default_forget), known)
            assert found is not None and "core" in found.where, method.id
            assert found.seconds < 100, method.id  # on one core; two take about two thirds of it
