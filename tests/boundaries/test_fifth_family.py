"""A fifth family of models appears everywhere when its folder and its page file are dropped in: no shared file knows of it.

tests/fifth_family has what is dropped in: the family, the file of the pages, and a metric in a file of its own for forgetting and
for keeping. Its model, a small network on scikit-learn's diabetes data, is trained here.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
FIXTURE = ROOT / "tests" / "fifth_family"
CODE = ("app", "pages", "backends")
DROPPED_IN = ("app", "backends")
MODEL = "diabetes-mlp"
FIT = {"fine_tune", "gradient_ascent", "retrain"}


def files_of(root: Path) -> dict[str, Path]:
    """Every file of the code below a folder, by its name from there."""
    paths = (path for part in CODE for path in (root / part).rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {str(path.relative_to(root)): path for path in paths}


class Installation:
    """A copy of the repository with the fifth family, and a home of its own."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root = root
        (root / "assets").mkdir(parents=True)
        for part in CODE:
            shutil.copytree(ROOT / part, root / part)
        for part in (ROOT / "assets").iterdir():
            if part.name in ("models", "data"):
                (root / "assets" / part.name).mkdir()
                for one in part.iterdir():
                    (root / "assets" / part.name / one.name).symlink_to(one)
            else:
                (root / "assets" / part.name).symlink_to(part)
        for part in DROPPED_IN:
            shutil.copytree(FIXTURE / part, root / part, dirs_exist_ok=True)
        self.environment = os.environ | {"PYTHONPATH": str(root), "LETHE_HOME": str(home), "LETHE_PRECISION": "float32"}
        self.python(str(FIXTURE / "make.py"))

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=self.root, env=self.environment, capture_output=True, text=True,
            timeout=500, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done

    def lethe(self, *arguments: str) -> dict:
        return json.loads(self.python("-m", "app.cli", *arguments, "--json").stdout)


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fifth")
    return Installation(folder / "lethe", folder / "home")


@pytest.fixture(scope="module")
def listed(installation):
    """The catalog."""
    return installation.lethe("catalog")


@pytest.fixture(scope="module")
def retrained(installation, listed):
    return installation.lethe("unlearn", "--model", MODEL, "--method", "retrain", "--forget", "age<30")


@pytest.fixture(scope="module")
def result(installation, retrained):
    """What a job says that was started from the command line, after its retrained reference."""
    settings = ("--set", "epochs=10", "--set", "learning_rate=0.005")
    return installation.lethe(
        "unlearn", "--model", MODEL, "--method", "gradient_ascent", "--forget", "age < 30", *settings
    )


@pytest.fixture(scope="module")
def studio(installation, result, retrained, tmp_path_factory):
    """What the pages of the studio say of the model and of the run."""
    path = tmp_path_factory.mktemp("studio") / "pages.json"
    installation.python(str(FIXTURE / "studio.py"), MODEL, result["run_id"], retrained["run_id"], str(path))
    return json.loads(path.read_text())


def test_nothing_but_files_of_its_own_was_added_and_no_file_differs(installation):
    before, after = files_of(ROOT), files_of(installation.root)
    assert after.keys() - before.keys() == files_of(FIXTURE).keys()
    assert [name for name, path in before.items() if path.read_bytes() != after[name].read_bytes()] == []
    assert not any("tabular" in path.read_text("utf-8", "ignore") for path in before.values() if path.suffix == ".py")


def test_the_catalog_has_its_model_what_fits_it_and_why_the_rest_does_not(listed):
    model = next(entry for entry in listed["models"] if entry["id"] == MODEL)
    assert model["family"] == "tabular" and model["default_forget"] == ["age<40"]
    works = {
        kind: {e["id"]: e["works_with"]["tabular"] for e in listed[kind]}
        for kind in ("methods", "metrics", "inspectors")
    }
    fit = {kind: {name for name, fits in each.items() if fits is True} for kind, each in works.items()}
    assert fit["methods"] == FIT
    assert fit["metrics"] == {"forget_error", "new_row_error", "run_time", "peak_memory", "weights_changed"}
    assert fit["inspectors"] == {"model_map", "weight_change", "weight_saliency"}
    assert works["methods"]["salun"] == "A model of a table gives images no classes."
    assert (
        works["inspectors"]["embedding_map"] == "A model of a table makes no embeddings that a map could be drawn of."
    )
    own = next(entry for entry in listed["metrics"] if entry["id"] == "forget_error")
    assert own["works_with"]["classifier"] == "An image classifier predicts no number from the columns of a table."


