"""Does it come back?, as HTML: the picture of the comeback, the three curves beside it, every test with what it brought back, the court."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from app import families, figures, markup, red_team, theme, view
from app.looks import Look
from app.templating import render
from backends.api import attacked, catalog, court, params, visits
from backends.api import findings as found
from backends.api.attacked import Attacked
from backends.api.catalog import Attack
from backends.api.court import Judgement, Trial
from backends.api.languages import tr
from backends.api.panels import WORDING, AnyPanel
from backends.api.runs import RunFolder

SCRIPT: Final = view.SCRIPT + (theme.STATIC / "comeback.js").read_text("utf-8")
NOT_MEASURED: Final = theme.NOT_MEASURED


@dataclass(frozen=True)
class Made:
    """An attack that was made on a run: its entry, its findings as JSON, and what it brought back."""

    entry: Attack
    findings: dict[str, Any]
    attacked: Attacked
    folder: Path


def fitting(run: RunFolder) -> list[Attack]:
    """The attacks that know models of a run's family, in their order."""
    family = families.of_run(run)
    return [entry for entry in catalog.load().attacks if entry.works_with.get(family) is True]


def attacks_on(run: RunFolder, owner: str = "") -> list[Made]:
    """The attacks that were made on a run, as far as they concern an owner."""
    each = [_attack_on(run, entry, owner) for entry in fitting(run)]
    return [one for one in each if one is not None]


def quick_done(run: RunFolder, owner: str = "") -> bool:
    """Whether every quick attack that fits a run was made on it, as far as it concerns an owner."""
    done = {one.entry.id for one in attacks_on(run, owner)}
    return bool(done) and all(entry.id in done | unfit(run) for entry in fitting(run) if entry.quick)


def unfit(run: RunFolder) -> set[str]:
    """The attacks that do not fit a run, as far as it was tested."""
    return {
        name for folder in (found.folder(run, "", "attack"), run.path / "attack") for name in attacked.unfit(folder)
    }


def all_done(run: RunFolder, owner: str, testing: Look | None) -> bool:
    """Whether no attack is left to be made on a run: every one was, or all were asked for and those that are missing do not fit it."""
    done = {one.entry.id for one in attacks_on(run, owner)}
    deep = next(one for one in catalog.TESTS if one.deep)
    asked = testing is not None and testing.inspector == deep.id and testing.state == "done" and not testing.failed
    return bool(done) and (asked or all(entry.id in done | unfit(run) for entry in fitting(run)))


def panels(one: Made) -> list[AnyPanel]:
    """What an attack shows, the curves first."""
    items = [view.PANEL.validate_python(raw) for raw in one.findings["panels"]]
    return sorted(items, key=lambda item: item.kind != "lines")


def _attack_on(run: RunFolder, entry: Attack, owner: str) -> Made | None:
    defaults = params.checked(entry.id, entry.params, {})
    places = [visits.folder(run, entry.id, defaults, "attack")] if not visits.joins(run, owner) else []
    places += [found.folder(run, entry.id, "attack"), run.path / "attack" / entry.id]
    for place in places:
        findings, what = found.at(place), attacked.read(place)
        if findings is not None and what is not None and findings.get("wording") == WORDING:
            root = run.visits if place.is_relative_to(run.visits) else place.parents[1]
            return Made(entry, findings | {"root": str(root)}, what, place)
    return None


def judgement(run: RunFolder, each: list[Made]) -> Judgement | None:
    """What the court says of a run by these attacks."""
    return court.of_folders([one.folder for one in each], guarded=court.guarded(run)) if each else None


def html(run: RunFolder, owner: str, testing: Look | None = None) -> Markup:
    """The tab of a finished run.

    Args:
        run: the run.
        owner: who looks.
        testing: the newest set of attacks on it that they asked for.
    """
    each = attacks_on(run, owner)
    judged = judgement(run, each)
    if judged is None:
        return _nothing_yet(run, testing)
    tests = {test.attack: test for test in judged.tests}
    lead = min(each, key=lambda one: _rank(one, tests.get(one.entry.id)))
    rows = [_row(one, tests.get(one.entry.id)) for one in each]
    bodies = [(one.entry.id, *_body(run, one), one is lead) for one in each]
    failed = [
        (catalog.load().look(name).title.partition(": ")[0], why)
        for name, why in (testing.failed if testing else {}).items()
    ]
    return render(
        "comeback.page", bodies=bodies, rows=rows, lead=lead.entry.id, judged=judged, sign=markup.SIGNS[judged.title[0]],
        word=tr("So far: {title}", title=judged.title[1]) if testing is not None and testing.pending else judged.title[1],
        statistics=_statistics(each, tests), failed=failed,
    )  # fmt: skip


