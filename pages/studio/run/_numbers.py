"""Numbers: every metric with where it stands in the run's folder, how each was measured, and the settings."""

from markupsafe import Markup

from app import markup, run_results
from pages.studio._shared import Panels, section
from pages.studio.run._page import Place, RunPage

TAB = "numbers"


def build(page: RunPage) -> None:
    """The tab."""
    section("Every number")
    panels = Panels(elem_id="run-all-numbers", min_height=320)
    page.on_open(TAB, opened, [panels], concurrency_limit=4)


def opened(at: str, secret: str) -> Markup:
    """The numbers of the run that the address names, and of the one beside it."""
    place = Place.read(at)
    folders = []
    for run_id in filter(None, (place.run, place.beside)):
        run, wrong = run_results.open_run(run_id)
        if run is None:
            return wrong
        folders.append(run)
    if not folders or any(run.state.status != "done" for run in folders):
        return markup.card("", markup.text("The numbers appear here when the run is done."), empty=True)
    return markup.wrap(
        run_results.all_numbers(folders), run_results.departures(folders), *map(run_results.settings, folders)
    )
