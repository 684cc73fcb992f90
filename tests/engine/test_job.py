"""One attempt at one run, in this process: what it writes, and each way it can end."""

import errno
import json
import math
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from small_jobs import numbers

from backends.api import files
from backends.api.results import Measured, Result
from backends.engine import attempt, exit_codes, hardware, recorder
from backends.engine.job import do
from backends.models import reference


def test_a_job_from_start_to_result(finished):
    run = finished
    result = Result.model_validate(run.result)
    assert (run.state.status, run.state.message) == ("done", "Done.")
    assert (result.run_id, result.precision, result.threads) == (run.id, "float32", 1)
    assert result.forget_count == 80 and len(result.forget_key) == 24
    assert result.device.startswith("cpu (") and result.versions["torch"] == torch.__version__
    assert 0 < result.seconds < 60 and result.peak_memory > 10**7
    assert {name: Measured.model_validate(value) for name, value in run.metrics.items()}.keys() == result.metrics.keys()
    assert result.metrics["run_time"].after == pytest.approx(result.seconds, abs=1e-3)
    assert math.isnan(result.metrics["run_time"].before) and result.metrics["unlearning_accuracy"].reference is None
    assert load_file(run.path / "after" / "changed.safetensors").keys() >= {"classifier.1.weight"}
    left = {path.name for path in run.path.iterdir()}
    assert left == {
        "spec.json", "state.json", ".lock", "events.jsonl", "samples", "after", "metrics.json", "metrics.npz", "result.json",
    }  # fmt: skip


def test_per_item_values_belong_to_items(finished):
    with np.load(finished.path / "metrics.npz") as file:
        ids, after = file["unlearning_accuracy/ids"], file["unlearning_accuracy/after"]
    assert len(ids) == len(after) == 80 and ids[0].startswith("train-")
    assert 100 * after.mean() == pytest.approx(finished.metrics["unlearning_accuracy"]["after"])


def test_events_say_every_phase_from_its_first_step_to_its_last(finished):
    events = finished.events()
    assert list(dict.fromkeys(event["phase"] for event in events)) == ["load", "fine-tune", "measure", "save"]
    for phase in ("load", "fine-tune", "measure", "save"):
        of = [event for event in events if event["phase"] == phase]
        assert of[0]["step"] == 0 and of[-1]["step"] == of[-1]["of"] > 0
    assert [event["seconds"] for event in events] == sorted(event["seconds"] for event in events)
    assert events[-4]["values"].keys() <= {"loss"}


def test_events_are_at_most_five_a_second(started):
    run = started(epochs=40)
    do(run, 1)
    training = [event for event in run.events() if event["phase"] == "fine-tune"]
    assert len(training) <= 2 + 5 * (training[-1]["seconds"] - training[0]["seconds"]) + 1
    assert training[-1]["of"] == 320


def test_samples_run_from_before_to_after_and_have_pictures(finished):
    samples = finished.samples()
    assert samples[0]["phase"] == "before" and samples[-1]["phase"] == "after"
    steps = [sample["step"] for sample in samples if sample["phase"] == "fine-tune"]
    assert steps == sorted(steps) and len(steps) > 5
    for item in samples[0]["items"]:
        assert (finished.path / "samples" / "items" / f"{item['id']}.png").stat().st_size > 50
        assert sum(item["probabilities"]) == pytest.approx(1, abs=1e-3)


def test_the_same_spec_gives_the_same_numbers(finished, started):
    again = started(epochs=3)
    assert again.spec == finished.spec and again.id != finished.id
    do(again, 1)
    assert numbers(again) == numbers(finished)


