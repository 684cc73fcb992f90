"""Where a model's files are: shipped, pulled, in a local folder, or on the Hub. Only safetensors is ever loaded."""

from pathlib import Path

from ..api import optional_models
from ..api.errors import BadInput
from ..api.home import ASSETS, shared
from ..api.own import check_folder, is_hub_id, local_folder
from . import hub


def model_folder(model_id: str) -> Path:
    """The folder of an embedded id, a pulled one, a local path or a Hub id (fetched when it is not there yet).

    Raises:
        BadInput: no such model, an optional one that was not pulled, or it holds no safetensors.
        OutOfReach: the Hub did not answer, or the disk is too full.
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
        return check_folder(hub.snapshot(model_id), model_id)
    raise BadInput(
        f"There is no model {model_id[:80]!r}; choose one of {', '.join(ours)}, a folder that holds config.json, or a "
        "Hub id like owner/name or owner/name@revision."
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


def commit(model_id: str, folder: Path) -> str:
    """The commit of a model that was fetched from the Hub into `folder`; empty for any other."""
    return folder.name if hub_id(model_id) is not None and folder.parent.name == "snapshots" else ""


def embedded_ids() -> list[str]:
    """The models that came with Lethe."""
    return sorted(path.parent.name for path in (ASSETS / "models").glob("*/card.json"))
