"""See: one run's model before and after on the same images or questions, or two runs side by side."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from markupsafe import Markup

from app import families, markup, run_results, view
from app.figures import training
from app.templating import render
from backends.api import runs
from backends.api.runs import RunFolder
from backends.api.spec import ENDED
from pages.studio._shared import Panels, choices, section
from pages.studio.run import _dose, _watch
from pages.studio.run._page import PRIVATE, Place, RunPage, at_place

TAB = "see"


class Comparison(NamedTuple):
    """A comparison as HTML: what stands above the dial of a model that draws or answers and below it, and whose dial it is."""

    above: Markup
    below: Markup = Markup()
    run: RunFolder | None = None


def build(page: RunPage) -> None:
    """The tab: what is watched while the run works, then what its model makes before and after."""
    watch = _watch.make()
    section("What changed")
    panels = Panels(elem_id="compare-seen", min_height=420)
    dial = _dose.build(page)
    below = Panels(elem_id="compare-below")
    outputs = [panels, dial.column, dial.prompt, dial.panels, below, dial.dose]
    arriving = page.on_open(TAB, opened, outputs, concurrency_limit=8)
    arriving.then(_dose.arrive, page.inputs(dial.prompt, dial.dose), dial.panels, js=at_place(), **PRIVATE)
    _watch.wire(watch, page, page.on_open)


def opened(at: str, secret: str) -> Iterator[tuple[Any, ...]]:
    """What the tab shows of the run that the address names."""
    place = Place.read(at)
    for comparison in show(place.run, place.beside):
        above, *dial, below = _values(comparison, place.query.get("prompt", ""))
        yield above, *dial, below, _dose.in_address(place)


def _values(comparison: Comparison, prompt: str = "") -> tuple[Any, ...]:
    return comparison.above, *_dose.for_run(comparison.run, prompt), comparison.below


def comparable(run_id: str, other_id: str, visible_runs: Sequence[RunFolder]) -> list[tuple[str, str]]:
    """The runs that a run can be laid beside, as choices: nothing, those that forgot the same in the same model, then what else was
    forgotten in it. Numbers of other models do not compare; the one that a link names stands last even so."""
    mine = next((run for run in visible_runs if run.id == run_id), None)
    others = [run for run in visible_runs if run.id != run_id and (run.state.status == "done" or run.id == other_id)]
    if mine is None:
        return [("nothing", ""), *choices(others)]
    model = [run for run in others if (run.spec.model, run.spec.data) == (mine.spec.model, mine.spec.data)]
    same = [run for run in model if set(run.spec.forget) == set(mine.spec.forget)]
    linked = [run for run in others if run.id == other_id and run not in model]
    return [("nothing", ""), *choices([*same, *(run for run in model if run not in same), *linked])]


def show(run_id: str | None, other_id: str | None) -> Iterator[Comparison]:
    """The comparison: the answer first, then the evidence, then the numbers, then the settings.

    Of models that draw it comes twice: at once without the pictures that have to be asked for, then with them.
    """
    if not run_id:
        yield Comparison(nothing_yet())
        return
    first, wrong = run_results.open_run(run_id)
    if first is None:
        yield Comparison(markup.wrap(wrong, what_there_is()))
        return
    second, wrong = run_results.open_run(other_id) if other_id and other_id != run_id else (None, Markup())
    if second is not None:
        yield from compare_two(first, second)
        return
    for comparison in compare_one(first):
        yield comparison._replace(above=markup.wrap(wrong, comparison.above)) if wrong else comparison


def nothing_yet() -> Markup:
    """The empty state."""
    body = markup.text(
        "No run has finished yet. Forget something first, then its model before and after stand here side by side."
    )
    return markup.card("Nothing to compare yet", body + markup.link("Forget something", "new", button=True), empty=True)


def what_there_is() -> Markup:
    """The finished runs as links, for an address that names none; where strangers share a studio, the shipped ones."""
    finished = [run for run in runs.visible() if run.state.status == "done"][:12]
    if not finished:
        return nothing_yet()
    links = [markup.link(name, markup.run_address(run_id)) for name, run_id in choices(finished)]
    return markup.card("What there is", render("pages.list", links))


def compare_one(run: RunFolder) -> Iterator[Comparison]:
    """One run: its answer, numbers, images, curves and bars."""
    if run.state.status != "done":
        yield Comparison(unfinished(run))
        return
    more = markup.row(
        markup.link("Look inside", markup.run_address(run.id, "inside"), button=True),
        markup.link("All methods beside it", "methods", button=True, quiet=True),
    )
    same = run_results.unchanged(run)
    bars = view.panels(run_results.part_panels(run), run.path)
    evidence = (curves(run), bars, markup.card("", markup.text(same)) if same else "")
    details = (
        markup.card("Where in the model did that happen?", more),
        run_results.all_numbers([run]),
        run_results.departures([run]),
        run_results.settings(run),
    )
    answer, numbers, family = run_results.answer(run), run_results.numbers(run), families.view_of(run)
    for outputs, complete in family.outputs(run):
        if family.grids:
            below = markup.wrap(numbers, *evidence, *details)
            yield Comparison(
                markup.wrap(answer, outputs, images(run)), below, run if complete and family.dial else None
            )
        else:
            yield Comparison(markup.wrap(answer, numbers, images(run), *evidence, *details))


def unfinished(run: RunFolder) -> Markup:
    """A run that has no result: what it is doing or why it ended, and what can be seen already."""
    state = run.state
    if state.status in ENDED:
        what = state.message or f"This run was {state.status}."
        status_html = markup.failed(
            what,
            "What it produced until then is kept and shown below.",
            "Start it again from the page Runs.",
            state.detail,
        )
    else:
        words = f"This run is {state.status}; its numbers appear here when it is done."
        status_html = markup.card(
            "", markup.verdict(words, "unknown") + markup.link("Watch it", markup.run_address(run.id), button=True)
        )
    return markup.wrap(status_html, images(run), curves(run))


def images(run: RunFolder, words: str = "", key: str = "") -> Markup:
    """The watched images or questions with a slider through the steps; `words` say whose."""
    family = families.view_of(run)
    what = family.watched
    title = f"{words}: the same {what}, step by step" if words else f"The same {what}, step by step"
    names = run_results.class_names(run)
    return training.scrub(run.samples(), names, run.path, title=title, key=key, words=family.watching)


def curves(run: RunFolder) -> Markup:
    """The curves of the watched images or answers as they fade."""
    panel = training.fading_panel(run.samples(), families.view_of(run).watching)
    return view.panel(panel, run.path, key=f"fading-{run.id}") if panel else Markup()


def compare_two(first: RunFolder, second: RunFolder) -> Iterator[Comparison]:
    """Two runs side by side."""
    both = (first, second)
    if any(run.state.status != "done" for run in both):
        last = [list(compare_one(run))[-1] for run in both]
        yield Comparison(markup.wrap(*(comparison.above + comparison.below for comparison in last)))
        return
    keys = [(run.result or {}).get("forget_key") for run in both]
    same = keys[0] == keys[1] and first.spec.model == second.spec.model
    differ = "These two runs forgot different things or changed different models, so their numbers do not compare one to one."
    head: tuple[str, ...] = (
        "" if same else markup.card("", markup.verdict(differ, "partly")),
        markup.two_columns(map(run_results.answer, both)),
    )
    sides = markup.two_columns(side(run, words) for run, words in zip(both, NAMES, strict=True))
    evidence = (run_results.versus(first, second), sides, run_results.all_numbers(both), run_results.departures(both))
    views = [families.view_of(run) for run in both]
    if not any(one.grids for one in views):
        yield Comparison(markup.wrap(*head, *evidence))
        return
    columns: list[str] = ["", ""]
    for stage in zip_longest(*(one.beside(run, words) for one, run, words in zip(views, both, NAMES, strict=True))):
        columns = [new if new is not None else last for new, last in zip(stage, columns, strict=True)]
        yield Comparison(markup.wrap(*head, markup.two_columns(columns), *evidence))


NAMES = ("First run", "Second run")


def side(run: RunFolder, words: str) -> Markup:
    """The bars and images of one of two runs."""
    bars = [panel.model_copy(update={"title": f"{words}: {panel.title}"}) for panel in run_results.part_panels(run)]
    plots = [view.panel(panel, run.path, key=f"{words}-{at}") for at, panel in enumerate(bars)]
    return markup.wrap(*plots, images(run, words, run.id))
