"""Trials: finished runs of this home, or rows of the tables that came with Lethe, in one form, compared in a plot and a table."""

import math
from collections.abc import Sequence
from statistics import mean, stdev
from typing import Any

from markupsafe import Markup
from pydantic import BaseModel

from app import markup, theme
from app.axes import RETRAINED, Axis, caption, choices, distance, heading, is_tradeoff, usual
from app.figures.tradeoff import TradeoffPoint, tradeoff
from app.run_results import metrics_of
from app.target_choice import joined, targets_in_words
from app.templating import render
from backends.api import benchmarks, catalog, families, files
from backends.api.catalog import KINDS, Method, Metric
from backends.api.languages import plural, tr
from backends.api.runs import RunFolder

NEAR = 5.0  # points around the retrained reference that are drawn again, closer


class Trial(BaseModel):
    """One result: what made it, and every metric after, with the retrained reference where it was measured.

    `method` is its id; `given` names the settings that it was given beyond those that a job starts from.
    """

    label: str
    group: str
    key: str
    after: dict[str, float]
    reference: dict[str, float] = {}
    spread: dict[str, float] = {}
    seconds: float = math.nan
    run_id: str = ""
    settings: str = ""
    count: int = 1
    short: str = ""
    method: str = ""
    given: str = ""


def title(kind: str, entry_id: str) -> str:
    """The catalog's title, or the id where the catalog has none."""
    return next((str(entry.title) for entry in getattr(catalog.load(), kind) if entry.id == entry_id), entry_id)


def short(kind: str, entry_id: str) -> str:
    """The catalog's abbreviation, for labels within a plot; its title where it has none."""
    entry = next((entry for entry in getattr(catalog.load(), kind) if entry.id == entry_id), None)
    return str((entry.short or entry.title) if entry else entry_id)


def of_runs(folders: Sequence[RunFolder]) -> list[Trial]:
    """Finished runs; comparable ones, the same model and the same forgotten images, have the same `key`."""
    trials = []
    for run in folders:
        result = run.result
        if result is None:
            continue
        metrics = metrics_of(run)
        spec = run.spec
        trials.append(
            Trial(
                label=title("methods", spec.method),
                short=short("methods", spec.method),
                method=spec.method,
                group=tr(
                    "{model} forgets {forgotten}",
                    model=title("models", spec.model),
                    forgotten=targets_in_words(spec.forgotten, spec.family),
                ),
                key=f"{spec.model}/{result['forget_key']}",
                after={name: one.after for name, one in metrics.items() if theme.measured(one.after)},
                reference={name: one.reference for name, one in metrics.items() if one.reference is not None},
                seconds=files.number(result["seconds"]),
                run_id=run.id,
                settings=changed_settings(spec.method, result.get("params", {}), spec.seed),
            )
        )
    return trials


def changed_settings(method: str, params: dict[str, Any], seed: int) -> str:
    """The parameters that differ from the method's own, and the seed."""
    entry = next((entry for entry in catalog.load().methods if entry.id == method), None)
    defaults = {k: v.get("default") for k, v in (entry.params.get("properties", {}) if entry else {}).items()}
    changed = [f"{name.replace('_', ' ')} {value}" for name, value in params.items() if defaults.get(name) != value]
    return ", ".join([*changed, tr("seed {seed}", seed=seed)])


def _all_finite(values: Sequence[float]) -> bool:
    """Whether there are several values, and each was measured."""
    return len(values) > 1 and all(map(math.isfinite, values))


def of_table(rows: Sequence[benchmarks.Row]) -> list[Trial]:
    """A measured table, the seeds of one method and target as their mean and standard deviation."""
    groups: dict[tuple[str, str, str, str], list[benchmarks.Row]] = {}
    for row in rows:
        groups.setdefault((row.model, row.target, row.method, row.overrides_text), []).append(row)
    trials = []
    for (model, target, method, extra_settings), same in groups.items():
        every = dict.fromkeys(name for row in same for name in row.metrics)
        values_by_metric = {
            name: [files.number(row.metrics.get(name, {}).get("after")) for row in same] for name in every
        }
        after = {name: values for name, values in values_by_metric.items() if any(map(math.isfinite, values))}
        reference = {name: [files.number(row.metrics.get(name, {}).get("reference")) for row in same] for name in after}
        trials.append(
            Trial(
                label=title("methods", method) + (f"; {extra_settings}" if extra_settings else ""),
                short=short("methods", method),
                method=method,
                given=extra_settings,
                group=tr(
                    "{model} forgets {target}",
                    model=title("models", model),
                    target=targets_in_words([target], families.of_model(model) or ""),
                ),
                key=f"{model}/{target}",
                after={name: mean(values) for name, values in after.items()},
                reference={name: mean(values) for name, values in reference.items()},
                spread={name: stdev(values) for name, values in after.items() if _all_finite(values)},
                seconds=mean(row.seconds if row.idle else math.nan for row in same),
                count=len(same),
                settings=plural("mean of {count} seed", "mean of {count} seeds", len(same)),
            )
        )
    return trials


