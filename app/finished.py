"""What can be had of a finished run by the command line and from Python alike: its numbers, its card, what is asked of its models."""

from pathlib import Path
from typing import Any

from app import terminal
from backends.api import catalog, court, files, params, runs
from backends.api.errors import BadInput, LetheError
from backends.api.languages import tr
from backends.api.runs import RunFolder

HEADS = ("", "original", "unlearned", "retrained reference")
TEST_HEADS = ("test", "original", "unlearned", "retrained reference", "comes back?")


def find(run_id: str) -> RunFolder:
    """The finished run of that id.

    Raises:
        BadInput: there is none, or it has not finished.
    """
    run = runs.find(run_id)
    if run.result is None:
        raise BadInput(
            tr("Run {id} is {status}; only a run that is done can be looked into.", id=run.id, status=run.state.status)
        )
    return run


def rows(result: dict[str, Any]) -> list[tuple[str, ...]]:
    """Every metric of a result as a person reads it, in the columns of HEADS."""
    titles = {entry.id: entry.title for entry in catalog.load().metrics}
    return [
        (
            titles.get(name) or measured.get("title") or name,
            *(terminal.number(measured.get(when), measured["unit"]) for when in ("before", "after", "reference")),
        )
        for name, measured in result["metrics"].items()
    ]


def request(kind: str, entry_id: str, settings: dict[str, Any]) -> tuple[catalog.Look, dict[str, Any]]:
    """An inspector or attack (`kind` "inspectors" or "attacks"), and its settings with what was left out filled in.

    Raises:
        BadInput: there is none of that id, or a setting is not its own, or out of range.
    """
    entry = catalog.load().get(kind, entry_id)
    return entry, params.checked(entry.id, entry.params, settings)


def judgement(run: RunFolder, tried: dict[str, Any]) -> court.Judgement:
    """What the court says of a run that was tested; `tried` is what the live operation `test` answered.

    Raises:
        LetheError: too few tests could be made, and why.
    """
    judged = court.of_run(run)
    if judged is None:
        raise LetheError(" ".join([tr("Too few tests could be made to say anything."), *tried["failed"].values()]))
    return judged


def test_rows(judged: court.Judgement) -> list[tuple[str, ...]]:
    """Every test of a judgement as a person reads it, in the columns of TEST_HEADS."""
    titles = court.names()
    return [
        (
            titles.get(one.attack, one.attack),
            *(terminal.number(100 * share, "%") for share in (one.original, one.unlearned, one.reference)),
            "void"
            if one.void
            else tr("not weighed")
            if not one.counts
            else "yes"
            if one.hit
            else "no"
            if one.cleared
            else tr("cannot tell"),
        )
        for one in judged.tests
    ]


def write_card(run: RunFolder, to: Path) -> None:
    """Write the unlearning card of a finished run to a file that ends in .html or .json.

    Raises:
        BadInput: it ends in something else, or its folder does not exist.
    """
    from app import unlearning_card

    if to.suffix.lower() not in (".html", ".json"):
        raise BadInput(tr("--to was {to!r}; a card is written as .html or .json.", to=str(to)[:80]))
    if not to.parent.is_dir() or to.is_dir():
        raise BadInput(
            tr("There is no folder {parent!r} to write to; name a file in one that exists.", parent=str(to.parent)[:80])
        )
    if to.suffix.lower() == ".html":
        files.write_bytes(to, unlearning_card.html(run).encode())
    else:
        files.write_json(to, unlearning_card.document(run))


def check_export(to: Path) -> None:
    """Check that a model can be written to a folder.

    Raises:
        BadInput: it exists and is not an empty folder.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise BadInput(tr("{to} exists and is not an empty folder; name a new one.", to=to))
