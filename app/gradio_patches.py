"""Makes `import gradio` take a third of its time, and write no files beside our own.

For each component class, also those we derive, Gradio parses its source and rewrites a type stub (`.pyi`) next to it:
4 of the 6.5 seconds that the import takes, and of no use to a running program. It offers no switch for that, so the one
function that does it is replaced within Gradio's own module, as soon as that module has run; nothing else is touched.

Where the package of MCP is installed, Gradio's own server of tools imports it at once, which takes another second. Ours imports it at
the first request (`app.public_api.mcp`), so to Gradio's module it is not there.
"""

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Callable, Sequence
from types import ModuleType

MODULE, WRITES_STUBS = "gradio.component_meta", "create_or_modify_pyi"
TOOLS, PACKAGE = "gradio.mcp", "mcp"


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the two modules as Python does, lets a loader of ours run them, and steps aside after the second."""

    def __init__(self) -> None:
        self._left = {MODULE, TOOLS}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self._left:
            return None
        self._left.discard(fullname)
        if not self._left:
            sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(fullname, spec.origin)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        if module.__name__ == TOOLS:
            _run_without(PACKAGE, lambda: super(_Loader, self).exec_module(module))
            return
        super().exec_module(module)
        _leave_out(module)


def _run_without(package: str, run: Callable[[], None]) -> None:
    """Run something that finds a package missing, unless it is imported already."""
    hidden = package not in sys.modules
    if hidden:
        sys.modules[package] = None  # type: ignore[assignment]  # an import of it fails now
    try:
        run()
    finally:
        if hidden:
            del sys.modules[package]


def _leave_out(module: ModuleType) -> None:
    vars(module)[WRITES_STUBS] = lambda *_: None


def without_stubs() -> None:
    """Keep Gradio from writing stubs from now on; call it before the first `import gradio`."""
    if MODULE in sys.modules:
        _leave_out(sys.modules[MODULE])
    else:
        sys.meta_path.insert(0, _Finder())
