"""Where models come from: safetensors only, no code of their own, one sentence for everything else."""

import pickle
import shutil

import pytest

from backends.api import files
from backends.api.errors import BadInput, OutOfReach
from backends.api.home import ASSETS
from backends.models.source import embedded_ids, model_folder


@pytest.fixture
def copied(toy_folder, tmp_path):
    return shutil.copytree(toy_folder, tmp_path / "model")


def test_the_embedded_models_are_found_by_id():
    assert embedded_ids() == [
        "authors-lm",
        "authors-moe",
        "diabetes-net",
        "emoji-sd",
        "fashion-mlp",
        "fashion-resnet",
        "fashion-resnet-swap",
        "fashion-resnet-trigger",
        "fashion-slices",
        "fashion-vit",
        "shoe-tilt",
    ]
    assert model_folder("fashion-vit") == ASSETS / "models" / "fashion-vit"


def test_a_local_folder_is_taken_as_it_is(copied):
    assert model_folder(str(copied)) == copied


@pytest.mark.parametrize(
    "name", ["nonesuch", "../fashion-resnet", ".", "a/b/c", "x" * 5000, "nul\0byte", "~nobody/x", ""]
)
def test_what_is_no_model_is_refused(name):
    with pytest.raises(BadInput) as caught:
        model_folder(name)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_a_folder_with_pickles_only_is_refused_unopened(copied):
    class Trap:
        def __reduce__(self):
            return pytest.fail, ("the pickle was opened",)

    (copied / "model.safetensors").unlink()
    (copied / "pytorch_model.bin").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(BadInput, match=r"holds only pytorch_model\.bin, which can run code when it is opened"):
        model_folder(str(copied))


def test_a_folder_without_weights_is_refused(copied):
    (copied / "model.safetensors").unlink()
    with pytest.raises(BadInput, match="holds no weights; Lethe loads safetensors only"):
        model_folder(str(copied))


def test_a_folder_without_a_config_is_refused(copied):
    (copied / "config.json").unlink()
    with pytest.raises(BadInput, match=r"holds no config.json"):
        model_folder(str(copied))


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
def test_a_model_that_brings_code_is_refused(copied, name):
    said = files.read_json(copied / name) | {"auto_map": {"AutoConfig": "evil.EvilConfig"}}
    files.write_json(copied / name, said)
    with pytest.raises(BadInput, match=f"brings code of its own .{name} has an auto_map"):
        model_folder(str(copied))


def test_a_model_with_an_adapter_beside_its_weights_is_refused(copied):
    files.write_json(copied / "adapter_config.json", {"peft_type": "LORA", "base_model_name_or_path": "owner/other"})
    with pytest.raises(BadInput, match=r"holds an adapter beside its weights .adapter_config\.json.; merge it"):
        model_folder(str(copied))


def test_the_hub_out_of_reach_is_said(monkeypatch):
    with pytest.raises(OutOfReach, match="owner/name could not be fetched from the Hub"):
        model_folder("owner/name")


def test_a_shared_studio_takes_no_folder_of_its_machine(copied, monkeypatch):
    monkeypatch.setenv("LETHE_SHARED", "1")
    with pytest.raises(BadInput, match="There is no model"):
        model_folder(str(copied))
