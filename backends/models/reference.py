"""Where a retrained reference is: the weights of a model trained again without a forget set, shipped or made by a run."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from ..api import runs
from ..api.home import ASSETS
from ..api.runs import RunFolder
from ..core import registry

WEIGHTS = "changed.safetensors"


def forget_key(ids: Iterable[int]) -> str:
    """24 hexadecimal digits that name a forget set, whatever the order and way its training ids were chosen in."""
    text = ",".join(map(str, sorted({int(item) for item in ids})))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def shipped_folder(model_id: str, key: str) -> Path:
    """Where the reference of an embedded model lies, if it is shipped."""
    return ASSETS / "references" / model_id / key


def find(model_id: str, key: str, data: str = "", owner: str = "") -> Path | None:
    """The (first) safetensors file of the reference for a model and a forget set; None where none was made yet.

    A shipped one comes first, then the newest finished run that makes one: of a method whose entry says `reference`,
    with that method's default parameters (so that it trained as long as the model did), and without a keep list.

    Args:
        model_id: the model, as the job names it.
        key: `forget_key` of the training items.
        data: the job's folder of images; empty for the data that the model brings.
        owner: whose job it is: in a shared studio nobody measures against another visitor's run.
    """
    embedded = "/" not in model_id and "\\" not in model_id and not model_id.startswith(".")
    if embedded and not data and (shipped_folder(model_id, key) / WEIGHTS).is_file():
        return shipped_folder(model_id, key) / WEIGHTS
    for run in runs.visible(owner):
        if _makes_it(run, model_id, key, data):
            return run.path / "after" / WEIGHTS
    return None


def parts(path: Path) -> list[Path]:
    """The files that hold the weights of a reference: the one that was found and, of one in several files, those beside it."""
    return [path, *sorted(path.parent.glob(f"{Path(WEIGHTS).stem}-*.safetensors"))]


def find_all(model_id: str, key: str, data: str = "", owner: str = "") -> list[Path]:
    """The safetensors files of every reference: the one that `find` gives, then shipped ones of other seeds, in folders of the first."""
    first = find(model_id, key, data, owner)
    more = sorted(first.parent.glob(f"*/{WEIGHTS}")) if first is not None and first.is_relative_to(ASSETS) else []
    return [] if first is None else [first, *more]


def _makes_it(run: RunFolder, model_id: str, key: str, data: str) -> bool:
    result = run.result
    if not result or result["model"] != model_id or result.get("forget_key") != key or result["keep"]:
        return False
    if run.spec.after:  # its tensors are not all of its model
        return False
    method = registry.entries("methods").get(result["method"])
    if method is None or not method.entry.reference or run.spec.data != data:
        return False
    standard_settings = method.parse(result["params"]) == method.parse({})
    return standard_settings and (run.path / "after" / WEIGHTS).is_file()
