"""The HTML of a run while it waits, works and ends, from its folder. No interface library.

What is not there yet is empty.
"""

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

from app import families, markup, run_results, theme
from app.figures.chats import watched_card
from app.figures.training import ROLES, class_name, drawing, sure
from app.figures.watching import is_chat, is_drawing, of_items
from app.markup import esc
from app.target_choice import targets_in_words
from backends.api import catalog, engine
from backends.api.runs import RunFolder, place_in_queue
from backends.api.spec import ENDED, Status

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
    "load": "Open the model",
    "measure": "Measure what changed",
    "save": "Save",
}
LATE: Final = 1.0  # seconds that an event may be late before its pace is doubted


def title_of(kind: str, entry_id: str) -> str:
    """The catalog's title of a model or method; for what is not in it, the id."""
    entries = getattr(catalog.load(), kind)
    return next((str(entry.title) for entry in entries if entry.id == entry_id), entry_id)


def tag(status: Status) -> str:
    """The state as a sign and a word."""
    sign, word = STATES[status]
    return f'<span class="lethe-tag lethe-state" data-state="{status}"><span aria-hidden="true">{sign}</span> {word}</span>'


def headline(run: RunFolder, events: Events) -> str:
    """The head of a run's page: what the run does, its state, and the one sentence that matters now."""
    spec, status = run.spec, run.state.status
    what = "Forget" if status in ENDED or status == "queued" else "Forgetting"
    who = f"{title_of('models', spec.model)} · {title_of('methods', spec.method)}"
    now = f"<p>{esc(_state_sentence(run, events))}</p>" if status not in ENDED else ""
    return (
        f'<header class="lethe lethe-head lethe-run-head"><div class="lethe-row">{tag(status)}'
        f'<span class="lethe-quiet">{esc(who)}</span></div><h1>{what} {esc(targets_in_words(spec.forget, spec.family))}</h1>{now}</header>'
    )


def _state_sentence(run: RunFolder, events: Events) -> str:
    match run.state.status:
        case "queued":
            trouble = engine.status().get("message")
            if trouble:
                return str(trouble)
            before = place_in_queue(run)
            if not before:
                return "It starts in a moment."
            return f"Place {before + 1} in the queue: {before} {'run is' if before == 1 else 'runs are'} before it. It starts by itself."
        case "cancelling":
            return "Stopping after the current step."
        case _:
            left = seconds_left(run, events)
            return f"About {theme.seconds(max(left, 1))} left in this phase." if left is not None else "It is working."


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


def phases_html(run: RunFolder, events: Events) -> str:
    """The phases with their true progress: done ones ticked, the current one with its bar."""
    status = run.state.status
    if status == "done":
        return ""
    entered = phases(events)
    if not entered:
        words = "" if status in ENDED else "Waiting for its turn" if status == "queued" else "Starting"
        return f'<ol class="lethe lethe-phases lethe-progress">{_phase(words, 0, "")}</ol>' if words else ""
    rows = []
    for number, (name, step, of) in enumerate(entered):
        over = number < len(entered) - 1
        word = "done" if over else f"{step:,} of {of:,}" if of else "stopped here" if status in ENDED else "now"
        rows.append(_phase(phase_name(name), 1.0 if over else step / of if of else 0.0, word, over))
    return f'<ol class="lethe lethe-phases lethe-progress">{"".join(rows)}</ol>'


def _phase(words: str, share: float, right: str, over: bool = False) -> str:
    sign = "✓" if over else "▸"
    return (
        f'<li data-over="{"yes" if over else "no"}"><div class="words"><span><span aria-hidden="true">{sign}</span> {esc(words)}'
        f'</span><span>{esc(right)}</span></div><div class="track" role="progressbar" aria-label="{esc(words)}" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{100 * share:.0f}"><div class="done" style="width:{100 * share:.1f}%"></div></div></li>'
    )


