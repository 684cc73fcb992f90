"""Low-rank layers for models too large to be trained whole: what learns, what is saved, and that nothing else differs."""

import copy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import toy
import toy_language
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen3MoeConfig,
    Qwen3MoeForCausalLM,
)

from backends.api.errors import BadInput
from backends.core import registry
from backends.core.pack import plain
from backends.core.run import Cancelled, Run, restore, set_dose
from backends.methods import _language
from backends.models import adapter, low_rank

ROOT = Path(__file__).resolve().parents[2]
SMALL = {"vocab_size": 64, "max_position_embeddings": 32}


def llama():
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, **SMALL)
    ).eval()


def gpt2():
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(n_embd=16, n_layer=2, n_head=2, vocab_size=64, n_positions=32)).eval()


def grouped():
    """A Llama with keys and values narrower than the rest."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    return LlamaForCausalLM(LlamaConfig(**SMALL, **sizes, num_key_value_heads=1)).eval()


def mixture():
    """Its first layer is no mixture, but has linear layers with the names of what the experts of the other are made of."""
    torch.manual_seed(0)
    sizes = {
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "head_dim": 8,
    }
    experts = {"moe_intermediate_size": 8, "num_experts": 4, "num_experts_per_tok": 2, "mlp_only_layers": [0]}
    return Qwen3MoeForCausalLM(Qwen3MoeConfig(**SMALL, **sizes, **experts, num_key_value_heads=2)).eval()


def moved(model, rank=3):
    """Factors that change something."""
    torch.manual_seed(1)
    made = low_rank.fresh_factors(low_rank.thin_layers(model), rank)
    return {name: torch.randn_like(factor) * 0.1 for name, factor in made.items()}


def said(model):
    with torch.no_grad():
        return model(input_ids=torch.arange(12)[None]).logits


@pytest.mark.parametrize("make", [llama, gpt2, mixture])
def test_fresh_factors_change_nothing_and_share_every_weight(make):
    model = make()
    layers = low_rank.thin_layers(model)
    body = low_rank.beside(model, low_rank.fresh_factors(layers, 3))
    assert torch.equal(said(body), said(model))
    assert [name for name, layer in body.named_modules() if isinstance(layer, LoraLayer)] == list(layers)
    assert all(body.get_submodule(name).base_layer.weight is model.get_submodule(name).weight for name in layers)
    assert body.get_input_embeddings().weight is model.get_input_embeddings().weight


@pytest.mark.parametrize("make", [llama, gpt2, mixture])
def test_low_rank_layers_are_named_in_files_as_ever(make):
    model = make()
    factors = moved(model)
    body = low_rank.beside(model, factors)
    tensors = low_rank.tensors_of(body)
    assert tensors.keys() == model.state_dict().keys() | factors.keys()
    assert all(torch.equal(tensors[name], tensor) for name, tensor in (model.state_dict() | factors).items())


def test_making_low_rank_layers_draws_no_random_numbers():
    model = llama()
    factors, state = moved(model), torch.get_rng_state()
    low_rank.beside(model, factors)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("make", [llama, gpt2, mixture])
def test_factors_taken_into_a_plain_model_say_what_the_layers_said(make):
    model, other = make(), make()
    body = low_rank.beside(other, moved(other))
    assert not torch.allclose(said(body), said(model), atol=1e-2)
    left = low_rank.take_in(model, moved(model) | {"other": torch.ones(1)})
    assert list(left) == ["other"]
    assert torch.allclose(said(model), said(body), atol=1e-5)


def test_a_factor_adds_twice_up_times_down():
    layer = torch.nn.Linear(2, 2, bias=False)
    layer.weight.data = torch.eye(2)
    model = torch.nn.Sequential(layer)
    low_rank.take_in(model, {"0.down": torch.tensor([[1.0, 2.0]]), "0.up": torch.tensor([[3.0], [0.5]])})
    assert torch.equal(layer.weight.data, torch.tensor([[7.0, 12.0], [1.0, 3.0]]))


def test_nothing_but_the_factors_can_learn():
    model = llama()
    body = low_rank.beside(model, moved(model))
    learning = {id(weight) for weight in body.parameters() if weight.requires_grad}
    names = {name for name, tensor in body.state_dict(keep_vars=True).items() if id(tensor) in learning}
    assert len(names) == len(learning) == len(moved(model))
    assert all(".lora_A." in name or ".lora_B." in name for name in names)
    assert not any("lm_head" in name for name in names)


def as_peft_loads_it(model, folder):
    assert {path.name for path in folder.iterdir()} == {"adapter_config.json", "adapter_model.safetensors"}
    return PeftModel.from_pretrained(model, folder).eval()


@pytest.mark.filterwarnings(
    "ignore:`is_gradient_checkpointing`:FutureWarning"
)  # peft asks a model of transformers for it
@pytest.mark.parametrize(("make", "part"), [(llama, ""), (grouped, ""), (gpt2, ""), (mixture, ".self_attn.")])
def test_peft_loads_what_is_written_as_an_adapter(make, part, tmp_path):
    model, other = make(), make()
    factors = {name: factor for name, factor in moved(model, rank=12).items() if part in name}
    assert (make is grouped) == (len({min(factor.shape) for factor in factors.values()}) > 1)
    assert adapter.write(model, factors, tmp_path / "adapter", None)
    assert torch.equal(said(model), said(other))  # the model is left alone
    low_rank.take_in(other, factors)
    assert (said(other) - said(model)).abs().max() > 1e-2
    torch.testing.assert_close(said(as_peft_loads_it(make(), tmp_path / "adapter")), said(other), rtol=1e-4, atol=1e-5)


def test_where_peft_would_put_factors_elsewhere_no_adapter_is_written(tmp_path):
    model = mixture()
    assert not adapter.write(model, moved(model), tmp_path / "adapter", None)
    assert not (tmp_path / "adapter").exists()


def test_changes_made_one_after_the_other_are_one_change():
    model, other = llama(), llama()
    first = moved(model)
    second = {name: factor + 0.1 for name, factor in moved(model, rank=2).items() if ".mlp." in name}
    for change in (first, second):
        low_rank.take_in(model, change)
    factors = adapter.stacked([first, second])
    low_rank.take_in(other, factors)
    torch.testing.assert_close(said(other), said(model), rtol=1e-4, atol=1e-5)
    assert adapter.only_factors(factors) and not adapter.only_factors([*factors, "model.norm.weight"])
    assert len(factors["model.layers.0.mlp.up_proj.down"]) == 5


class ByHand(nn.Module):
    """y = W x + bias + 2 up down x, written out."""

    def __init__(self, linear, down, up):
        super().__init__()
        self.linear, self.a, self.b = [linear], nn.Parameter(down.clone()), nn.Parameter(up.clone())

    def forward(self, x):
        return self.linear[0](x) + 2 * F.linear(F.linear(x, self.a), self.b)


def beside_by_hand(model, factors):
    body = copy.deepcopy(model).requires_grad_(False)
    for name in low_rank.thin(factors):
        linear = body.get_submodule(name)
        body.set_submodule(name, ByHand(linear, factors[name + ".down"], factors[name + ".up"]))
    return body


class Losses(toy.Memory):
    """A keeper that remembers the loss of every step."""

    def __init__(self):
        super().__init__()
        self.losses = []

    def report(self, phase, step, of, values):
        super().report(phase, step, of, values)
        self.losses += [values["loss"]] if "loss" in values else []


@pytest.fixture
def params():
    return {"train": "low-rank layers", "rank": 4, "epochs": 6, "learning_rate": 3e-3}


def forgotten(task, params, keeper=None, resume=None, method="npo"):
    run = Run(task, keeper or toy.Memory(), 0, resume)
    found = registry.get("methods", method)
    found.function(run, found.parse(params))
    return run


@pytest.mark.parametrize(
    "method", ["npo", "grad_diff", "gradient_ascent_llm", "kl_min", "simnpo", "random_label_llm", "dpo", "idk"]
)
def test_a_method_that_moves_all_weights_can_move_thin_layers(toy_language_task, params, method):
    run = forgotten(toy_language_task, params | {"epochs": 1}, method=method)
    state = run.state()["model"]
    assert state and all(name.endswith((".down", ".up")) for name in state)
    assert any(bool(tensor.any()) for name, tensor in state.items() if name.endswith(".up"))
    before = toy_language_task.load().state_dict()
    assert all(torch.equal(tensor, before[name]) for name, tensor in run.original.state_dict().items())


def test_a_job_learns_as_with_layers_written_out(toy_language_folder, params, monkeypatch):
    """Loss by loss, from the same numbers drawn: what peft computes is what Lethe's own layers computed."""
    peft, by_hand, params = Losses(), Losses(), params | {"batch_size": 2}
    run = forgotten(toy_language.task(toy_language_folder), params, peft)
    monkeypatch.setattr(low_rank, "beside", beside_by_hand)
    other = forgotten(toy_language.task(toy_language_folder), params, by_hand)
    assert len(peft.losses) == 3 * params["epochs"] and peft.losses[-1] < peft.losses[0] - 1
    assert peft.losses == pytest.approx(by_hand.losses, rel=1e-6)
    factors, written_out = run.state()["model"], other.model.state_dict()
    names = low_rank.thin(factors)
    assert len(names) == len(low_rank.thin_layers(run.original))
    for name in names:
        torch.testing.assert_close(factors[f"{name}.down"], written_out[f"{name}.a"])
        torch.testing.assert_close(factors[f"{name}.up"], written_out[f"{name}.b"])


