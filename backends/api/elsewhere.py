"""A model that was unlearned elsewhere, taken in beside the model it was before: a run like others, but for its method, which is none of Lethe's.

So it is no entry of the catalog, and nothing offers it: whoever has two folders, before and after, asks for it here.
"""

from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from . import own, params
from .catalog import Method, Source
from .errors import BadInput
from .home import shared
from .languages import tr
from .spec import JobSpec

ID: Final = "unlearned elsewhere"
NOTE: Final = (
    "The model was unlearned elsewhere and taken in as it came: how it was done, and what that cost, is not known here."
)
CONVERT: Final = (
    "{name} is a pickle, which can run code when it is opened, and Lethe loads safetensors only; where you trust it, load it into the model of transformers "
    "that it belongs to and save that: model.load_state_dict(torch.load({name!r}, weights_only=True)['state_dict']); model.save_pretrained('after')."
)


class Elsewhere(BaseModel):
    """Where the model after lies."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: str = Field(
        min_length=1, max_length=4000, description="Folder of the model after, in the layout of the model before."
    )


ENTRY: Final = Method(
    id=ID,
    title="Unlearned elsewhere",
    short="elsewhere",
    summary="Takes in a model that was unlearned by other means, as it is.",
    school="Somebody else made the model forget; here it is only looked at.",
    student="The weights of the model after are taken as they came. What was done to them, for how long and with which data is not known here.",
    source=Source(title="Not known"),
    works_with={},
    params=Elsewhere.model_json_schema(),
    label="our extension",
    kind="edit",
)


def read(before: str, after: str | Path, **fields: Any) -> JobSpec:
    """The spec of such a job; `fields` as those of a spec.

    Raises:
        BadInput: one of them is missing, too long or of the wrong kind.
    """
    from . import submit

    return submit.read(model=before, method=ID, params={"folder": str(after)}, **fields)


def checked_params(spec: JobSpec, family: str) -> dict[str, Any]:
    """The parameters of such a job, with the folder of the model after as a whole path.

    Raises:
        BadInput: it is no folder of a model of that family in safetensors, or strangers share the studio.
    """
    complete = params.checked(ID, ENTRY.params, spec.params)
    if shared():
        raise BadInput(tr("This studio is shared, so it reads no folders of its machine."))
    return complete | {"folder": str(checked_folder(str(complete["folder"]), family))}


def checked_folder(name: str, family: str) -> Path:
    """The folder of the model after.

    Raises:
        BadInput: it holds no model of that family in safetensors.
    """
    folder = own.local_folder(name)
    if folder is None:
        path = Path(name).expanduser()
        if path.is_file() and path.name.lower().endswith((*(pattern[1:] for pattern in own.PICKLES), ".pth.tar")):
            raise BadInput(CONVERT.format(name=name[:80]))
        raise BadInput(tr("There is no folder {name!r} that could hold the model after.", name=name[:80]))
    folder = own.check_folder(folder.absolute(), name)
    if (theirs := own.family_of(folder, name)) != family:
        raise BadInput(
            tr(
                "{name} is of the family {theirs}, and the model before of {family}; give one model before and after.",
                name=name[:80],
                theirs=theirs,
                family=family,
            )
        )
    return folder
