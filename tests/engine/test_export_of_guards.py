"""A run whose method guards a language model, exported: plain weights, and the guard beside them."""

import re
from types import SimpleNamespace

import pytest
import torch
import toy
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from backends.core import changes, registry
from backends.core.pack import changed, plain
from backends.core.run import Run, restore
from backends.engine import export

RESULT = {
    "model": "toy", "method": "m", "forget": ["a"], "keep": [], "verdict": "Hidden.", "metrics": {}, "params": {}, "seed": 0,
    "versions": {"lethe": "1"}, "run_id": "r",
}  # fmt: skip


@pytest.fixture
def exported(toy_language_task, tmp_path):
    """(folder written, model after, model before) of a run of icul."""
    run = Run(toy_language_task, toy.Memory(), 0)
    chosen = registry.get("methods", "icul")
    chosen.function(run, chosen.parse({}))
    (tmp_path / "run" / "after").mkdir(parents=True)
    save_file(plain(changed(run.model.state_dict(), run.original.state_dict())), tmp_path / "run" / changes.CHANGED)
    folder = SimpleNamespace(id="one", path=tmp_path / "run", spec=SimpleNamespace(after=""))
    export.write_model(SimpleNamespace(task=toy_language_task, folder=folder, result=RESULT), tmp_path / "out")
    return tmp_path / "out", run.model, run.original


def logits(model):
    ids = torch.arange(5, 25).view(2, 10)
    with torch.no_grad():
        return model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits


def test_the_weights_load_alone_as_the_model_before(exported):
    out, _, before = exported
    assert not [name for name in load_file(out / "model.safetensors") if name.startswith("guard_")]
    torch.testing.assert_close(logits(AutoModelForCausalLM.from_pretrained(out)), logits(before))


def test_the_guard_lies_beside_and_loads_as_the_card_says(exported):
    out, after, before = exported
    card = (out / "README.md").read_text()
    assert "The weights are those before" in card
    (name,) = re.findall(r'load_file\("(guard_\w+\.safetensors)"\)', card)
    model = AutoModelForCausalLM.from_pretrained(out)
    restore(model, load_file(out / name))
    torch.testing.assert_close(logits(model), logits(after))
    assert not torch.allclose(logits(after), logits(before))