def samples(run: RunFolder) -> str:
    """The watched images at the start and now: how sure the model is of the right answer. The less sure, the fainter.

    Of a model that draws: what it drew at the start, and what it draws now of the same words. Of a language model: what it
    answered at the start, and what it answers now.
    """
    recorded = run.samples()
    if not recorded:
        return ""
    first = {item["id"]: item for item in recorded[0]["items"]}
    items = recorded[-1]["items"]
    kind, words = _shape(items), families.view_of(run).watching or of_items(items)
    names = run_results.class_names(run) if kind == "seen" else []
    show: dict[str, Callable[[dict[str, Any], dict[str, Any]], str]] = {
        "seen": lambda now, before: _fading_image(run, now, before, names),
        "drawn": lambda now, before: _redrawn_prompt(run, now, before),
        "said": lambda now, before: watched_card(now, before, words.share),
    }
    groups = []
    for role in ROLES:
        items = [item for item in recorded[-1]["items"] if item["role"] == role and item["id"] in first]
        if items:
            faded = "".join(show[kind](item, first[item["id"]]) for item in items)
            whose = theme.ROLE_WORDS[role]
            groups.append(
                f'<div class="lethe-fading"><h3>{markup.mark(role)}{whose[:1].upper()}{esc(whose[1:])}</h3>'
                f'<div class="lethe-fading-row">{faded}</div></div>'
            )
    return (
        f'<section class="lethe lethe-panel"><h3>{words.title}</h3>'
        f'<div class="lethe-fadings {kind}">{"".join(groups)}</div>'
        f'<p class="lethe-how"><b>How to read it.</b> {words.how}</p></section>'
    )


def _shape(items: list[dict[str, Any]]) -> str:
    """How the watched items are drawn."""
    if any(is_drawing(item) for item in items):
        return "drawn"
    return "said" if any(is_chat(item) for item in items) else "seen"


def _fading_image(run: RunFolder, now: dict[str, Any], before: dict[str, Any], names: list[str]) -> str:
    was, sure = (float(item["probabilities"][item["label"]]) for item in (before, now))
    truth = class_name(names, now["label"])
    uri = markup.data_uri(run.path, f"samples/items/{now['id']}.png")
    return (
        f'<figure data-item="{esc(now["id"])}"><div class="frame"><img src="{uri}" alt="{esc(truth)}" '
        f'style="opacity:{0.06 + 0.94 * sure:.2f}"></div><figcaption><span class="lethe-bar" data-role="{now["role"]}">'
        f'<i style="width:{100 * sure:.0f}%"></i></span><span class="truth">{esc(truth)}</span>'
        f"<span>{100 * was:.0f} → <b>{100 * sure:.0f}\u00a0%</b></span></figcaption></figure>"
    )


def _redrawn_prompt(run: RunFolder, now: dict[str, Any], before: dict[str, Any]) -> str:
    """One prompt: the picture before and the picture now, and how sure the judge is of both."""
    was, share = sure(before), sure(now)
    certainty = f'<span class="none">{theme.NOT_MEASURED}</span>'
    bar = ""
    if theme.measured(share):
        certainty = f"<span>{_percent(was)} → <b>{_percent(share)}</b> sure it is what was asked</span>"
        bar = f'<span class="lethe-bar" data-role="{now["role"]}"><i style="width:{100 * share:.0f}%"></i></span>'
    pair = [
        markup.image(drawing(run.path, item), f"{now['prompt']}, {when}")
        for when, item in (("before", before), ("now", now))
    ]
    pictures = "".join(f'<div class="frame">{picture}</div>' for picture in pair)
    return (
        f'<figure data-item="{esc(now["id"])}"><div class="pair">{pictures}</div>'
        f'<figcaption>{bar}<b class="asked">{esc(now["prompt"])}</b>{certainty}</figcaption></figure>'
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f}\u00a0%" if theme.measured(share) else theme.NOT_MEASURED


def answer(run: RunFolder) -> str:
    """The verdict of a finished run, and its numbers."""
    return f'<div class="lethe">{markup.wrap(run_results.answer(run), run_results.numbers(run))}</div>'


def ended(run: RunFolder) -> str:
    """The card of a run that was cancelled or failed: what happened, what was kept, what to do now; technical text folded."""
    state = run.state
    kept_text = (
        "Kept: its settings and everything up to that moment, on the page Runs. The model itself was not changed."
    )
    if state.status == "failed":
        now = "Go back to its settings, change what the sentence names, and start it again."
        card = markup.failed(state.message or "It ended with an error.", kept_text, now, state.detail)
    else:
        now = "Start it again with the same settings, or set up another one."
        words = [markup.text(state.message or "It was cancelled.", "lead"), markup.text(kept_text), markup.text(now)]
        card = markup.card("", "".join(words))
    return f'<div class="lethe">{card}</div>'


def missing(run_id: str, sentence: str) -> str:
    """The page of an address that names a run that is not there."""
    short_id = run_id if len(run_id) <= 60 else run_id[:60] + "…"
    return f'<div class="lethe"><h1 class="lethe-unseen">No such run</h1>{markup.failed(sentence, "", f"The address asks for {short_id}; it may have been deleted, or belong to another studio.")}</div>'
