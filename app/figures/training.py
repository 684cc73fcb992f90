"""Figures of a job at work: curves of its events, and its samples as pictures that fade.

Of a classifier a sample holds the probabilities it gives to images that stay the same; of a model that draws, what it draws now
of the same words, and how sure its judge is that this is what was asked; of a language model, what it answers now to the same
questions, and how likely it holds the true answer.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app import theme, thumbnails
from app.figures.watching import Watching, of_items
from backends.api.files import number
from backends.api.languages import later, tr
from backends.api.panels import Lines, Role, Series

ROLES: tuple[Role, ...] = ("forget", "neighbour", "unrelated")
PIXELS = 160  # longest side of a drawing on the page
QUOTE, SILENT = "“”", later("(it says nothing)")
MOST = 400  # points of one curve; more cannot be told apart on a screen
Sample = dict[str, Any]


def loss_panel(events: Sequence[dict[str, Any]]) -> Lines | None:
    """Losses and other values that a method recorded, over its steps; None before the first number."""
    offset, last, phase = 0, 0, ""
    xs: list[float] = []
    recorded: list[dict[str, float]] = []
    for event in events:
        if event.get("phase") != phase or int(event.get("step", 0)) < last - offset:
            offset, phase = last, str(event.get("phase", ""))
        step = offset + int(event.get("step", 0))
        last = max(last, step)
        values = {key: number(value) for key, value in (event.get("values") or {}).items() if _is_number(value)}
        if values:
            xs.append(step)
            recorded.append(values)
    if not recorded:
        return None
    every = max(1, -(-len(xs) // MOST))
    keep = [at for at in range(len(xs)) if at % every == 0 or at == len(xs) - 1]
    names = list(dict.fromkeys(key for values in recorded for key in values))
    series = [Series(name=_words(key), values=[recorded[at].get(key) for at in keep], role=_role(key)) for key in names]
    return Lines(
        title=tr("While the method worked"),
        how=tr(
            "Each point is one step of the method; the values are those it works with, so a rising loss on the forget set "
            "can be what is wanted."
        )
        if "forget" in map(_role, names)
        else tr("Each point is one step of the method; the values are those it works with."),
        says=_trend_sentence(names, recorded),
        x=[xs[at] for at in keep],
        series=series,
        x_title="step",
        y_title=_words(names[0]) if len(names) == 1 else "value",
    )


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, (int, float)) or value in ("NaN", "Infinity", "-Infinity")


def _words(key: str) -> str:
    return key.replace("_", " ")


def _role(key: str) -> Role:
    if "forget" in key:
        return "forget"
    return "neighbour" if any(word in key for word in ("keep", "retain", "remain")) else "amount"


def _trend_sentence(names: list[str], recorded: list[dict[str, float]]) -> str:
    """The sentence about the course of the first value, from its first number to its last."""
    values = [step[names[0]] for step in recorded if theme.measured(step.get(names[0]))]
    if len(values) < 2:
        return ""
    first, last = f"{values[0]:.3g}", f"{values[-1]:.3g}"
    over = tr("over {values_count} recorded steps", values_count=len(values))
    if first == last:
        return tr(
            "The {name} is at the end what it was at the start, {last}, {over}.",
            name=_words(names[0]),
            last=last,
            over=over,
        )
    rose, fell = (
        later("The {name} rose from {first} to {last} {over}."),
        later("The {name} fell from {first} to {last} {over}."),
    )
    return tr(rose if values[-1] > values[0] else fell, name=_words(names[0]), first=first, last=last, over=over)


def step_name(sample: Sample) -> str:
    """The scrub slider's text at a sample: before, after, or phase and step."""
    phase, step = str(sample.get("phase") or ""), sample.get("step", 0)
    if not phase:
        return "before"
    return tr("{phase}, step {step}", phase=phase, step=step) if sample.get("of") else phase


def fading_panel(samples: Sequence[Sample], words: Watching | None = None) -> Lines | None:
    """Probabilities of the true class by role, over the samples, in the words of the family; None where there are fewer than two."""
    if len(samples) < 2:
        return None
    series = []
    for role in ROLES:
        values = [_mean_certainty(sample, role) for sample in samples]
        if any(value is not None for value in values):
            series.append(Series(name=tr(theme.ROLE_WORDS[role]), values=values, role=role))
    if not series:
        return None
    changes = [
        tr(
            "from {values} to {values_2} ({name})",
            values=theme.percent(s.values[0]),
            values_2=theme.percent(s.values[-1]),
            name=s.name,
        )
        for s in series
    ]
    words = words or of_items(samples[-1]["items"])
    return Lines(
        title=tr("How it fades"),
        how=tr("Each curve is {mean}; the forget set should sink, the others should stay.", mean=words.mean),
        says=tr("{subject} went {changes}.", subject=words.subject, changes=", ".join(changes)),
        x=_short_names(samples),
        series=series,
        x_title="step",
        y_title=words.axis,
    )


def _short_names(samples: Sequence[Sample]) -> list[str]:
    """A short name for each sample, all different: before, its step, after."""
    names = [
        str(sample.get("step", 0)) if sample.get("of") and sample.get("phase") else step_name(sample)
        for sample in samples
    ]
    names = [name if names.count(name) == 1 else step_name(sample) for name, sample in zip(names, samples, strict=True)]
    return [name if names.count(name) == 1 else f"{name} ({at})" for at, name in enumerate(names)]


def _mean_certainty(sample: Sample, role: str) -> float | None:
    values = [100 * sure(item) for item in sample.get("items", []) if item["role"] == role]
    values = [value for value in values if theme.measured(value)]
    return sum(values) / len(values) if values else None


def sure(item: dict[str, Any]) -> float:
    """How sure the model is, from 0 to 1: the probability of the true class; of a drawing, how sure the judge is of what was asked, NaN without one;
    of an answer, the probability of the true one, a token."""
    return number(item["share"] if "share" in item else item["probabilities"][item["label"]])


def drawing(folder: Path, item: dict[str, Any]) -> str:
    """The picture of a drawn item as a data address; empty where it is missing."""
    return thumbnails.of_run(folder, str(item.get("picture", "")), PIXELS)


def class_name(names: Sequence[str], at: int) -> str:
    """A class by its number; its number where names are missing."""
    return names[at] if 0 <= at < len(names) else tr("class {at}", at=at)