def groups_of(trials: Sequence[Trial]) -> list[tuple[str, str]]:
    """Comparable groups as the choices of a dropdown, the largest first."""
    counts: dict[str, list[Trial]] = {}
    for trial in trials:
        counts.setdefault(trial.key, []).append(trial)
    ordered = sorted(counts.items(), key=lambda item: -len(item[1]))
    return [(f"{same[0].group} ({len(same)})", key) for key, same in ordered]


def axes(trials: Sequence[Trial] = ()) -> list[tuple[str, str]]:
    """The metrics that can be an axis, as the choices of a dropdown: those that any of the trials has, of no trials all."""
    had = {name for trial in trials for name, value in trial.after.items() if math.isfinite(value)}
    return [(entry.title, entry.id) for entry in choices(had)]


def usual_axes(trials: Sequence[Trial] = ()) -> tuple[str, str]:
    """The usual axes: forgetting across and keeping up, by what the trials have."""
    return usual(choices({name for trial in trials for name, value in trial.after.items() if math.isfinite(value)}))


def plot(
    trials: Sequence[Trial], x: str, y: str, *, what: str = "run", key: str = "tradeoff", first: str = ""
) -> Markup:
    """The trade-off plot as HTML, with its sentence and its legend beside it.

    A run leads to its page, a method to its row. What searches a forget set of its own is left out: its numbers are of another set.

    Args:
        trials: comparable ones.
        x, y: ids of the metrics along the axes.
        what: a point is.
        key: tells its switch from those of other plots on the page.
        first: the method whose name stands in the plot before others.
    """
    entries = catalog.load()
    methods = {entry.id: entry for entry in entries.methods}
    trials = [trial for trial in trials if trial.method not in methods or not methods[trial.method].finds]
    across, up = Axis(entries.get("metrics", x), "right"), Axis(entries.get("metrics", y), "up")
    points = _named_once([_point(trial, x, y, methods.get(trial.method), first) for trial in trials], across, up)
    target = next(
        (
            TradeoffPoint(label=RETRAINED, x=trial.reference[x], y=trial.reference[y])
            for trial in trials
            if theme.measured(trial.reference.get(x)) and theme.measured(trial.reference.get(y))
        ),
        None,
    )
    others = choices({name for trial in trials for name, value in trial.after.items() if math.isfinite(value)})
    plots = [(tr("Everything"), tradeoff(points, target, across, up, others))]
    near = near_the_aim(points, target, across, up)
    if near:
        plots.append((tr("Near the reference"), tradeoff(near, target, across, up, others)))
    kinds = [point.kind for point in points if point.measured and point.kind]
    rows = [(kind, *words, kinds.count(kind)) for kind, words in KINDS.items() if kind in kinds]
    return render(
        "tradeoff.panel",
        heading(across, up),
        nearest(points, target, across, up),
        plots,
        key,
        render("tradeoff.kinds", rows) if rows else "",
        RETRAINED if target else "",
        caption(across, up, what, aim=target is not None),
    )


def _point(trial: Trial, x: str, y: str, method: Method | None, first: str) -> TradeoffPoint:
    words = (trial.label if trial.short != trial.label else "", trial.settings)
    return TradeoffPoint(
        label=trial.short or trial.label,
        x=trial.after.get(x, math.nan),
        y=trial.after.get(y, math.nan),
        address=markup.run_address(trial.run_id) if trial.run_id else f"#method-{trial.method}",
        kind=method.kind if method else "",
        settings=", ".join(filter(None, words)),
        spread=(trial.spread[x], trial.spread[y]) if x in trial.spread and y in trial.spread else None,
        first=not trial.given and trial.method == first,
    )


