"""Results of a finished run, as HTML and panels. Every number says in which file of the run folder it stands."""

from collections.abc import Sequence
from typing import Any, Final

from markupsafe import Markup

from app import markup, theme
from backends.api import catalog, concepts, pairs, runs
from backends.api.errors import BadInput
from backends.api.goals import CHANGED
from backends.api.languages import tr
from backends.api.panels import Bars, Series, When
from backends.api.results import Fitted, Measured
from backends.api.runs import RunFolder

SIDES: Final[tuple[When, ...]] = ("before", "after")
SUMS: Final = ("without the target",)  # parts that are a mean over others, so no bar beside them


def metrics_of(run: RunFolder) -> dict[str, Measured]:
    """metrics.json, checked, in the order of the catalog and by its names, whatever they were when the run was measured."""
    read = {name: Measured.model_validate(value) for name, value in run.metrics.items()}
    entries = {entry.id: entry for entry in catalog.load().metrics}
    titled = {
        name: one.model_copy(update={"title": entries[name].title, "short": entries[name].short})
        if name in entries
        else one
        for name, one in read.items()
    }
    return dict(sorted(titled.items(), key=lambda item: entries[item[0]].order if item[0] in entries else 99))


def _is_measured(one: Measured) -> bool:
    """Whether a metric was measured of any of the models; what nobody could measure stands in the table of all numbers."""
    return any(theme.measured(value) for value in (one.before, one.after, one.reference))


def where(metric: str, when: str, run: RunFolder | None = None) -> str:
    """The place of a number: file and key."""
    return f"{run.id + '/' if run else ''}metrics.json › {metric}.{when}"


def _metrics_with_parts(run: RunFolder) -> list[tuple[str, Measured, list[str]]]:
    """Metrics with a value for each class, object or style, or for other metrics, and the labels of those parts."""
    names = {entry.id for entry in catalog.load().metrics} | set(class_names(run))
    candidates = [
        (name, one, [label for label in one.parts.get("after", {}) if label not in SUMS])
        for name, one in metrics_of(run).items()
    ]
    return [(name, one, labels) for name, one, labels in candidates if len(labels) > 1 and set(labels) <= names]


def unchanged(run: RunFolder) -> str:
    """One line on the metrics whose parts are all as they were, for which no bars are drawn; empty where there is none."""
    same = [one.title or name for name, one, labels in _metrics_with_parts(run) if not _changed(one, labels)]
    return (
        tr(
            "Nothing changed in {names}: every part is as it was before.",
            names=", ".join(f"“{title}”" for title in same),
        )
        if same
        else ""
    )


def _changed(one: Measured, labels: Sequence[str]) -> bool:
    """Whether any part is another number than before, as far as it is shown; a part that was not measured before counts."""
    before, after = one.parts.get("before", {}), one.parts["after"]
    least = CHANGED if one.unit in ("%", "points") else 0.0
    return any(
        not theme.measured(before.get(label))
        or not theme.measured(after[label])
        or abs(after[label] - before[label]) > least
        for label in labels
    )


def part_panels(run: RunFolder) -> list[Bars]:
    """Every metric that has a value for each class, object or style, or for other metrics, and in which any changed: bars before
    and after, the retrained reference as dashed lines."""
    panels = []
    forget_labels = forgotten(run)
    metric_names = {entry.id: entry.short or entry.title for entry in catalog.load().metrics}
    for name, one, labels in _metrics_with_parts(run):
        if not _changed(one, labels):
            continue
        series = [
            Series(
                name=tr(theme.MODEL_WORDS[when]),
                values=[one.parts.get(when, {}).get(label) for label in labels],
                when=when,
            )
            for when in SIDES
        ]
        if one.parts.get("reference"):
            values = [one.parts["reference"].get(label) for label in labels]
            series.append(Series(name=tr(theme.MODEL_WORDS["reference"]), values=values, role="reference"))
        titles = [metric_names.get(label, label) for label in labels]
        marked = [at for at, label in enumerate(labels) if label in forget_labels]
        aim = tr("; the dashed line is the retrained reference, a model trained without it") if len(series) > 2 else ""
        panels.append(
            Bars(
                title=one.title or name,
                how=tr("The faint bar is the original model, the full one the unlearned{aim}. ", aim=aim)
                + (tr("The forget set is vermilion.") if marked else ""),
                says=_largest_change(labels, titles, marked, one),
                labels=titles,
                series=series,
                unit=one.unit,
                marked=marked,
            )
        )
    return panels


def _change_sentence(label: str, before: dict[str, float], after: dict[str, float], unit: str) -> str:
    """The sentence about the value of one part before and after."""
    was, now = (theme.quantity(of[label], unit) for of in (before, after))
    return (
        tr("{label} stayed at {now}.", label=label, now=now)
        if was == now
        else tr("{label} went from {was} to {now}.", label=label, was=was, now=now)
    )


