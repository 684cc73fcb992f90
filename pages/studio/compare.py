"""Compare: one run's model before and after on the same images, or two runs side by side."""

from typing import Any

import gradio as gr
from gradio.context import Context

from app import parts, results_view, view
from app.figures import training
from backends.api import runs
from backends.api.runs import RunFolder
from backends.api.spec import ENDED
from pages.studio._shared import Panels, address, alone, choices, identity, looker, nav, push_url

TITLE, PATH, ORDER = "Compare", "compare", 30


def build() -> None:
    """The page. Its address holds the runs: ?run=...&with=..."""
    nav("Compare", "The same images, the same numbers: before, after, and trained again without it.")
    secret = identity()
    with gr.Row():
        run = gr.Dropdown([], label="Run", interactive=True, elem_id="compare-run", min_width=300)
        other = gr.Dropdown([], label="Beside it (optional)", interactive=True, elem_id="compare-with", min_width=300)
    seen = Panels(elem_id="compare-seen", min_height=420)

    gr.on(
        [run.input, other.input],
        show,
        [run, other],
        seen,
        js=push_url(["run", "with"]),
        show_progress="hidden",
        api_visibility="private",
    )
    assert Context.root_block is not None
    Context.root_block.load(
        from_address, [secret], [run, other, seen], show_progress="hidden", api_visibility="private"
    )


def from_address(secret: str, request: gr.Request) -> tuple[Any, Any, str]:
    """What the page's address asks for; without one, the newest finished run."""
    first, second = address(request, "run"), address(request, "with")
    known = runs.visible(looker(secret)[1] if secret else "", first, second)
    listed = [run for run in known if run.state.status == "done"]
    options = choices([run for run in known if run.state.status == "done" or run.id in (first, second)])
    ids = [value for _, value in options]
    wanted = first or (listed[0].id if listed else "")
    beside = [("nothing", ""), *options]
    return (
        gr.Dropdown(choices=options, value=wanted if wanted in ids else None),
        gr.Dropdown(choices=beside, value=second if second in ids else ""),
        show(wanted, second),
    )


def show(run_id: str | None, other_id: str | None) -> str:
    """The comparison as HTML: the answer first, then the evidence, then the numbers, then the settings."""
    if not run_id:
        return nothing_yet()
    first, wrong = results_view.open_run(run_id)
    if first is None:
        return parts.wrap(wrong, what_there_is())
    if not other_id or other_id == run_id:
        return one(first)
    second, wrong = results_view.open_run(other_id)
    return two(first, second) if second is not None else parts.wrap(wrong, one(first))


def nothing_yet() -> str:
    """The empty state."""
    body = parts.text(
        "No run has finished yet. Forget something first, then its model before and after stand here side by side."
    )
    return parts.card("Nothing to compare yet", body + parts.link("Forget something", "./", button=True), empty=True)


def what_there_is() -> str:
    """The finished runs as links, for an address that names none; where strangers share a studio, the shipped ones."""
    finished = [run for run in runs.visible() if run.state.status == "done"][:12]
    if not finished:
        return nothing_yet()
    links = "".join(f"<li>{parts.link(name, f'compare?run={run_id}')}</li>" for name, run_id in choices(finished))
    return parts.card("What there is", f"<ul>{links}</ul>")


def one(run: RunFolder) -> str:
    """One run: its answer, numbers, images, curves and bars."""
    if run.state.status != "done":
        return unfinished(run)
    more = parts.row(
        parts.link("Look inside", f"look-inside?run={run.id}", button=True),
        parts.link("All methods beside it", "methods", button=True, quiet=True),
    )
    return parts.wrap(
        results_view.answer(run),
        results_view.numbers(run),
        images(run),
        curves(run),
        view.panels(results_view.part_panels(run), run.path),
        parts.card("Where in the model did that happen?", more),
        results_view.all_numbers([run]),
        results_view.settings(run),
    )


def unfinished(run: RunFolder) -> str:
    """A run that has no result: what it is doing or why it ended, and what can be seen already."""
    state = run.state
    if state.status in ENDED:
        what = state.message or f"This run was {state.status}."
        said = parts.failed(
            what,
            "What it produced until then is kept and shown below.",
            "Start it again from the page Runs.",
            state.detail,
        )
    else:
        words = f"This run is {state.status}; its numbers appear here when it is done."
        said = parts.card("", parts.verdict(words, "unknown") + parts.link("Watch it", f"./?run={run.id}", button=True))
    return parts.wrap(said, images(run), curves(run))


def images(run: RunFolder, title: str = "The same images, step by step", key: str = "") -> str:
    """The watched images with a slider through the steps."""
    return training.scrub(run.samples(), results_view.class_names(run), run.path, title=title, key=key)


def curves(run: RunFolder) -> str:
    """How the watched images fade, as curves."""
    panel = training.fading_panel(run.samples())
    return view.panel(panel, run.path, key=f"fading-{run.id}") if panel else ""


def two(first: RunFolder, second: RunFolder) -> str:
    """Two runs side by side."""
    if first.state.status != "done" or second.state.status != "done":
        return parts.wrap(*(one(run) for run in (first, second)))
    keys = [(run.result or {}).get("forget_key") for run in (first, second)]
    same = keys[0] == keys[1] and first.spec.model == second.spec.model
    note = (
        ""
        if same
        else parts.card(
            "",
            parts.verdict(
                "These two runs forgot different things or changed different models, so their numbers do not compare one to one.",
                "partly",
            ),
        )
    )
    sides = "".join(side(run, words) for run, words in ((first, "First run"), (second, "Second run")))
    return parts.wrap(
        note,
        f'<div class="lethe-two">{"".join(results_view.answer(run) for run in (first, second))}</div>',
        results_view.versus(first, second),
        f'<div class="lethe-two">{sides}</div>',
        results_view.all_numbers([first, second]),
    )


def side(run: RunFolder, words: str) -> str:
    """One of two runs."""
    bars = [panel.model_copy(update={"title": f"{words}: {panel.title}"}) for panel in results_view.part_panels(run)]
    drawn = "".join(view.panel(panel, run.path, key=f"{words}-{at}") for at, panel in enumerate(bars))
    return f'<div class="lethe-stack">{drawn}{images(run, f"{words}: the same images, step by step", run.id)}</div>'


if __name__ == "__main__":
    alone(build)
