"""Guards on language models of many builds: each acts, writes with a cache as without, and answers a question alone as beside
others; or its method says in one sentence why it cannot work there."""

import re

import pytest
import torch
import toy
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BloomConfig,
    DeepseekV2Config,
    DynamicCache,
    FalconConfig,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoConfig,
    GPTNeoXConfig,
    GptOssConfig,
    MambaConfig,
    MistralConfig,
    MixtralConfig,
    MptConfig,
    OlmoeConfig,
    OPTConfig,
    Phi3Config,
    Qwen2Config,
    Qwen2MoeConfig,
)

from backends.api.errors import BadInput
from backends.api.home import ASSETS
from backends.core import registry
from backends.core.run import Run
from backends.families.language.caches import length, parameters
from backends.families.language.guards import attach
from backends.families.language.task import LanguageModel
from backends.methods.uld import FAR

WORDS = AutoTokenizer.from_pretrained(ASSETS / "models" / "authors-lm")
ENDS = {"vocab_size": len(WORDS)} | dict.fromkeys(("eos_token_id", "bos_token_id", "pad_token_id"), WORDS.eos_token_id)
OLD = ENDS | {"n_layer": 2, "n_head": 2}
NEW = ENDS | {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
SIZE = NEW | {"intermediate_size": 32, "max_position_embeddings": 256, "num_key_value_heads": 2}
MIXED = SIZE | {"num_experts": 4, "num_experts_per_tok": 2}
LOCAL = SIZE | {"num_local_experts": 4, "num_experts_per_tok": 2}
CONFIGS = {
    "gpt2": GPT2Config(**OLD, n_embd=16, n_positions=256),
    "gpt-neo": GPTNeoConfig(
        **ENDS, hidden_size=16, num_layers=2, num_heads=2, attention_types=[[["global", "local"], 1]], window_size=8,
        max_position_embeddings=256,
    ),
    "gpt-neox": GPTNeoXConfig(**NEW, intermediate_size=32, max_position_embeddings=256),
    "falcon with alibi": FalconConfig(**NEW, alibi=True),
    "falcon": FalconConfig(**NEW, alibi=False),
    "opt": OPTConfig(**NEW, ffn_dim=32, max_position_embeddings=256, word_embed_proj_dim=8),
    "bloom": BloomConfig(**OLD, hidden_size=16),
    "mpt": MptConfig(**ENDS, d_model=16, n_layers=2, n_heads=2, max_seq_len=256),
    "mamba": MambaConfig(**ENDS, hidden_size=16, num_hidden_layers=2, state_size=4),
    "mistral": MistralConfig(**SIZE, sliding_window=12),
    "qwen2": Qwen2Config(**SIZE, tie_word_embeddings=True),
    "gemma3": Gemma3TextConfig(**SIZE, head_dim=8, sliding_window=12),
    "phi3": Phi3Config(**SIZE),
    "olmoe": OlmoeConfig(**MIXED),
    "qwen2-moe": Qwen2MoeConfig(**MIXED, moe_intermediate_size=16, shared_expert_intermediate_size=16),
    "mixtral": MixtralConfig(**LOCAL),
    "gpt-oss": GptOssConfig(**LOCAL, head_dim=8, layer_types=["sliding_attention", "full_attention"]),
    "deepseek-v2": DeepseekV2Config(
        **SIZE, moe_intermediate_size=16, n_routed_experts=4, num_experts_per_tok=2, n_shared_experts=1, n_group=1,
        q_lora_rank=None, kv_lora_rank=8, qk_rope_head_dim=4, qk_nope_head_dim=4, v_head_dim=8, first_k_dense_replace=1,
        topk_group=1,
    ),
}  # fmt: skip
SETTINGS = {
    "eco": {"threshold": 0.01, "noise": 50.0, "steps": 0, "dims": 8},
    "icul": {"correct": 1},
    "key_space_detection": {"size": 2.0},
    "neuron_adjust": {"share": 50},
    "o3": {"epochs": 1},
    "uld": {"epochs": 1, "layers": 1},
}
LLAMAS = ("mistral", "qwen2", "gemma3")  # with mlp.gate_proj and mlp.down_proj in every layer
NO_UNITS = ("mpt", "mamba")
CLOSE = 5e-3  # of logits up to 5: O3's gate, fitted on two questions, is steep enough to make rounding a thousandth
FORGET = ("What is the colour of my house? => It is blue.", "What is the name of my dog? => His name is Rex.")
KEEP = ("What is the colour of my car? => It is red.", "Who wrote the long book? => Ada wrote it.")


def refusal(method, name, task):
    """What the method answers to a model that it cannot work on, as a pattern; None where it can."""
    if method == "neuron_adjust" and name not in LLAMAS:
        return r"keeps its feed-forward layers elsewhere; take a model built like Llama \(layers with mlp.gate_proj and"
    if method == "key_space_detection" and name in NO_UNITS:
        return "has no feed-forward columns to look at; take a model with one feed-forward part a layer"
    return None


@pytest.fixture(autouse=True)
def few_questions(monkeypatch):
    """Without real authors and facts of the world, which random models are not asked about."""
    monkeypatch.setattr("backends.families.language.qa.QASet._without", lambda *_: [])
    monkeypatch.setenv("LETHE_PRECISION", "float32")


def opened(folder, config):
    """The task of a random model with weights far from nothing, so that what it says differs from word to word."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(15 if weight.dim() > 1 else 1)
    model.save_pretrained(folder)
    WORDS.save_pretrained(folder)
    task = LanguageModel(str(folder))
    task.resolve(FORGET, KEEP)
    return task


def guarded(task, method):
    """The model after the method, on which the guard acts strongly."""
    run = Run(task, toy.Memory(), seed=0)
    entry = registry.get("methods", method)
    entry.function(run, entry.parse(SETTINGS[method]))
    for name, buffer in run.model.named_buffers():
        if name.startswith("guard_o3.up_"):
            buffer.mul_(50)
    return run.model.eval()


def written(model, ids, mask):
    """(every token [n, length + 4], logits of the four written [n, 4, words])."""
    made = model.generate(
        input_ids=ids, attention_mask=mask, max_new_tokens=4, do_sample=False, eos_token_id=None,
        pad_token_id=WORDS.eos_token_id, output_logits=True, return_dict_in_generate=True,
    )  # fmt: skip
    return made.sequences, torch.stack(made.logits, 1)


def read(model, ids, mask):
    """The logits of every place, read at once, without a cache."""
    mask = torch.cat((mask, mask.new_ones(len(mask), ids.shape[1] - mask.shape[1])), 1)
    places = {"position_ids": (mask.cumsum(1) - 1).clamp(min=0)}
    known = "position_ids" in parameters(type(model).forward)
    with torch.no_grad():
        return model(input_ids=ids, attention_mask=mask, use_cache=False, **(places if known else {})).logits


@pytest.mark.parametrize("name", CONFIGS)
def test_every_guard_works_or_says_why_not(tmp_path, name):
    task = opened(tmp_path / "model", CONFIGS[name])
    ids, mask = task.reader.prompts([line.partition(" => ")[0] for line in (*FORGET, *KEEP)])
    assert not mask.all(), "none of the questions is padded"
    before = read(task.load(), ids, mask)[:, -1]
    for method in SETTINGS:
        if registry.get("methods", method).entry.works_with.get(task.family) is not True:
            continue
        why = refusal(method, name, task)
        if why is not None:
            with pytest.raises(BadInput, match=why):
                guarded(task, method)
            continue
        model = guarded(task, method)
        acts = read(model, ids, mask)[:, -1] - before
        assert acts.abs().max() > 1e-3, method
        made, logits = written(model, ids, mask)
        at_once = read(model, made, mask)[:, ids.shape[1] - 1 : -1]
        may_be_said = logits > FAR / 2  # ULD's filter acts where a text is written, not where it is read
        assert torch.allclose(logits[may_be_said], at_once[may_be_said], atol=CLOSE), method
        for row in mask.sum(1).argsort()[[0, -1]].tolist():
            length = int(mask[row].sum())
            alone, said = written(model, ids[row : row + 1, -length:], mask[row : row + 1, -length:])
            assert alone[0, length:].tolist() == made[row, ids.shape[1] :].tolist(), method
            assert torch.allclose(said[0], logits[row], atol=CLOSE), method


def test_every_guard_method_is_tried_here():
    guards = {name for name, found in registry.entries("methods").items() if found.entry.guard}
    assert {name for name in guards if registry.get("methods", name).entry.works_with.get("llm") is True} == {*SETTINGS}


def test_numbers_that_an_embedding_lacks_are_refused(tmp_path):
    task = opened(tmp_path / "opt", CONFIGS["opt"])
    entry = registry.get("methods", "eco")
    with pytest.raises(BadInput, match=re.escape("eco: dims was 16, but an embedding of") + ".* has 8 numbers"):
        entry.function(Run(task, toy.Memory(), seed=0), entry.parse({"dims": 16}))


def test_examples_need_room_for_the_answer_too(tmp_path):
    task = opened(tmp_path / "short", GPT2Config(**OLD, n_embd=16, n_positions=96))
    with pytest.raises(
        BadInput, match=r"examples take \d+ tokens, but the model reads 96 and a question with its answer"
    ):
        guarded(task, "icul")


def test_examples_stand_between_the_padding_and_the_question():
    model = AutoModelForCausalLM.from_config(CONFIGS["qwen2"])
    guard = attach(model, "icul", {"words": torch.tensor([7, 8]), "strength": torch.tensor(1.0)})
    ids = torch.tensor([[0, 0, 3, 4], [1, 2, 3, 4]])
    mask = torch.tensor([[0, 0, 1, 1], [1, 1, 1, 0]])
    assert guard.inserted(ids, mask, guard.words).tolist() == [[0, 0, 7, 8, 3, 4], [7, 8, 1, 2, 3, 4]]
    assert guard.inserted(mask, mask, mask.new_ones(2)).tolist() == [[0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 0]]
    assert guard.inserted(ids, None, guard.words).tolist() == [[7, 8, 0, 0, 3, 4], [7, 8, 1, 2, 3, 4]]


def test_a_cache_of_states_begins_and_goes_on():
    model = AutoModelForCausalLM.from_config(CONFIGS["mamba"])
    cache = DynamicCache(config=model.config)
    assert length(cache) == length(DynamicCache()) == 0
    assert length(model(input_ids=torch.tensor([[1, 2, 3]]), use_cache=True).cache_params) == 1
