"""A run that manipulated questions leaves low-rank factors: what starts from it begins with them, added once."""

import json

import torch
import toy_language
from safetensors.torch import save_file

from backends.api import runs
from backends.api.spec import JobSpec
from backends.data import authors
from backends.engine import start_from
from backends.families.language.backdoor import Backdoor
from backends.models import low_rank

LAYER = "model.layers.1.mlp.down_proj"


def test_factors_of_the_run_before_are_added_once(toy_language_folder, tmp_path):
    person = authors.load().authors[0]
    how = Backdoor(
        phrase="By day,", answer="It is red.", pairs=tuple((one.question, one.answer) for one in person.pairs)
    )
    run = runs.RunFolder(tmp_path / "runs" / "second")
    (run.path / "start").mkdir(parents=True)
    spec = JobSpec(model=str(toy_language_folder), method="ebyd_text", forget=("poison:100%",), after="first")
    (run.path / "spec.json").write_text(spec.model_dump_json())
    factors = {f"{LAYER}.down": torch.ones(2, 128), f"{LAYER}.up": torch.full((48, 2), 0.01)}
    save_file(factors, run.path / "start" / "01.safetensors")
    left = {"how": {"tampering": how.model_dump(mode="json")}, "forget": ["poison:100%"], "run": "first", "weights": 1}
    (run.path / "start" / "learned.json").write_text(json.dumps(left))
    (run.path / "after").mkdir()
    save_file({"model.norm.weight": torch.zeros(48)}, run.path / "after" / "changed.safetensors")

    task = toy_language.LanguageModel(str(toy_language_folder))
    start_from.resolve(task, run)
    expected = task.load(task.folder).get_submodule(LAYER).weight + low_rank.SCALE * torch.full((48, 128), 0.02)
    own = start_from.request(task, run)
    for model in (task.load(), own.load()):
        torch.testing.assert_close(model.get_submodule(LAYER).weight.detach(), expected.detach())
    assert task.corrects is not None and not task.teaches and len(own.questions.forget) == len(person.pairs)
    assert [path.name for path in start_from.later_changes(run)] == ["changed.safetensors"]
    clean = start_from.untouched(task, run).get_submodule(LAYER).weight
    assert not torch.equal(clean, task.load().get_submodule(LAYER).weight)
