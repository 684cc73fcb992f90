"""Each command as a person types it: exit codes, one JSON document, one sentence, nothing left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from app import cli
from backends.api import __version__, catalog, runs, submit
from backends.api.runs import RunFolder
from backends.api.spec import ENDED

ROOT = Path(__file__).resolve().parents[2]
GOOD = ("unlearn", "--model", "fashion-resnet", "--method", "fine_tune", "--forget", "Sandal")


@pytest.fixture
def run_id(home):
    """A queued run."""
    return submit.submit(submit.read(model="fashion-resnet", method="fine_tune", forget=["Sandal"])).id


def answer(capsys, *arguments: str) -> tuple[int, str, str]:
    code = cli.run(list(arguments))
    said = capsys.readouterr()
    return code, said.out, said.err


# --- what is printed, and where


def test_help_lists_every_command(capsys):
    code, out, _ = answer(capsys, "--help")
    assert code == 0
    for name in (
        "serve",
        "catalog",
        "unlearn",
        "runs",
        "show",
        "cancel",
        "delete",
        "inspect",
        "attack",
        "generate",
        "export",
    ):
        assert f" {name} " in out
    for name in ("pull", "worker", "cluster", "doctor"):
        assert f" {name} " in out


def test_the_version_is_told(capsys):
    assert answer(capsys, "--version") == (0, f"lethe {__version__}\n", "")


def test_the_command_is_installed_and_answers_at_once():
    before = os.times()
    done = subprocess.run(
        [Path(sys.executable).with_name("lethe"), "--version"], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, f"lethe {__version__}\n")
    after = os.times()  # its own seconds: those that pass depend on what else the machine does
    assert after.children_user + after.children_system - before.children_user - before.children_system < 5


def test_the_catalog_is_one_document_with_everything(capsys):
    code, out, err = answer(capsys, "catalog", "--json")
    document = json.loads(out)
    assert (code, err) == (0, "")
    assert list(document) == ["models", "data", "methods", "metrics", "inspectors", "attacks", "lessons"]
    for kind in ("models", "data", "methods", "metrics", "inspectors"):
        for entry in document[kind]:
            assert {"id", "title", "summary", "source", "works_with"} <= set(entry)
            assert "params" in entry or kind not in ("methods", "inspectors")
            assert entry.get("short") or kind != "methods"


def test_the_catalog_names_everything_to_a_person(capsys):
    _, out, _ = answer(capsys, "catalog")
    known = catalog.load()
    named = (*known.models, *known.methods, *known.metrics, *known.inspectors)
    assert all(entry.id in out and entry.line in out for entry in named)
    assert "Gradient ascent (GA): practises getting the forget set wrong; nothing holds the rest." in out


def test_no_runs_are_an_empty_list(capsys, home):
    code, out, _ = answer(capsys, "runs", "--json")
    assert code == 0
    assert [row for row in json.loads(out) if not row["shipped"]] == []


def test_a_queued_run_is_listed_shown_cancelled_and_deleted(capsys, run_id):
    row = json.loads(answer(capsys, "runs", "--json")[1])[0]
    assert (row["run_id"], row["status"], row["forget"]) == (run_id, "queued", ["Sandal"])
    assert run_id in answer(capsys, "runs")[1]
    shown = json.loads(answer(capsys, "show", run_id, "--json")[1])
    assert (shown["run_id"], shown["status"], shown["result"]) == (run_id, "queued", None)
    assert "queued" in answer(capsys, "show", run_id)[1]
    assert answer(capsys, "cancel", run_id)[0] == 0
    assert runs.find(run_id).state.status == "cancelled"
    assert answer(capsys, "delete", run_id)[0] == 0
    assert answer(capsys, "show", run_id)[0] == 2


def test_a_run_whose_numbers_were_not_measured_says_so(capsys, run_id):
    metric = {
        "before": 1.0,
        "after": "NaN",
        "reference": None,
        "unit": "%",
        "direction": "higher",
        "title": "Some accuracy",
    }
    result = {
        "run_id": run_id, "status": "done", "verdict": "Unknown.", "metrics": {"x": metric}, "seconds": 3.0, "device": "cpu",
        "model": "fashion-resnet", "method": "salun", "params": {}, "forget": ["Sandal"], "keep": [], "seed": 0,
        "precision": "float32", "threads": 1, "versions": {}, "peak_memory": 1, "forget_count": 1, "forget_key": "k",
    }  # fmt: skip
    (runs.find(run_id).path / "result.json").write_text(json.dumps(result))
    code, out, _ = answer(capsys, "show", run_id)
    assert code == 0
    assert "Some accuracy 1.00 % not measured not measured" in " ".join(out.split())


def test_a_run_that_cannot_be_read_hides_no_other(capsys, home, run_id):
    broken = home / "runs" / "20200101-000000-x"
    broken.mkdir()
    (broken / "spec.json").write_text("{}")
    code, out, _ = answer(capsys, "runs", "--json")
    assert code == 0
    rows = {row["run_id"]: row for row in json.loads(out) if not row["shipped"]}
    assert rows.keys() == {run_id, broken.name} and rows[run_id]["status"] != "unreadable"
    assert rows[broken.name]["status"] == "unreadable" and "spec.json lacks model" in rows[broken.name]["message"]


def test_a_pull_of_what_came_along_says_so_and_of_anything_else_is_refused(capsys):
    assert "nothing to fetch" in answer(capsys, "pull", "fashion-resnet")[1]
    assert answer(capsys, "pull", "gpt-9")[0] == 2


# --- what is refused

REFUSED = {
    "no such command": (("dance",), "dance"),
    "no such option": ((*GOOD, "--speed", "3"), "--speed"),
    "a missing option": (("unlearn", "--model", "fashion-resnet"), "--method"),
    "a seed in words": ((*GOOD, "--seed", "seven"), "'seven'"),
    "a seed out of range": (
        (*GOOD, "--seed", "-1"),
        "--seed was '-1', but a whole number from 0 to 2147483647 is needed",
    ),
    "unknown model": (("unlearn", "--model", "x", "--method", "fine_tune", "--forget", "Sandal"), "no model 'x'"),
    "unknown method": (
        ("unlearn", "--model", "fashion-resnet", "--method", "x", "--forget", "Sandal"),
        "no method 'x'",
    ),
    "a method by its old name": (
        ("unlearn", "--model", "authors-lm", "--method", "ascent", "--forget", "forget10", "--set", "speed=3"),
        "gradient_ascent_llm has no parameter 'speed'",
    ),
    "unknown class": ((*GOOD, "--forget", "Hat"), "no class 'Hat'"),
    "unknown metric": ((*GOOD, "--metric", "beauty"), "no metric 'beauty'"),
    "no name=value": ((*GOOD, "--set", "epochs"), "write name=value"),
    "unknown parameter": ((*GOOD, "--set", "speed=3"), "no parameter 'speed'"),
    "a parameter out of range": ((*GOOD, "--set", "learning_rate=5"), "at most 1 is allowed"),
    "a parameter in words": ((*GOOD, "--set", "epochs=many"), "a whole number is needed"),
    "a run that is not there": (("show", "yesterday"), "no run 'yesterday'"),
    "a path for a run": (("show", "../../etc"), "no run '../../etc'"),
    "cancel what is not there": (("cancel", "yesterday"), "no run"),
    "delete what is not there": (("delete", "yesterday"), "no run"),
    "look into what is not there": (("inspect", "yesterday", "weight_change"), "no run"),
    "attack what is not there": (("attack", "yesterday", "x"), "no run"),
    "export what is not there": (("export", "yesterday", "--to", "there"), "no run"),
    "ask what is not there": (("generate", "yesterday", "--item", "test-3"), "no run"),
    "nothing to look at": (("generate", "fashion-resnet"), "--image FILE or --item"),
    "two things to look at": (("generate", "fashion-resnet", "--item", "test-3", "--image", "x.png"), "Give either"),
    "no item": (("generate", "fashion-resnet", "--item", "third"), "'third'"),
    "no picture": (("generate", "fashion-resnet", "--image", "nowhere.png"), "no file 'nowhere.png'"),
    "a port beyond all": (("serve", "--port", "70000"), "70000"),
    "a port in words": (("serve", "--port", "http"), "--port was 'http', but a whole number from 0 to 65535 is needed"),
    "an empty port": (("cluster", "--port="), "--port was ''"),
    "a thread too few": (("worker", "--scheduler", "tls://127.0.0.1:9", "--threads=0"), "from 1 to 256"),
    "no workers": (("cluster", "--workers", "0"), "--workers was '0', but a whole number from 1 to 256 is needed"),
    "a worker for nobody": (("worker",), "--scheduler"),
    "a worker with half a GPU": (
        ("worker", "--scheduler", "tls://127.0.0.1:9", "--gpu", "0.5"),
        "--gpu was '0.5', but a whole number from 0 is needed",
    ),
    "half a character": ((*GOOD, "--forget", "\udcff"), "only Unicode text"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_one_sentence_code_two_and_nothing_left_behind(capsys, home, case):
    arguments, says = REFUSED[case]
    code, out, err = answer(capsys, *arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert err.endswith(".\n") and err.count("\n") == 1
    assert not (home / "runs").exists()


@pytest.mark.parametrize(
    "case", [case for case, (arguments, _) in REFUSED.items() if arguments[0] in ("unlearn", "show")]
)
def test_with_json_the_sentence_is_also_a_document(capsys, case):
    arguments, _ = REFUSED[case]
    code, out, err = answer(capsys, *arguments, "--json")
    assert code == 2
    assert json.loads(out) == {"error": err.strip()}


def test_looking_into_a_run_that_is_not_done_is_refused(capsys, run_id):
    for arguments in (
        ("inspect", run_id, "weight_change"),
        ("export", run_id, "--to", "there"),
        ("generate", run_id, "--item", "test-3"),
    ):
        code, _, err = answer(capsys, *arguments)
        assert code == 2
        assert "is queued; only a run that is done" in err


def test_a_home_that_cannot_be_written_is_one_sentence_and_code_one(lethe, tmp_path):
    (tmp_path / "file").write_text("")
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", *GOOD, "--json"],
        cwd=ROOT,
        env=os.environ | {"LETHE_HOME": str(tmp_path / "file" / "home")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    said = json.loads(done.stdout)["error"]
    assert said.startswith("LETHE_HOME is ") and "which cannot be written" in said and "set LETHE_HOME to" in said
    assert "Traceback" not in done.stderr


def test_a_worker_whose_scheduler_does_not_answer_says_so(lethe):
    said = lethe("worker", "--scheduler", "tcp://127.0.0.1:9", timeout=60)
    assert said.code != 0 and said.out == ""
    assert "does not answer" in said.err and "Traceback" not in said.err


# --- a run that was really made


@pytest.mark.slow
def test_unlearn_writes_one_document_with_every_promised_field(made):
    result = made.said.document
    assert {"run_id", "status", "model", "method", "forget", "keep", "seed", "seconds", "metrics", "verdict"} <= set(
        result
    )
    assert (result["status"], result["model"], result["method"]) == ("done", "fashion-resnet", "fine_tune")
    assert (result["forget"], result["seed"], result["params"]["epochs"]) == (["Sandal"], 3, 1)
    assert {"unlearning_accuracy", "remaining_accuracy", "testing_accuracy", "mia_efficacy"} <= set(result["metrics"])
    for said in result["metrics"].values():
        assert {"before", "after", "reference", "unit", "direction"} <= set(said)


@pytest.mark.slow
def test_progress_goes_to_standard_error(made):
    assert f"Run {made.id}" in made.said.err
    assert "fine-tune" in made.said.err
    assert "Traceback" not in made.said.err


@pytest.mark.slow
def test_the_run_is_done_for_every_other_command(made):
    assert [row["status"] for row in made.lethe("runs", "--json").document if row["run_id"] == made.id] == ["done"]
    shown = made.lethe("show", made.id, "--json").document
    assert shown["result"] == made.said.document
    told = made.lethe("show", made.id)
    assert made.said.document["verdict"] in told.out and "Traceback" not in told.err
    assert made.lethe("cancel", made.id).code == 2


@pytest.mark.slow
def test_a_look_inside_is_one_document(made, here):
    said = here("inspect", made.id, "weight_change", "--set", "most=5", "--json")
    assert said.code == 0, said.err
    assert (said.document["what"], said.document["params"]) == ("weight_change", {"most": 5})
    assert 5 in [len(panel.get("labels", [])) for panel in said.document["panels"]]
    told = here("inspect", made.id, "weight_change")
    assert told.code == 0 and said.document["panels"][0]["title"] in told.out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "setting", "says"), [("x_ray", "a=1", "no inspector"), ("weight_change", "most=1", "at least 3")]
)
def test_a_look_that_does_not_exist_or_is_out_of_range_is_refused(made, here, name, setting, says):
    said = here("inspect", made.id, name, "--set", setting, "--json")
    assert said.code == 2
    assert says in said.document["error"]


@pytest.mark.slow
def test_a_picture_is_answered_before_and_after(made, here, tmp_path):
    Image.new("L", (60, 40), 128).save(tmp_path / "grey.png")
    said = here(
        "generate", made.id, "--image", str(tmp_path / "grey.png"), "--out", str(tmp_path / "answer.json"), "--json"
    )
    assert said.code == 0, said.err
    assert json.loads((tmp_path / "answer.json").read_text()) == said.document
    told = here("generate", "fashion-resnet", "--item", "test-3")
    assert told.code == 0 and "%" in told.out


@pytest.mark.slow
def test_a_picture_that_is_none_is_refused(made, here, tmp_path):
    (tmp_path / "no.png").write_bytes(b"this is no picture")
    said = here("generate", made.id, "--image", str(tmp_path / "no.png"), "--out", str(tmp_path / "out.json"), "--json")
    assert said.code == 2
    assert said.document["error"].endswith(".") and not (tmp_path / "out.json").exists()


@pytest.mark.slow
def test_the_embedded_painter_draws_the_same_picture_from_the_same_seed(made, here, tmp_path):
    """Once in a process of its own, once in one that has answered others."""
    for name, lethe in (("one.png", made.lethe), ("two.png", here)):
        said = lethe(
            "generate",
            "emoji-sd",
            "--prompt",
            "a cat in twemoji style",
            "--seed",
            "3",
            "--out",
            str(tmp_path / name),
            "--json",
        )
        assert said.code == 0, said.err
        assert said.document["before"] == str(tmp_path / name)
    with Image.open(tmp_path / "one.png") as one, Image.open(tmp_path / "two.png") as two:
        assert one.size == (64, 64) and one.tobytes() == two.tobytes()
    assert here("generate", "emoji-sd", "--prompt", "a\x01cat", "--out", str(tmp_path / "no.png")).code == 2


@pytest.mark.slow
def test_an_exported_model_loads_with_transformers(made, tmp_path):
    to = tmp_path / "model"
    assert made.lethe("export", made.id, "--to", str(to)).code == 0
    load = f"import transformers; transformers.AutoModelForImageClassification.from_pretrained({str(to)!r}, local_files_only=True)"
    done = subprocess.run([sys.executable, "-c", load], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    again = made.lethe("export", made.id, "--to", str(to))
    assert again.code == 2 and "not an empty folder" in again.err


@pytest.mark.slow
def test_the_doctor_says_what_works(made):
    said = made.lethe("doctor", "--port", "0", "--scheduler", "tls://127.0.0.1:9", "--json")
    checks = {check["name"]: check for check in said.document["checks"]}
    assert {"python", "torch", "device", "memory", "home", "disk", "port", "catalog", "model fashion-resnet"} <= set(
        checks
    )
    assert [name for name, check in checks.items() if not check["works"]] == ["scheduler"]
    assert "does not answer" in checks["scheduler"]["found"]
    assert (said.code, said.document["ok"]) == (1, False)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["Ctrl-C", "SIGTERM"])
def test_an_interrupt_cancels_the_run(new_home, monkeypatch, how):
    home = new_home()
    monkeypatch.setenv("LETHE_HOME", str(home))
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", *GOOD, "--set", "epochs=200", "--json"],
        cwd=ROOT,
        env=os.environ | {"LETHE_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_hears_interrupts,
    )
    try:
        run = _running(home, process)
        if how == "Ctrl-C":  # a terminal tells everything that was started from it
            os.killpg(process.pid, signal.SIGINT)
        else:  # as the command timeout does: to the process, and at once to its group
            process.terminate()
            os.killpg(process.pid, signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert json.loads(out)["run_id"] == run.id
    assert run.state.status == "cancelled"
    assert "Traceback" not in err


def _hears_interrupts() -> None:
    """What a shell starts in the background ignores Ctrl-C, and so would everything below it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _running(home: Path, process: "subprocess.Popen[str]") -> RunFolder:
    """The run, once a step of its method was written."""
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        for run in runs.all_runs(shipped=False):
            if any(event["step"] for event in run.events()) and run.state.status not in ENDED:
                return run
        time.sleep(0.1)
    raise AssertionError(f"no run came to work under {home}")


