"""The sentence beside the start button, what exactly is forgotten, and what the settings lack."""

import gradio as gr
from markupsafe import Markup

from app import job_form, markup, slices
from app.job_form import OWN, Draft
from app.notes import error_line, note
from app.target_choice import targets_in_words
from app.templating import render
from app.widgets import Updates
from backends.api import families
from backends.api import slices as api_slices
from backends.api.catalog import Method
from backends.api.errors import LetheError
from backends.api.languages import tr
from backends.api.pairs import quoted
from backends.api.stages import WORDS

PARTS = ("say", "exact", "problem", "lend", "asked")
SHOWN = 100  # questions that are listed


def whole(draft: Draft) -> Updates:
    """All of it; of a job that cannot be done, why."""
    lacks = job_form.problem(draft)
    try:
        spec = job_form.spec(draft)
        counts = job_form.counts(spec.model, spec.forget, spec.keep, spec.data, spec.after)
    except LetheError as error:
        error_html = error_line(str(error))
        return {
            "say": say(draft, error_html),
            "exact": "",
            "problem": error_line(lacks),
            "lend": gr.Button(visible=False),
            "asked": asked(draft),
        }
    count = job_form.counts_text(counts, draft.known_model.family, job_form.words(draft))
    # the passes of a language model are over its forget set; others pass over what is kept too
    question_count = counts.forget if counts.questions else None
    needs = job_form.needs(spec.model, spec.method, spec.params, question_count=question_count)
    changed = job_form.changed_params(draft.known_model, _method(draft), draft.forget_targets(), job_form.params(draft))
    line = render("form.counted", count, needs, changed)
    exact = note(draft.choosing.note(draft.known_model, draft.forget)) + forget_set_table(counts)
    button = gr.Button(visible=False)
    if slices.LENDER.offered and api_slices.fits(_method(draft)):
        needed = api_slices.expected(spec.model, spec.method, spec.params, question_count)
        button = gr.Button(slices.label(needed), visible=True)
        exact += note(slices.about(needed))
    return {
        "say": say(draft, line),
        "exact": exact,
        "problem": error_line(lacks),
        "lend": button,
        "asked": asked(draft),
    }


def asked(draft: Draft) -> Markup:
    """The heading of the target: what the chosen method asks for, which the first stage of all needs no sentence for."""
    words = job_form.words(draft)
    return render("pages.step", tr(words.heading), "" if words == WORDS["forget"] else tr(words.asks))


def alone(draft: Draft) -> Updates:
    """The sentence alone, which needs no model to be opened."""
    noun = families.get(draft.model.family).noun if draft.model else "images"
    return {"say": say(draft, note(tr("Counting the {noun}…", noun=noun)))}


def unopened(draft: Draft) -> Updates:
    """The sentence where a person's own model is chosen and not opened yet."""
    return {"say": say(draft, note(tr("Give its folder or Hub id, and press Open.")))}


def _method(draft: Draft) -> Method:
    method = draft.chosen_method()
    assert method is not None  # else it could not be done
    return method


def say(draft: Draft, below: Markup) -> Markup:
    """The sentence, with a line below it."""
    model, method, instead = draft.model, draft.chosen_method(), job_form.instead(draft)
    try:
        forget_text = targets_in_words(draft.forget_targets(), model.family if model else "")
    except LetheError:
        forget_text = "…"
    try:
        keep_text = job_form.kept_words(draft.keep_targets(), model)
    except LetheError:
        keep_text = "…"
    return render(
        "form.say",
        pattern=job_form.words(draft).pattern(),
        model=model.title if model else tr("Your own model"),
        forget=forget_text,
        keep=keep_text,
        method=method.title.split(":")[0] if method else "…",
        instead=quoted(instead) if instead else "",
        below=below,
        shows=OWN if model is None or model.own else model.id,
        empty=model is None,
    )


def forget_set_table(counts: job_form.Counted) -> Markup:
    """The prompts to be forgotten with what is drawn instead, or the questions with their answers, folded away; empty for images."""
    if counts.questions:
        return _folded_questions(counts)
    if not counts.prompts:
        return Markup()
    rows = [[prompt, anchor or tr("what comes without words")] for prompt, anchor in counts.prompts]
    lead = (
        tr(
            "Lethe asks for it in {rows_count} ways. Methods that draw something else instead take the words on the right.",
            rows_count=len(rows),
        )
        if len(rows) > 1
        else tr("Methods that draw something else instead take the words on the right.")
    )
    table = markup.table([tr("forget set"), tr("drawn instead (anchor)")], rows)
    return _fold(markup.text(lead, "quiet"), table)


def _folded_questions(counts: job_form.Counted) -> Markup:
    is_text = counts.passages == counts.forget
    lead = (
        tr("These are the passages, each by its beginning.")
        if is_text
        else tr("These are the questions, with their answers.")
    )
    heads = [tr("It begins"), tr("It goes on")] if is_text else [tr("Question"), tr("Answer")]
    lead_html = markup.text(lead, "quiet")
    if len(counts.questions) > SHOWN:
        lead_html += markup.text(
            tr("The first {shown} of {questions_count:,}:", shown=SHOWN, questions_count=len(counts.questions)), "quiet"
        )
    return _fold(lead_html, markup.table(heads, [list(pair) for pair in counts.questions[:SHOWN]]))


def _fold(lead: Markup, table: Markup) -> Markup:
    return markup.styled(markup.fold(tr("What exactly is forgotten"), lead + table))
