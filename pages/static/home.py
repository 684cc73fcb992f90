"""The front door of a static Space: what Lethe does, in scenes, and every finished run."""

from collections.abc import Iterator
from urllib.parse import urlencode

from markupsafe import Markup

from app import marks, markup, run_list, scenes, theme, thumbnails
from app.spaces._site import HOME, Page, Site
from app.templating import render
from backends.api import catalog
from backends.api.languages import tr
from backends.api.runs import RunFolder
from pages.studio.home import HEAD, TEXT


def pages(site: Site) -> Iterator[Page]:
    """The one page."""
    ids = {run.id for run in site.runs}
    panels = [
        render("home.panel", one, "new?" + urlencode({"model": one.model}), markup.run_address(one.run_id))
        for one in scenes.prepared()
        if one.run_id in ids
    ]
    front = render("home.front", tr(HEAD), tr(TEXT), panels, [])
    lessons = render("home.lessons", catalog.load().lessons)
    rows = [_row(run, settings) for run, settings in run_list.apart(site.runs)]
    yield Page(HOME, "Lethe", tr(TEXT), render("static.home", front, rows, lessons))


def _row(run: RunFolder, settings: str) -> Markup:
    """The line of a run, with its pictures in it, and the settings that tell it from others."""
    pair, sides = thumbnails.pair(run), {}
    if pair is not None:
        sides = {side: getattr(pair, side)._replace(picture=_thumbnail(run, side)) for side in thumbnails.SIDES}
    took = theme.seconds((run.result or {}).get("seconds"))
    return render(
        "static.row", markup.run_address(run.id), pair and pair._replace(**sides), run_list.what_of(run),
        run_list.method_of(run), settings, marks.of_run(run), took,
    )  # fmt: skip


def _thumbnail(run: RunFolder, side: str) -> str:
    thumbnail = thumbnails.picture(run, side)
    return markup.as_uri(*thumbnail) if thumbnail else ""
