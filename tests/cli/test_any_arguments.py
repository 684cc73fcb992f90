"""Whatever is typed: an exit code, at most one sentence, one document with --json, and no run where it was refused."""

import contextlib
import io
import json

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app import cli
from backends.api import runs
from backends.api.runs import State

TEXT = st.text(max_size=30)
TARGETS = TEXT | st.sampled_from(
    ["Sandal", "random:10%", "images:1,2", "like:3:5", "run:x", "@", "@nowhere", "images:99999999", "-", ""]
)
SETTINGS = TEXT | st.builds(
    "{}={}".format,
    st.sampled_from(["epochs", "learning_rate", "batch_size"]) | TEXT,
    TEXT | st.integers().map(str) | st.floats().map(str),
)
COMMANDS = ["catalog", "runs", "show", "cancel", "delete", "inspect", "attack", "generate", "export", "pull"]


@pytest.fixture(autouse=True)
def no_job_is_done(monkeypatch):
    """A run that is accepted ends at once: what is looked at here comes before the job."""
    monkeypatch.setattr("app.follow.follow", lambda run: State(status="failed", message="It was not started."))


def typed(arguments: list[str]) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.run(arguments)
    return code, out.getvalue(), err.getvalue()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    forget=st.lists(TARGETS, max_size=3),
    keep=st.lists(TARGETS, max_size=2),
    chosen=st.lists(SETTINGS, max_size=2),
    seed=st.integers() | TEXT,
)
def test_any_unlearning_is_accepted_or_refused_in_one_sentence(forget, keep, chosen, seed):
    before = {run.id for run in runs.all_runs(shipped=False)}
    arguments = ["unlearn", "--model=fashion-resnet", "--method=fine_tune", "--json", f"--seed={seed}"]
    arguments += (
        [f"--forget={text}" for text in forget]
        + [f"--keep={text}" for text in keep]
        + [f"--set={text}" for text in chosen]
    )
    code, out, err = typed(arguments)
    document = json.loads(out)
    new = {run.id for run in runs.all_runs(shipped=False)} - before
    if code == 2:
        assert new == set()
        assert document == {"error": err.rstrip("\n")} and "\n" not in document["error"]
    else:
        assert (code, new) == (1, {document["run_id"]})


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(command=st.sampled_from(COMMANDS), rest=st.lists(TEXT.filter(lambda text: text != "--help"), max_size=3))
@example(command="catalog", rest=["", "--json"])
def test_any_other_words_never_end_in_a_traceback(command, rest):
    code, out, err = typed([command, *rest])
    assert code in (0, 1, 2)
    if code:
        assert err.count("\n") == 1
        assert (json.loads(out) == {"error": err.rstrip("\n")}) if "--json" in rest else out == ""
