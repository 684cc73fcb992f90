"""A finished run written by hand, for tests of what reads one. Its numbers are made up and never leave the tests."""

import io
from pathlib import Path

from PIL import Image

from backends.api import files
from backends.api.runs import Moment, RunFolder, State
from backends.api.spec import JobSpec

CLASSES = ["T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
WATCHED = [("test-5", "forget", 5), ("test-7", "neighbour", 7), ("test-1", "unrelated", 1)]


def measured(before: float, after: float, reference: float | None, **said: object) -> dict[str, object]:
    """One entry of metrics.json."""
    one = {"before": before, "after": after, "reference": reference, "unit": "%", "direction": "reference"}
    return one | said


def probabilities(label: int, sure: float, other: int) -> list[float]:
    """Sure of the label, the rest on one other class."""
    return [sure if at == label else 1 - sure if at == other else 0.0 for at in range(len(CLASSES))]


def write_run(
    home: Path, run_id: str, *, method: str, model: str, status: str = "done", forget_key: str = "k"
) -> RunFolder:
    """A run that forgets Sandal; one that is not done has no result and no metrics."""
    path = home / "runs" / run_id
    spec = JobSpec(model=model, method=method, forget=("Sandal",))
    files.write_json(path / "spec.json", spec.model_dump())
    state = State(
        status=status,
        message="" if status == "done" else "It ran out of memory.",
        history=[Moment(status="queued", at=0.0)],
    )
    files.write_json(path / "state.json", state.model_dump())
    for step in range(5):
        items = []
        for name, role, label in WATCHED:
            sure = 0.95 - 0.23 * step if role == "forget" else 0.9
            items.append({"id": name, "role": role, "label": label, "probabilities": probabilities(label, sure, 9)})
        sample = {"phase": "forget" if step else "", "step": 10 * step, "of": 40, "seconds": 1.0 * step, "items": items}
        files.write_json(path / "samples" / f"00-{10 * step:06d}.json", sample)
        files.append_line(path / "events.jsonl", sample | {"values": {"loss": 1.0 / (step + 1)}})
    for at, (name, _, _) in enumerate(WATCHED):
        out = io.BytesIO()
        Image.linear_gradient("L").rotate(90 * at).resize((28, 28)).save(out, "PNG")
        files.write_bytes(path / "samples" / "items" / f"{name}.png", out.getvalue())
    if status == "done":
        _finish(path, spec, forget_key)
    return RunFolder(path)


def _finish(path: Path, spec: JobSpec, forget_key: str) -> None:
    before = {name: 90.0 + at for at, name in enumerate(CLASSES)}
    metrics = {
        "first": measured(5.0, 99.5, 100.0, title="How well it forgot", short="UA"),
        "second": measured(98.0, 96.5, 97.2, title="What is kept", short="RA", direction="higher"),
        "third": measured(
            1.0, float("nan"), None, title="Never measured", parts={"after": {"threshold": 0.4, "attack_accuracy": 53.0}}
        ),
        "by_class": measured(
            94.5, 85.0, 86.0, title="Right, by class",
            parts={
                "before": before,
                "after": before | {"Sandal": 0.5, "Sneaker": 88.0},
                "reference": before | {"Sandal": 0.0},
            },
        ),
    }  # fmt: skip
    files.write_json(path / "metrics.json", metrics)
    files.write_json(
        path / "result.json",
        {
            "run_id": path.name, "status": "done", "model": spec.model, "method": spec.method, "params": {"epochs": 3},
            "forget": ["Sandal"], "keep": [], "seed": 0, "seconds": 12.5, "metrics": metrics, "verdict": "Sandal is forgotten.",
            "device": "cpu", "precision": "float32", "threads": 2, "versions": {"torch": "2.11"}, "peak_memory": 512 * 2**20,
            "forget_count": 2000, "forget_key": forget_key,
        },
    )  # fmt: skip
