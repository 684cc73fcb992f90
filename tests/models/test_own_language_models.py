"""Language models of other architectures, and what is wrong with somebody's model, as a job meets it."""

import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BertConfig,
    BertLMHeadModel,
    BloomConfig,
    FalconConfig,
    GemmaConfig,
    GPT2Config,
    GPTNeoXConfig,
    GptOssConfig,
    GraniteMoeConfig,
    JetMoeConfig,
    LlamaConfig,
    MptConfig,
    Qwen2Config,
    T5Config,
    T5ForConditionalGeneration,
)

from backends.api import files, submit
from backends.api.errors import BadInput
from backends.api.home import ASSETS
from backends.api.runs import RunFolder, State
from backends.core import registry
from backends.core.pack import load_state
from backends.engine import export
from backends.engine.attempt import do
from backends.engine.session import Desk
from backends.families.language.prefix_sharing import QUICK
from backends.families.language.task import LanguageModel
from backends.families.language.tokens import PLAIN, answers

WORDS = AutoTokenizer.from_pretrained(ASSETS / "models" / "authors-lm")
SIZE = {
    "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": len(WORDS),
    "max_position_embeddings": 256, "eos_token_id": WORDS.eos_token_id, "pad_token_id": WORDS.pad_token_id,
    "bos_token_id": None,
}  # fmt: skip
LEAST = {"vocab_size": len(WORDS)} | dict.fromkeys(("eos_token_id", "bos_token_id", "pad_token_id"), WORDS.eos_token_id)
MIXTURE = SIZE | {"num_local_experts": 4, "num_experts_per_tok": 2, "num_key_value_heads": 2}
CONFIGS = {
    "llama": LlamaConfig(**SIZE, num_key_value_heads=1),
    "qwen2": Qwen2Config(**SIZE, num_key_value_heads=2, tie_word_embeddings=True),
    "gemma": GemmaConfig(**SIZE, head_dim=8, num_key_value_heads=1),
    "gpt-neox": GPTNeoXConfig(**SIZE),
    "gpt2": GPT2Config(
        n_embd=16, n_layer=2, n_head=2, n_positions=256, vocab_size=len(WORDS), eos_token_id=WORDS.eos_token_id,
        bos_token_id=WORDS.eos_token_id,
    ),
    "short gpt2": GPT2Config(**LEAST, n_embd=16, n_layer=2, n_head=2, n_positions=64),
    "bloom": BloomConfig(**LEAST, hidden_size=16, n_layer=2, n_head=2, initializer_range=0.5),
    "falcon with alibi": FalconConfig(**LEAST, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, alibi=True),
    "mpt": MptConfig(**LEAST, d_model=16, n_layers=2, n_heads=2, max_seq_len=256),
    "gpt-oss": GptOssConfig(**MIXTURE, head_dim=8, layer_types=["sliding_attention", "full_attention"]),
    "granite-moe": GraniteMoeConfig(**MIXTURE),
    "jet-moe": JetMoeConfig(
        **LEAST, hidden_size=16, num_hidden_layers=2, num_key_value_heads=2, kv_channels=8, intermediate_size=32,
        num_local_experts=4, num_experts_per_tok=2, max_position_embeddings=256,
    ),
}  # fmt: skip
MIXES = {
    "gpt-oss": "moe",
    "granite-moe": "moe",
    "jet-moe": "llm",
}  # those of the last kind have routers of another build
FORGET = ("What is the colour of my house? => It is blue.", "What is the name of my dog? => His name is Rex.")
KEEP = ("What is the colour of my car? => It is red.",)


def made(folder, config, tokenizer=WORDS):
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    if tokenizer is not None:
        tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(params=CONFIGS)
def model(request, tmp_path):
    """A tiny random model of one architecture."""
    return made(tmp_path / request.param, CONFIGS[request.param])


@pytest.fixture
def llama(tmp_path):
    return made(tmp_path / "llama", CONFIGS["llama"])