@pytest.mark.parametrize("at", [1, 9, 23])
def test_an_attempt_goes_on_from_the_checkpoint_of_a_lost_one(finished, started, monkeypatch, at):
    run, steps = started(epochs=3), iter(range(1000))
    monkeypatch.setattr(recorder.FolderKeeper, "due", lambda self: next(steps) == at)
    with monkeypatch.context() as patch:
        save = recorder.FolderKeeper.checkpoint

        def lost(self, state):
            save(self, state)
            raise KeyboardInterrupt  # nothing in `do` answers to it, as to a kill

        patch.setattr(recorder.FolderKeeper, "checkpoint", lost)
        with pytest.raises(KeyboardInterrupt):
            do(run, 1)
    assert run.state.status == "running" and (run.path / "checkpoint" / "state.safetensors").exists()
    run.move("queued")
    run.move("running")
    assert do(run, 2) == exit_codes.DONE
    assert numbers(run) == numbers(finished)


def test_a_method_that_had_finished_is_not_run_again(started, monkeypatch):
    run = started(epochs=2)
    with monkeypatch.context() as patch:
        patch.setattr(attempt._Job, "_measure", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            do(run, 1)
    seconds = [event["seconds"] for event in run.events() if event["phase"] == "fine-tune"][-1]
    run.move("queued"), run.move("running")
    assert do(run, 2) == exit_codes.DONE
    assert len([event for event in run.events() if event["phase"] == "fine-tune" and event["step"] == 0]) == 1
    assert run.result["seconds"] <= seconds


def test_threads_and_precision_of_the_first_attempt_are_kept(started, monkeypatch):
    run = started(epochs=3)
    monkeypatch.setenv("LETHE_PRECISION", "bfloat16")
    with monkeypatch.context() as patch:
        patch.setattr(attempt._Job, "_measure", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            do(run, 1)
    monkeypatch.setenv("LETHE_PRECISION", "float32")
    monkeypatch.setenv("LETHE_THREADS", "2")
    run.move("queued"), run.move("running")
    assert do(run, 2) == exit_codes.DONE
    assert (run.result["precision"], run.result["threads"]) == ("bfloat16", 1)


def test_precision_is_measured_once_and_written_down(started, monkeypatch, home):
    monkeypatch.delenv("LETHE_PRECISION")
    run = started(epochs=1)
    assert do(run, 1) == exit_codes.DONE
    known = files.read_json(home / "cache" / "precision.json")
    ((key, found),) = known.items()
    assert "1 threads" in key and found["chosen"] == run.result["precision"]
    assert found["float32_milliseconds"] > 0 and found["bfloat16_milliseconds"] > 0
    monkeypatch.setattr(hardware, "_measure", lambda task: pytest.fail("measured again"))
    assert do(started(epochs=1), 1) == exit_codes.DONE


def test_cancel_stops_at_the_next_step(started, monkeypatch):
    run, look = started(epochs=50), recorder.FolderKeeper.look
    seen = []

    def cancel_once(self):
        seen.append(1)
        if len(seen) == 30:
            run.cancel()
        look(self)

    monkeypatch.setattr(recorder.FolderKeeper, "look", cancel_once)
    assert do(run, 1) == exit_codes.CANCELLED
    assert run.state.status == "cancelled" and len(seen) == 30
    assert run.result is None and not (run.path / "after").exists()


def test_a_job_that_a_limit_ends_fails_with_its_sentence(started):
    run = started(epochs=50)
    run.cancel("It ran for 15 minutes, as long as a job may.")
    assert do(run, 1) == exit_codes.FAILED
    assert (run.state.status, run.state.message) == ("failed", "It ran for 15 minutes, as long as a job may.")
    assert run.result is None and not (run.path / "checkpoint").exists()


def test_an_overtaken_attempt_stops_without_writing(started, monkeypatch):
    run, look = started(epochs=50), recorder.FolderKeeper.look
    seen, before = [], {}

    def taken(self):
        seen.append(1)
        if len(seen) == 30:
            run.move("queued"), run.move("running")
            before.update({path: path.stat().st_mtime_ns for path in run.path.rglob("*")})
        look(self)

    monkeypatch.setattr(recorder.FolderKeeper, "look", taken)
    assert do(run, 1) == exit_codes.STALE
    assert (run.state.status, run.state.attempt) == ("running", 2)
    after = {path: path.stat().st_mtime_ns for path in run.path.rglob("*")}
    assert {path.name for path in after if after[path] != before.get(path)} <= {".reserve", ".lock", run.path.name}


@pytest.mark.parametrize("name", ["checkpoint/state.safetensors", "after/changed.safetensors", "result.json"])
def test_no_file_is_written_by_an_overtaken_attempt(started, name):
    run = started()
    ours = recorder.FolderKeeper(run, 1)
    run.move("queued"), run.move("running")
    with pytest.raises(recorder.Overtaken):
        ours.write(name, b"old")
    assert not (run.path / name).exists()


def test_nan_stops_the_job_and_keeps_the_last_good_checkpoint(started, monkeypatch):
    run = started(epochs=20)
    step = torch.optim.SGD.step
    count = iter(range(1000))

    def poisoned(self, *args, **more):
        step(self, *args, **more)
        if next(count) == 40:
            for parameter in self.param_groups[0]["params"]:
                parameter.data.fill_(torch.nan)

    monkeypatch.setattr(torch.optim.SGD, "step", poisoned)
    monkeypatch.setattr(recorder.FolderKeeper, "due", lambda self: True)
    assert do(run, 1) == exit_codes.FAILED
    state = run.state
    assert state.status == "failed" and "number" in state.message and "learning rate" in state.message
    saved = recorder.pack.load_state(run.path / "checkpoint" / "state.safetensors")
    assert all(bool(torch.isfinite(t).all()) for t in saved["run"]["model"].values() if t.is_floating_point())
    assert run.result is None


def test_bad_input_inside_is_one_sentence(started):
    run = started(forget=("seven",))
    assert do(run, 1) == exit_codes.FAILED
    state = run.state
    assert state.status == "failed" and "'seven'" in state.message and "zero, one" in state.message and not state.detail


def test_an_unexpected_error_is_one_sentence_and_its_traceback_is_kept(started, monkeypatch):
    run = started()
    monkeypatch.setattr(attempt, "open_task", lambda *_: 1 / 0)
    assert do(run, 1) == exit_codes.FAILED
    assert "ZeroDivisionError" in run.state.message and "\n" not in run.state.message
    assert "Traceback" in run.state.detail and "open_task" in run.state.detail


def test_too_little_memory_is_said(started, monkeypatch):
    run = started()
    monkeypatch.setattr(attempt, "Run", lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError("CUDA out of memory")))
    assert do(run, 1) == exit_codes.FAILED
    assert "more memory than there is" in run.state.message


@pytest.mark.parametrize("name", ["state.safetensors", "changed.safetensors", "metrics.json", "result.json"])
def test_a_full_disk_is_said_in_one_sentence(started, monkeypatch, name):
    """The disk is full from this file on, up to what is held in reserve."""
    run, write, full = started(), files.write_bytes, []

    def limited(path, content):
        full.extend([1] if path.name == name else [])
        if full and (run.path / ".reserve").exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, content)

    monkeypatch.setattr(files, "write_bytes", limited)
    assert do(run, 1) == exit_codes.FAILED
    assert run.state.status == "failed" and run.state.message == exit_codes.FULL_DISK
    assert not (run.path / "result.json").exists() and not list(run.path.rglob("*.tmp"))


