"""A job on the Hub's hardware, with a Hub that only remembers: what is ordered, what it costs, and that no token goes along."""

import json
from types import SimpleNamespace

import pytest

from app import cli
from backends.api import hub_jobs, submit
from backends.api.errors import BadInput, OutOfReach

SPEC = {"model": "fashion-resnet", "method": "salun", "forget": ["Sandal"], "seed": 3}
WHERE = ("--flavor", "t4-small", "--image", "hf.co/spaces/me/lethe", "--bucket", "me/runs")


@pytest.fixture
def hub(monkeypatch):
    """The Hub: its hardware with prices, and what was started."""
    started = []

    class Hub:
        def __init__(self, token=None):
            self.token = token

        def list_jobs_hardware(self):
            from huggingface_hub import JobHardwareInfo

            each = (("cpu-basic", "CPU Basic", 167), ("t4-small", "Nvidia T4 - small", 6667))
            return [
                JobHardwareInfo(
                    name=name,
                    prettyName=title,
                    cpu="",
                    ram="",
                    unitCostMicroUSD=cost,
                    unitCostUSD=cost / 1e6,
                    unitLabel="minute",
                )
                for name, title, cost in each
            ]

        def run_job(self, **asked):
            started.append(asked)
            return SimpleNamespace(id="job1", url="https://huggingface.co/jobs/me/job1")

    monkeypatch.setattr("huggingface_hub.HfApi", Hub)
    return started


def said(capsys, *arguments):
    code = cli.run(["run", *map(str, arguments)])
    told = capsys.readouterr()
    return code, told.out.strip(), told.err.strip()


def test_without_yes_only_the_price_is_told(hub, capsys):
    code, out, _ = said(capsys, json.dumps(SPEC), *WHERE)
    assert code == 0 and hub == []
    assert out == "Nvidia T4 - small: $0.40 an hour, at most $0.20 for 30 minutes. Say --yes to start it."


def test_a_job_is_ordered_with_its_spec_and_bucket(hub, capsys, tmp_path):
    (tmp_path / "spec.json").write_text(json.dumps(SPEC))
    code, out, _ = said(capsys, tmp_path / "spec.json", *WHERE, "--minutes", 90, "--yes", "--json")
    assert code == 0 and json.loads(out)["job"] == "job1" and "$0.60" in json.loads(out)["cost"]
    (asked,) = hub
    assert asked["image"] == "hf.co/spaces/me/lethe" and asked["flavor"] == "t4-small" and asked["timeout"] == "90m"
    assert asked["env"] == {"LETHE_KEEP": "/data"} and "secrets" not in asked
    (volume,) = asked["volumes"]
    assert (volume.type, volume.source, volume.mount_path) == ("bucket", "me/runs", "/data")
    assert asked["command"][:2] == ["lethe", "run"]
    again = submit.check(submit.read(**json.loads(asked["command"][2])))
    assert again == submit.check(submit.read(**SPEC))  # what the job reads is what was asked for


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--flavor", "h999", *WHERE[2:]), "the Hub has cpu-basic, t4-small"),
        ((*WHERE[:4], "--bucket", "runs"), "user/name"),
        ((*WHERE[:2], "--image", "; rm", *WHERE[4:]), "--image"),
        ((*WHERE, "--minutes", "0"), "--minutes was 0"),
    ],
)
def test_what_is_wrong_is_one_sentence(hub, capsys, arguments, words):
    code, out, err = said(capsys, json.dumps(SPEC), *arguments, "--yes")
    assert code == 2 and words in err and "\n" not in err and out == "" and hub == []


@pytest.mark.parametrize("text", ["nowhere.json", "[1]", "{", '{"model": 1}', '{"model": "m", "strength": 2}'])
def test_a_job_that_is_none_is_refused(capsys, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "[1]").write_text("[1]")
    code, out, err = said(capsys, text)
    assert code == 2 and out == "" and len(err.splitlines()) == 1


def test_what_lies_on_this_machine_does_not_go_along(monkeypatch):
    spec = submit.read(**SPEC | {"after": "example-forget-sandal"})
    with pytest.raises(BadInput, match="sees no run"):
        hub_jobs.order(spec, "hf.co/spaces/me/lethe", "me/runs", "cpu-basic", 30)


def test_no_token_stands_in_a_sentence(monkeypatch):
    class Refuses:
        def __init__(self, token=None): ...

        def run_job(self, **asked):
            raise RuntimeError("401: token hf_abcDEF123 is no good\nmore")

    monkeypatch.setattr("huggingface_hub.HfApi", Refuses)
    order = hub_jobs.order(submit.read(**SPEC), "hf.co/spaces/me/lethe", "me/runs", "cpu-basic", 30)
    with pytest.raises(OutOfReach) as refused:
        hub_jobs.start(order, "hf_abcDEF123")
    assert "hf_abc" not in str(refused.value) and "401" in str(refused.value) and refused.value.__cause__ is None