@pytest.fixture(autouse=True)
def few_questions(monkeypatch):
    """Without real authors and facts of the world, which random models are not asked about."""
    monkeypatch.setattr("backends.families.language.qa.QASet._without", lambda *_: [])
    monkeypatch.setenv("LETHE_PRECISION", "float32")


def job(home, model, method="npo", **params):
    """A job done in this process."""
    run = RunFolder(home / "runs" / f"{method}-{len(list(home.glob('runs/*')))}")
    spec = {
        "model": str(model),
        "method": method,
        "params": params,
        "forget": FORGET,
        "keep": KEEP,
        "metrics": ("fact_recall",),
    }
    files.write_json(run.path / "spec.json", spec)
    files.write_json(run.path / "state.json", State().model_dump())
    return run, do(run, run.move("running").attempt)


@pytest.mark.slow
@pytest.mark.parametrize("train", ["all weights", "low-rank layers"])
def test_a_job_on_any_causal_model_is_exported_as_it_was_left(home, model, train, tmp_path):
    run, code = job(home, model, train=train, epochs=3, learning_rate=1e-2)
    assert code == 0, run.state.message
    opened = Desk().run(run.id)
    before, after = opened.model("before"), opened.model("after")
    export.write_model(opened, tmp_path / "out")
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "out").eval()
    ids = torch.tensor([opened.task.reader.prompt_ids("What is the colour of my house?")])
    with torch.no_grad():
        said = [one(input_ids=ids).logits for one in (before, after, loaded)]
    assert (said[1] - said[0]).abs().max() > 1e-3
    assert torch.allclose(said[2], said[1], atol=1e-6)
    assert AutoTokenizer.from_pretrained(tmp_path / "out").chat_template == WORDS.chat_template
    tied = loaded.config.tie_word_embeddings
    assert tied == (loaded.get_input_embeddings().weight is loaded.get_output_embeddings().weight)


def test_every_architecture_answers_and_is_measured(model):
    task = LanguageModel(str(model))
    task.resolve(FORGET, KEEP)
    said = task.outputs(task.load())
    assert len(said["said"]) == len(task.questions.suite) >= 3
    assert (said["answer"] > 0).all()


@pytest.mark.parametrize("kind", MIXES)
def test_a_mixture_is_one_where_its_routers_can_be_read_and_else_any_language_model(tmp_path, kind):
    task = LanguageModel(str(made(tmp_path / "mixture", CONFIGS[kind])))
    task.resolve(FORGET, KEEP)
    assert task.family == task.describe(task.load())["family"] == MIXES[kind]
    assert ("routers Lethe cannot read" in " ".join(task.notes)) == (MIXES[kind] == "llm")
    assert ("routed" in task.outputs(task.load())) == (MIXES[kind] == "moe")


@pytest.mark.parametrize("kind", ["llama", "gpt2", "bloom", "falcon with alibi", "mpt"])
def test_what_a_model_says_is_what_it_says_read_row_by_row(tmp_path, kind, monkeypatch):
    """The quick ways of reading are used only where they give its own numbers: with ALiBi they do not."""
    folder = made(tmp_path / "model", CONFIGS[kind])
    weights = {name: 20 * tensor for name, tensor in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    task = LanguageModel(str(folder))
    task.resolve(FORGET, KEEP)
    model = task.load()
    quick = task.outputs(model)
    assert getattr(model, QUICK) == (kind in ("llama", "gpt2"))
    setattr(model, QUICK, False)
    plain = task.outputs(model)
    assert np.allclose(quick["answer"], plain["answer"], rtol=1e-3) and (quick["said"] == plain["said"]).all()


def test_a_model_that_reads_few_words_answers_within_them(tmp_path):
    task = LanguageModel(str(made(tmp_path / "short", CONFIGS["short gpt2"])))
    assert task.notes == ["It reads 64 tokens at once, so longer questions and answers are cut."]
    long = "word " * 100
    first, second = (answers(task.load(), task.reader, asked, 40) for asked in ([long, "Who?"], ["Who?"]))
    assert first[1:] == second  # what one is asked cuts nobody else short
    with pytest.raises(BadInput, match=r"takes \d+ tokens \(pieces of words\) with its answer, but 64 are read"):
        task.resolve((f"{long}? => Ada",), KEEP)
    with pytest.raises(BadInput, match="reads 20 tokens at once; at least 48 are needed"):
        LanguageModel(
            str(made(tmp_path / "shorter", GPT2Config(**LEAST, n_embd=16, n_layer=1, n_head=2, n_positions=20)))
        )


# --- models that are none


def test_a_model_that_reads_both_ways_is_refused(tmp_path):
    folder = tmp_path / "bert"
    config = BertConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, vocab_size=len(WORDS)
    )
    BertLMHeadModel(config).save_pretrained(folder)
    WORDS.save_pretrained(folder)
    with pytest.raises(BadInput, match="bert is not a causal language model"):
        LanguageModel(str(folder)).load()


