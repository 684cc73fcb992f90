"""What is known of a chosen model before a job: its family, its recommended method, and what its family can say of its targets."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from . import catalog, families, learned, own
from .errors import BadInput
from .home import shared
from .languages import tr
from .runs import RunFolder
from .tuned_params import Tuned


class ModelInfo(BaseModel):
    """A model as a form shows it.

    Attributes:
        own: whether it is a person's own.
        data: what a person's own model is looked at with; a job names it.
        dataset: id of the data set that an embedded model brings.
        card: what only its family reads: classes, concepts, numbers of images.
        notes: sentences on how an own model was opened.
        after: id of the run whose model it is; empty: as it came.
    """

    id: str
    title: str
    family: str
    own: bool = False
    data: str = ""
    dataset: str = ""
    default_forget: list[str] = []
    default_method: str = ""
    tuned: list[Tuned] = []
    card: dict[str, Any] = {}
    notes: list[str] = []
    after: str = ""


def embedded(model_id: str) -> ModelInfo:
    """An embedded model, from the catalog.

    Raises:
        BadInput: there is none of that id.
    """
    entry = catalog.load().get("models", model_id)
    return ModelInfo(
        id=entry.id,
        title=entry.title,
        family=entry.family,
        dataset=entry.data,
        default_forget=entry.default_forget,
        default_method=entry.default_method,
        tuned=entry.tuned,
        card=entry.card,
    )


def left_by(run: RunFolder, model: ModelInfo) -> ModelInfo:
    """A model as a finished run left it, with what it learned from.

    Raises:
        BadInput: the run has not finished.
    """
    if run.result is None:
        raise BadInput(
            tr("Run {id} is {status}; only a run that is done can be started from.", id=run.id, status=run.state.status)
        )
    found = learned.of_run(run)
    more: dict[str, Any] = {"after": run.id}
    if found is not None:
        menders = (
            one.id
            for one in catalog.load().methods
            if one.stage == "repair" and one.works_with.get(model.family) is True
        )
        more |= {"card": model.card | found.how, "default_forget": [*found.forget]}
        more |= {"default_method": next(menders, model.default_method)}
    return model.model_copy(update=more)


def check_own(model: str, data: str) -> tuple[str, str]:
    """A person's own model and its data as they are opened, as far as that can be checked without opening it.

    Raises:
        BadInput: nothing was named, it lacks something, or the studio is shared.
    """
    model, data = own.absolute(model.strip()), own.absolute(data.strip())
    if not model:
        raise BadInput(tr("Name your model: a folder on this machine, or a Hub id like owner/name."))
    if shared():
        raise BadInput(tr("This studio is shared, so it opens no models but its own; choose one of them."))
    folder = own.local_folder(model)
    if folder is not None:
        own_family = own.family_of(own.check_folder(folder, model), model)
        families.get(own_family).check_data(data, model)
    return model, data


def described(model: str, data: str, description: Mapping[str, Any]) -> ModelInfo:
    """A person's own model, from what the live operation `describe` says of it.

    Args:
        model: its folder or Hub id.
        data: what it is looked at with.
        description: with its family, and of a model of the Hub the `commit` that its jobs are pinned to; the rest is that family's.
    """
    apart = ("family", "notes", "commit")
    card = {name: value for name, value in description.items() if name not in apart and value is not None}
    name, _ = own.hub_parts(model) if own.is_hub_id(model) and own.local_folder(model) is None else (model, "")
    return ModelInfo(
        id=f"{name}@{description['commit']}" if description.get("commit") else model,
        title=name.rstrip("/").rsplit("/", 1)[-1],
        family=description["family"],
        own=True,
        data=data,
        default_forget=families.get(description["family"]).choosing.first_targets(card),
        card=card,
        notes=description.get("notes", []),
    )
