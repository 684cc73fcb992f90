"""What one visitor of a shared studio may use, and that others do not wait behind them."""

import time

import pytest

from backends.api import estimate, files, limits, quota, runs, submit, turns
from backends.api.errors import BadInput, Busy
from backends.api.estimate import Past
from backends.api.runs import State
from backends.api.spec import JobSpec

ALICE, BOB = (runs.owner_mark(name) for name in ("alice", "bob"))
SPEC = JobSpec(model="fashion-resnet", method="fine_tune", forget=("Sandal",))
MB = 1024 * 1024


@pytest.fixture
def few(monkeypatch):
    """A shared studio with small limits: few(queued_jobs=2)."""
    monkeypatch.setenv("LETHE_SHARED", "1")

    def set_to(**values):
        made = limits.Limits(**values)
        monkeypatch.setattr(quota, "limits", lambda: made)

    set_to()
    return set_to


def worked(*moments) -> State:
    """A state whose history is these statuses at these seconds."""
    return State(history=[{"status": status, "at": at} for status, at in moments], owner=ALICE)


def test_a_visitor_has_few_jobs_waiting_and_the_next_one_is_not_kept_out(few):
    few(queued_jobs=2)
    first, _ = (submit.submit(SPEC, ALICE) for _ in range(2))
    with pytest.raises(
        BadInput, match="2 jobs of yours wait already, and a visitor of this shared studio may have 2 waiting"
    ):
        submit.submit(SPEC, ALICE)
    submit.submit(SPEC, BOB)
    first.move("running")
    submit.submit(SPEC, ALICE)
    assert len(runs.all_runs(shipped=False)) == 4


def test_a_sweep_is_queued_whole_or_not_at_all(few):
    few(queued_jobs=2)
    with pytest.raises(BadInput, match=r"3 jobs were asked for\. 0 jobs of yours wait"):
        submit.several([SPEC.model_copy(update={"seed": seed}) for seed in range(3)], ALICE)
    assert runs.all_runs(shipped=False) == []
    every_class = [SPEC.model_copy(update={"forget": (name,)}) for name in ("Bag", "Nobody")]
    with pytest.raises(BadInput, match="There is no class 'Nobody'"):
        submit.several(every_class, ALICE)
    assert runs.all_runs(shipped=False) == []
    chained = submit.several([*every_class[:1], SPEC], ALICE, chain=True)
    assert chained[1].spec.after == chained[0].id and chained[1].spec.earlier == ("Bag",)


def test_a_chain_that_breaks_leaves_nothing(few):
    few(queued_jobs=5)
    with pytest.raises(BadInput, match="is in the forget list and in the keep list"):
        steps = [SPEC, SPEC.model_copy(update={"forget": ("Bag",), "keep": ("Sandal",)})]
        submit.several(steps, ALICE, chain=True)
    assert runs.all_runs(shipped=False) == []


def test_all_visitors_together_fill_the_queue_only_so_far(few):
    few(waiting_jobs=3)
    for name in "abc":
        submit.submit(SPEC, runs.owner_mark(name))
    with pytest.raises(Busy, match="3 jobs wait in this shared studio, as many as may"):
        submit.submit(SPEC, BOB)


def test_a_description_has_a_size(few, monkeypatch):
    few(spec_bytes=2048)
    long = SPEC.model_copy(update={"forget": ("x" * 4000,)})
    with pytest.raises(
        BadInput, match="The description of this job has 4 KB; a visitor of this shared studio may send 2 KB"
    ):
        submit.check(long)
    monkeypatch.delenv("LETHE_SHARED")
    quota.check_size(long)


@pytest.mark.parametrize(("params", "refused"), [({"epochs": 5}, False), ({"epochs": 200}, True)])
def test_a_job_that_would_take_too_long_is_refused_before_it_starts(few, monkeypatch, params, refused):
    past = Past(method="fine_tune", params={"epochs": 5}, seconds=60.0, memory=None)
    monkeypatch.setattr(estimate, "estimates", lambda model: {"here": [past], "shipped": []})
    asked = SPEC.model_copy(update={"params": params})
    if not refused:
        assert submit.submit(asked, ALICE).state.status == "queued"
        return
    with pytest.raises(
        BadInput, match="would take about 40 minutes, but a job of this shared studio may run for 15 minutes"
    ):
        submit.submit(asked, ALICE)
    assert submit.submit(asked).state.status == "queued"  # from the command line of the machine


def test_steps_and_rounds_are_reckoned_as_epochs_are():
    past = Past(method="m", params={"steps": 60, "rounds": 2}, seconds=30.0, memory=None)
    known = {"here": [past], "shipped": []}
    assert estimate.estimate("x", "m", {"steps": 120, "rounds": 6}, known).seconds == 180.0
    assert estimate.estimate("x", "m", {"steps": 60, "rounds": 0}, known).seconds == 30.0