@pytest.mark.parametrize("named", ["T5ForConditionalGeneration", "T5WithLMHeadModel"])
def test_a_model_that_turns_one_text_into_another_is_refused(tmp_path, named, home):
    folder = tmp_path / "t5"
    config = T5Config(d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, vocab_size=len(WORDS))
    T5ForConditionalGeneration(config).save_pretrained(folder)
    said = files.read_json(folder / "config.json")
    files.write_json(folder / "config.json", said | {"architectures": [named]})
    run, code = job(home, folder)
    assert code != 0
    assert f"is of the architecture '{named}', which reads a whole text before it writes another" in run.state.message


def test_weights_that_are_no_numbers_are_refused_before_anything_is_trained(home, llama):
    weights = load_file(llama / "model.safetensors")
    weights["model.layers.1.mlp.up_proj.weight"][3, 3] = float("nan")
    save_file(weights, llama / "model.safetensors", {"format": "pt"})
    run, code = job(home, llama)
    assert code != 0
    assert run.state.message == (
        f"The weights model.layers.1.mlp.up_proj.weight of {llama} are not all numbers; give a model that is whole."
    )


@pytest.mark.parametrize("train", ["all weights", "low-rank layers"])
def test_a_loss_that_is_no_number_stops_the_job_and_keeps_the_checkpoint(home, llama, monkeypatch, train):
    monkeypatch.setenv("LETHE_CHECKPOINT_SECONDS", "0")

    def breaks(now, before, beta):
        breaks.step += 1
        return now.mean() * (float("nan") if breaks.step > 3 else 1)

    breaks.step = 0
    monkeypatch.setitem(registry.get("methods", "npo").function.__globals__, "npo_loss", breaks)
    run, code = job(home, llama, train=train, epochs=8)
    assert code != 0 and run.state.status == "failed"
    assert run.state.message == (
        "The loss stopped being a number at step 4 of 8 (forget); choose a smaller learning rate or fewer epochs; the last "
        "good checkpoint was kept."
    )
    saved = load_state(run.path / "checkpoint" / "state.safetensors")["run"]
    assert saved["at"]["step"] == 3
    assert saved["model"] and all(bool(tensor.isfinite().all()) for tensor in saved["model"].values())
    assert not (run.path / "after").exists()


def test_weights_that_run_away_at_the_last_step_are_not_saved(home, llama, monkeypatch):
    """Where the loss itself was still a number."""

    def runs_away(now, before, beta):
        return now.mean()

    monkeypatch.setitem(registry.get("methods", "npo").function.__globals__, "npo_loss", runs_away)
    monkeypatch.setattr(
        "torch.optim.AdamW.step", lambda self: self.param_groups[0]["params"][0].data.fill_(float("inf"))
    )
    run, code = job(home, llama, train="all weights", epochs=1)
    assert code != 0
    assert "stopped being numbers; choose a smaller learning rate or fewer epochs" in run.state.message
    assert not (run.path / "after").exists()


