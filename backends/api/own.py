"""A person's own model: what can be said of it without loading it."""

import re
from pathlib import Path
from typing import Any

from . import files, pulled
from .catalog import SPEAKERS, Family
from .errors import BadInput
from .home import shared
from .sizes import check_sizes

PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")
FAMILIES: dict[str, Family] = {"ForImageClassification": "classifier", "ForCausalLM": "llm", "LMHeadModel": "llm"}
EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts")  # what a config calls the number of its experts
PIPELINE = "model_index.json"  # a folder that has it is a pipeline of diffusers, whose parts lie in folders


def local_folder(model: str) -> Path | None:
    """The folder that `model` names; None where it is a Hub id or nothing that exists."""
    try:
        folder = Path(model).expanduser()
        return folder if folder.is_dir() else None
    except (OSError, ValueError, RuntimeError):
        return None


def absolute(name: str) -> str:
    """The whole path of a folder that is named from here (./x, x/y); every other name as it is."""
    folder = None if shared() or not name or pulled.embedded(name) else local_folder(name)
    return str(folder.absolute()) if folder is not None else name


def is_hub_id(model: str) -> bool:
    """Whether `model` has the form owner/name."""
    return model.count("/") == 1 and not model.startswith((".", "/", "~")) and all(model.split("/"))


def check_folder(folder: Path, model: str) -> Path:
    """The folder again, when it holds a model in the standard layout whose weights are safetensors.

    The layout is that of transformers, or of a pipeline of diffusers.

    Raises:
        BadInput: a small file of it is huge, it has no config.json nor model_index.json, only weights that are pickles (which can run code when they are opened), or
            brings code of its own.
    """
    check_sizes(folder, model)
    if (folder / PIPELINE).is_file():
        return _check_pipeline(folder, model)
    if not (folder / "config.json").is_file():
        raise BadInput(
            f"{model} holds no config.json; give a model in the standard layout of transformers or diffusers."
        )
    _check_weights(folder, model)
    _check_numbers(folder, model)
    for name in ("config.json", "preprocessor_config.json"):
        if _brings_code(folder / name):
            raise BadInput(
                f"{model} brings code of its own ({name} has an auto_map); Lethe runs only that of transformers."
            )
    return folder


def variant(folder: Path) -> str:
    """Which variant of the weights a folder holds (fp16 of model.fp16.safetensors), where it does not hold the plain ones."""
    names = [path.name for path in folder.glob("*.safetensors")]
    found = [re.fullmatch(r"(?:diffusion_pytorch_)?model(\.\w+)?(?:-\d+-of-\d+)?\.safetensors", name) for name in names]
    kinds = {(match[1] or "").removeprefix(".") for match in found if match}
    return "" if not kinds or "" in kinds else sorted(kinds)[0]


def _check_numbers(folder: Path, model: str) -> None:
    """Check that the weights are plain numbers, not packed into a few bits each."""
    said = _config(folder / "config.json")
    packed = said.get("quantization_config") or said.get("compression_config")
    if packed:
        how = packed.get("quant_method") if isinstance(packed, dict) else ""
        bits = packed.get("bits") or packed.get("w_bit") if isinstance(packed, dict) else ""
        more = ", ".join(str(text)[:30] for text in (how, f"{bits} bits" if bits else "") if text)
        raise BadInput(
            f"{model} is quantised{f' ({more})' if more else ''}, and packed weights cannot be trained; give the model that it "
            "was made from, with weights of 16 or 32 bits."
        )


def _check_pipeline(folder: Path, model: str) -> Path:
    """Check that every part of a pipeline that has weights has them as safetensors, and that none brings code."""
    for part in sorted(path.parent for path in folder.glob("*/config.json")):
        if part.name not in ("safety_checker", "feature_extractor", "image_encoder"):  # never loaded
            _check_weights(part, f"{model}/{part.name}")
            _check_numbers(part, f"{model}/{part.name}")
        if _brings_code(part / "config.json"):
            raise BadInput(f"{model} brings code of its own ({part.name} has an auto_map); Lethe runs none of it.")
    return folder


def _check_weights(folder: Path, model: str) -> None:
    if not list(folder.glob("*.safetensors")):
        pickles = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
        has = f"only {pickles[0]}, which can run code when it is opened" if pickles else "no weights"
        raise BadInput(f"{model} holds {has}; Lethe loads safetensors only.")


def _brings_code(path: Path) -> bool:
    return bool(_config(path).get("auto_map"))


def _config(path: Path) -> dict[str, Any]:
    """A configuration; empty where it cannot be read: whoever loads it says what is wrong with it."""
    try:
        said = files.read_json(path, {})
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def family_of(folder: Path, model: str) -> Family:
    """The family of a local model, by the architecture its config.json names; a pipeline of diffusers is text-to-image, a
    causal language model with experts is a mixture of them.

    Raises:
        BadInput: the file cannot be read, or names an architecture that Lethe has no family for.
    """
    if (folder / PIPELINE).is_file():
        return "text-to-image"
    try:
        config: Any = files.read_json(folder / "config.json", {})
        named = str((config.get("architectures") or ["none"])[0])
    except (OSError, ValueError, AttributeError, LookupError, TypeError):
        raise BadInput(f"The config.json of {model} could not be read; give a model of transformers.") from None
    if config.get("is_encoder_decoder"):
        raise BadInput(
            f"{model} is of the architecture {named[:60]!r}, which reads a whole text before it writes another; Lethe takes "
            "causal language models, that write on, like GPT or Llama."
        )
    for ending, family in FAMILIES.items():
        if named.endswith(ending):
            return "moe" if family == "llm" and _mixes(config) else family
    raise BadInput(
        f"{model} is of the architecture {named[:60]!r}; Lethe takes {', '.join('*' + e for e in FAMILIES)}."
    )


def _mixes(config: dict[str, Any]) -> bool:
    """Whether a config tells of experts: more than one, and a router that chooses among them."""
    counts = [config.get(name) for name in EXPERTS]
    return any(isinstance(count, int) and count > 1 for count in counts) and "num_experts_per_tok" in config


def check_data(data: str, model: str, family: Family = "classifier") -> None:
    """Check what an own model is looked at with: a folder of images; or, for pictures that a model draws, a CLIP model
    (folder or Hub id) to judge by, which may be left out. A language model needs nothing.

    Raises:
        BadInput: none was given where one is needed, one where none is, it does not exist, or this studio is shared by
            strangers.
    """
    if family in SPEAKERS:
        if shared():
            raise BadInput("This studio is shared, so it opens no models but its own; choose one of them.")
        if data:
            raise BadInput(
                f"{model[:80]} is a language model, which needs no folder; leave {data[:80]!r} out, and give questions to forget."
            )
        return
    if family == "text-to-image":
        if shared():
            raise BadInput("This studio is shared, so it fetches no models; choose an embedded one.")
        if data and local_folder(data) is None and not is_hub_id(data):
            raise BadInput(f"There is no CLIP model {data[:80]!r}; give its folder or its Hub id, or leave it empty.")
        return
    if not data:
        raise BadInput(f"{model} brings no data; name a folder that holds one folder of images for each class.")
    if shared():
        raise BadInput("This studio is shared, so it reads no folders of its machine; choose an embedded model.")
    folder = local_folder(data)
    if folder is None:
        raise BadInput(f"There is no folder {data[:80]!r}; name one that holds a folder of images for each class.")
    if not any(path.is_dir() for path in folder.iterdir()):
        raise BadInput(f"{data[:80]!r} holds no folders; it needs one folder of images for each class.")