def test_thin_layers_forget_and_what_is_saved_makes_the_same_model(toy_language_task, params, tmp_path):
    run = forgotten(toy_language_task, params)
    texts = toy_language_task.forget
    with torch.no_grad():
        thin = run.model(input_ids=texts.ids, attention_mask=texts.mask).logits
        old = run.original(input_ids=texts.ids, attention_mask=texts.mask).logits
    assert (thin - old).abs().max() > 1
    save_file(plain(run.state()["model"]), tmp_path / "changed.safetensors")
    plain_model = toy_language_task.load()
    restore(plain_model, load_file(tmp_path / "changed.safetensors"))
    assert {type(module) for module in plain_model.modules()} == {type(module) for module in run.original.modules()}
    with torch.no_grad():
        merged = plain_model(input_ids=texts.ids, attention_mask=texts.mask).logits
    assert torch.allclose(merged, thin, atol=1e-3)
    saved = (tmp_path / "changed.safetensors").stat().st_size
    assert saved < 0.5 * sum(tensor.nbytes for tensor in run.original.state_dict().values())


def test_half_the_dose_is_half_of_what_the_factors_add(toy_language_task, params):
    run = forgotten(toy_language_task, params | {"epochs": 1})
    before, after = toy_language_task.load(), toy_language_task.load()
    restore(after, run.state()["model"])
    half = copy.deepcopy(after)
    set_dose(half, before, after, 0.5)
    name = "model.layers.0.mlp.down_proj"
    added = half.get_submodule(name).weight - before.get_submodule(name).weight
    factors = run.state()["model"]
    assert torch.allclose(added, factors[f"{name}.up"] @ factors[f"{name}.down"], atol=1e-6)