@pytest.mark.parametrize(
    ("moments", "seconds"),
    [
        ([("queued", 0)], 0),
        ([("queued", 0), ("running", 10)], 90),
        ([("queued", 0), ("running", 10), ("queued", 30), ("running", 60)], 60),
        ([("queued", 0), ("running", 10), ("cancelling", 20), ("cancelled", 25)], 15),
    ],
)
def test_time_is_counted_over_all_attempts(moments, seconds):
    assert quota.worked(worked(*moments), now=100) == seconds


def test_time_and_room_end_a_job_of_a_visitor_and_of_nobody_else(few, monkeypatch):
    few(job_seconds=50, visitor_bytes=MB)
    run = runs.create(SPEC, ALICE)
    late = worked(("queued", 0), ("running", time.time() - 60))
    assert quota.exceeded(run, late).startswith("It ran for 50 seconds, as long as a job of this shared studio may")
    soon = worked(("queued", 0), ("running", time.time() - 10))
    assert quota.exceeded(run, soon) == ""
    files.write_bytes(run.path / "checkpoint" / "state", bytes(2 * MB))
    assert "It wrote more than 1 MB" in quota.exceeded(run, soon)
    assert quota.exceeded(run, late.model_copy(update={"owner": ""})) == ""
    monkeypatch.delenv("LETHE_SHARED")
    assert quota.exceeded(run, late) == ""


def test_a_visitors_oldest_runs_go_first_and_nobody_elses(few):
    few(visitor_bytes=MB)

    def put(at: int, owner: str, status: str, **fields) -> runs.RunFolder:
        run = runs.create(SPEC.model_copy(update=fields), owner)
        run.path.rename(run.path.with_name(f"2026010{at}-run"))
        run = runs.find(f"2026010{at}-run")
        files.write_json(run.path / "state.json", State(status=status, owner=owner).model_dump())
        files.write_bytes(run.path / "after" / "changed", bytes(400 * 1024))
        return run

    running, needed, old, other = (
        put(1, ALICE, "running"),
        put(2, ALICE, "done"),
        put(3, ALICE, "done"),
        put(4, BOB, "done"),
    )
    middle, last = put(5, ALICE, "failed"), put(6, ALICE, "done")
    waiting = put(7, BOB, "queued", after=needed.id)
    assert quota.tidy(ALICE) == [old.id, middle.id]
    assert {run.id for run in runs.all_runs(shipped=False)} == {
        run.id for run in (running, needed, other, last, waiting)
    }
    assert quota.tidy(BOB) == [] and quota.tidy("") == []


def states(*asked) -> dict[str, State]:
    """Name, owner and status, in the order they came; working ones began just so."""
    made = {}
    for at, (name, owner, status) in enumerate(asked, 1):
        history = [{"status": "queued", "at": at}] + (
            [] if status == "queued" else [{"status": "running", "at": 100 + at}]
        )
        made[name] = State(status=status, owner=owner, history=history)
    return made


@pytest.mark.parametrize(
    ("asked", "order"),
    [
        ([("a1", "A", "queued"), ("a2", "A", "queued"), ("a3", "A", "queued"), ("b1", "B", "queued")], "a1 b1 a2 a3"),
        ([("a0", "A", "running"), ("a1", "A", "queued"), ("a2", "A", "queued"), ("b1", "B", "queued")], "b1 a1 a2"),
        ([("a0", "A", "done"), ("a1", "A", "queued"), ("b1", "B", "queued"), ("b2", "B", "queued")], "b1 a1 b2"),
        ([("a1", "A", "queued"), ("b1", "B", "queued"), ("c1", "C", "queued"), ("a2", "A", "queued")], "a1 b1 c1 a2"),
    ],
)
def test_visitors_take_turns(monkeypatch, asked, order):
    monkeypatch.setenv("LETHE_SHARED", "1")
    assert turns.order(states(*asked)) == order.split()
    monkeypatch.delenv("LETHE_SHARED")
    waiting = [name for name, _, status in asked if status == "queued"]
    assert turns.order(states(*asked)) == waiting  # on one's own machine: as they came


def test_the_place_that_is_shown_is_the_order_they_start_in(few):
    few(queued_jobs=9)
    flood = [submit.submit(SPEC, ALICE) for _ in range(5)]
    mine = submit.submit(SPEC, BOB)
    assert runs.place_in_queue(mine) == 1 and [runs.place_in_queue(run) for run in flood] == [0, 2, 3, 4, 5]


def test_every_limit_is_set_by_the_environment(monkeypatch):
    monkeypatch.setenv("LETHE_QUEUED_JOBS", "7")
    monkeypatch.setenv("LETHE_JOB_SECONDS", "60")
    made = limits.Limits()
    assert (made.queued_jobs, made.job_seconds) == (7, 60)
