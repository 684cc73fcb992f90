"""docs/python.md does what it says: its blocks are run in order, as a person would who reads it."""

import math
import re
from pathlib import Path

import pytest

import lethe

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "python.md").read_text("utf-8")


@pytest.fixture
def small(monkeypatch, new_home, tmp_path):
    """A home with a catalog, and a folder of its own to stand in."""
    monkeypatch.setenv("LETHE_HOME", str(new_home()))
    monkeypatch.setenv("LETHE_THREADS", "1")
    monkeypatch.setenv("LETHE_PRECISION", "float32")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    lethe.close()


@pytest.mark.slow
def test_every_block_of_the_page_runs(small, capsys):
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 9
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "docs/python.md", "exec"), names)
    run, look, judgement = (names[name] for name in ("run", "look", "judgement"))
    assert isinstance(run, lethe.Run) and isinstance(look, lethe.Look) and isinstance(judgement, lethe.Judgement)
    assert run.status == "done" and run.verdict in capsys.readouterr().out
    assert look.figures() and judgement.reasons
    assert judgement.word[:4] in repr(judgement).lower() and "<table>" in judgement._repr_html_()
    assert "Unlearning accuracy" in repr(run.compare()) and "<table>" in run._repr_html_()
    assert run.compare().samples
    theirs = names["theirs"]
    assert theirs.id != run.id and theirs.verdict == run.verdict and theirs.result["notes"] != run.result["notes"]
    elsewhere = names["elsewhere"]
    for name in (
        "unlearning_accuracy",
        "testing_accuracy",
        "weights_changed",
    ):  # the exported model is the unlearned one
        assert elsewhere.metrics[name].after == run.metrics[name].after
    assert run.metrics["run_time"].after > 0 and math.isnan(elsewhere.metrics["run_time"].after)
    assert (small / "card.html").stat().st_size > 10_000
    assert (small / "my-model" / "model.safetensors").is_file()
    ours, theirs = names["model"].state_dict(), run.model("original").state_dict()
    assert ours.keys() == theirs.keys() and any((ours[name] != theirs[name]).any() for name in ours)