def _rank(one: Made, test: Trial | None) -> tuple[Any, ...]:
    """What comes first: what counts against the run, of that what is a curve, then what brings most back; the plain question last."""
    hit = test is not None and test.hit
    back = 0.0 if test is None or test.void or test.recovery is None else test.recovery
    return one.attacked.kind == "plain", not hit, len(one.attacked.x) <= 2, -back


def _nothing_yet(run: RunFolder, testing: Look | None) -> Markup:
    if testing is not None and testing.pending:
        return markup.card(
            tr("Testing"),
            render(
                "pages.looking",
                tr("Each test is shown here as soon as it is done. You may leave this page: what is found is kept."),
            ),
            empty=True,
        )
    if not fitting(run):
        return markup.card(tr("Not tested"), markup.text(tr("No attack knows models of this family.")), empty=True)
    return render("comeback.empty")


def _row(one: Made, test: Any) -> dict[str, Any]:
    """A line of the list: the name of a test, its sign, and how much it brought back from each model."""
    void = test is None or test.void
    shares = {when: _percent(one.attacked, when) for when in attacked.WHENS}
    return {
        "id": one.entry.id,
        "name": one.entry.title.partition(": ")[0],
        "does": one.entry.title.partition(": ")[2],
        "sign": "?" if void else markup.SIGNS["no" if test.hit else "yes"],
        "state": "void" if void else "hit" if test.hit else "clean",
        "why": test.why if test is not None else "",
        "counts": one.attacked.counts,
        **shares,
    }


def _percent(what: Attacked, when: str) -> float | None:
    end = what.at_end(when)
    return None if end is None or end.mean() != end.mean() else max(0.0, min(100.0, 100 * float(end.mean())))


def _body(run: RunFolder, one: Made) -> tuple[Markup, Markup, Markup]:
    """(picture of the comeback, curves, the rest folded) of one attack."""
    panels, root = one.findings["panels"], Path(one.findings["root"])
    pictures = [panel for panel in panels if panel["kind"] != "lines"]
    lines = [panel for panel in panels if panel["kind"] == "lines"]
    key = f"{run.id}-{one.entry.id}-"
    first = _panel(pictures[0], root, f"{key}p") if pictures else Markup()
    curve = _panel(lines[0], root, f"{key}c") if lines else Markup()
    others = [*pictures[1:], *lines[1:]]
    more = markup.text(one.entry.summary, "quiet") + _finds(run, one)
    more += markup.fold("More figures of this test", view.panels(others, root, f"{key}m")) if others else Markup()
    return first, curve, more


def _panel(raw_panel: dict[str, Any], root: Path, key: str) -> Markup:
    """One panel with its sentence and its picture; how to read it and its numbers fold out, so that the picture stays in sight."""
    item = view.PANEL.validate_python(raw_panel)
    figure = figures.figure(item, root)
    picture = figure if isinstance(figure, Markup) else view.plot(figure, key=key, title=item.title)
    return render("comeback.panel", item.kind, item.title, item.says, picture, item.how, figures.table(item, root))


def _finds(run: RunFolder, one: Made) -> Markup:
    """What an attack found, each to be tried by hand."""
    kept = [find for find in one.attacked.finds if find.words or find.picture][:12]
    if not kept:
        return Markup()
    pictured, rows = families.view_of(run).pictured, []
    for find in kept:
        picture = markup.data_uri(one.folder, find.picture) if find.picture else ""
        attempt = find.words or (picture if pictured else "")
        ask = markup.run_address(run.id, "ask", prompt=find.words) if find.words else ""
        rows.append((find, ask, picture, attempt if red_team.available(run) else ""))
    return markup.fold(tr("What it found"), render("comeback.finds", rows))


def _statistics(each: list[Made], tests: Mapping[str, Any]) -> Markup:
    """Every test with its numbers, as a table that folds out."""
    heads = [
        tr("Test"),
        tr("Kind"),
        tr("Original"),
        tr("Unlearned"),
        tr("Retrained reference"),
        tr("Recovery"),
        tr("Unlearned over reference"),
        tr("Valid?"),
    ]
    rows: list[list[Any]] = []
    for one in each:
        test = tests.get(one.entry.id)
        low, high = test.interval if test is not None and test.interval is not None else (None, None)
        spread = (
            NOT_MEASURED
            if low is None or high is None
            else tr("{low:+.0f} to {high:+.0f} points", low=100 * low, high=100 * high)
        )
        values = [_percent(one.attacked, when) for when in attacked.WHENS]
        recovery = None if test is None or test.recovery is None else 100 * test.recovery
        valid = (
            "yes"
            if test is not None and not test.void
            else tr("no: {why}", why=test.why)
            if test is not None
            else NOT_MEASURED
        )
        rows.append(
            [
                one.entry.title.partition(": ")[0],
                one.attacked.kind,
                *[(value, "%") for value in values],
                (recovery, "%"),
                spread,
                valid,
            ]
        )
    return markup.table(heads, rows, cards=True)