def test_a_job_forgets_measures_and_says_what_happened(result):
    assert (result["family"], result["forget"], result["forget_count"]) == ("tabular", ["age<30"], 32)
    assert result["reference"].startswith("run ")
    error = result["metrics"]["forget_error"]
    assert error["before"] + 5 < error["after"] < error["reference"]
    assert re.match(
        r"It partly forgot the 32 rows \(age<30\): it is off by [\d.]+ % of the range now", result["verdict"]
    )


def test_the_command_line_asks_its_models(installation, result):
    answer = installation.lethe("generate", result["run_id"], "--prompt", "row 3")
    assert answer["question"] == "row 3" and float(answer["before"]["truth"]) == 71
    assert answer["before"]["said"] != answer["after"]["said"]


def test_the_form_has_its_kinds_of_target_its_sentence_and_a_job(studio):
    assert studio["kinds"] == ["By a column", "By number", "A random share"]
    assert {"rows.column", "rows.sign", "rows.bound", "rows.row_numbers", "rows.keep_rows"} <= set(studio["fields"])
    assert studio["columns"][:3] == ["age", "sex", "bmi"] and set(studio["methods"]) == FIT
    assert "rows with age &lt; 40" in studio["say"] and "all other rows" in studio["say"]
    assert "97 rows to forget, 245 to keep" in studio["say"]
    assert studio["spec"]["family"] == "tabular" and studio["spec"]["forget"] == ["age<40"]
    assert studio["card"] == "10 columns · 342 training rows"


def test_an_address_and_a_clone_restore_its_targets(studio):
    assert studio["address"] == {"kind": "rows", "row_numbers": "3,10-40"}
    assert studio["clone"] == {"kind": "where", "column": "age", "sign": "<", "bound": 30}
    assert studio["strange"].startswith("There is no column 'height'; the table has age, sex, bmi")


def test_the_page_of_a_run_has_a_board_marks_and_bullets_without_code_of_its_own(studio, result):
    assert "rows with age &lt; 30" in studio["head"]
    assert result["verdict"].partition(":")[2].partition(";")[0].strip() in studio["marks"]
    assert "Forgotten?" in studio["marks"] and "Not tested yet" in studio["marks"]
    assert "never saw rows with age &lt; 30" in studio["board"] and studio["board"].count("lethe-bubble") >= 3
    assert 'data-metric="forget_error"' in studio["bullets"] and studio["two"].count('type="range"') == 2


def test_see_and_runs_show_what_its_view_yields(studio, result):
    assert "The same rows, before and after" in studio["more"] and "row 3 (forget)" in studio["more"]
    assert "how near the predictions for the watched rows are to the true values" in studio["more"]
    assert "The rows, step by step" in studio["more"] and "true class" not in studio["more"]
    assert "forget loss" in studio["more"]
    assert "forgets rows with age &lt; 30" in studio["runs"] and result["run_id"] in studio["runs"]
    assert studio["trials"] == ["Diabetes, predicted by a small network forgets rows with age < 30"]
    assert "Forgetting against keeping" in studio["plot"]


def test_the_tab_ask_asks_it(studio, result):
    assert {MODEL, result["run_id"]} <= set(studio["askable"]) and studio["tries"][0] == "row 3"
    assert all(words in studio["played"] for words in ("before", "after", "the true value", "222"))
    assert "before" in studio["played_model"] and "after" not in studio["played_model"]
    assert "names no row; write row 12" in studio["played_wrong"]


def test_an_inspector_that_fits_works_and_one_that_does_not_says_why(studio):
    assert studio["fitting"] == ["model_map", "weight_saliency", "weight_change"]
    assert "Furthest moved" in studio["model_map"][0]
    assert any("moved most" in words for words in studio["weight_change"])
    assert len(studio["weight_saliency"]) == 1
    assert studio["embedding_map"].endswith("A model of a table makes no embeddings that a map could be drawn of.")