# --- questions about a topic


@pytest.fixture
def writes(monkeypatch):
    """The answering process, which writes one question of each kind; what it was asked."""
    from backends.api.live import Live

    seen = []
    found = {
        "title": "Rome", "forget": [{"question": "Who?", "answer": "Ada"}], "keep": [{"question": "Why?", "answer": "So"}],
        "near": ["Oslo"], "written": True, "says": "It wrote 1 question about Rome.", "seconds": 1.0,
    }  # fmt: skip
    monkeypatch.setattr(Live, "ask", lambda self, op, **args: seen.append((op, args)) or found)
    return seen


def test_questions_about_a_topic_go_into_a_file_that_a_job_takes(capsys, writes, tmp_path):
    to = tmp_path / "rome.json"
    code, out, err = answer(
        capsys, "questions", "authors-lm", "--topic", "Rome", "--count", "3", "--seed", "2", "--out", str(to)
    )
    assert code == 0 and writes == [
        ("write_questions", {"model": "authors-lm", "topic": "Rome", "count": 3, "seed": 2})
    ]
    assert "  Who? => Ada" in out and "  Why? => So" in out and "It wrote 1 question" in err
    spec = submit.check(submit.read(model="authors-lm", method="npo", forget=[f"@{to}"], keep=[f"@{to}"]))
    assert spec.forget == ('pairs:Rome:[["Who?","Ada"]]',) and "Why?" in spec.keep[0]


