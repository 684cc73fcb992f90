"""The head of a run's page: what was forgotten in which model, how, and where to go with it."""

from gradio.context import Context
from markupsafe import Markup

from app import families, markup, run_results
from app.live_html import Alive
from backends.api import catalog
from pages.studio._shared import choices
from pages.studio.run._page import PRIVATE, RunPage, at_place, of_run


def build(page: RunPage) -> None:
    """The head, above the tabs."""
    head = Alive(elem_id="run-title")
    assert Context.root_block is not None
    Context.root_block.load(of_run(title), page.inputs(page.secret), [head], js=at_place(), queue=False, **PRIVATE)


def title(run_id: str, secret: str) -> Markup:
    """The name of a run, or of a model as it came, or why there is none."""
    if families.of_model(run_id) is not None:
        return markup.styled(markup.text(f"{catalog.load().get('models', run_id).title} · as it came", "lead"))
    run, wrong = run_results.open_run(run_id)
    return wrong if run is None else markup.styled(markup.text(choices([run])[0][0], "lead"))
