"""Where a model's files are: shipped, in a local folder, or on the Hub. Only safetensors is ever loaded."""

import os
from pathlib import Path

from ..api.errors import BadInput, OutOfReach
from ..api.home import ASSETS, shared

PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")


def model_folder(model_id: str) -> Path:
    """The folder of an embedded id, a local path or a Hub id (fetched when it is not there yet).

    Raises:
        BadInput: no such model, or it holds no safetensors.
        OutOfReach: the Hub did not answer.
    """
    embedded = ASSETS / "models" / model_id
    if (
        "/" not in model_id
        and "\\" not in model_id
        and not model_id.startswith(".")
        and (embedded / "config.json").is_file()
    ):
        return embedded
    local = Path(model_id).expanduser()
    if local.is_dir() and not shared():
        return _checked(local, model_id)
    if model_id.count("/") == 1 and not model_id.startswith((".", "/", "~")):
        return _checked(_from_hub(model_id), model_id)
    ours = ", ".join(sorted(path.parent.name for path in (ASSETS / "models").glob("*/config.json")))
    raise BadInput(
        f"There is no model {model_id[:80]!r}; choose one of {ours}, a folder that holds config.json, or a Hub id like owner/name."
    )


def _checked(folder: Path, model_id: str) -> Path:
    if not (folder / "config.json").is_file():
        raise BadInput(f"{model_id} holds no config.json; give a model in the standard layout of transformers.")
    if not list(folder.glob("*.safetensors")):
        pickles = [path.name for pattern in PICKLES for path in folder.glob(pattern)]
        has = f"only {pickles[0]}, which can run code when it is opened" if pickles else "no weights"
        raise BadInput(f"{model_id} holds {has}; Lethe loads safetensors only.")
    return folder


def _from_hub(model_id: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    try:
        return Path(snapshot_download(model_id, allow_patterns=["*.json", "*.safetensors", "*.txt", "*.model"]))
    except RepositoryNotFoundError:
        raise BadInput(
            f"The Hub has no model {model_id!r} that you may read; check the name, or give a folder."
        ) from None
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        offline = " (HF_HUB_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") == "1" else ""
        raise OutOfReach(
            f"{model_id} could not be fetched from the Hub{offline}: {type(error).__name__}; give a local folder instead."
        ) from None
