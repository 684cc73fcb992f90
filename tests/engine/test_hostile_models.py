"""Models of one's own that mean harm: each costs its own answer only, in one sentence, and the next question is answered."""

import shutil

import pytest

from app import job_form
from app.inference import LIVE
from backends.api import files, own
from backends.api.errors import BadInput, LetheError
from backends.api.limits import limits
from backends.api.live import Live

LOOPS = "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}x"


@pytest.fixture
def folder(toy_language_folder, tmp_path):
    """A copy of the toy language model, to be spoilt."""
    return shutil.copytree(toy_language_folder, tmp_path / "own")


def test_a_template_of_fifty_megabytes_is_not_read(folder):
    (folder / "chat_template.jinja").write_text("x" * 50 * 1024 * 1024)
    with pytest.raises(BadInput, match=r"chat_template.jinja of 50 MB; at most 8 MB"):
        own.check_folder(folder, "own")


def test_a_tokenizer_may_be_larger_than_a_config_but_not_without_end(folder, monkeypatch):
    limits.cache_clear()
    monkeypatch.setenv("LETHE_CONFIG_BYTES", "2000")
    monkeypatch.setenv("LETHE_TOKENIZER_BYTES", str(10 * 1024 * 1024))
    try:
        (folder / "tokenizer.json").write_text(" " * 5000)
        for path in folder.glob("*.json"):
            if path.name != "tokenizer.json":
                path.write_text(
                    path.read_text()[:1] + " " * 100 + path.read_text()[1:] if path.stat().st_size < 1500 else "{}"
                )
        (folder / "config.json").write_text("{}")
        assert own.check_folder(folder, "own") == folder
        (folder / "tokenizer.json").write_text(" " * 11 * 1024 * 1024)
        with pytest.raises(BadInput, match=r"tokenizer.json of 11 MB; at most 10 MB"):
            own.check_folder(folder, "own")
    finally:
        limits.cache_clear()


def test_a_config_nested_without_end_is_one_sentence(folder):
    (folder / "config.json").write_text('{"a":' * 100_000 + "1" + "}" * 100_000)
    with pytest.raises(ValueError, match=r"config\.json is nested too deep"):
        files.read_json(folder / "config.json")
    own.check_folder(folder, "own")
    with pytest.raises(BadInput, match="could not be read"):
        own.family_of(folder, "own")


def test_a_model_that_brings_no_tokenizer_is_refused_in_one_sentence(tmp_path):
    files.write_json(tmp_path / "config.json", {"architectures": ["LlamaForCausalLM"]})
    (tmp_path / "model.safetensors").write_bytes(b"")
    try:
        with pytest.raises(LetheError, match=r"holds no tokenizer .* save it beside the weights\.$"):
            job_form.open_own(str(tmp_path), "")
    finally:
        LIVE.stop()
        LIVE.reopen()


@pytest.mark.slow
def test_a_template_of_endless_loops_costs_its_own_answer_and_the_next_is_given(folder, monkeypatch):
    monkeypatch.setenv("LETHE_ANSWER_SECONDS", "10")
    limits.cache_clear()
    (folder / "chat_template.jinja").write_text(LOOPS)
    live = Live()
    try:
        with pytest.raises(LetheError, match="longer than 10 seconds, so it was stopped; ask for less"):
            live.ask("answer", run_or_model=str(folder), question="Where was Piet Nettle born?")
        assert live.ask("ping") == "here"
    finally:
        live.stop()
        limits.cache_clear()
