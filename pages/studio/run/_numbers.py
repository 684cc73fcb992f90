"""Numbers: every metric with its direction and goal, where it stands in the run's folder, how it was measured, and the settings."""

from base64 import b64encode

from markupsafe import Markup

from app import markup, number_table, run_results
from backends.api import files
from backends.api.languages import tr
from backends.api.runs import RunFolder
from pages.studio._shared import Panels, section
from pages.studio.run._page import Place, RunPage

TAB = "numbers"


def build(page: RunPage) -> None:
    """The tab."""
    section(tr("Every number"))
    panels = Panels(elem_id="run-all-numbers", min_height=320)
    page.on_open(TAB, opened, [panels], concurrency_limit=4)


def opened(at: str, secret: str = "") -> Markup:
    """The numbers of the run that the address names, and of the one beside it."""
    place = Place.read(at)
    folders = []
    for run_id in filter(None, (place.run, place.beside)):
        run, wrong = run_results.open_run(run_id)
        if run is None:
            return wrong
        folders.append(run)
    if not folders or any(run.state.status != "done" for run in folders):
        return markup.card("", markup.text(tr("The numbers appear here when the run is done.")), empty=True)
    return markup.wrap(
        number_table.tables(folders),
        markup.row(*(_download(run) for run in folders)),
        number_table.parts(folders),
        run_results.departures(folders),
        *map(run_results.settings, folders),
    )


def _download(run: RunFolder) -> Markup:
    """A link that holds result.json itself."""
    text = b64encode(files.dumps(run.result).encode()).decode()
    return number_table.download(f"{run.id}-result.json", f"data:application/json;base64,{text}")
