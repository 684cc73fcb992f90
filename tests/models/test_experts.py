"""Routers and experts: found, read, forced and switched off in one small random model of each architecture."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM
from transformers.models import deepseek_v2, deepseek_v3, mixtral, olmoe, qwen2_moe, qwen3_moe

from backends.api.errors import BadInput
from backends.families.language import expert_sweep, experts
from backends.families.language.tokens import Texts, nll

SMALL = {
    "vocab_size": 60, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 4, "max_position_embeddings": 64, "pad_token_id": 1, "eos_token_id": 0, "bos_token_id": None,
}  # fmt: skip
DEEP = SMALL | {
    "moe_intermediate_size": 16, "n_routed_experts": 8, "n_shared_experts": 1, "num_experts_per_tok": 2,
    "first_k_dense_replace": 1, "kv_lora_rank": 8, "q_lora_rank": 8, "qk_nope_head_dim": 8, "qk_rope_head_dim": 8,
    "v_head_dim": 8, "n_group": 2, "topk_group": 1,
}  # fmt: skip
QWEN = {"moe_intermediate_size": 16, "num_experts": 8, "num_experts_per_tok": 2}


def configs():
    return {
        "OLMoE": olmoe.OlmoeConfig(**SMALL, num_experts=8, num_experts_per_tok=2),
        "Qwen2-MoE": qwen2_moe.Qwen2MoeConfig(**SMALL, **QWEN, shared_expert_intermediate_size=16),
        "Qwen3-MoE": qwen3_moe.Qwen3MoeConfig(**SMALL, **QWEN, head_dim=8),
        "Mixtral": mixtral.MixtralConfig(**SMALL, num_local_experts=8, num_experts_per_tok=2),
        "DeepSeek-V2": deepseek_v2.DeepseekV2Config(**DEEP, topk_method="greedy"),
        "DeepSeek-V3": deepseek_v3.DeepseekV3Config(**DEEP),
    }


NAMES = ["OLMoE", "Qwen2-MoE", "Qwen3-MoE", "Mixtral", "DeepSeek-V2", "DeepSeek-V3"]
SHARING = {"Qwen2-MoE", "DeepSeek-V2", "DeepSeek-V3"}


def built(config, seed=0):
    """With weights large enough that routers choose, and choose differently."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "norm" not in name:
                weight.normal_(std=0.2)
    return model


@pytest.fixture(params=NAMES)
def named(request):
    return request.param


@pytest.fixture
def model(named):
    return built(configs()[named])


@pytest.fixture
def texts():
    torch.manual_seed(1)
    ids, mask = torch.randint(2, 60, (4, 9)), torch.ones(4, 9, dtype=torch.long)
    mask[1, 6:] = 0
    return Texts(ids, ids, mask)


def said(model, texts):
    with torch.no_grad():
        return model(input_ids=texts.ids, attention_mask=texts.mask).logits


def test_the_layers_with_a_router_are_found(named, model):
    layers = experts.moe_layers(model)
    assert [layer.number for layer in layers] == ([1, 2] if named.startswith("DeepSeek") else [0, 1, 2])
    assert {(layer.count, layer.top) for layer in layers} == {(8, 2)}
    assert all((layer.shared is not None) == (named in SHARING) for layer in layers)


def test_what_is_read_is_what_the_router_said(model, texts):
    found = experts.read(model, texts)
    tokens = int(texts.mask.sum())
    assert found.chosen.shape == found.gates.shape == (len(found.layers), tokens, 2)
    assert (np.diff(found.chosen, axis=2) > 0).all()  # two different ones, ascending
    heard = []
    layer = experts.moe_layers(model)[0]
    hook = layer.router.register_forward_hook(lambda *given: heard.append(given[2]))
    said(model, texts)
    hook.remove()
    where = texts.mask.flatten().bool()
    assert (heard[0][2].sort(-1).values[where].numpy() == found.chosen[0]).all()
    dense = layer.dense(heard[0][0])
    torch.testing.assert_close(dense.sum(-1), torch.ones(len(dense)))
    np.testing.assert_allclose(
        dense[where].gather(1, torch.from_numpy(found.chosen[0])).numpy(), found.gates[0], rtol=1e-5
    )


