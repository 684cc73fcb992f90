"""A finished run as a folder in the standard layout of transformers, to be used without Lethe."""

import secrets
import shutil
import tempfile
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import nn

from ..api.errors import BadInput, OutOfReach
from ..api.home import home, shared
from ..models.guards import INPUT_DELTA
from .desk import OpenRun
from .run import restore

GUARD = f"{INPUT_DELTA}.safetensors"


def write_model(run: OpenRun, to: Path) -> Path:
    """Write the model after with its processor and a card to a new or empty folder, as a whole or not at all.

    A guard changes no weights: the folder then holds the weights before, and the perturbation beside them.

    Raises:
        BadInput: the folder exists and is not empty, or is not one that a shared studio may write to.
        OutOfReach: it cannot be written.
    """
    to = to.expanduser().absolute()
    if shared() and not any(
        to.resolve().is_relative_to(root.resolve()) for root in (home(), Path(tempfile.gettempdir()))
    ):
        raise BadInput("This studio is shared, so it writes to no folders of its machine; download the model instead.")
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise BadInput(f"{to} exists and is not an empty folder; name a new one.")
    making = to.with_name(f".{to.name}-{secrets.token_hex(4)}")
    try:
        making.mkdir(parents=True)
        _fill(run, making)
        if to.exists():
            to.rmdir()
        making.replace(to)
    except OSError as error:
        raise OutOfReach(f"The model could not be written to {to} ({error.strerror}); name another folder.") from None
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return to


def _fill(run: OpenRun, folder: Path) -> None:
    changed = load_file(run.folder.path / "after" / "changed.safetensors")
    delta = changed.pop(INPUT_DELTA, None)
    model: nn.Module = run.task.load()
    restore(model, changed)
    run.task.write(model, folder)
    if delta is not None:
        save_file({INPUT_DELTA: delta.contiguous()}, folder / GUARD, {"format": "pt"})
    (folder / "README.md").write_text(_card(run, guarded=delta is not None), "utf-8")
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o644)  # safetensors writes files that only their owner reads


def _card(run: OpenRun, *, guarded: bool) -> str:
    result = run.result
    rows = "\n".join(
        f"| {measured['title'] or name} | {_number(measured['before'])} | {_number(measured['after'])} | "
        f"{_number(measured['reference'])} | {measured['unit']} |"
        for name, measured in result["metrics"].items()
    )
    guard = (
        f"The weights are those before: this method adds a picture to every input instead. `{GUARD}` holds it as "
        f"`{INPUT_DELTA}` [channels, height, width]; add it to `pixel_values` after the processor, or the model answers "
        "as before.\n\n"
        if guarded
        else ""
    )
    forget, keep = ", ".join(result["forget"])[:300], ", ".join(result["keep"])[:300]
    return f"""# {result["model"]} after forgetting {forget}

{result["verdict"]}

{guard}Made with Lethe {result["versions"]["lethe"]}, run {result["run_id"]}: method `{result["method"]}` with
{result["params"]}, seed {result["seed"]}, kept: {keep or "everything else"}. The model before: {result["model"]}; its
licence applies.

| | before | after | trained again without it | unit |
|---|---|---|---|---|
{rows}
"""


def _number(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, (int, float)) else "not measured"
