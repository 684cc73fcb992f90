"""The HTML of a run while it waits, works and ends, from its folder. No interface library.

What is not there yet is empty.
"""

import time
from itertools import pairwise
from typing import Any, Final

from markupsafe import Markup

from app import markup, theme
from app.target_choice import targets_in_words
from app.templating import render
from backends.api import catalog, engine, slices
from backends.api.errors import LetheError
from backends.api.languages import later, plural, tr
from backends.api.runs import RunFolder, find, place_in_queue
from backends.api.spec import ENDED, JobSpec, Status

Events = list[dict[str, Any]]
STATES: Final[dict[Status, tuple[str, str]]] = {
    "queued": ("…", "waiting"),
    "running": ("▶", "running"),
    "cancelling": ("◼", "stopping"),
    "cancelled": ("◼", "cancelled"),
    "failed": ("!", "failed"),
    "done": ("✓", "done"),
}
PHASES: Final[dict[str, str]] = {
    "load": later("Open the model"),
    "download": later("Fetch the model (MB)"),
    "measure": later("Measure what changed"),
    "save": later("Save"),
}
LATE: Final = 1.0  # seconds that an event may be late before its pace is doubted


def title_of(kind: str, entry_id: str) -> str:
    """The catalog's title of a model or method; for what is not in it, the id."""
    entries = getattr(catalog.load(), kind)
    return next((str(entry.title) for entry in entries if entry.id == entry_id), entry_id)


def earlier(spec: JobSpec) -> str:
    """What was done before a run that starts from another one: what those before it forgot, or by what the model was trained."""
    if spec.earlier:
        return targets_in_words(spec.earlier, spec.family)
    try:
        return title_of("methods", find(spec.after).spec.method)
    except LetheError:  # it was deleted since
        return spec.after


def tag(status: Status) -> Markup:
    """The state as a sign and a word."""
    return render("run_card.tag", status, *STATES[status])


def state_sentence(run: RunFolder, events: Events) -> str:
    """What matters now of a run that has not ended: one sentence, after that on why it gets no more slices of a GPU."""
    lent = slices.lent(run)
    return " ".join(filter(None, [slices.why_over(lent) if lent else "", _state_sentence(run, events)]))


def _state_sentence(run: RunFolder, events: Events) -> str:
    match run.state.status:
        case "queued":
            trouble = engine.status().get("message")
            if trouble:
                return str(trouble)
            before = place_in_queue(run)
            if not before:
                return tr("It starts in a moment.")
            return plural(
                "Place {place} in the queue: {count} run is before it. It starts by itself.",
                "Place {place} in the queue: {count} runs are before it. It starts by itself.",
                before,
                place=before + 1,
            )
        case "cancelling":
            return tr("Stopping after the current step.")
        case _ if slices.pending(run):
            had = slices.in_words(slices.lent(run) or slices.Lent())
            if had:
                return tr("It learns on a GPU that ZeroGPU lends while this page is open: {had} so far.", had=had)
            return tr("It learns on a GPU that ZeroGPU lends while this page is open.")
        case _:
            left = seconds_left(run, events)
            return (
                tr("About {left} left in this phase.", left=theme.seconds(max(left, 1)))
                if left is not None
                else tr("It is working.")
            )


def phases(events: Events) -> list[tuple[str, int, int]]:
    """Phase, step and number of steps, in the order they were entered; the last is the current one."""
    phase_by_name: dict[str, tuple[str, int, int]] = {}
    for event in events:
        name = str(event.get("phase") or "")
        if name:
            phase_by_name[name] = (name, int(event.get("step") or 0), int(event.get("of") or 0))
    return list(phase_by_name.values())


def seconds_left(run: RunFolder, events: Events) -> float | None:
    """Seconds left of the current phase, from its own pace so far; None before the pace is known.

    Steps are not all alike, so a pace is not believed when the next event is overdue by it.
    """
    events = [event for event in events if event.get("phase")]
    if not events:
        return None
    last = events[-1]
    of, step = int(last.get("of") or 0), int(last.get("step") or 0)
    times = [float(event["seconds"]) for event in events if event["phase"] == last["phase"]]
    first = next(event for event in events if event["phase"] == last["phase"])
    done = step - int(first.get("step") or 0)
    passed = float(last["seconds"]) - float(first["seconds"])
    if of <= 0 or done < 2 or passed <= 0:
        return None
    since = max(0.0, time.time() - (run.path / "events.jsonl").stat().st_mtime)
    if since > LATE + 2 * max(after - before for before, after in pairwise(times)):
        return None
    return max(0.0, passed / done * (of - step) - since)


def phase_name(name: str) -> str:
    """A phase in plain words."""
    words = name.replace("_", " ")
    return PHASES.get(name, words[:1].upper() + words[1:])


def phases_html(run: RunFolder, events: Events) -> Markup:
    """The phases with their true progress: done ones ticked, the current one with its bar."""
    status = run.state.status
    if status == "done":
        return Markup()
    entered = phases(events)
    if not entered:
        words = "" if status in ENDED else tr("Waiting for its turn") if status == "queued" else tr("Starting")
        return render("run_card.phases", [(words, 0, "", False)]) if words else Markup()
    rows = []
    for number, (name, step, of) in enumerate(entered):
        over = number < len(entered) - 1
        word = (
            "done"
            if over
            else tr("{step:,} of {of:,}", step=step, of=of)
            if of
            else tr("stopped here")
            if status in ENDED
            else "now"
        )
        rows.append((phase_name(name), 1.0 if over else step / of if of else 0.0, word, over))
    return render("run_card.phases", rows)


def ended(run: RunFolder) -> Markup:
    """The card of a run that was cancelled or failed: what happened, what was kept, what to do now; technical text folded."""
    state = run.state
    kept_text = tr(
        "Kept: its settings and everything up to that moment, on the page Runs. The model itself was not changed."
    )
    if state.status == "failed":
        now = tr("Go back to its settings, change what the sentence names, and start it again.")
        return markup.styled(
            markup.failed(state.message or tr("It ended with an error."), kept_text, now, state.detail)
        )
    now = tr("Start it again with the same settings, or set up another one.")
    words = [markup.text(state.message or tr("It was cancelled."), "lead"), markup.text(kept_text), markup.text(now)]
    return markup.styled(markup.card("", markup.join(words)))


def missing(run_id: str, sentence: str) -> Markup:
    """The page of an address that names a run that is not there."""
    short_id = run_id if len(run_id) <= 60 else run_id[:60] + "…"
    where = tr(
        "The address asks for {short_id}; it may have been deleted, or belong to another studio.", short_id=short_id
    )
    return markup.styled(markup.section(tr("No such run"), 1) + markup.failed(sentence, "", where))