@pytest.mark.parametrize("step", [0, 3])
def test_a_resumed_job_ends_as_one_that_was_not_stopped(toy_language_task, params, step):
    whole = forgotten(toy_language_task, params).state()["model"]
    keeper = toy.Memory(checkpoint_at=step)
    with pytest.raises(Cancelled):
        forgotten(toy_language_task, params, keeper)
    again = forgotten(toy_language_task, params, resume=keeper.saved).state()["model"]
    assert whole.keys() == again.keys()
    assert all(torch.equal(tensor, again[name]) for name, tensor in whole.items())


def test_a_finished_job_that_is_measured_again_has_its_thin_layers(toy_language_task, params):
    run = forgotten(toy_language_task, params | {"epochs": 1})
    found = Run(toy_language_task, toy.Memory(), 0, run.state())
    assert all(torch.equal(tensor, found.state()["model"][name]) for name, tensor in run.state()["model"].items())


def test_the_parts_that_may_move_limit_where_the_layers_stand(toy_language_task, params):
    run = forgotten(toy_language_task, params | {"epochs": 1, "weights": "attention"})
    assert all(".self_attn." in name for name in run.state()["model"])


def automatic(task, monkeypatch, whole=10**9, free=10**12):
    monkeypatch.setattr(_language, "FULL_TRAINING_LIMIT", whole)
    monkeypatch.setattr(_language, "_free_bytes", lambda device: free)
    run = Run(task, toy.Memory(), 0)
    _language.UnlearnLoop(run, registry.get("methods", "npo").parse({}))
    return bool(low_rank.thin(low_rank.tensors_of(run.model)))


