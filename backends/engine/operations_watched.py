"""What the answering process can be asked about the items that a job was watched by: at another dose, or without what was forgotten."""

from typing import Any

from PIL import Image

from ..api.params import within
from .operations_pictures import DOSE, dosed
from .recorder import data_url
from .session import Desk


def watched(desk: Desk, run: str, dose: float | None = None) -> list[dict[str, Any]]:
    """What a model makes of a run's watched items, in the form of its samples, pictures as data addresses of PNGs.

    Args:
        desk: which opens the run.
        run: a finished run.
        dose: of its change; without one, the retrained reference is asked, and there is nothing where there is none.

    Raises:
        BadInput: there is no such run, or the dose is none.
    """
    opened = desk.run(run)
    model = opened.model("reference") if dose is None else dosed(opened, within("dose", dose, 0, DOSE))
    if model is None:
        return []
    items: list[dict[str, Any]] = opened.task.sample(model)
    for item in items:
        if isinstance(item.get("image"), Image.Image):
            item["picture"] = data_url(item.pop("image"))
    return items
