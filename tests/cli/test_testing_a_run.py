"""`lethe test RUN`: what the process that holds the models is asked, and how the judgement is told."""

import json
import shutil

import pytest
from planted_court import NEVER_SAW, planted

from app import cli
from backends.api import court, files, runs
from backends.api.home import ASSETS

REFUSES = {"plain": 0.01} | dict.fromkeys(("ask", "sample", "relearn", "inside"), 0.5)
SHIPPED, RUN = "example-author-refused", "20260101-000000-untested"


@pytest.fixture
def tries(home, monkeypatch):
    """tries(tests): the answering process finds these; what it was asked."""
    from backends.api.live import Live

    shutil.copytree(ASSETS / "runs" / SHIPPED, home / "runs" / RUN, ignore=shutil.ignore_patterns("attack"))
    asked = []

    def prepare(tests, failed=None):
        def stream(self, op, **args):
            asked.append((op, args))
            for number, test in enumerate(tests):
                yield {"phase": f"{test.attack}, asking", "done": number, "of": len(tests)}
                test.save(home / "attack" / RUN / test.attack)
            yield {"ran": [test.attack for test in tests], "failed": failed or {}}

        monkeypatch.setattr(Live, "stream", stream)
        return asked

    return prepare


def lethe(capsys, *arguments):
    code = cli.run(list(arguments))
    return code, *capsys.readouterr()


def test_the_judgement_is_told_with_every_test(tries, capsys):
    asked = tries([*planted(unlearned=REFUSES), *planted(floor={"weights": 0.9})], {"slow": "It needs a router."})
    code, out, err = lethe(capsys, "test", RUN)
    assert code == 0 and asked == [("test", {"run": RUN, "deep": False, "joins": True})]
    lines = out.splitlines()
    assert lines[:2] == ["Hidden.", "4 of 4 valid tests bring it back."]
    rows = {line.split()[0]: line.split()[-1] for line in lines if " % " in line and not line.endswith(".")}
    assert rows["relearn"] == rows["ask"] == "yes" and rows["weights"] == "void"
    assert any(line.startswith("weights: It cannot tell here") for line in lines)
    assert "relearn, asking" in err and "slow: It needs a router." in err


def test_what_cannot_be_told_comes_with_what_would_settle_it(tries, capsys):
    tries(planted(unlearned=NEVER_SAW, references=0))
    code, out, _ = lethe(capsys, "test", RUN)
    assert (
        code == 0
        and out.startswith("Cannot tell.\nNo retrained reference was tried.")
        and "Train a retrained reference" in out
    )


def test_with_json_it_is_one_document(tries, capsys):
    asked = tries(planted(unlearned=REFUSES))
    code, out, _ = lethe(capsys, "test", RUN, "--deep", "--json")
    document = json.loads(out, parse_constant=pytest.fail)
    assert code == 0 and asked[0][1]["deep"] is True
    assert document["run_id"] == RUN and document["ran"] == list(NEVER_SAW) and document["failed"] == {}
    expected = json.loads(files.dumps(court.as_document(court.of_run(runs.find(RUN)))))
    assert document["verdict"] == expected["verdict"] and document["verdict"]["word"] == "hidden"
    assert document["tests"] == expected["tests"]


def test_where_every_attack_failed_the_command_fails_and_says_why(tries, capsys):
    tries(planted()[:1], {"relearn": "There was no memory left."})
    code, out, err = lethe(capsys, "test", RUN)
    assert code == 1 and out == "" and "Too few tests could be made to say anything. There was no memory left." in err


def test_a_run_that_does_not_exist_is_refused(tries, capsys):
    asked = tries([])
    code, out, err = lethe(capsys, "test", "no-such-run")
    assert code == 2 and out == "" and "There is no run 'no-such-run'" in err and asked == []