def test_a_small_model_is_trained_whole_and_a_large_one_thin(toy_language_task, monkeypatch):
    assert not automatic(toy_language_task, monkeypatch)
    assert automatic(toy_language_task, monkeypatch, whole=1000)
    assert automatic(toy_language_task, monkeypatch, free=10**6)


def test_a_job_goes_on_with_what_it_began_to_train(toy_language_task, monkeypatch):
    """However much memory there is when it is resumed."""
    keeper = toy.Memory(checkpoint_at=2)
    with pytest.raises(Cancelled):
        forgotten(toy_language_task, {"train": "all weights"}, keeper)
    monkeypatch.setattr(_language, "FULL_TRAINING_LIMIT", 1000)
    run = Run(toy_language_task, toy.Memory(), 0, keeper.saved)
    _language.UnlearnLoop(run, registry.get("methods", "npo").parse({}))
    assert not low_rank.thin(low_rank.tensors_of(run.model))


def test_only_a_job_with_low_rank_layers_loads_peft(toy_language_folder, params):
    code = (
        "import sys; sys.path.insert(0, 'tests'); import toy, toy_language; from pathlib import Path\n"
        "from backends.core import registry; from backends.core.run import Run\n"
        f"run = Run(toy_language.task(Path({str(toy_language_folder)!r})), toy.Memory(), 0)\n"
        "method = registry.get('methods', 'npo')\n"
        "method.function(run, method.parse({'epochs': 1, 'train': %r})); print('peft' in sys.modules)"
    )
    for train, loaded in (("all weights", "False"), ("low-rank layers", "True")):
        done = subprocess.run(
            [sys.executable, "-c", code % train], cwd=ROOT, capture_output=True, text=True, timeout=240, check=True
        )
        assert done.stdout.split()[-1] == loaded


def test_methods_that_choose_their_own_weights_are_not_asked():
    asked = {
        name
        for name, entry in registry.entries("methods").items()
        if entry.params and "train" in entry.params.model_fields
    }
    assert asked == {
        "npo", "grad_diff", "gradient_ascent_llm", "kl_min", "simnpo", "random_label_llm", "dpo", "idk",
        "concept_poisoning_llm", "tampered_questions",
    }  # fmt: skip


def test_a_model_without_such_layers_says_so(toy_language_task, monkeypatch):
    monkeypatch.setitem(_language.PARTS, "attention", (".nowhere.",))
    with pytest.raises(BadInput, match="has no layers that count as attention; choose all weights"):
        forgotten(toy_language_task, {"weights": "attention"})
    with pytest.raises(BadInput, match="has no layers that count as attention"):
        forgotten(toy_language_task, {"weights": "attention", "train": "low-rank layers"})
