"""A finished run as a folder in the standard layout of transformers, to be used without Lethe."""

import secrets
import shutil
import tempfile
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ..api import families, verdict
from ..api.errors import BadInput, OutOfReach
from ..api.families import Family
from ..api.home import home, shared
from ..api.pairs import target_titles
from ..core import changes
from ..core.run import restore
from ..models import adapter
from ..models.source import hub_id
from .session import OpenRun

ADAPTER_FOLDER = "adapter"
ADAPTED = f"""`{ADAPTER_FOLDER}/` holds the change alone, as a LoRA adapter of peft: `PeftModel.from_pretrained(base, "{ADAPTER_FOLDER}")` puts it on
`base`, the model before, read with `dtype="float32"`.

"""


def write_model(run: OpenRun, to: Path) -> Path:
    """Write the model after with its processor and a card to a new or empty folder, as a whole or not at all.

    A guard changes no weights: the folder then holds the weights before, and the guard's tensors beside them. Where nothing but
    low-rank layers learned, what they learned lies beside the weights as an adapter of peft too.

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
    model: nn.Module = run.task.load()
    family = families.get(run.task.family)
    guards: dict[str, dict[str, Tensor]] = {}  # by what their files are called
    adapted = _write_adapter(run, model, folder / ADAPTER_FOLDER)
    for path in changes.changes(run.folder):
        changed = load_file(path)
        for name in [name for name in changed if name.startswith(family.guards)]:
            guards.setdefault(name.partition(".")[0], {})[name] = changed.pop(name)
        restore(model, changed)
    run.task.write(model, folder)
    for guard, tensors in guards.items():
        save_file(tensors, folder / f"{guard}.safetensors", {"format": "pt"})
    (folder / "README.md").write_text(_card(run, list(guards), adapted=adapted), "utf-8")
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o644)  # safetensors writes files that only their owner reads


def _write_adapter(run: OpenRun, model: nn.Module, folder: Path) -> bool:
    """Write the change as an adapter of peft, where low-rank layers made all of it. Returns whether it was written."""
    paths = changes.changes(run.folder)
    if not all(adapter.only_factors(_names(path)) for path in paths):
        return False
    factors = adapter.stacked([load_file(path) for path in paths])
    return bool(factors) and adapter.write(model, factors, folder, hub_id(run.folder.spec.model))


def _names(path: Path) -> list[str]:
    with safe_open(path, "pt") as file:
        return list(file.keys())


def _card(run: OpenRun, guards: list[str], *, adapted: bool) -> str:
    result = run.result
    rows = "\n".join(
        f"| {measured['title'] or name} | {_number(measured['before'])} | {_number(measured['after'])} | "
        f"{_number(measured['reference'])} | {measured['unit']} |"
        for name, measured in result["metrics"].items()
    )
    forget, keep = (", ".join(target_titles(result[part]))[:300] for part in ("forget", "keep"))
    return f"""# {result["model"]} after forgetting {forget}

{verdict.of_run(run.folder) or result["verdict"]}

{_loading(families.get(run.task.family), guards, chained=run.folder.spec.after != "")}{ADAPTED if adapted else ""}Made with Lethe {result["versions"]["lethe"]}, run {result["run_id"]}: method `{result["method"]}` with
{result["params"]}, seed {result["seed"]}, kept: {keep or "everything else"}. The model before: {result["model"]}; its
licence applies.

| | original model | unlearned model | retrained reference | unit |
|---|---|---|---|---|
{rows}
"""


def _loading(family: Family, guards: list[str], *, chained: bool) -> str:
    """How the folder is loaded, and what a reader has to know of guards that lie beside the weights."""
    if not guards:
        return f"From this folder:\n\n{_code(family.loading)}"
    weights = "The guard is no part of the weights" if chained else "The weights are those before"
    if family.guarded:
        return f"{weights}: {family.guarded}\n\n{_code(family.guarded_loading)}"
    files = " and ".join(f"`{name}.safetensors`" for name in guards)
    return (
        f"{weights}: a guard inside the model changes what it says. {files} {'holds' if len(guards) == 1 else 'hold'} it; without "
        f"it the model answers as before. With Lethe installed, from this folder:\n\n{_code(_guarded(family.loading, guards))}"
    )


def _code(lines: str) -> str:
    return f"```python\n{lines}```\n\n"


def _guarded(loading: str, guards: list[str]) -> str:
    imports, _, lines = loading.partition("\n\n")
    restored = "".join(f'restore(model, load_file("{name}.safetensors"))\n' for name in guards)
    return f"""import lethe  # lets Python find backends
from backends.core.run import restore
from safetensors.torch import load_file
{imports}

{lines}{restored}"""


def _number(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, (int, float)) else "not measured"
