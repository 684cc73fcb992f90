"""A person's own model: what can be said of it without loading it."""

import re
from pathlib import Path
from typing import Any

from . import families, files, optional_models
from .errors import BadInput
from .home import shared
from .languages import tr
from .sizes import check_sizes

PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")
ADAPTER_CONFIG = "adapter_config.json"
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
    folder = None if shared() or not name or optional_models.embedded(name) else local_folder(name)
    return str(folder.absolute()) if folder is not None else name


def is_hub_id(model: str) -> bool:
    """Whether `model` has the form owner/name or owner/name@revision; a revision is a branch, a tag or a commit."""
    name, at, revision = model.partition("@")
    fits = name.count("/") == 1 and not name.startswith((".", "/", "~")) and all(name.split("/"))
    return fits and (not at or re.fullmatch(r"[\w][\w./-]{0,199}", revision) is not None)


def hub_parts(model: str) -> tuple[str, str]:
    """(owner/name, revision) of a Hub id; no revision is the empty one."""
    name, _, revision = model.partition("@")
    return name, revision


def check_folder(folder: Path, model: str) -> Path:
    """The folder again, when it holds a model in the standard layout whose weights are safetensors.

    The layout is that of transformers, or of a pipeline of diffusers.

    Raises:
        BadInput: a small file of it is huge, it has no config.json nor model_index.json, only weights that are pickles (which can run code when they are opened), an
            adapter beside its weights, or brings code of its own.
    """
    check_sizes(folder, model)
    if (folder / PIPELINE).is_file():
        return _check_pipeline(folder, model)
    if not (folder / "config.json").is_file():
        raise BadInput(
            tr(
                "{model} holds no config.json; give a model in the standard layout of transformers or diffusers.",
                model=model,
            )
        )
    _check_weights(folder, model)
    _check_numbers(folder, model)
    if (folder / ADAPTER_CONFIG).is_file():  # transformers would load both, and the adapter from wherever it says
        raise BadInput(
            tr(
                "{model} holds an adapter beside its weights ({adapter_config}); merge it into them, or give a folder without "
                "it.",
                model=model,
                adapter_config=ADAPTER_CONFIG,
            )
        )
    for name in ("config.json", "preprocessor_config.json"):
        if _brings_code(folder / name):
            raise BadInput(
                f"{model} brings code of its own ({name} has an auto_map); Lethe runs only that of transformers."
            )
    return folder


def variant(folder: Path) -> str:
    """Which variant of the weights a folder holds (fp16 of model.fp16.safetensors), where it does not hold the plain ones."""
    names = [path.name for path in folder.glob("*.safetensors")]
    matches = [
        re.fullmatch(r"(?:diffusion_pytorch_)?model(\.\w+)?(?:-\d+-of-\d+)?\.safetensors", name) for name in names
    ]
    kinds = {(match[1] or "").removeprefix(".") for match in matches if match}
    return "" if not kinds or "" in kinds else sorted(kinds)[0]


def _check_numbers(folder: Path, model: str) -> None:
    """Check that the weights are plain numbers, not packed into a few bits each."""
    config = _config(folder / "config.json")
    packed = config.get("quantization_config") or config.get("compression_config")
    if packed:
        how = packed.get("quant_method") if isinstance(packed, dict) else ""
        bits = packed.get("bits") or packed.get("w_bit") if isinstance(packed, dict) else ""
        more = ", ".join(str(text)[:30] for text in (how, tr("{bits} bits", bits=bits) if bits else "") if text)
        raise BadInput(
            tr(
                "{model} is quantised{more}, and packed weights cannot be trained; give the model that it was made from, with "
                "weights of 16 or 32 bits.",
                model=model,
                more=f" ({more})" if more else "",
            )
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
        has = (
            tr("only {pickles}, which can run code when it is opened", pickles=pickles[0])
            if pickles
            else tr("no weights")
        )
        raise BadInput(f"{model} holds {has}; Lethe loads safetensors only.")


def _brings_code(path: Path) -> bool:
    return bool(_config(path).get("auto_map"))


def _config(path: Path) -> dict[str, Any]:
    """A configuration; empty where it cannot be read: whoever loads it says what is wrong with it."""
    try:
        config = files.read_json(path, {})
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}


def family_of(folder: Path, model: str) -> str:
    """The id of the family of a local model, by the architecture that its config.json names, or as a pipeline of diffusers.

    Raises:
        BadInput: the file cannot be read, or names an architecture that Lethe has no family for.
    """
    config: Any = {}
    if (folder / PIPELINE).is_file():
        architecture = PIPELINE
    else:
        try:
            config = files.read_json(folder / "config.json", {})
            architecture = str((config.get("architectures") or ["none"])[0])
        except (OSError, ValueError, AttributeError, LookupError, TypeError):
            raise BadInput(
                tr("The config.json of {model} could not be read; give a model of transformers.", model=model)
            ) from None
    if config.get("is_encoder_decoder"):
        raise BadInput(
            f"{model} is of the architecture {architecture[:60]!r}, which reads a whole text before it writes another; Lethe takes "
            "causal language models, that write on, like GPT or Llama."
        )
    family = families.of_config(architecture, config)
    if family is None:
        endings = dict.fromkeys(f"*{ending}" for one in families.every().values() for ending in one.architectures)
        raise BadInput(f"{model} is of the architecture {architecture[:60]!r}; Lethe takes {', '.join(endings)}.")
    return family.id
