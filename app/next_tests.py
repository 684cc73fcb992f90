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
from backends.api.languages import tr
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
    reference = retrained.of_run(run) is not None
    again = _again(run, owner) if reference and not pending else ""
    goes_on = None if pending or again else unfinished(run, owner)
    why = testing.error if testing is not None and testing.state == "failed" else ""
    words, to = ("", "") if reference else _missing(run, owner)
    return render("next_tests.lines", goes_on, why, again, words, to) if goes_on or again or words else Markup()


def unfinished(run: RunFolder, owner: str) -> Unfinished | None:
    """How far a set of tests on a run is that ended before its last one, all tests first; None where there is none."""
    done = {one.entry.id for one in comeback.attacks_on(run, owner)}
    for record in begun.read(run, visits.joins(run, owner)):
        if left := record.left(done):
            return Unfinished(len(record.tests) - len(left), len(record.tests), record.deep)
    return None


def _again(run: RunFolder, owner: str) -> str:
    """The set that makes the tests again that were made while there was no reference, "quick" or "deep"; empty where there are none."""
    each = [one for one in comeback.attacks_on(run, owner) if retrained.untried(one.folder)]
    return ("quick" if all(one.entry.quick for one in each) else "deep") if each else ""


def _missing(run: RunFolder, owner: str) -> tuple[str, str]:
    """(what cannot be said without a reference and why there is none, the address of the form that makes one; empty where it cannot)."""
    words = [f"“{SIGNS[word][1].partition(',')[0]}”" for word in IMPOSSIBLE]
    without = tr(
        "Without a retrained reference the verdicts {words} and {words_2} are impossible.",
        words=", ".join(words[:-1]),
        words_2=words[-1],
    )
    entry = retrained.method(run)
    if entry is None:
        subject = family_info.get(families.of_run(run)).subject
        return tr("{without} {subject} cannot be retrained here.", without=without, subject=subject), ""
    if not visits.joins(run, owner):
        return tr(
            "{without} Only who started this run can train one for it; clone it to have your own.", without=without
        ), ""
    return without, form_address(run)


def form_address(run: RunFolder) -> str:
    """The address of the form that trains the reference for a run: the same model, data and forget set, by the method that makes one."""
    entry = retrained.method(run)
    assert entry is not None
    return "new?" + urlencode({"clone": run.id, "method": entry.id})
