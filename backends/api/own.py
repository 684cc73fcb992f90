"""A person's own model: what can be said of it without loading it."""

from pathlib import Path
from typing import Any

from . import files
from .catalog import Family
from .errors import BadInput
from .home import shared

PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")
FAMILIES: dict[str, Family] = {"ForImageClassification": "classifier"}


def local_folder(model: str) -> Path | None:
    """The folder that `model` names; None where it is a Hub id or nothing that exists."""
    try:
        folder = Path(model).expanduser()
        return folder if folder.is_dir() else None
    except (OSError, ValueError, RuntimeError):
        return None


def is_hub_id(model: str) -> bool:
    """Whether `model` has the form owner/name."""
    return model.count("/") == 1 and not model.startswith((".", "/", "~")) and all(model.split("/"))


def check_folder(folder: Path, model: str) -> Path:
    """The folder again, when it holds a model in the standard layout whose weights are safetensors.

    Raises:
        BadInput: it has no config.json, only weights that are pickles (which can run code when they are opened), or
            brings code of its own.
    """
    if not (folder / "config.json").is_file():
        raise BadInput(f"{model} holds no config.json; give a model in the standard layout of transformers.")
    if not list(folder.glob("*.safetensors")):
        pickles = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
        has = f"only {pickles[0]}, which can run code when it is opened" if pickles else "no weights"
        raise BadInput(f"{model} holds {has}; Lethe loads safetensors only.")
    for name in ("config.json", "preprocessor_config.json"):
        if _brings_code(folder / name):
            raise BadInput(
                f"{model} brings code of its own ({name} has an auto_map); Lethe runs only that of transformers."
            )
    return folder


def _brings_code(path: Path) -> bool:
    try:
        said = files.read_json(path, {})
    except (OSError, ValueError):
        return False  # whoever loads it says what is wrong with it
    return isinstance(said, dict) and bool(said.get("auto_map"))


def family_of(folder: Path, model: str) -> Family:
    """The family of a local model, by the architecture its config.json names.

    Raises:
        BadInput: the file cannot be read, or names an architecture that Lethe has no family for.
    """
    try:
        config: Any = files.read_json(folder / "config.json", {})
        named = str((config.get("architectures") or ["none"])[0])
    except (OSError, ValueError, AttributeError, LookupError, TypeError):
        raise BadInput(f"The config.json of {model} could not be read; give a model of transformers.") from None
    for ending, family in FAMILIES.items():
        if named.endswith(ending):
            return family
    raise BadInput(
        f"{model} is of the architecture {named[:60]!r}; Lethe takes {', '.join('*' + e for e in FAMILIES)}."
    )


def check_data(data: str, model: str) -> None:
    """Check the folder of images that an own model is looked at with.

    Raises:
        BadInput: none was given, it does not exist, or this studio is shared by strangers.
    """
    if not data:
        raise BadInput(f"{model} brings no data; name a folder that holds one folder of images for each class.")
    if shared():
        raise BadInput("This studio is shared, so it reads no folders of its machine; choose an embedded model.")
    folder = local_folder(data)
    if folder is None:
        raise BadInput(f"There is no folder {data[:80]!r}; name one that holds a folder of images for each class.")
    if not any(path.is_dir() for path in folder.iterdir()):
        raise BadInput(f"{data[:80]!r} holds no folders; it needs one folder of images for each class.")
