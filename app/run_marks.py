"""The three marks of a run in a list (forgotten, rest intact, really gone): each a sign, a word or number, and a sentence."""

from typing import Literal, NamedTuple

from app import run_results, theme
from app.axes import Axis
from backends.api import catalog
from backends.api.catalog import Metric
from backends.api.errors import LetheError
from backends.api.goals import FAR, GONE, HURT
from backends.api.results import Measured
from backends.api.runs import RunFolder

Sign = Literal["yes", "partly", "no", "unknown"]


class RowMark(NamedTuple):
    """The answer to one question in a row. `words` are its number, `sentence` says what it was measured by."""

    question: str
    sign: Sign
    words: str
    sentence: str


def of_run(run: RunFolder) -> list[RowMark]:
    """The marks of a finished run, from its metrics; what was not measured says so."""
    try:
        metrics = run_results.metrics_of(run)
    except (LetheError, ValueError, TypeError):  # a damaged file
        metrics = {}
    pairs = [(entry, metrics[entry.id]) for entry in catalog.load().metrics if entry.id in metrics and entry.span]
    after = [(entry, one) for entry, one in pairs if theme.measured(one.after)]
    return [
        _forgotten([(entry, one) for entry, one in after if entry.measures == "forgetting" and entry.better]),
        _rest([(entry, one) for entry, one in after if entry.measures == "keeping" and theme.measured(one.before)]),
        RowMark("Really gone?", "unknown", "not tested yet", "No attack has tried to bring it back."),
    ]


def _forgotten(measured: list[tuple[Metric, Measured]]) -> RowMark:
    """How far the first measure of forgetting is from the retrained reference, or, where there is none, from its end."""
    question = "Forgotten?"
    if not measured:
        return RowMark(question, "unknown", theme.NOT_MEASURED, "")
    entry, one = measured[0]
    axis = Axis(entry, "right")
    there = theme.measured(one.reference)
    aim, room = (axis.share(float(one.reference or 0)), FAR) if there else (100.0, 100 - GONE)
    now, before = axis.share(one.after), axis.share(one.before)
    enough = entry.enough is not None and (
        one.after >= entry.enough if entry.better == "higher" else one.after <= entry.enough
    )
    half = theme.measured(one.before) and now - before >= (aim - before) / 2 > 0
    sign: Sign = "yes" if aim - now <= room or enough else "partly" if half else "no"
    goal = f"retrained reference: {axis.written(float(one.reference or 0))}" if there else "no retrained reference"
    sentence = f"{entry.title}: {axis.written(one.after)}; before: {axis.written(one.before)}; {goal}."
    return RowMark(question, sign, f"{entry.short} {axis.written(one.after)}".strip(), sentence)


def _rest(measured: list[tuple[Metric, Measured]]) -> RowMark:
    """The largest loss among the measures of what was to be kept."""
    question = "Rest intact?"
    if not measured:
        return RowMark(question, "unknown", theme.NOT_MEASURED, "")
    losses = [
        (Axis(entry, "up").share(one.before) - Axis(entry, "up").share(one.after), entry, one)
        for entry, one in measured
    ]
    loss, entry, one = max(losses, key=lambda item: item[0])
    sign: Sign = "yes" if loss <= HURT else "partly" if loss <= FAR else "no"
    axis = Axis(entry, "up")
    sentence = f"{entry.title}: {axis.written(one.after)}; before: {axis.written(one.before)}. The largest loss of {len(measured)} measures."
    return RowMark(question, sign, theme.points(-loss), sentence)