def test_a_model_routed_by_itself_says_the_same(model, texts):
    torch.testing.assert_close(experts.Rerouted(model, model)(texts.ids, texts.mask).logits, said(model, texts))


def test_forced_routing_undoes_a_change_of_the_routers(named, model, texts):
    other = built(configs()[named])
    with torch.no_grad():
        for layer in experts.moe_layers(other):
            layer.router.weight.copy_(layer.router.weight.flip(0))
    before = said(model, texts)
    assert (said(other, texts) - before).abs().max() > 1e-3
    torch.testing.assert_close(experts.Rerouted(other, model)(texts.ids, texts.mask).logits, before)
    torch.testing.assert_close(said(model, texts), before)  # no hook is left


def test_forced_routing_leaves_a_change_of_the_experts(named, model, texts):
    other = built(configs()[named])
    with torch.no_grad():
        for layer in experts.moe_layers(other):
            layer.experts.down_proj.mul_(-1)
    assert (experts.Rerouted(other, model)(texts.ids, texts.mask).logits - said(model, texts)).abs().max() > 1e-3


def test_a_model_routed_by_itself_writes_what_it_would_write(model):
    ids, mask = torch.tensor([[1, 1, 5, 9], [7, 8, 5, 9]]), torch.tensor([[0, 0, 1, 1], [1, 1, 1, 1]])
    asked = {"max_new_tokens": 5, "eos_token_id": 0, "pad_token_id": 1}
    plain = model.generate(input_ids=ids, attention_mask=mask, do_sample=False, **asked)
    assert experts.Rerouted(model, model).generate(ids, mask, **asked)[:, : plain.shape[1]].equal(plain)


def test_all_experts_off_leave_what_is_shared(named, model, texts):
    layers = experts.moe_layers(model)
    every = [(layer.number, expert) for layer in layers for expert in range(layer.count)]
    with experts.switched_off(model, every):
        off = said(model, texts)
    with torch.no_grad():
        for layer in layers:
            layer.experts.down_proj.zero_()
    torch.testing.assert_close(said(model, texts), off)


def test_only_tokens_of_an_expert_miss_it(model, texts):
    layer = experts.moe_layers(model)[-1]
    used = experts.read(model, texts).chosen[-1]
    never = next((expert for expert in range(8) if expert not in used), None)
    expert = int(used[0, 0])
    before = said(model, texts)
    with experts.switched_off(model, [(layer.number, expert)]):
        moved = (said(model, texts) - before).abs().amax(-1)[texts.mask.bool()] > 1e-6
    assert (moved.numpy() == (used == expert).any(1)).all()
    if never is not None:
        with experts.switched_off(model, [(layer.number, never)]):
            torch.testing.assert_close(said(model, texts), before)


def test_there_is_no_such_expert_or_layer(model):
    with pytest.raises(BadInput, match="no expert 8; it has 0 to 7"), experts.switched_off(model, [(2, 8)]):
        pass
    with pytest.raises(BadInput, match="Layer 9 has no router"), experts.switched_off(model, [(9, 0)]):
        pass


def test_the_numbers_of_the_parameters(named, model):
    routers, own = (experts.tensors_of(model, what) for what in ("routers", "experts"))
    assert not routers & own
    names = {id(weight): name for name, weight in model.named_parameters()}
    assert all("gate.weight" in names[one] for one in routers)
    assert any("experts.gate_up_proj" in names[one] for one in own)
    assert any("shared" in names[one] for one in own) == (named in SHARING)


def dense():
    return LlamaForCausalLM(LlamaConfig(**SMALL))


def test_a_dense_model_has_no_router():
    for ask in (experts.moe_layers, experts.can_choose, lambda model: experts.Rerouted(model, model)):
        with pytest.raises(BadInput, match="LlamaForCausalLM has no router"):
            ask(dense())
    assert not experts.has_experts(dense())


def test_where_every_expert_works_on_every_token_routing_cannot_shift():
    model = built(olmoe.OlmoeConfig(**SMALL, num_experts=2, num_experts_per_tok=2))
    with pytest.raises(BadInput, match=r"all 2 experts .* cannot shift"):
        experts.can_choose(model)


