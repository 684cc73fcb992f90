"""Makes `import gradio` take a third of its time, and write no files beside our own.

For each component class, also those we derive, Gradio parses its source and rewrites a type stub (`.pyi`) next to it:
4 of the 6.5 seconds that the import takes, and of no use to a running program. It leaves that out for a class without a
source file, so its component classes are said to have none.
"""

import inspect
import sys
from typing import Any

WHO_ASKS = "gradio.component_meta"
_real = inspect.getfile


def _getfile(object_: Any) -> str:
    if sys._getframe(1).f_globals.get("__name__") == WHO_ASKS:
        raise OSError("no stub is wanted")
    return _real(object_)


def without_stubs() -> None:
    """Keep Gradio from writing stubs from now on; call it before the first `import gradio`."""
    vars(inspect)["getfile"] = _getfile
