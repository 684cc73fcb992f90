"""What a look found in a run, as the tab Inside shows it: the findings, why there are none, or how to get them."""

from typing import Any

from markupsafe import Markup

from app import forms, markup, run_results, theme, view
from app.looks import LOOKS
from app.templating import render
from backends.api import catalog, params, visits
from backends.api import findings as findings_api
from backends.api.catalog import Look
from backends.api.languages import tr
from backends.api.runs import RunFolder
from pages.studio.run import _offer


def describe(inspector_id: str | None) -> Markup:
    """The summary of an inspector, and its source."""
    if not inspector_id:
        return Markup()
    entry = catalog.load().look(inspector_id)
    return markup.styled(markup.text(markup.join((entry.summary, " ", source(entry))), "quiet"))


def source(entry: Look) -> Markup:
    """The source of an inspector, as a link."""
    return markup.external(entry.source.title, entry.source.url)


def look_html(run_id: str, inspector_id: str | None, owner: str = "") -> Markup:
    """The state of one look into one run, as HTML: its findings, why it failed, that it is on its way, or how to start it."""
    look = LOOKS.of(run_id, inspector_id or "", owner)
    if look is None or look.state == "done":
        return findings_or_hint(run_id, inspector_id, owner)
    entry = catalog.load().look(look.inspector)
    if look.pending:
        words = tr(
            "The model before and the model after are opened and compared; above stands how far that is. You may leave "
            "this page: what is found is kept."
        )
        return markup.card(tr("Looking: {title}", title=entry.title), render("pages.looking", words), empty=True)
    if look.state == "failed":
        untouched, now = (
            tr("The run and everything else that was found in it are untouched."),
            tr("Choose other settings, or look at something else."),
        )
        ended = markup.failed(look.error, untouched, now)
    else:
        ended = markup.card(
            "", markup.verdict(tr("“{title}” was cancelled; press the button to look again.", title=entry.title))
        )
    return markup.wrap(ended, findings_or_hint(run_id, inspector_id, owner))


def findings_or_hint(run_id: str | None, inspector_id: str | None, owner: str = "") -> Markup:
    """Stored findings, as far as they concern an owner, or how to get them."""
    if not run_id or not inspector_id:
        return markup.card("", markup.text(tr("There is no look that fits this run.")), empty=True)
    run, wrong = run_results.open_run(run_id)
    if run is None:
        return wrong
    if run.state.status != "done":
        words = tr("This run is {status}, so it has no model to look into.", status=run.state.status)
        return markup.card(
            "",
            markup.verdict(words, "unknown")
            + markup.link(tr("Go to the run"), markup.run_address(run.id), button=True),
        )
    entry = catalog.load().look(inspector_id)
    findings = stored(run, entry, owner)
    if findings is not None:
        return answer(run, entry, findings)
    if reason := _offer.lacks(run.id, inspector_id):
        return markup.card(entry.title, markup.verdict(reason, "unknown"))
    usual = findings_api.usual_seconds(inspector_id, model=run.spec.model)
    takes = tr(" In runs of this model it took about {usual}.", usual=theme.seconds(usual)) if usual else ""
    return markup.card(
        entry.title,
        markup.text(tr("Nobody has looked at this in this run yet. Press the button to do it.{takes}", takes=takes)),
        empty=True,
    )


def answer(run: RunFolder, entry: Look, result: dict[str, Any]) -> Markup:
    """Findings as HTML under the name of what looked, with where that comes from and with what settings they were made."""
    settings_text = ", ".join(
        f"{forms.label(name).lower()} {value}" for name, value in (result.get("params") or {}).items() if value != ""
    )
    place = tr("kept in the run folder")
    if result.get("root") == str(run.visits):
        place = tr("kept beside the run, which is not yours to change, until newer looks need the room")
    origin = (
        f"Computed in {theme.seconds(result.get('seconds'))}{f', {settings_text}' if settings_text else ''}; {place}."
    )
    head = render("pages.findings", entry.title)
    return markup.wrap(
        head, view.findings_html(result, run.path, f"{run.id}-{entry.id}-"), markup.text(origin, "quiet")
    )


def stored(run: RunFolder, entry: Look, owner: str = "") -> dict[str, Any] | None:
    """Findings of a look that are there already, as far as they concern an owner."""
    defaults = params.checked(entry.id, entry.params, {})
    return LOOKS.findings(run, entry.id, owner) or visits.read(run, entry.id, defaults)
