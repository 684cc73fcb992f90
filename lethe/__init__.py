"""Machine unlearning from Python: make a model forget, measure what happened, look inside, and try to bring it back.

    import lethe

    run = lethe.unlearn(model="fashion-resnet", method="salun", forget="Sandal", seed=0)
    run.compare()
    run.test()

What it does is what the command `lethe` and the studio do: the same jobs, in the same runs under LETHE_HOME. Importing it loads no model
library, and what a name needs only when it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from ._path import make_importable

if TYPE_CHECKING:
    from backends.api import __version__
    from backends.api.errors import BadInput, LetheError

    from ._catalog import Entries, attacks, data, inspectors, methods, metrics, models
    from ._jobs import import_model, import_run, open, runs, unlearn
    from ._progress import Progress
    from ._run import Comparison, Judgement, Look, Run
    from ._warm import close

__all__ = [
    "BadInput",
    "Comparison",
    "Entries",
    "Judgement",
    "LetheError",
    "Look",
    "Progress",
    "Run",
    "__version__",
    "attacks",
    "close",
    "data",
    "import_model",
    "import_run",
    "inspectors",
    "methods",
    "metrics",
    "models",
    "open",
    "runs",
    "unlearn",
]
PLACES = {
    "backends.api": ("__version__",),
    "backends.api.errors": ("BadInput", "LetheError"),
    "lethe._catalog": ("Entries", "attacks", "data", "inspectors", "methods", "metrics", "models"),
    "lethe._jobs": ("import_model", "import_run", "open", "runs", "unlearn"),
    "lethe._progress": ("Progress",),
    "lethe._run": ("Comparison", "Judgement", "Look", "Run"),
    "lethe._warm": ("close",),
}

make_importable()


def __getattr__(name: str) -> Any:
    """What is imported when it is first used."""
    for place, names in PLACES.items():
        if name in names:
            value = globals()[name] = getattr(importlib.import_module(place), name)
            return value
    raise AttributeError(f"lethe has no {name!r}; it has {', '.join(__all__)}.")


def __dir__() -> list[str]:
    return __all__
