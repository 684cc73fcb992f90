"""The three marks of a run (forgotten, rest intact, really gone) as HTML: each a sign, a word and one number with its reference."""

from markupsafe import Markup

from app import markup
from app.templating import render
from backends.api import court, early, stage_words, verdict
from backends.api.errors import LetheError
from backends.api.marks import QUESTIONS, UNMEASURED, UNTESTED, Mark
from backends.api.runs import RunFolder


def row(run: RunFolder) -> Markup:
    """The marks of a finished run beside each other, with the sentences behind them folded; empty of a run that is not done."""
    if run.result is None:
        return Markup()
    each = verdict.marks_of(run)
    test = "" if court.of_run(run) is not None else run.id  # what was tested is not offered again
    asked = stage_words.questions(run)
    cards = [_card(question, mark, test) for question, mark in zip(asked, each, strict=True)]
    clauses = [part.strip() for part in verdict.of_run(run).removesuffix(".").split(";")]
    notes = [str(note) for note in run.result.get("notes", [])]
    rules = [(question, mark.rule) for question, mark in zip(asked, each, strict=True) if mark.rule]
    return render(
        "marks.row", markup.join(cards), [f"{one[:1].upper()}{one[1:]}." for one in clauses if one], rules, notes
    )


def first(run: RunFolder) -> tuple[Markup, str]:
    """The first marks of a run that is still measured, beside each other, and how many items they are of; empty without any."""
    told = early.of_run(run)
    if told is None:
        return Markup(), ""
    cards = [_card(question, mark, "") for question, mark in zip(stage_words.questions(run), told.marks, strict=True)]
    return render("marks.cards", markup.join(cards)), told.counted


def of_run(run: RunFolder) -> list[tuple[str, Mark, str]]:
    """(question, mark, sign) of a finished run, for a line of a list; of one whose numbers cannot be read, that they were not measured."""
    try:
        each = verdict.marks_of(run)
    except (LetheError, ValueError, TypeError):  # a damaged file
        each = (UNMEASURED, UNMEASURED, UNTESTED)
    asked = stage_words.questions(run)
    return [(question, mark, markup.SIGNS[mark.sign]) for question, mark in zip(asked, each, strict=True)]


def _card(question: str, mark: Mark, run_id: str) -> Markup:
    test = markup.run_address(run_id, "back") if run_id and question == QUESTIONS[2] and mark == UNTESTED else ""
    return render("marks.card", question, mark, markup.SIGNS[mark.sign], test)
