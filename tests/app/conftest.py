"""Run folders as a finished, a running and a failed job leave them, made by hand with known numbers."""

import pytest
from PIL import Image

from app.inference import LIVE
from backends.api import files, runs
from backends.api.errors import LetheError
from backends.api.spec import JobSpec

NAMES = ["T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]


def sample(phase, step, sure):
    """One sample: a sandal of which the model is `sure`, and a neighbour it keeps."""

    def item(name, role, label, share):
        rest = [(1 - share) / 9] * 10
        rest[label] = share
        return {"id": name, "role": role, "label": label, "probabilities": rest}

    items = [
        item("test-3", "forget", 5, sure),
        item("test-4", "neighbour", 7, 0.9),
        item("test-5", "unrelated", 8, 0.95),
    ]
    return {"phase": phase, "step": step, "of": 10, "seconds": step / 2, "items": items}


def write_samples(run, *shares):
    for number, share in enumerate(shares):
        files.write_json(run.path / "samples" / f"01-{number * 5:06}.json", sample("forget", number * 5, share))
    for item in (3, 4, 5):
        path = run.path / "samples" / "items" / f"test-{item}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (28, 28), 40 * item).save(path)


@pytest.fixture
def nobody_answers(monkeypatch):
    """No process answers for models."""

    def ask(*_, **__):
        raise LetheError("Nobody answers here.")

    monkeypatch.setattr(LIVE, "ask", ask)


@pytest.fixture
def make_run(home):
    """Write a run: make_run("done"), with `owner` and any field of the spec."""

    def make(status="done", owner="", **fields):
        spec = JobSpec(**({"model": "fashion-resnet", "method": "salun", "forget": ("Sandal",)} | fields))
        run = runs.create(spec, owner)
        if status == "queued":
            return run
        run.move("running")
        for step in range(6):
            files.append_line(
                run.path / "events.jsonl",
                {
                    "seconds": 1 + step / 2,
                    "phase": "forget",
                    "step": step,
                    "of": 10,
                    "values": {"loss": 2.0 - step / 4},
                },
            )
        write_samples(run, 0.99, 0.5)
        if status == "failed":
            run.move("failed", note="The memory ran out; choose a smaller batch.", detail="Traceback: out of memory")
        if status == "cancelled":
            run.cancel()
            run.move("cancelled", note="Stopped after step 5.")
        if status == "done":
            write_samples(run, 0.99, 0.5, 0.02)
            write_result(run)
            run.move("done")
        return run

    return make


def write_result(run):
    spec = run.spec
    parts = {
        "before": {name: 90.0 for name in NAMES},
        "after": {name: 0.0 if name in spec.forget else 89.0 for name in NAMES},
    }
    metrics = {
        "unlearning_accuracy": {"before": 3.0, "after": 100.0, "reference": 100.0, "unit": "%", "direction": "reference", "title": "Forgotten", "short": "UA"},
        "accuracy_by_class": {"before": 90.0, "after": 80.0, "reference": None, "unit": "%", "direction": "higher", "title": "Accuracy by class", "parts": parts},
    }  # fmt: skip
    files.write_json(run.path / "metrics.json", metrics)
    said = {
        "run_id": run.id, "status": "done", "model": spec.model, "method": spec.method, "params": {"epochs": 2}, "forget": list(spec.forget),
        "keep": [], "seed": 0, "seconds": 12.0, "metrics": metrics, "verdict": "The model no longer recognises Sandal.", "device": "cpu",
        "precision": "float32", "threads": 2, "versions": {}, "peak_memory": 400 * 2**20, "forget_count": 2000, "forget_key": "f" * 24,
    }  # fmt: skip
    files.write_json(run.path / "result.json", said)