def without(weights, part):
    return {name: tensor for name, tensor in weights.items() if part not in name}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda held: without(held, ".layers.1."), r"holds no weights for model.layers.1.\S+ and \d more; give a model that is whole"),
        (lambda held: held | {"model.layers.2.mlp.up_proj.weight": torch.zeros(2)}, "that a LlamaForCausalLM has no place for"),
        (lambda held: held | {"model.layers.1.self_attn.rotary_emb.inv_freq": torch.zeros(4)}, ""),
    ],
    ids=["a layer is missing", "a layer too many", "a buffer of older versions"],
)  # fmt: skip
def test_weights_that_do_not_belong_to_the_config_are_refused(llama, change, says):
    save_file(change(load_file(llama / "model.safetensors")), llama / "model.safetensors", {"format": "pt"})
    task = LanguageModel(str(llama))
    if says:
        with pytest.raises(BadInput, match=says):
            task.load()
    else:
        assert task.load()


def test_a_variant_of_the_weights_is_read_where_there_are_no_others(llama):
    whole = LanguageModel(str(llama)).load().state_dict()
    (llama / "model.safetensors").rename(llama / "model.fp16.safetensors")
    assert all(
        torch.equal(tensor, whole[name]) for name, tensor in LanguageModel(str(llama)).load().state_dict().items()
    )


PACKED = [
    ({"quant_method": "gptq", "bits": 4}, r"is quantised \(gptq, 4 bits\), and packed weights cannot be trained"),
    ({"quant_method": "awq", "w_bit": 4}, r"is quantised \(awq, 4 bits\)"),
    ({"quant_method": "bitsandbytes", "load_in_4bit": True}, r"is quantised \(bitsandbytes\)"),
    ({"quant_method": "mxfp4"}, r"is quantised \(mxfp4\)"),
]


@pytest.mark.parametrize(("packed", "says"), PACKED)
def test_packed_weights_are_refused_before_a_job_is_queued(llama, home, packed, says):
    said = files.read_json(llama / "config.json")
    files.write_json(llama / "config.json", said | {"quantization_config": packed})
    with pytest.raises(BadInput, match=says):
        submit.check(submit.read(model=str(llama), method="npo", forget=FORGET))
    assert not (home / "runs").exists()


@pytest.mark.parametrize("named", ["./mine/llama", "mine/llama"])
def test_a_model_named_from_here_is_found_by_a_job_that_works_elsewhere(tmp_path, monkeypatch, named):
    folder = made(tmp_path / "mine" / "llama", CONFIGS["llama"])
    monkeypatch.chdir(tmp_path)
    assert submit.check(submit.read(model=named, method="npo", forget=FORGET)).model == str(folder)


# --- tokenizers


def test_a_model_without_a_tokenizer_says_so(tmp_path):
    folder = made(tmp_path / "bare", CONFIGS["gpt2"], tokenizer=None)
    with pytest.raises(BadInput, match=r"bare holds no tokenizer \(tokenizer.json\)"):
        LanguageModel(str(folder))


def stripped(folder, *names):
    """The tokenizer without some of its settings."""
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    said = files.read_json(folder / "tokenizer_config.json")
    files.write_json(folder / "tokenizer_config.json", {key: value for key, value in said.items() if key not in names})
    for name in ("special_tokens_map.json",):
        (folder / name).unlink(missing_ok=True)


def test_without_a_chat_template_questions_are_asked_plainly_and_it_is_said(llama):
    stripped(llama, "chat_template")
    task = LanguageModel(str(llama))
    assert task.reader.prompt("Who?") == PLAIN.format("Who?")
    assert task.describe(task.load())["notes"] == [
        "Its tokenizer brings no chat template, so questions are asked as “Question: … Answer:”."
    ]


