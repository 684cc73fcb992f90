"""One row a method: how much it forgets and keeps of one target, how long it takes, and a paragraph that folds out."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from markupsafe import Markup

from app import families, job_form, markup, theme, thumbnails, trials
from app.axes import Axis, choices, usual
from app.target_choice import targets_in_words
from app.templating import render
from app.trials import Trial
from app.view import Panels
from backends.api import catalog, comebacks, court, model_info
from backends.api.catalog import KINDS, STAGES, Method
from backends.api.estimate import Estimate, estimate, estimates
from backends.api.languages import tr
from backends.api.runs import RunFolder

SCRIPT: Final = (theme.STATIC / "panels.js").read_text("utf-8") + (theme.STATIC / "methods.js").read_text("utf-8")
AT_FIRST: Final = 12  # rows on the page before all are asked for
USUAL: Final = "same algorithm, smaller model"  # the label of nearly every method, so that it tells none from another
USUAL_STAGE: Final = "forget"


class MethodPanels(Panels):
    """Panels of which one is the table of methods, whose rows are sorted, filtered and opened in the browser."""

    def __init__(self, value: str = "", **other: Any) -> None:
        super().__init__(value, script=SCRIPT, **other)


class Bar(NamedTuple):
    """A value as a share of the way to its better end, in percent, with that of the retrained reference; NaN: not measured.

    `words` say more of it; `verdict` stands below it.
    """

    value: float
    reference: float = math.nan
    words: str = ""
    verdict: str = ""


class Row(NamedTuple):
    """What stands in the row of one method."""

    entry: Method
    forgets: Bar
    keeps: Bar
    back: Bar
    time: Estimate | None
    share: float  # of the slowest, in percent
    others: list[Trial]  # the same method with other settings
    run: RunFolder | None


def rows(model: str, measured: Sequence[Trial], axes: tuple[Axis, Axis], folders: Sequence[RunFolder]) -> list[Row]:
    """A row for every method that works with a model, the recommended one first.

    Args:
        model: id of an embedded model.
        measured: trials on one target of it.
        axes: what forgetting and keeping are measured by.
        folders: runs to show as examples, the newest first.
    """
    info = model_info.embedded(model)
    past = estimates(model)
    tested = _tested(model, measured, info.default_forget)
    made = []
    for entry in job_form.methods(info.family, info.default_method):
        own = [trial for trial in measured if trial.method == entry.id]
        usual_one = next((trial for trial in own if not trial.given), own[0] if own else None)
        settings = job_form.recommended(info, entry, info.default_forget)
        time = estimate(model, entry.id, settings, past)
        forgets, keeps = (_bar(usual_one, axis, entry) for axis in axes)
        run = next((run for run in folders if _shows(run, entry.id, info.family)), None)
        others = [trial for trial in own if trial is not usual_one]
        back = _back(tested[entry.id]) if entry.id in tested else Bar(math.nan)
        made.append(Row(entry, forgets, keeps, back, time, 0.0, others, run))
    slowest = max((row.time.seconds for row in made if row.time), default=math.nan)
    return [row._replace(share=100 * row.time.seconds / slowest) if row.time else row for row in made]


def _bar(trial: Trial | None, axis: Axis, entry: Method) -> Bar:
    """The bar of one trial; of a method that searches its own forget set there is none, its numbers are of another set."""
    if trial is None or entry.finds:
        return Bar(math.nan)
    name = axis.entry.id
    value, reference = trial.after.get(name, math.nan), trial.reference.get(name, math.nan)
    words = f"{axis.name}: {axis.written(value)}" + (f", {trial.settings}" if trial.settings else "")
    if theme.measured(reference):
        words += tr("; retrained reference: {reference}", reference=axis.written(reference))
    return Bar(axis.share(value), axis.share(reference), words if theme.measured(value) else "")


def _tested(model: str, measured: Sequence[Trial], default_forget: Sequence[str]) -> dict[str, comebacks.Row]:
    """What came back of what each method forgot, where the trials are on the target that was tested."""
    target = measured[0].key.partition("/")[2] if measured else "".join(default_forget[:1])
    return {row.method: row for row in comebacks.rows(model) if row.target == target}


def _back(row: comebacks.Row) -> Bar:
    """The strongest test that can tell, with the court's word; of a method that no such test was made of, the plain question."""
    word, best, entries = court.title(row.word, row.hit)[1], row.strongest, catalog.load()
    if best is None or best.unlearned is None:
        return Bar(math.nan, words=tr("No test can tell here.") if row.tests else "", verdict=word)
    name = entries.look(best.attack).title.partition(":")[0]
    reference = math.nan if best.reference is None else 100 * best.reference
    words = tr(
        "{word}. {name}: the unlearned model has {unlearned}",
        word=word,
        name=name,
        unlearned=theme.percent(round(100 * best.unlearned)),
    )
    if theme.measured(reference):
        words += tr(", the retrained reference {reference}", reference=theme.percent(round(reference)))
    return Bar(100 * best.unlearned, reference, f"{words}. {row.reasons[0] if row.reasons else ''}".strip(), word)