def _largest_change(labels: Sequence[str], titles: Sequence[str], marked: list[int], one: Measured) -> str:
    """The sentence about the part that changed most, apart from those to be forgotten."""
    before, after = one.parts.get("before", {}), one.parts["after"]
    moves = {
        label: after[label] - before[label]
        for label in labels
        if theme.measured(before.get(label)) and theme.measured(after[label])
    }
    sentences = [_change_sentence(labels[at], before, after, one.unit) for at in marked if labels[at] in moves]
    others = {label: move for label, move in moves.items() if labels.index(label) not in marked}
    if others:
        most = max(others, key=lambda label: abs(others[label]))
        change = theme.points(others[most]) if one.unit == "%" else theme.quantity(others[most], one.unit)
        far = [label for label in others if abs(abs(others[label]) - abs(others[most])) <= CHANGED]
        least = CHANGED if one.unit in ("%", "points") else 0.0
        lead, name = (tr("Of the others, ") if sentences else ""), titles[labels.index(most)]
        if abs(others[most]) <= least:
            sentences.append(tr("Of the others, none changed.") if sentences else tr("None changed."))
        elif len(far) == len(others) > 1 and len({others[label] > 0 for label in far}) == 1:
            sentences.append(
                tr("Of the others, all changed alike ({change}).", change=change)
                if lead
                else tr("All changed alike ({change}).", change=change)
            )
        elif set(labels) <= {entry.id for entry in catalog.load().metrics}:
            moved = tr(
                "from {before} to {after}",
                before=theme.quantity(before[most], one.unit),
                after=theme.quantity(after[most], one.unit),
            )
            sentences.append(lead + tr("{name} moved most: its distance went {moved}.", name=name, moved=moved))
        else:
            sentences.append(lead + tr("{name} changed most ({change}).", name=name, change=change))
    return " ".join(sentences)


def departures(folders: Sequence[RunFolder]) -> Markup:
    """Where the metrics of one or two runs depart from their papers, in a table that folds out; empty where none does."""
    names = {name for run in folders for name, one in metrics_of(run).items() if _is_measured(one)}
    rows: list[list[markup.Cell]] = [
        [entry.title, entry.departures] for entry in catalog.load().metrics if entry.id in names and entry.departures
    ]
    if not rows:
        return Markup("")
    table = markup.table(("metric", tr("where it departs from the paper")), rows)
    return markup.card(tr("Where it departs from the paper"), markup.fold(tr("Show what is measured otherwise"), table))


def class_names(run: RunFolder) -> list[str]:
    """Names of the classes, or of the objects and styles that a model draws: from the model's card, or for an own model
    from the parts of its metrics."""
    card = _card(run)
    if card is not None:
        return [
            str(name) for name in [*card.get("classes", []), *(n for d in card.get("domains", {}).values() for n in d)]
        ]
    return max((list(one.parts.get("after", {})) for one in metrics_of(run).values()), key=len, default=[])


def _card(run: RunFolder) -> dict[str, Any] | None:
    return next((entry.card for entry in catalog.load().models if entry.id == run.spec.model), None)


def forgotten(run: RunFolder) -> set[str]:
    """Those of `class_names` that were to be forgotten; of one object in one style neither, because the rest of both is kept."""
    card = _card(run) or {}
    if not card.get("domains"):
        return set(run.spec.forgotten)
    parsed_concepts = [concepts.read(text, card, run.spec.model) for text in run.spec.forgotten]
    return {concept.object or concept.style for concept in parsed_concepts if concept.kind in ("object", "style")}


def settings(run: RunFolder) -> Markup:
    """The job's specification, settings and versions, folded away."""
    result: dict[str, Any] = run.result or {}
    spec = run.spec
    rows: list[list[markup.Cell]] = [
        ["run", run.id, "folder"],
        ["forget", ", ".join(pairs.target_titles(spec.forget))[:300], "spec.json › forget"],
    ]
    if spec.after:
        rows.append(["after", spec.after, "spec.json › after"])
    rows += [["keep", ", ".join(pairs.target_titles(spec.keep))[:300] or tr("everything else"), "spec.json › keep"]]
    rows += [
        [name.replace("_", " "), str(value), f"result.json › params.{name}"]
        for name, value in result.get("params", {}).items()
    ]
    rows += [
        ["seed", str(spec.seed), "spec.json › seed"],
        ["precision", str(result.get("precision", "")), "result.json › precision"],
    ]
    rows += [["threads", str(result.get("threads", "")), "result.json › threads"]]
    rows += [[tr("commit on the Hub"), str(result["commit"]), "result.json › commit"]] if result.get("commit") else []
    if fitted := result.get("fitted"):
        how = Fitted.model_validate(fitted)
        rows += [[tr("to fit the memory"), "; ".join(how.words()) or tr("nothing was needed"), "result.json › fitted"]]
        rows += [[tr("what learned"), how.train, "result.json › fitted.train"]] if how.train else []
    rows += [[tr("most memory"), theme.megabytes(result.get("peak_memory")), "result.json › peak_memory"]]
    rows += [
        [name, str(version), f"result.json › versions.{name}"] for name, version in result.get("versions", {}).items()
    ]
    return markup.card(
        tr("Settings"),
        markup.fold(tr("Show the settings of this run"), markup.table(["setting", "value", "file › key"], rows)),
    )


def open_run(run_id: str) -> tuple[RunFolder | None, Markup]:
    """A run by its id, or None and HTML that says in one sentence why not."""
    try:
        return runs.find(run_id), Markup()
    except BadInput as error:
        return None, markup.card("", markup.verdict(str(error), "unknown"))
