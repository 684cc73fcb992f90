"""Makes `import gradio` take a third of its time, and write no files beside our own.

For each component class, also those we derive, Gradio parses its source and rewrites a type stub (`.pyi`) next to it:
4 of the 6.5 seconds that the import takes, and of no use to a running program. It offers no switch for that, so the one
function that does it is replaced within Gradio's own module, as soon as that module has run; nothing else is touched.
"""

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType

MODULE, WRITES_STUBS = "gradio.component_meta", "create_or_modify_pyi"


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the one module as Python does, and steps aside."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(fullname, spec.origin)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        _leave_out(module)


def _leave_out(module: ModuleType) -> None:
    vars(module)[WRITES_STUBS] = lambda *_: None


def without_stubs() -> None:
    """Keep Gradio from writing stubs from now on; call it before the first `import gradio`."""
    if MODULE in sys.modules:
        _leave_out(sys.modules[MODULE])
    else:
        sys.meta_path.insert(0, _Finder())