def test_a_disk_that_takes_nothing_at_all_is_told_by_the_exit_code(started, monkeypatch):
    run = started()

    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "write_bytes", full)
    assert do(run, 1) == exit_codes.FULL


def test_one_broken_metric_does_not_cost_the_job(started, monkeypatch):
    from backends.core import registry

    broken = registry.entries("metrics")["testing_accuracy"]
    monkeypatch.setitem(
        registry._REGISTERED["metrics"], broken.id, registry.Registered(broken.entry, lambda evidence: 1 / 0, None)
    )
    registry.entries.cache_clear()
    try:
        run = started(epochs=1)
        assert do(run, 1) == exit_codes.DONE
    finally:
        registry.entries.cache_clear()
    assert math.isnan(files.number(run.metrics["testing_accuracy"]["after"]))
    assert "testing_accuracy" in run.state.message and "ZeroDivisionError" in run.state.detail


def test_only_the_metrics_asked_for_are_measured(started):
    run = started(epochs=1, metrics=("run_time", "unlearning_accuracy"))
    do(run, 1)
    assert list(run.metrics) == ["unlearning_accuracy", "run_time"]


def test_what_a_model_says_is_computed_once_for_all_jobs(started, home):
    def kept():
        return len(list((home / "cache" / "outputs").glob("*.npz")))

    do(started(epochs=1, seed=1), 1)
    assert kept() == 2
    second = started(epochs=1, seed=2)
    do(second, 1)
    assert kept() == 3  # the model after; the one before is known
    shares = [event["step"] / event["of"] for event in second.events() if event["phase"] == "measure"]
    assert shares[0] == 0 and shares[-1] == 1
    assert {event["of"] for event in second.events() if event["phase"] == "measure"} == {10}  # what is known is no step


