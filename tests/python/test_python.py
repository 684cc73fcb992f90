"""The package `lethe` without a job: what importing it costs, what there is, and what is refused."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import lethe
from backends.api import catalog, submit
from backends.api.home import ASSETS

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted(path.name for path in (ASSETS / "runs").iterdir() if path.is_dir())
HEAVY = ("torch", "numpy", "scipy", "gradio", "streamlit", "plotly", "transformers", "pydantic")


def test_importing_it_loads_next_to_nothing():
    code = (
        "import json, sys, time; begun = time.process_time(); import lethe; took = time.process_time() - begun\n"
        f"print(json.dumps([took, [name for name in {HEAVY!r} if name in sys.modules], lethe.__version__]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    took, heavy, version = json.loads(done.stdout)
    assert (heavy, version) == ([], lethe.__version__)
    assert took < 0.5


def test_every_name_that_it_offers_is_there_and_no_other():
    assert all(getattr(lethe, name) is not None for name in lethe.__all__)
    assert set(dir(lethe)) == set(lethe.__all__)
    with pytest.raises(AttributeError, match=r"has no 'forget'; it has .*unlearn"):
        lethe.forget  # noqa: B018


def test_another_package_of_one_of_its_names_is_told(tmp_path):
    (tmp_path / "app.py").write_text("", "utf-8")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import app; sys.path.append({str(ROOT)!r}); import lethe"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert f"Lethe has a package 'app', but {tmp_path / 'app.py'} is imported under that name" in done.stderr


def test_a_file_beside_a_person_is_not_taken_for_one_of_lethe(tmp_path):
    """A script called app.py that uses the package, in a folder with a package called backends."""
    (tmp_path / "backends").mkdir()
    (tmp_path / "backends" / "__init__.py").write_text("raise SystemExit('the wrong one')", "utf-8")
    (tmp_path / "app.py").write_text(
        f"import sys; sys.path.append({str(ROOT)!r}); import lethe; print(len(lethe.models()))", "utf-8"
    )
    done = subprocess.run([sys.executable, "app.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.strip()) == (0, str(len(lethe.models()))), done.stderr


def test_what_there_is_is_what_the_catalog_says():
    for kind in ("models", "data", "methods", "metrics", "inspectors", "attacks"):
        entries = getattr(lethe, kind)()
        assert [entry.id for entry in entries] == [entry.id for entry in getattr(catalog.load(), kind)]
        assert all(entry.id in repr(entries) and "<td" in entries._repr_html_() for entry in entries)
    first = catalog.load().models[0]
    fit = [entry.id for entry in catalog.load().methods if entry.works_with.get(first.family) is True]
    assert [entry.id for entry in lethe.methods(first.id)] == fit
    assert 0 < len(fit) < len(lethe.methods())
    assert lethe.methods()[fit[0]].id == fit[0] == lethe.methods(first.id)[0].id
    with pytest.raises(KeyError, match="no 'nothing'; choose one of"):
        lethe.methods()["nothing"]
    with pytest.raises(lethe.BadInput, match="no model 'nothing' here"):
        lethe.methods("nothing")


def test_no_setting_of_a_method_hides_an_argument_of_the_function():
    import inspect

    own = set(inspect.signature(lethe.unlearn).parameters) - {"settings"}
    settings = {name for entry in lethe.methods() for name in entry.params["properties"]}
    assert own & settings == set()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model": "nothing"}, "There is no model 'nothing'"),
        ({"method": "nothing"}, "There is no method 'nothing'"),
        ({"forget": ()}, "Nothing to forget was named"),
        ({"forget": "Hat"}, "'Hat'"),
        ({"seed": -1}, "seed was -1"),
        ({"epochs": -1}, "epochs was -1"),
        ({"colour": "red"}, "colour"),
        ({"after": "nothing"}, "There is no run 'nothing'"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence_and_leaves_nothing(home, changes, sentence):
    given = {"model": "fashion-resnet", "method": "fine_tune", "forget": "Sandal"} | changes
    with pytest.raises(lethe.BadInput) as refused:
        lethe.unlearn(**given)
    assert sentence in str(refused.value) and "\n" not in str(refused.value)
    assert not list((home / "runs").glob("*"))


def test_a_model_from_elsewhere_that_cannot_be_one_is_refused(home, tmp_path):
    given = {"before": "fashion-resnet", "after": tmp_path, "forget": "Sandal"}
    with pytest.raises(lethe.BadInput, match=r"holds no config\.json"):
        lethe.import_model(**given)
    with pytest.raises(lethe.BadInput, match="Nothing to forget was named"):
        lethe.import_model(**given | {"forget": ()})
    assert not list((home / "runs").glob("*"))


def test_a_run_that_came_with_it_tells_what_the_studio_tells():
    run = lethe.open(SHIPPED[0])
    assert run == lethe.open(ASSETS / "runs" / SHIPPED[0]) and run in lethe.runs()
    assert run.status == "done" and run.verdict and run.id in repr(run)
    assert run.metrics.keys() == run.result["metrics"].keys()
    comparison = run.compare()
    assert comparison.metrics.keys() == run.metrics.keys()
    assert len(repr(comparison).splitlines()) == len(run.metrics) + 2
    assert all({"before", "after"} == sample.keys() for sample in comparison.samples.values())
    assert str(run.folder).endswith(SHIPPED[0])


def test_a_run_that_is_not_done_is_refused_what_only_those_have(home):
    folder = submit.submit(submit.read(model="fashion-resnet", method="fine_tune", forget=["Sandal"]))
    run = lethe.open(folder.id)
    assert (run.status, run.verdict, run.metrics) == ("queued", "", {})
    asked = (run.compare, run.test, run.model, lambda: run.card("c.html"), lambda: run.inspect("weight_change"))
    for ask in asked:
        with pytest.raises(lethe.BadInput, match=f"Run {run.id} is queued; only a run that is done"):
            ask()
    run.delete()
    assert not run.folder.exists()


def test_a_folder_elsewhere_has_to_be_imported(tmp_path, home):
    shutil.copytree(ASSETS / "runs" / SHIPPED[0], tmp_path / "theirs")
    with pytest.raises(lethe.BadInput, match=r"lies outside of .*; lethe.import_run\("):
        lethe.open(tmp_path / "theirs")


def test_a_run_from_elsewhere_is_imported_and_opened(tmp_path, home):
    shutil.copytree(ASSETS / "runs" / SHIPPED[0], tmp_path / "theirs")
    run = lethe.import_run(tmp_path / "theirs")
    assert run.folder.parent == home / "runs" and lethe.open(run.folder) == run
    assert run.metrics.keys() == lethe.open(SHIPPED[0]).metrics.keys()
    assert len(run.compare().samples) == len(lethe.open(SHIPPED[0]).compare().samples)
    with pytest.raises(lethe.BadInput, match="There is no folder or file"):
        lethe.import_run(tmp_path / "nothing")


def test_a_model_that_is_none_of_a_run_is_refused():
    with pytest.raises(lethe.BadInput, match="which was 'after'; it can be original, unlearned, reference"):
        lethe.open(SHIPPED[0]).model("after")


def test_without_a_studio_the_address_says_how_to_open_one(capsys):
    run = lethe.open(SHIPPED[0])
    assert run.show(port=1) == f"http://127.0.0.1:1/run?id={run.id}"
    assert "`lethe serve --port 1` opens one." in capsys.readouterr().err