def _shows(run: RunFolder, method: str, family: str) -> bool:
    """Whether a run is a finished one of this method on a model of this family."""
    return run.spec.method == method and families.of_run(run) == family and run.state.status == "done"


def table(model: str, measured: Sequence[Trial], folders: Sequence[RunFolder]) -> Markup:
    """The rows of a model's methods as HTML, with their search field and their heads that sort.

    Args:
        model: id of an embedded model.
        measured: trials on one target of it.
        folders: runs to show as examples, the newest first.
    """
    axes = _axes(model, measured)
    made = rows(model, measured, axes, folders)
    heads = [
        ("forgets", tr("Forgets"), _metric_words(axes[0])),
        ("keeps", tr("Keeps"), _metric_words(axes[1])),
        ("back", tr("Comes back"), tr("strongest test")),
        ("time", tr("Time"), tr("with its settings")),
    ]
    lines = [render("methods.row", row=row, time=_time(row), body=_body(row, model)) for row in made]
    return render("methods.table", heads, lines, AT_FIRST)


def _axes(model: str, measured: Sequence[Trial]) -> tuple[Axis, Axis]:
    """Forgetting and keeping, by what was measured; where nothing was, by the first metrics of the model's family."""
    had = {name for trial in measured for name, value in trial.after.items() if math.isfinite(value)}
    family = families.of_model(model)
    entries = catalog.load()
    of_family = {entry.id for entry in entries.metrics if entry.works_with.get(family or "") is True}
    across, upward = usual(choices(had or of_family))
    return Axis(entries.get("metrics", across), "right"), Axis(entries.get("metrics", upward), "up")


def _metric_words(axis: Axis) -> str:
    """What a bar is, where it is not the number itself: "100 % − Fact recall"."""
    short = axis.entry.short if any(letter.isupper() for letter in axis.entry.short) else axis.name
    return f"100 % − {short[:1].lower()}{short[1:]}" if axis.backwards else short


def _time(row: Row) -> tuple[str, str]:
    """The time of a job in words, and where that is from."""
    if row.time is None:
        return theme.NOT_MEASURED, ""
    where = tr("this machine") if row.time.here else row.time.where
    return theme.seconds(max(1, round(row.time.seconds))), tr("about, measured on {where}", where=where)


def _body(row: Row, model: str) -> Markup:
    """What a row folds out: a paragraph for a student, the paper, the code, departures, an example, and the way to use it."""
    entry = row.entry
    fits = [tr(family.title) for family in families.every().values() if entry.works_with.get(family.id) is True]
    tags = [KINDS[entry.kind][1]]
    if entry.stage != USUAL_STAGE:
        tags.insert(0, tr("{stage}: {what}", stage=tr(STAGES[entry.stage][0]), what=tr(STAGES[entry.stage][1])))
    if entry.label != USUAL:
        label = tr(entry.label)
        tags.append(f"{label[:1].upper()}{label[1:]}.")
    if entry.guard:
        tags.append(tr("What it forgets is hidden, not erased."))
    if entry.reference:
        tags.append(tr("Its result is the retrained reference."))
    if entry.finds:
        tags.append(tr("It finds a forget set for other methods, so its own numbers do not compare with theirs."))
    code = markup.external(tr("code of the authors"), entry.source.code) if entry.source.code else ""
    return render(
        "methods.body",
        entry=entry,
        tags=tags,
        fits=fits,
        paper=markup.external(entry.source.title, entry.source.url),
        code=code,
        others=_others(row.others, model),
        use=f"new?{urlencode({'model': model, 'method': entry.id})}",
        example=_example(row.run),
    )


def _others(others: Sequence[Trial], model: str) -> Markup:
    """The same method with other settings, as a small table."""
    if not others:
        return Markup()
    across, upward = _axes(model, others)
    lines: list[list[markup.Cell]] = [
        [trial.given, trial.after.get(across.entry.id, math.nan), trial.after.get(upward.entry.id, math.nan)]
        for trial in others
    ]
    units = ["", across.entry.unit, upward.entry.unit]
    return markup.table([tr("with other settings"), across.name, upward.name], lines, unit=units)


def _example(run: RunFolder | None) -> Mapping[str, Any] | None:
    """A finished run before and after, as its two thumbnails, with its address and what it forgot."""
    two = thumbnails.pair(run) if run is not None else None
    if run is None or two is None:
        return None
    spec = run.spec
    return {
        "pair": render("thumbnails.pair", two),
        "address": markup.run_address(run.id),
        "words": tr(
            "{model} forgets {forgotten}",
            model=trials.title("models", spec.model),
            forgotten=targets_in_words(spec.forgotten, spec.family),
        ),
    }
