"""Scenes of Home: what a finished run's model made of one watched thing, from the original model through the steps to the unlearned one.

A scene holds only what the run folder has: its pictures, probabilities and answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from markupsafe import Markup

from app import families, markup, run_results, theme
from app.figures.training import Sample, drawing, sure
from app.figures.watching import is_chat, is_drawing
from app.target_choice import targets_in_words
from app.templating import render
from backends.api import catalog, languages, runs, stage_words
from backends.api.errors import DAMAGED
from backends.api.languages import tr
from backends.api.runs import RunFolder
from backends.api.stages import WORDS

IMAGES: Final = 4  # of a scene whose model looks at images


@dataclass(frozen=True)
class Scene:
    """One before and after, to be played.

    Attributes:
        kind: "drawn", "said", "seen", or a family's own; a style sheet knows it.
        before: the HTML of the original model's.
        frames: the HTML of each later moment, oldest first, the unlearned model's last, with the words for the moment.
        line: what changed, with its numbers.
        spoken: the same for who cannot see it.
    """

    kind: str
    before: Markup
    frames: tuple[tuple[str, Markup], ...]
    line: Markup
    spoken: str


@dataclass(frozen=True)
class Front:
    """A family on Home: its scene, the shipped run that it is taken from, and the model."""

    family: str
    scene: Scene
    run_id: str
    model: str
    title: str


def fronts() -> list[Front]:
    """One scene for each family that has a shipped run with samples: drawings first, then images, then the others.

    It is of the family's first model, and of a run that forgets, by the model's own method where there is one.
    """
    entries = {entry.id: entry for entry in catalog.load().models}
    places = list(entries)
    order = ["drawn", "seen", "said"]
    by_family: dict[str, Front] = {}

    def rank(run: RunFolder) -> tuple[bool, int, bool, str]:
        model, usual = run.spec.model, entries.get(run.spec.model)
        return (
            stage_words.of_run(run) != WORDS["forget"],
            places.index(model) if model in entries else len(places),
            usual is None or usual.default_method != run.spec.method,
            run.id,
        )

    for run in sorted((run for run in runs.visible() if run.shipped), key=rank):
        front = _front(run, entries)
        if front is not None:
            by_family.setdefault(front.family, front)
    place = {kind: at for at, kind in enumerate(order)}
    return sorted(by_family.values(), key=lambda one: (place.get(one.scene.kind, len(order)), places.index(one.model)))


def _front(run: RunFolder, entries: dict[str, catalog.Model]) -> Front | None:
    """The scene of a shipped run; None where it cannot be read or has none."""
    try:
        entry = entries.get(run.spec.model)
        family = families.of_run(run)
        scene = families.view(family).scene(run) or of_samples(run)
    except (*DAMAGED, AttributeError):  # a damaged run has no place on Home
        return None
    if entry is None or scene is None:
        return None
    return Front(family, scene, run.id, entry.id, entry.title)


def of_samples(run: RunFolder) -> Scene | None:
    """The scene of what a run was watched by; None where it has fewer than two samples of the same thing."""
    samples = run.samples()
    items = most_changed(samples)
    if not items:
        return None
    if is_drawing(items[0]):
        return _drawn(run, samples, items[0])
    return _said(run, samples, items[0]) if is_chat(items[0]) else _seen(run, samples, items[:IMAGES])


def most_changed(samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """The watched items of the forget set, as they are at the end: the one whose probability fell most first."""
    if len(samples) < 2:
        return []
    first = {item["id"]: item for item in samples[0]["items"] if item["role"] == "forget"}
    items = [item for item in samples[-1]["items"] if item["id"] in first and theme.measured(sure(item))]
    return sorted(items, key=lambda item: sure(item) - sure(first[item["id"]]))


def moment(sample: Sample) -> str:
    """When a sample was taken, in words."""
    of = int(sample.get("of") or 0)
    if of and sample.get("phase"):
        return tr("step {sample} of {of}", sample=int(sample.get("step") or 0), of=of)
    return tr("original") if sample.get("phase") == "before" else tr("unlearned")


def _moments(samples: Sequence[Sample], name: str) -> list[tuple[str, dict[str, Any]]]:
    """An item at each sample that has it, with the words for the moment."""
    return [(moment(sample), item) for sample in samples for item in sample["items"] if item["id"] == name]


def _percents(first: float, last: float) -> tuple[str, str]:
    return theme.percent(100 * first), theme.percent(100 * last)


def _drawn(run: RunFolder, samples: Sequence[Sample], chosen: dict[str, Any]) -> Scene | None:
    moments = _moments(samples, chosen["id"])
    pictures = [drawing(run.path, item) for _, item in moments]
    if not all(pictures):
        return None
    prompt = str(chosen["prompt"])
    was, now = _percents(sure(moments[0][1]), sure(moments[-1][1]))
    frames = [(words, render("home.drawn", picture)) for (words, _), picture in zip(moments, pictures, strict=True)]
    what = targets_in_words(run.spec.forget, run.spec.family)
    line, spoken = families.view(families.of_run(run)).on_home
    return Scene(
        "drawn",
        frames[0][1],
        tuple(frames[1:]),
        render("home.line_drawn", line, prompt, what, was, now),
        tr(spoken, prompt=prompt, what=what, was=was, now=now),
    )


def _seen(run: RunFolder, samples: Sequence[Sample], chosen: list[dict[str, Any]]) -> Scene | None:
    uris = {item["id"]: markup.data_uri(run.path, f"samples/items/{item['id']}.png") for item in chosen}
    names = run_results.class_names(run)
    if not all(uris.values()):
        return None
    frames, means = [], []
    for sample in samples:
        by_id = {item["id"]: item for item in sample["items"]}
        shares = [sure(by_id[name]) for name in uris]
        means.append(sum(shares) / len(shares))
        frames.append((moment(sample), render("home.seen", list(zip(uris.values(), shares, strict=True)))))
    was, now = _percents(means[0], means[-1])
    what = names[chosen[0]["label"]] if chosen[0]["label"] < len(names) else str(chosen[0]["label"])
    return Scene(
        "seen",
        frames[0][1],
        tuple(frames[1:]),
        render("home.line_seen", what, was, now),
        tr(
            "The probability of {what} on {uris_count} pictures of it goes from {was} to {now}.",
            what=what,
            uris_count=len(uris),
            was=was,
            now=now,
        ),
    )


def _said(run: RunFolder, samples: Sequence[Sample], chosen: dict[str, Any]) -> Scene:
    moments = _moments(samples, chosen["id"])
    was, now = _percents(sure(moments[0][1]), sure(moments[-1][1]))
    frames = [(words, render("home.said", str(item["said"]))) for words, item in moments]
    return Scene(
        "said",
        frames[0][1],
        tuple(frames[1:]),
        render("home.line_said", str(chosen["question"]), was, now),
        tr(
            "Asked “{chosen}”, the original model answers “{moments}”, the unlearned model “{moments_2}”.",
            chosen=chosen["question"],
            moments=moments[0][1]["said"],
            moments_2=moments[-1][1]["said"],
        ),
    )


def prepared() -> tuple[Front, ...]:
    """The scenes of Home, made once in each language."""
    return _prepared(languages.current())


@lru_cache(maxsize=len(languages.NAMES))
def _prepared(language: str) -> tuple[Front, ...]:
    """The scenes of this installation, read once: what came with Lethe does not change while it is served."""
    return tuple(fronts())
