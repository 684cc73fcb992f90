"""`lethe import`: what it tells of a run that was made elsewhere, and what it refuses."""

import json
import shutil

import pytest

from app import cli
from backends.api import files, runs
from backends.api.home import ASSETS

SHIPPED = min((ASSETS / "runs").iterdir(), key=lambda path: sum(one.stat().st_size for one in path.rglob("*")))


def test_it_says_what_was_taken_in_and_under_which_id(tmp_path, home, capsys):
    folder = shutil.copytree(SHIPPED, tmp_path / "theirs")
    (folder / "notes.txt").write_text("mine", "utf-8")
    spec = files.read_json(folder / "spec.json")
    files.write_json(folder / "spec.json", spec | {"model": "/theirs/model"})
    assert cli.run(["import", str(folder), "--json"]) == 0
    out, err = capsys.readouterr()
    facts = json.loads(out)
    assert facts == {
        "run_id": facts["run_id"], "folder": str(home / "runs" / facts["run_id"]), "left_out": 1, "model_is_here": False,
    }  # fmt: skip
    assert "1 of its files is no part of a run, and was left out." in err
    assert "Its model /theirs/model is not here" in err
    assert cli.run(["import", str(SHIPPED)]) == 0
    last = capsys.readouterr().out.splitlines()
    new = {run.id for run in runs.all_runs(shipped=False)} - {facts["run_id"]}
    assert last[-1] == f"It is here as run {new.pop()}." and last[0] == runs.find(SHIPPED.name).result["verdict"]


@pytest.mark.parametrize(
    "arguments",
    [(), ("--before", "fashion-resnet"), ("--after", "x"), ("there", "--before", "fashion-resnet", "--after", "x")],
)
def test_half_of_what_is_needed_is_bad_input(arguments, capsys):
    assert cli.run(["import", *arguments]) == 2
    assert "Give either PATH of a finished run, or --before MODEL and --after FOLDER" in capsys.readouterr().err


def test_what_is_no_run_is_bad_input(tmp_path, capsys):
    assert cli.run(["import", str(tmp_path)]) == 2
    assert "holds no spec.json, so it is no run" in capsys.readouterr().err
