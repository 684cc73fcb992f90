"""Where a retrained reference is: the weights of a model trained again without a forget set, shipped or made by a run; and how one is made."""

from pathlib import Path

from . import attacked as records
from . import catalog, families, files, learned, params, runs
from .catalog import Method
from .errors import BadInput, Unreadable
from .home import ASSETS
from .runs import RunFolder

WEIGHTS = "changed.safetensors"
NOTE = "tried.json"  # beside the findings of an attack


def shipped_folder(model_id: str, key: str) -> Path:
    """Where the reference of an embedded model lies, if it is shipped."""
    return ASSETS / "references" / model_id / key


def find(model_id: str, key: str, data: str = "", owner: str = "") -> Path | None:
    """The (first) safetensors file of the reference for a model and a forget set; None where none was made yet.

    A shipped one comes first, then the newest finished run that makes one: of a method whose entry says `reference`,
    with that method's default parameters (so that it trained as long as the model did), and without a keep list, that was made here.

    Args:
        model_id: the model, as the job names it.
        key: `backends.models.reference.forget_key` of the training items.
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


def find_all(model_id: str, key: str, data: str = "", owner: str = "") -> list[Path]:
    """The safetensors files of every reference: the one that `find` gives, then shipped ones of other seeds, in folders of the first."""
    first = find(model_id, key, data, owner)
    more = sorted(first.parent.glob(f"*/{WEIGHTS}")) if first is not None and first.is_relative_to(ASSETS) else []
    return [] if first is None else [first, *more]


def of_run(run: RunFolder) -> Path | None:
    """The reference of a finished run; None where there is none yet. Of one that starts from a model which learned from changed data it is
    the model before that, and this the note which says so."""
    result = run.result
    if learned.inherited(run.path) is not None:
        return run.path / learned.START / learned.FILE
    if learned.own(run.path) is not None:
        return None
    if result is None or not result.get("forget_key"):
        return None
    key = str(result.get("reference_key") or result["forget_key"])
    return find(str(result["model"]), key, run.spec.data, run.state.owner)


def note(findings: Path, there: bool) -> None:
    """Write beside the findings of an attack whether there was a reference when it was made."""
    files.write_json(findings / NOTE, {"reference": there})


def untried(findings: Path) -> bool:
    """Whether an attack was made while there was no reference. One that came with the run, or was made before this was noted, tells by what
    it brought back."""
    try:
        tried = files.read_json(findings / NOTE, None)
    except (OSError, ValueError):
        tried = None
    if isinstance(tried, dict):
        return not tried.get("reference")
    attacked = records.read(findings)
    return attacked is not None and "reference" not in attacked.recalled


def method(run: RunFolder) -> Method | None:
    """The method that makes the reference for a run's forget set; None where models of its family cannot be retrained here."""
    family = families.of_run(run)
    each = (entry for entry in catalog.load().methods if entry.reference and entry.works_with.get(family) is True)
    return next(each, None)


def targets(run: RunFolder) -> tuple[str, ...]:
    """What a reference for a run has to be made without: all that it and the runs before it forgot, or the set that it found itself."""
    entry = next((one for one in catalog.load().methods if one.id == run.spec.method), None)
    return (f"run:{run.id}",) if entry is not None and entry.finds else run.spec.forgotten


def _makes_it(run: RunFolder, model_id: str, key: str, data: str) -> bool:
    try:
        result = run.result
        if not result or result["model"] != model_id or result.get("forget_key") != key or result["keep"]:
            return False
        if run.state.imported:  # nobody here saw what it was trained on
            return False
        if run.spec.after or run.spec.data != data:  # after another run its tensors are not all of its model
            return False
    except Unreadable:
        return False
    entry = next((one for one in catalog.load().methods if one.id == result["method"] and one.reference), None)
    if entry is None or not (run.path / "after" / WEIGHTS).is_file():
        return False
    try:
        usual = params.checked(entry.id, entry.params, {})
        return params.checked(entry.id, entry.params, dict(result["params"])) == usual
    except BadInput:
        return False
