"""The unlearning card: one file that opens offline, whose numbers are those of the run."""

import hashlib
import json
import re

import pytest

from app import comeback, open_problems, unlearning_card
from backends.api import court, runs
from backends.api.errors import BadInput

SHIPPED = ["example-forget-sandal", "example-forget-cat", "example-author-refused", "example-experts-one"]


@pytest.mark.parametrize("run_id", SHIPPED)
def test_it_opens_offline_and_holds_what_was_done_measured_and_tested(run_id):
    run = runs.find(run_id)
    page, card = unlearning_card.html(run), unlearning_card.document(run)
    outside = re.findall(r'(?:src|href)="([^"]+)"', page)
    inner = {f"#{name}" for name in re.findall(r'id="([^"]+)"', page)}
    assert all(address.startswith(("data:", "https://")) or address in inner for address in outside)
    assert not re.findall(r'src="https?:', page) and "<link" not in page and "url(" not in page
    judged = court.of_run(run)
    assert card["verdict"]["word"] == judged.word and judged.title[1] in page
    assert {test["attack"] for test in card["tests"]} == {one["id"] for one in card["attacks"]}
    assert all(len(one["curves"]["after"]) == len(one["x"]) for one in card["attacks"])
    assert card["metrics"].keys() == run.metrics.keys() and card["seed"] == run.spec.seed
    inside = json.loads(re.search(r'<script type="application/json" id="card">(.*?)</script>', page, re.S)[1])
    assert inside["run"] == run_id and inside["hashes"] == card["hashes"]


def test_its_hashes_are_those_of_the_files_and_it_says_how_to_repeat():
    run = runs.find("example-forget-sandal")
    card = unlearning_card.document(run)
    content = (run.path / "after" / "changed.safetensors").read_bytes()
    assert card["hashes"]["after/changed.safetensors"] == hashlib.sha256(content).hexdigest()
    assert any(name.startswith("fashion-resnet/") for name in card["hashes"])
    assert card["repeat"][0].startswith("lethe unlearn --model fashion-resnet --method salun --forget Sandal")


@pytest.mark.parametrize("run_id", SHIPPED)
def test_the_checklist_names_what_was_made_and_what_was_not(run_id):
    run = runs.find(run_id)
    made, tests = (
        {one.entry.id for one in comeback.attacks_on(run)},
        {entry.id: entry for entry in comeback.fitting(run)},
    )
    checklist = {one["problem"]: one for one in open_problems.document(run)}
    named = [name for one in checklist.values() for name in one["tests_made"]]
    assert sorted(named) == sorted(name for name in made if tests[name].test != "plain")
    missing = [name for one in checklist.values() for name in one["tests_not_made"]]
    assert not set(missing) & made and set(missing) | made <= tests.keys()
    assert all(name in run.metrics for one in checklist.values() for name in one["metrics"])
    assert checklist["safeguards"] == {"problem": "safeguards", "tests_made": [], "tests_not_made": [], "metrics": []}
    assert "not looked at" in unlearning_card.html(run)


def test_a_run_that_nobody_attacked_says_so(make_run):
    run = make_run()
    page = unlearning_card.html(run)
    assert all(not one["tests_made"] for one in open_problems.document(run))
    assert "Not tested" in page and unlearning_card.document(run)["verdict"] is None


def test_words_of_a_person_are_text(make_run):
    run = make_run(model="authors-lm", method="npo", forget=("</script><img src=x onerror=alert(1)>",))
    page = unlearning_card.html(run)
    assert "<img src=x" not in page and page.count("</script>") == 1


def test_a_run_that_is_not_done_has_none(make_run):
    run = make_run(status="running")
    with pytest.raises(BadInput, match="only a run that is done has a card"):
        unlearning_card.document(run)