def _named_once(points: Sequence[TradeoffPoint], across: Axis, up: Axis) -> list[TradeoffPoint]:
    """The points, of which those that lie on each other have their names beside the first of them."""
    groups: dict[tuple[float, float], list[TradeoffPoint]] = {}
    for point in points:
        place = (round(across.points(point.x), 1), round(up.points(point.y), 1)) if point.measured else (math.nan, 0)
        groups.setdefault(place, []).append(point)
    named = []
    for same in groups.values():
        name = joined(list(dict.fromkeys(point.label for point in same))) if same[0].measured else ""
        for at, point in enumerate(same):
            named.append(point.model_copy(update={"name": name, "silent": at > 0}))
    return named


def near_the_aim(
    points: Sequence[TradeoffPoint], target: TradeoffPoint | None, across: Axis, up: Axis
) -> list[TradeoffPoint]:
    """The points around the reference, where they are worth a closer look: at least three, and others far away."""
    if target is None:
        return []
    measured_points = [point for point in points if theme.measured(point.x) and theme.measured(point.y)]
    near = [
        point
        for point in measured_points
        if abs(across.points(point.x - target.x)) <= NEAR and abs(up.points(point.y - target.y)) <= NEAR
    ]
    return near if len(near) >= 3 and len(near) < len(measured_points) else []


def nearest(points: Sequence[TradeoffPoint], target: TradeoffPoint | None, across: Axis, up: Axis) -> str:
    """The sentence about the point that does best at both, where one axis is forgetting and the other keeping; of two measures of the same set nothing.

    Training again itself is none to compare.
    """
    again = {entry.short for entry in catalog.load().methods if entry.reference}
    measured_points = [point for point in points if theme.measured(point.x) and theme.measured(point.y)]
    if not measured_points or not is_tradeoff(across, up):
        return ""
    if target is None:
        best = max(measured_points, key=lambda point: _worse_score(point, across, up))
        return tr(
            "Best at both at once: {name}, with {x} across and {y} up.",
            name=best.name or best.label,
            x=across.written(best.x),
            y=up.written(best.y),
        )
    aim = (target.x, target.y)
    others = [point for point in measured_points if (point.x, point.y) != aim and point.label not in again]
    if not others:
        return ""
    best = min(others, key=lambda point: distance(across, up, (point.x, point.y), aim))
    off = distance(across, up, (best.x, best.y), aim)
    return tr(
        "{name} comes nearest to the retrained reference in these two, {off} away.",
        name=best.name or best.label,
        off=theme.points(off).removeprefix("+"),
    )


def _worse_score(point: TradeoffPoint, across: Axis, up: Axis) -> tuple[float, float]:
    """The worse of a point's two scores, and the sum of both, in points from the worst end."""
    both = [axis.points(value) + (100 if axis.backwards else 0) for axis, value in ((across, point.x), (up, point.y))]
    return min(both), sum(both)


def _column_head(name: str, entry: Metric | None) -> str:
    """The head of a column: the metric as the field calls it, and the part of it."""
    _, _, part = name.partition(": ")
    called = name.partition(": ")[0].replace("_", " ")
    if entry:  # an abbreviation as it is, of words the whole title
        called = entry.short if any(letter.isupper() for letter in entry.short) else entry.title
    return f"{called}: {part.replace('_', ' ')}" if part else called


def table(trials: Sequence[Trial]) -> Markup:
    """Every metric that any trial has, sortable."""
    names = list(dict.fromkeys(name for trial in trials for name in trial.after))
    entry_by_id = {entry.id: entry for entry in catalog.load().metrics}
    names.sort(key=lambda name: entry_by_id[name].order if name in entry_by_id else 99)
    entry_by_column = {
        name: entry_by_id.get(name.partition(": ")[0]) for name in names
    }  # a part is named "metric: part"
    heads = ["method", "settings", "time", *(_column_head(name, entry_by_column[name]) for name in names)]
    units = ["", "", "s", *(entry.unit if (entry := entry_by_column[name]) else "" for name in names)]
    hints = {heads[at + 3]: entry_by_id[name].line for at, name in enumerate(names) if name in entry_by_id}
    rows: list[list[markup.Cell]] = [
        [
            markup.link(trial.label, markup.run_address(trial.run_id)) if trial.run_id else trial.label,
            trial.settings,
            trial.seconds,
            *(trial.after.get(name, math.nan) for name in names),
        ]
        for trial in trials
    ]
    reference = next((trial.reference for trial in trials if any(map(math.isfinite, trial.reference.values()))), None)
    if reference is not None:
        rows.append(
            [
                RETRAINED,
                tr("the aim"),
                math.nan,
                *(reference.get(name, math.nan) for name in names),
            ]
        )
    return markup.table(heads, rows, unit=units, sortable=True, hints=hints, cards=True)