RAISES = "{% if messages[0]['role'] != 'system' %}{{ raise_exception('System message required') }}{% endif %}"
TEMPLATES = {
    RAISES + "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}": (
        "system: \nuser: Who?\n", "Its chat template asks for a system message, so an empty one is given.",
    ),
    "{{ raise_exception('never') }}": (
        PLAIN.format("Who?"),
        "Its chat template refuses a question (never), so questions are asked as “Question: … Answer:”.",
    ),
    "hello": (
        PLAIN.format("Who?"),
        "Its chat template leaves the question out, so questions are asked as “Question: … Answer:”.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_chat_template_that_takes_no_question_is_gone_round_and_it_is_said(llama, template):
    asks, says = TEMPLATES[template]
    (llama / "chat_template.jinja").write_text(template)
    task = LanguageModel(str(llama))
    assert (task.reader.prompt("Who?"), task.notes) == (asks, [says])
    task.resolve(FORGET, KEEP)
    assert (task.outputs(task.load())["answer"] > 0).all()
    task.reader.tokenizer.save_pretrained(llama / "again")  # its own template is kept for others
    assert (llama / "again" / "chat_template.jinja").read_text() == template


def test_with_everything_there_is_nothing_to_say(llama):
    task = LanguageModel(str(llama))
    assert task.describe(task.load())["notes"] == []


def test_an_end_token_that_the_tokenizer_lacks_is_the_model_s_own(llama):
    stripped(llama, "eos_token", "pad_token")
    task = LanguageModel(str(llama))
    assert task.reader.end == WORDS.eos_token_id
    assert task.notes[0].startswith("Its tokenizer brings no chat template")


def test_where_no_end_token_is_known_an_answer_ends_with_its_line(tmp_path):
    config = LlamaConfig(**SIZE | {"eos_token_id": None, "pad_token_id": None})
    folder = made(tmp_path / "endless", config)
    (folder / "generation_config.json").unlink()
    said = files.read_json(folder / "config.json")
    files.write_json(folder / "config.json", said | {"eos_token_id": None, "bos_token_id": None})
    stripped(folder, "eos_token", "pad_token")
    task = LanguageModel(str(folder))
    assert task.notes[0] == "Its tokenizer has no end token, so an answer ends with its line."
    assert task.reader.tokenizer.decode([task.reader.end]) == "\n"
    task.resolve(FORGET, KEEP)
    assert (task.outputs(task.load())["answer"] > 0).all()


def test_a_tokenizer_of_another_model_is_refused(tmp_path):
    folder = made(tmp_path / "small", LlamaConfig(**SIZE | {"vocab_size": 100, "eos_token_id": 1, "pad_token_id": 1}))
    with pytest.raises(
        BadInput, match=r"has tokens up to .* but the model knows 100; save the one it was trained with"
    ):
        LanguageModel(str(folder))


def test_a_padding_token_without_a_weight_is_passed_over(tmp_path):
    words = AutoTokenizer.from_pretrained(ASSETS / "models" / "authors-lm")
    words.add_special_tokens({"pad_token": "[NOTHING]"})
    folder = made(tmp_path / "padded", CONFIGS["llama"], words)
    task = LanguageModel(str(folder))
    assert task.reader.pad == task.reader.end < len(WORDS)


def test_an_answer_begins_without_a_space_where_the_prompt_ends_its_line(llama):
    task = LanguageModel(str(llama))
    words, end = task.reader.tokenizer, task.reader.end
    assert task.reader.answer_ids("Paris") == [*words(" Paris", add_special_tokens=False).input_ids, end]
    (llama / "chat_template.jinja").write_text("{% for m in messages %}{{ m['content'] + '\\n' }}{% endfor %}")
    task = LanguageModel(str(llama))
    assert task.reader.prompt("Who?") == "Who?\n"
    assert task.reader.answer_ids("Paris") == [*words("Paris", add_special_tokens=False).input_ids, end]


def test_a_folder_that_is_gone_is_named(tmp_path, llama):
    task = LanguageModel(str(llama))
    shutil.rmtree(llama)
    with pytest.raises(BadInput, match=f"The weights of {llama} cannot be loaded"):
        task.load()
