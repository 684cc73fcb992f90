"""One data set per file: each has an `ID` and a `load()`. `folder` reads a person's own images."""

import importlib
import pkgutil

from ..api.errors import BadInput
from ._images import ImageSet


def embedded(data_id: str) -> ImageSet:
    """The embedded data set of that id.

    Raises:
        BadInput: there is none; the sentence lists those there are.
    """
    ids = []
    for module in pkgutil.iter_modules(__path__):
        data_module = importlib.import_module(f"{__name__}.{module.name}")
        if hasattr(data_module, "ID"):
            if data_id == data_module.ID:
                images: ImageSet = data_module.load()
                return images
            ids.append(data_module.ID)
    raise BadInput(
        f"There is no data set {data_id[:60]!r}; choose one of {', '.join(ids)}, or give a folder of images."
    )