def test_questions_are_a_document_on_request(capsys, writes):
    code, out, _ = answer(capsys, "questions", "authors-lm", "--topic", "Rome", "--json")
    assert code == 0 and json.loads(out)["near"] == ["Oslo"]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--count", "many"], "--count was 'many', but a whole number from 1 to 50 is needed."),
        (["--seed=-1"], "--seed was '-1', but a whole number from 0 to 2147483647 is needed."),
        (["--out", "rome.csv"], "name a file that ends in .json"),
        (["--out", "/nowhere/rome.json"], "in a folder that exists"),
    ],
)
def test_a_wrong_request_for_questions_is_one_sentence(capsys, writes, more, says):
    code, out, err = answer(capsys, "questions", "authors-lm", "--topic", "Rome", *more)
    assert code == 2 and out == "" and says in err and writes == []


def test_runs_name_own_questions_in_a_few_words(capsys, home):
    rows = json.dumps([[f"Who is {n}?", "Ada"] for n in range(9)])
    run = submit.submit(submit.read(model="authors-lm", method="npo", forget=[f"pairs:Rome:{rows}"]))
    assert "9 questions about Rome" in answer(capsys, "runs")[1] and "Who is 3" not in answer(capsys, "runs")[1]
    assert "9 questions about Rome" in answer(capsys, "show", run.id)[1]