def test_a_retrained_reference_is_found_and_compared_with(started):
    made = started(method="retrain", params={})
    assert do(made, 1) == exit_codes.DONE
    run = started(epochs=1)
    do(run, 1)
    result = run.result
    assert (
        reference.find(result["model"], result["forget_key"], run.spec.data)
        == made.path / "after" / "changed.safetensors"
    )
    assert result["reference"] == f"run {made.id}"
    assert (
        result["metrics"]["unlearning_accuracy"]["reference"] == made.result["metrics"]["unlearning_accuracy"]["after"]
    )
    assert result["metrics"]["run_time"]["reference"] == made.result["seconds"]
    assert "retrained" in result["verdict"]


def test_result_is_strict_json(finished):
    for name in ("result.json", "metrics.json", "state.json"):
        json.loads((finished.path / name).read_text(), parse_constant=lambda name: pytest.fail(name))


def test_a_warm_process_does_what_the_first_job_would_wait_for_unless_one_waits(monkeypatch, home):
    from backends.engine import loading

    asked = []
    monkeypatch.delenv("LETHE_PRECISION")
    monkeypatch.setattr(
        loading, "open_task", lambda model, data, setting: asked.append(model) or SimpleNamespace(load=str, resolve=len)
    )
    monkeypatch.setattr(loading.outputs, "of", lambda *_: asked.append("outputs"))
    loading.warm_up(lambda: True)
    assert asked == [] and not (home / "cache" / "warm.json").exists()
    loading.warm_up(lambda: False)
    assert asked[:2] == ["fashion-resnet", "outputs"] and (home / "cache" / "warm.json").exists()
    asked.clear()
    loading.warm_up(lambda: False)
    assert asked == []


@pytest.mark.parametrize("waits", [False, True], ids=["no job waits", "a job waits"])
def test_a_warm_process_has_imported_what_a_job_needs_and_a_job_that_waits_imports_its_own(home, waits):
    """transformers' machinery and what metrics import late take seconds: a job is not to wait for them, least of all for another's."""
    modules = [
        "transformers.modeling_utils",
        "backends.families.classifier.task",
        "sklearn.svm",
        "rouge_score.rouge_scorer",
    ]
    code = (
        "import sys; from backends.engine.job import _warm; _warm(); "
        f"print(*(name for name in {modules} if name in sys.modules))"
    )
    read, write = os.pipe()
    try:
        if waits:
            os.write(write, b"{}\n")
        done = subprocess.run([sys.executable, "-c", code], stdin=read, capture_output=True, text=True, check=True)
    finally:
        os.close(read)
        os.close(write)
    assert done.stdout.split() == ([] if waits else modules)
