"""What the method does that is none: the weights of a model that was unlearned elsewhere take the place of those before."""

from pathlib import Path
from typing import Any

from ..api.elsewhere import Elsewhere, checked_folder
from ..api.errors import BadInput
from ..core.run import Run


def elsewhere(run: Run[Any], params: Elsewhere) -> None:
    """Put the tensors of the model after into the model, where they are those of the model before by name and shape.

    Raises:
        BadInput: they are not, or the folder holds no such model any more.
    """

    def take_in() -> None:
        folder = checked_folder(params.folder, run.task.family)
        after = run.task.load(folder).state_dict()
        _check_alike(run.original.state_dict(), after, folder)
        run.model.load_state_dict(after)

    run.cached("take in", take_in)


def _check_alike(before: dict[str, Any], after: dict[str, Any], folder: Path) -> None:
    names = sorted(before.keys() ^ after.keys())
    if names:
        only = "the model before" if names[0] in before else "the model after"
        raise BadInput(
            f"Only {only} has the weights {names[0]}, so {folder.name} is not the same model after unlearning."
        )
    for name, tensor in before.items():
        if tensor.shape != after[name].shape:
            shapes = [" x ".join(map(str, one.shape)) or "one number" for one in (tensor, after[name])]
            raise BadInput(
                f"The weights {name} are {shapes[0]} before and {shapes[1]} in {folder.name}; give one model before and after."
            )
