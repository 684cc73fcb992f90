"""Gradio writes no type stubs beside our files and imports no tools, and nothing of Python itself is replaced for that."""

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DERIVED = "import gradio as gr\n\n\nclass Derived(gr.Textbox):\n    pass\n"
CODE = """
import importlib.util, inspect, sys
before, finders = inspect.getfile, list(sys.meta_path)
import app.view, gradio, derived
assert inspect.getfile is before and sys.meta_path == finders
assert importlib.util.find_spec("mcp") is not None and "mcp" not in sys.modules and "gradio.mcp" in sys.modules
import mcp.types
print(gradio.__file__)
"""


def test_a_derived_component_gets_no_stub_and_python_stays_as_it_is(tmp_path):
    (tmp_path / "derived.py").write_text(DERIVED)
    begun = time.time()
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\nsys.path[:0] = {[str(tmp_path), str(ROOT)]!r}\n{CODE}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.glob("*.pyi")) and not list((ROOT / "app").rglob("*.pyi"))
    gradios = Path(done.stdout.strip()).parent
    assert not [path for path in gradios.rglob("*.pyi") if path.stat().st_mtime > begun]
