"""The headline numbers of a run as bullet charts: unlearned and original, the goal as a tick, the retrained reference dashed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from app import families, markup, run_results, theme
from app.templating import render
from backends.api import catalog, stage_words
from backends.api.families import Headline
from backends.api.goals import goal
from backends.api.languages import tr
from backends.api.panels import Role
from backends.api.results import Measured
from backends.api.runs import RunFolder

MOST = 4
MEASURES: dict[str, Role] = {"forgetting": "forget", "keeping": "unrelated"}


@dataclass(frozen=True)
class Bullet:
    """One number, with its places on the scale in percent of its width; None where it was not measured."""

    metric: str
    title: str
    summary: str
    where: str
    text: str
    role: Role
    after: float
    before: float | None
    reference: float | None
    goal: float | None
    goal_text: str
    other: float | None = None
    other_text: str = ""

    @property
    def words(self) -> str:
        """The same for who does not see it."""
        parts = [
            ("unlearned", self.after),
            ("original", self.before),
            ("retrained", self.reference),
            ("goal", self.goal),
        ]
        return ", ".join(
            tr("{name} at {place:.0f} % of the scale", name=name, place=place)
            for name, place in parts
            if place is not None
        )


def of_run(run: RunFolder, other: RunFolder | None = None) -> list[Bullet]:
    """The first of its family's headline numbers that were measured; `other` adds the values of a second run."""
    metrics, entries = run_results.metrics_of(run), {entry.id: entry for entry in catalog.load().metrics}
    second = run_results.metrics_of(other) if other is not None else {}
    wished = _headlines(run) or tuple(Headline(name) for name in metrics)
    goals = stage_words.of_run(run).goals
    built = [
        _bullet(one, metrics[one.metric], entries.get(one.metric), second.get(one.metric), goals=goals)
        for one in wished
        if one.metric in metrics
    ]
    return [one for one in built if one is not None][:MOST]


def _headlines(run: RunFolder) -> tuple[Headline, ...]:
    """What its family names; nothing of a family that is not here."""
    family = families.of_run(run)
    return families.get(family).headlines if family in families.every() else ()


def _bullet(
    headline: Headline, one: Measured, entry: catalog.Metric | None, second: Measured | None, *, goals: bool
) -> Bullet | None:
    name, part, role = headline
    if entry is None or not entry.span:
        return None
    if part:
        one, second = _of_part(one, part), _of_part(second, part) if second else None
    if not theme.measured(one.after):
        return None

    def place(value: float | None) -> float | None:
        if value is None or not theme.measured(value):
            return None
        return min(max(100 * value / (entry.span or 100), 0.0), 100.0)

    role = role or MEASURES.get(entry.measures, "amount")
    aim = goal(one, None if part else entry)
    aimed = (aim.value if aim else _part_goal(one, part)) if goals else None
    at = place(one.after)
    assert at is not None
    return Bullet(
        name,
        f"{entry.title}, {theme.ROLE_WORDS[role]}" if part else entry.title,
        entry.summary,
        run_results.where(name, f"parts.after.{part}" if part else "after"),
        theme.large(one.after, one.unit),
        role,
        at,
        place(one.before),
        place(one.reference),
        place(aimed),
        tr("goal {aimed}", aimed=theme.large(aimed, one.unit)) if aimed is not None and theme.measured(aimed) else "",
        place(second.after) if second else None,
        theme.large(second.after, second.unit) if second else "",
    )


def _of_part(one: Measured, part: str) -> Measured:
    def value(when: str) -> float:
        return one.parts.get(when, {}).get(part, float("nan"))

    there: dict[str, Any] = {"before": value("before"), "after": value("after")}
    reference = value("reference")
    return one.model_copy(update=there | {"reference": reference if theme.measured(reference) else None})


def _part_goal(one: Measured, part: str) -> float | None:
    """Of a kept part, as retrained, or else as before."""
    return (one.reference if one.reference is not None else one.before) if part else None


def html(run: RunFolder, other: RunFolder | None = None, names: Sequence[str] = ()) -> Markup:
    """The bullet charts of a finished run, or of two; empty of one that is not done."""
    if run.result is None:
        return Markup()
    each = of_run(run, other)
    count = len(run_results.metrics_of(run))
    beside = {"with": other.id} if other is not None else {}
    every = markup.link(tr("All {count} numbers", count=count), markup.run_address(run.id, "numbers", **beside))
    return render(
        "board.bullets",
        each,
        list(names) if other else [],
        every,
        any(one.reference is not None for one in each),
        any(one.goal is not None for one in each),
    )
