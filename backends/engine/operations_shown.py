"""What the answering process can be asked about models that are shown a picture: the probability of each class."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..api import families
from ..data._images import image_of_url, open_image
from ..data._own_pictures import PIXELS, pictures, write_zip
from .recorder import data_url
from .session import Desk


def predict(
    desk: Desk,
    run_or_model: str,
    path: str = "",
    items: Sequence[str] = (),
    skip_guard: bool = False,
    data: str = "",
    picture: str = "",
    reference: bool = False,
) -> dict[str, Any]:
    """Probabilities of every class, before and (for a run) after, for one image file, one picture or for items of the data.

    Args:
        desk: what is held open.
        run_or_model: a finished run, or a model.
        path: an image file.
        items: of the data, as test-3; where an item's class is known, `label` is its number.
        skip_guard: ask the model after with its guard switched off.
        data: as in the job, for a model.
        picture: a data address of a PNG, as `as_input` gives it or as a person drew it. Of exactly the model's size it is
            taken as it is.
        reference: ask the retrained reference too, where there is one.

    Returns:
        `classes`, `guarded` and `items`, each with `id`, `label` and a list of probabilities for each model.

    Raises:
        BadInput: not exactly one of a file, a picture and items, or one that will not do.
    """
    task, models = desk.models(run_or_model, data, reference=bool(reference))
    families.require(task.family, "classes", task.id)
    image = image_of_url(picture) if picture else None
    answer: dict[str, Any] = task.predictions(models, path, items, skip_guard, image)
    return answer


def as_input(desk: Desk, run_or_model: str, path: str, data: str = "") -> str:
    """An image file as a model is given it, at the model's size: a data address of a PNG, for `predict`.

    Raises:
        BadInput: the file is no image, or too large.
    """
    task = desk.models(run_or_model, data)[0]
    if not hasattr(task, "as_input"):
        families.require(task.family, "classes", task.id)
    return data_url(task.as_input(open_image(Path(path))))


def protect(desk: Desk, run: str, source: str, to: str, pixels: int = 0) -> dict[str, Any]:
    """A person's pictures, protected with what a finished run made for that: a zip of PNGs, each at its own size.

    Args:
        desk: what is held open.
        run: a finished run.
        source: a folder of pictures, one picture, or a zip of them.
        to: the zip to write, which does not exist yet.
        pixels: most of all pictures; 0 for as many as are taken at once.

    Raises:
        BadInput: the run made nothing that protects, or as `_own_pictures`.
    """
    opened = desk.run(run)
    if not hasattr(opened.task, "protector"):
        families.require(opened.task.family, "classes", opened.task.id)
    model = opened.model("before")
    protected = opened.task.protector(opened.folder.path, model)
    names = write_zip(
        Path(to), ((name, protected(picture)) for name, picture in pictures(Path(source), pixels or PIXELS))
    )
    return {"to": to, "files": names}
