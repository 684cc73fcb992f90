"""A finished run as files: what it made, a page for each look inside, what attacks brought back, its numbers, its card."""

from collections.abc import Iterator

from markupsafe import Markup

from app import board, bullets, comeback, families, marks, markup, run_card, run_list, unlearning_card
from app.spaces._site import Page, Site
from app.target_choice import targets_in_words
from app.templating import render
from backends.api import files, stage_words, verdict
from backends.api.catalog import Look
from backends.api.languages import tr
from backends.api.runs import RunFolder
from pages.studio.run import TABS, _found, _head, _numbers, _offer, _see

ALONE = "ask"  # the tab that needs a model


def pages(site: Site) -> Iterator[Page]:
    """The pages of every run."""
    for run in site.runs:
        name = run_list.what_of(run)
        for tab, file, title, body in _tabs(site, run):
            html = render("static.run", _title(site, run), _bar(site, run, tab), body)
            yield Page(file, f"{title} · {name} · Lethe", verdict.of_run(run), html)
        site.save(f"run-{run.id}-card.html", unlearning_card.html(run).encode())
        site.save(f"run-{run.id}.json", files.dumps(unlearning_card.document(run), 2).encode())


def _title(site: Site, run: RunFolder) -> Markup:
    spec = run.spec
    target = targets_in_words(spec.forget, families.of_run(run))
    return render(
        "static.run_head",
        stage_words.of_run(run).pattern(),
        run_card.title_of("models", spec.model),
        target,
        _head.about(run),
        site.again(run),
        run.id,
    )


def _bar(site: Site, run: RunFolder, here: str) -> Markup:
    """The tabs as links; one with nothing behind it is left out, and what only a studio can do leads to one."""
    there = {"inside": bool(site.kept_looks(run)), ALONE: bool(site.studio)}
    names = {tab: title for tab, (title, _) in TABS.items() if there.get(tab, True)}
    return render(
        "static.tabs", [(tr(title), markup.run_address(run.id, tab), tab == here) for tab, title in names.items()]
    )


def _tabs(site: Site, run: RunFolder) -> Iterator[tuple[str, str, str, Markup]]:
    """(tab, file, title, body) of each page of a run."""
    yield "see", site.file(run), tr("See"), _samples(run)
    entries = site.kept_looks(run)
    for entry in entries:
        body = _inside(run, entry, entries)
        yield "inside", site.file(run, "inside", entry.id), _offer.name_of(entry), body
    back = Markup("{}{}").format(marks.row(run), render("static.part", "comeback", comeback.html(run, "")))
    yield "back", site.file(run, "back"), tr(TABS["back"][0]), back
    numbers = _numbers.opened("?" + markup.run_address(run.id).partition("?")[2])
    yield (
        "numbers",
        site.file(run, "numbers"),
        tr("Numbers"),
        markup.section(tr("Every number")) + render("static.part", "panels", numbers),
    )


def _samples(run: RunFolder) -> Markup:
    """The marks, the board with its slider, the headline numbers, and a closer look."""
    before_after = board.board(run, _see.reference(run)) or markup.nothing(tr("This run kept no samples."))
    return render("static.see", marks.row(run), before_after, bullets.html(run), _see.closer(run))


def _inside(run: RunFolder, entry: Look, entries: list[Look]) -> Markup:
    """What one look found, with the ways to the others."""
    groups = []
    for group, title in _offer.GROUPS.items():
        mine = [one for one in entries if one.group == group]
        if mine:
            groups.append((tr(title), markup.run_address(run.id, "inside", inspector=mine[0].id), group == entry.group))
    ways = [
        (_offer.name_of(one), markup.run_address(run.id, "inside", inspector=one.id), one.id == entry.id)
        for one in entries
        if one.group == entry.group
    ]
    findings = _found.stored(run, entry)
    body = _found.answer(run, entry, findings) if findings is not None else Markup()
    return render("static.inside", groups, ways, _found.describe(entry.id), body)
