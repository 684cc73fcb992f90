"""Every number of one run or two in tables by what it tells, with direction, goal and where it stands in the run's folder."""

import math
from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from app import markup, run_results, theme
from app.templating import render
from backends.api import catalog, stage_words
from backends.api.goals import Kind, goal
from backends.api.languages import later, tr
from backends.api.results import Measured
from backends.api.runs import RunFolder

GROUPS: Final = (
    ("forgetting", later("Forget: is it forgotten?")),
    ("keeping", later("Retain: is the rest intact?")),
    ("privacy", later("Privacy: can an attacker tell that it was trained on it?")),
    ("cost", later("Cost: what did it take?")),
    ("other", later("More")),
)
AIMS: Final[dict[Kind, str]] = {"retrained": later("as retrained"), "before": later("as before"), "zero": "zero"}
BETTER: Final = {
    "higher": later("↑ higher is better"),
    "lower": later("↓ lower is better"),
    "": later("as retrained"),
    "reference": later("as retrained"),
}


ATTACKER: Final = "attack_accuracy"  # the part of a metric that says how good its attacker is, in percent


def tables(folders: Sequence[RunFolder]) -> Markup:
    """The tables, open; a group without a metric is left out."""
    entries = {entry.id: entry for entry in catalog.load().metrics}
    measured = [run_results.metrics_of(run) for run in folders]
    names = list(dict.fromkeys(name for metrics in measured for name in metrics))
    after = [tr(stage_words.of_run(folders[0]).after)] if len(folders) == 1 else [tr("first run"), tr("second run")]
    heads = ["number", "original", *after, "retrained", "goal", "direction"]
    groups = []
    for group, title in GROUPS:
        mine = [name for name in names if (entries[name].measures if name in entries else "other") == group]
        rows = [_row(name, [metrics.get(name) for metrics in measured], entries.get(name)) for name in mine]
        if rows:
            groups.append((title, rows))
    return render("number_table.tables", heads, groups)


def _row(name: str, each: Sequence[Measured | None], entry: catalog.Metric | None) -> dict[str, object]:
    one = next(metric for metric in each if metric is not None)
    aim = goal(one, entry)
    better = BETTER.get(entry.better if entry is not None else one.direction, "")
    if aim is not None and aim.kind == "retrained" and entry is not None and not entry.forgets:
        better = BETTER[one.direction]
    value = [("before", one)] + [("after", metric) for metric in each] + [("reference", one)]
    return {
        "title": (entry.title if entry else one.title) or name,
        "summary": entry.summary if entry else "",
        "note": _of_attacker([metric for metric in each if metric is not None]),
        "values": [
            (theme.large(getattr(metric, when) if metric else None, one.unit), run_results.where(name, when))
            for when, metric in value
        ],
        "goal": f"{AIMS[aim.kind]}: {theme.large(aim.value, one.unit)}" if aim else "none",
        "far": aim is not None and aim.far,
        "direction": better,
    }


def _of_attacker(measured: Sequence[Measured]) -> str:
    """How good the attacker behind a number is, at most; empty where it has none."""
    right = [one.parts.get("after", {}).get(ATTACKER) for one in measured if not math.isnan(one.after)]
    known = [share for share in right if share is not None]
    return (
        tr("its attacker is right in {share} of cases; 50 % is guessing", share=theme.percent(max(known)))
        if known
        else ""
    )


def parts(folders: Sequence[RunFolder]) -> Markup:
    """The values of the parts of every metric, folded, each with its file and key."""
    rows: list[list[markup.Cell]] = []
    for run in folders:
        for name, one in run_results.metrics_of(run).items():
            for when, words in theme.MODEL_WORDS.items():
                for part, number in one.parts.get(when, {}).items():
                    place = run_results.where(name, f"parts.{when}.{part}", run if len(folders) > 1 else None)
                    rows.append([f"{one.title or name}: {part.replace('_', ' ')}", words, (number, ""), place])
    table = markup.table(["number", "model", "value", "file › key"], rows)
    return markup.card("", markup.fold(tr("By class, object, style or kind of question"), table)) if rows else Markup()


def download(name: str, uri: str) -> Markup:
    """A link that saves a file held in the page itself."""
    return render("number_table.download", name, uri)
