"""Does it come back?: what is known of whether the knowledge is erased or only hidden, and what was not tested."""

from markupsafe import Markup

from app import markup, run_results
from pages.studio._shared import Panels
from pages.studio.run import _offer
from pages.studio.run._page import Place, RunPage

TAB = "back"
NOT_TESTED = (
    "A model that no longer answers may still hold the knowledge. Whether it comes back, by training on a few examples or by asking "
    "otherwise, has not been tested in this run, so nothing here says that it is erased."
)


def build(page: RunPage) -> None:
    """The tab."""
    panels = Panels(elem_id="run-back", min_height=240)
    page.on_open(TAB, opened, [panels], queue=False)


def opened(at: str, secret: str) -> Markup:
    """What was tested in the run that the address names, and the looks that tell whether something is still inside."""
    run, wrong = run_results.open_run(Place.read(at).run)
    if run is None:
        return wrong
    if run.state.status != "done":
        return markup.card(
            "Not tested yet", markup.text("There is no unlearned model before the run is done."), empty=True
        )
    looks = [entry for entry in _offer.fitting(run.id) if entry.group in ("there", "attacker")]
    ways = [
        markup.link(
            _offer.name_of(entry), markup.run_address(run.id, "inside", inspector=entry.id), button=True, quiet=True
        )
        for entry in looks
        if not _offer.lacks(run.id, entry.id)
    ]
    body = markup.text(NOT_TESTED)
    if ways:
        body += markup.text("What can be looked at today:") + markup.row(*ways)
    return markup.card("Not tested yet", body)
