"""Where a model's files are: shipped, pulled, in a local folder, or on the Hub. Only safetensors is ever loaded."""

import os
from pathlib import Path

from ..api import optional_models
from ..api.errors import BadInput, OutOfReach
from ..api.home import ASSETS, shared
from ..api.own import PIPELINE, check_folder, is_hub_id, local_folder


def model_folder(model_id: str) -> Path:
    """The folder of an embedded id, a pulled one, a local path or a Hub id (fetched when it is not there yet).

    Raises:
        BadInput: no such model, an optional one that was not pulled, or it holds no safetensors.
        OutOfReach: the Hub did not answer.
    """
    ours = embedded_ids()
    if model_id in ours:
        return ASSETS / "models" / model_id
    optional_models.check(model_id)
    if optional_models.there(model_id):
        return optional_models.folder(model_id)
    local = local_folder(model_id)
    if local is not None and not shared():
        return check_folder(local, model_id)
    if is_hub_id(model_id):
        return check_folder(_from_hub(model_id), model_id)
    raise BadInput(
        f"There is no model {model_id[:80]!r}; choose one of {', '.join(ours)}, a folder that holds config.json, or a "
        "Hub id like owner/name."
    )


def is_model(name: str) -> bool:
    """Whether it names a model, and not a run: by an id, a folder or a Hub id."""
    local = local_folder(name)
    return (
        optional_models.embedded(name)
        or name in optional_models.optional()
        or is_hub_id(name)
        or (local is not None and (local / "config.json").is_file())
    )


def hub_id(model_id: str) -> str | None:
    """The id itself, where it names a model on the Hub and no folder."""
    return model_id if is_hub_id(model_id) and local_folder(model_id) is None else None


def embedded_ids() -> list[str]:
    """The models that came with Lethe."""
    return sorted(path.parent.name for path in (ASSETS / "models").glob("*/card.json"))


def _from_hub(model_id: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    try:
        if _is_pipeline(model_id):
            from diffusers import DiffusionPipeline

            return Path(DiffusionPipeline.download(model_id, use_safetensors=True, safety_checker=None))
        return Path(snapshot_download(model_id, allow_patterns=["*.json", "*.safetensors", "*.txt", "*.model"]))
    except (RepositoryNotFoundError, HFValidationError):
        raise BadInput(
            f"The Hub has no model {model_id[:80]!r} that you may read; check the name, or give a folder."
        ) from None
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        offline = " (HF_HUB_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") == "1" else ""
        raise OutOfReach(
            f"{model_id} could not be fetched from the Hub{offline}: {type(error).__name__}; give a local folder instead."
        ) from None


def _is_pipeline(model_id: str) -> bool:
    """Whether the Hub, or what was fetched from it before, has a pipeline of diffusers under this id."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    try:
        hf_hub_download(model_id, PIPELINE)
    except EntryNotFoundError:
        return False
    return True
