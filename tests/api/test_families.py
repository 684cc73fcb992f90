"""A family is declared once, without a model library, and a run names the one that it is of."""

import subprocess
import sys

import pytest

from backends.api import families, files, runs, submit
from backends.api.errors import BadInput
from backends.api.home import ASSETS
from backends.api.spec import JobSpec


def test_families_load_no_model_library():
    loads = "import sys; from backends.api import families; families.every(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", loads], check=False).returncode == 0


@pytest.mark.parametrize("family", families.every().values(), ids=lambda one: one.id)
def test_a_family_says_all_that_is_asked_of_it(family):
    assert family.capabilities <= families.capabilities().keys()
    assert all(getattr(family, name) for name in ("title", "subject", "noun", "counted", "task", "measured", "loading"))


def test_what_is_missing_is_one_sentence():
    drawing = families.get("text-to-image")
    assert drawing.lacks(["pictures"]) == ""
    assert drawing.lacks(["pictures", "answers"]) == "A model that draws answers no questions in words."
    with pytest.raises(
        BadInput, match=r"^emoji-sd has no router: every token goes through all of it; this is for mixtures of"
    ):
        families.require("text-to-image", "router", "emoji-sd")
    with pytest.raises(BadInput, match="There is no family of models 'tabular'; there are classifier, "):
        families.get("tabular")


@pytest.mark.parametrize(
    ("architecture", "config", "family"),
    [
        ("ResNetForImageClassification", {}, "classifier"),
        ("model_index.json", {}, "text-to-image"),
        ("GPT2LMHeadModel", {}, "llm"),
        ("LlamaForCausalLM", {}, "llm"),
        ("OlmoeForCausalLM", {"num_experts": 8, "num_experts_per_tok": 2}, "moe"),
        ("LlamaForCausalLM", {"num_experts": 1, "num_experts_per_tok": 1}, "llm"),
    ],
)
def test_one_family_opens_an_architecture(architecture, config, family):
    assert [one.id for one in families.every().values() if one.opens(architecture, config)] == [family]
    assert families.of_config("BertForTokenClassification", {}) is None


def test_a_job_names_its_family_and_another_one_is_refused(home):
    wanted = JobSpec(model="fashion-resnet", method="salun", forget=("Sandal",))
    assert submit.check(wanted).family == "classifier"
    with pytest.raises(BadInput, match="fashion-resnet is of the family classifier, not 'llm'; leave the family out"):
        submit.check(wanted.model_copy(update={"family": "llm"}))


def test_every_shipped_run_is_of_the_family_of_its_model():
    for path in sorted((ASSETS / "runs").iterdir()):
        run = runs.RunFolder(path)
        assert families.of_run(run) == files.read_json(ASSETS / "models" / run.spec.model / "card.json")["family"]


def test_the_family_is_what_the_job_opened_and_else_what_was_asked_for(tmp_path):
    run = runs.RunFolder(tmp_path / "20260101-000000-abcdef")
    spec = {"model": "somebody/model", "method": "npo", "forget": ["a => b"], "family": "moe"}
    files.write_json(run.path / "spec.json", spec)
    assert families.of_run(run) == "moe"
    shipped = next(
        path for path in (ASSETS / "runs").iterdir() if files.read_json(path / "spec.json")["model"] == "authors-lm"
    )
    files.write_json(run.path / "result.json", files.read_json(shipped / "result.json") | {"family": "llm"})
    assert families.of_run(runs.RunFolder(run.path)) == "llm"


def test_an_own_language_model_of_an_earlier_version_is_no_classifier(tmp_path):
    run = runs.RunFolder(tmp_path / "20260101-000000-abcdef")
    files.write_json(run.path / "spec.json", {"model": "somebody/model", "method": "npo", "forget": ["a => b"]})
    measured = {"before": 100, "after": 0, "unit": "%", "direction": "lower"}
    files.write_json(run.path / "metrics.json", {"fact_recall": measured})
    assert families.of_run(run) == "llm"