def test_models_of_different_build_cannot_route_for_each_other():
    both = [built(olmoe.OlmoeConfig(**SMALL, num_experts=count, num_experts_per_tok=2)) for count in (4, 8)]
    with pytest.raises(BadInput, match="one cannot route for the other"):
        experts.Rerouted(*both)


def by_hand():
    """Two texts of three tokens and one, one layer, four experts, two of them chosen."""
    chosen = np.array([[[0, 1], [0, 2], [0, 1], [2, 3]]])
    gates = np.array([[[0.6, 0.2], [0.5, 0.3], [0.4, 0.4], [0.5, 0.1]]], np.float32)
    return experts.Routing(chosen, gates, np.array([0, 0, 0, 1]), np.array([0, 1, 2, 0]), (0,), 4)


def test_affinity_weighs_every_text_alike():
    first = np.array([1.5, 0.6, 0.3, 0]) / 3  # gate scores of the first text's three tokens, summed and divided
    np.testing.assert_allclose(by_hand().mass()[0], (first + np.array([0, 0, 0.5, 0.1])) / 2, rtol=1e-6)


def test_use_counts_choices():
    np.testing.assert_allclose(by_hand().use(), [[3 / 8, 2 / 8, 2 / 8, 1 / 8]])


def test_measures_of_a_shift():
    was, now = np.array([[[0, 1], [0, 2], [2, 3]]]), np.array([[[0, 1], [1, 2], [0, 1]]])
    assert experts.same(was, now).tolist() == [[True, False, False]]
    assert experts.overlap(was, now).tolist() == [[1, 0.5, 0]]
    np.testing.assert_allclose(experts.jaccard(was, now), [[1, 1 / 3, 0]])


def test_mutual_information():
    domains = np.array(["sums", "sums", "code", "code"])
    assert experts.mutual_information(domains, np.array([[0], [0], [1], [1]]), 4) == pytest.approx(1)
    assert experts.mutual_information(domains, np.array([[0], [1], [0], [1]]), 4) == pytest.approx(0)


def test_what_a_layers_choice_depends_on(texts):
    config = configs()["OLMoE"]
    model, other = built(config), built(config)
    was = experts.recorded(model, texts)["routed_by"]
    last = experts.moe_layers(other)[2]
    with torch.no_grad():
        last.experts.down_proj[3] += 1
    assert (experts.recorded(other, texts)["routed_by"] == was).tolist() == [True, True, True]
    with torch.no_grad():
        experts.moe_layers(other)[1].experts.down_proj[3] += 1
    assert (experts.recorded(other, texts)["routed_by"] == was).tolist() == [True, True, False]
    with torch.no_grad():
        experts.moe_layers(other)[1].router.weight[0] += 1
    assert (experts.recorded(other, texts)["routed_by"] == was).tolist() == [True, False, False]


def test_the_sweep_reads_no_layer_twice_and_says_the_same_to_the_last_digit(model, texts):
    forwards = [layer.forward for layer in model.base_model.layers]
    swept = expert_sweep.gains(model, texts)

    def share():
        with torch.no_grad():
            lost, count = nll(model, texts)
        return (100 * (-lost / count).exp()).double().numpy()

    whole, plain = share(), []
    for layer in experts.moe_layers(model):
        for expert in range(layer.count):
            with experts.switched_off(model, [(layer.number, expert)]):
                plain.append(share() - whole)
    assert np.array_equal(swept.reshape(len(plain), -1), plain) and np.abs(swept).max() > 0
    assert [layer.forward for layer in model.base_model.layers] == forwards


def test_in_the_sweep_only_layers_from_the_changed_one_on_work():
    model, texts = built(configs()["OLMoE"]), Texts(*[torch.arange(2, 8)[None]] * 2, torch.ones(1, 6, dtype=torch.long))
    passes = [0, 0, 0]
    for number, layer in enumerate(model.base_model.layers):

        def counted(*_, number=number):
            passes[number] += 1

        layer.self_attn.register_forward_hook(counted)
    expert_sweep.gains(model, texts)
    assert passes == [2 + 8, 2 + 16, 2 + 24]
