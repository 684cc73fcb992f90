"""What is still to be done for "Does it come back?", as HTML: a reference to be trained, tests to be made again with it, a set to go on with."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from markupsafe import Markup

from app import comeback, families
from app.looks import Look
from app.templating import render
from backends.api import begun, retrained, visits
from backends.api import families as family_info
from backends.api.court import SIGNS
from backends.api.court_words import Word
from backends.api.runs import RunFolder

IMPOSSIBLE: Final[tuple[Word, ...]] = (
    "hidden",
    "erased",
    "never knew",
)  # without a reference; see `backends.api.court`


@dataclass(frozen=True)
class Unfinished:
    """A set of tests that ended before its last one: `done` of `of` tests are made."""

    done: int
    of: int
    deep: bool


def html(run: RunFolder, owner: str, testing: Look | None) -> Markup:
    """The lines of a finished run, empty where nothing is left to do.

    Args:
        run: the run.
        owner: who looks.
        testing: the newest set of attacks on it that they asked for; while it is pending only the reference is spoken of.
    """
    if not comeback.fitting(run):
        return Markup()
    pending = testing is not None and testing.pending
    again = "" if pending else _again(run, owner)
    goes_on = None if pending or again else unfinished(run, owner)
    why = testing.error if testing is not None and testing.state == "failed" else ""
    words, to = ("", "") if retrained.of_run(run) is not None else _missing(run, owner)
    return render("next_tests.lines", goes_on, why, again, words, to) if goes_on or again or words else Markup()


def unfinished(run: RunFolder, owner: str) -> Unfinished | None:
    """How far the last set of tests on a run is, where it ended before its last one."""
    record = begun.read(run, visits.joins(run, owner))
    if record is None:
        return None
    done = {one.entry.id for one in comeback.attacks_on(run, owner)}
    left = record.left(done)
    return Unfinished(len(record.tests) - len(left), len(record.tests), record.deep) if left else None


def outdated(run: RunFolder, owner: str) -> list[comeback.Made]:
    """The tests of a run that were made while it had no retrained reference, where it has one now."""
    if retrained.of_run(run) is None:
        return []
    return [one for one in comeback.attacks_on(run, owner) if retrained.lacking(run, one.folder)]


def _again(run: RunFolder, owner: str) -> str:
    """The set that makes these again: "quick" or "deep"; empty where nothing is to be made again."""
    each = outdated(run, owner)
    return ("quick" if all(one.entry.quick for one in each) else "deep") if each else ""


def _missing(run: RunFolder, owner: str) -> tuple[str, str]:
    """(what cannot be said without a reference and why there is none, the address of the form that makes one; empty where it cannot)."""
    words = [f"“{SIGNS[word][1].partition(',')[0]}”" for word in IMPOSSIBLE]
    without = f"No model was retrained without this forget set, so the verdicts {', '.join(words[:-1])} and {words[-1]} are impossible."
    entry = retrained.method(run)
    if entry is None:
        subject = family_info.get(families.of_run(run)).subject
        return f"{without} {subject} cannot be retrained in this studio.", ""
    if not visits.joins(run, owner):
        return f"{without} Only who started this run can train one for it; clone the run to have your own.", ""
    return without, form_address(run)


def form_address(run: RunFolder) -> str:
    """The address of the form that trains the reference for a run: the same model, data and forget set, by the method that makes one."""
    entry = retrained.method(run)
    assert entry is not None
    return "new?" + urlencode({"clone": run.id, "method": entry.id})
