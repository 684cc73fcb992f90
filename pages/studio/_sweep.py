"""The sweep of the page Methods: a finished job again with several values of one parameter, or forgetting more, and what
that does."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from app import forms, markup, sweeps
from app import trials as side_by_side
from backends.api import catalog, runs, submit
from backends.api.errors import BadInput, LetheError
from backends.api.languages import later, tr
from backends.api.runs import RunFolder
from backends.api.spec import ENDED, JobSpec
from pages.studio import _growing
from pages.studio._shared import Panels, address, choices, mark_of, push_url, secret_and_mark

VALUES, STEPS = later("to each of these values"), later("to each of these, step by step")
MOST = 12  # runs that one sweep may start
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


@dataclass(frozen=True)
class Sweep:
    """The widgets of the sweep that other events fill."""

    outputs: list[Any]
    listed_in: gr.Dropdown


def build(secret: gr.BrowserState) -> Sweep:
    """The tab's widgets. Its address: ?tab=sweep&base=RUN&param=NAME."""
    with gr.Row():
        base = gr.Dropdown([], label=tr("The job to repeat"), interactive=True, min_width=280, elem_id="sweep-base")
        param = gr.Dropdown([], label=tr("Change only"), interactive=True, min_width=220, elem_id="sweep-param")
        values = gr.Textbox(
            label=tr(VALUES),
            interactive=True,
            min_width=220,
            elem_id="sweep-values",
        )
    go = gr.Button(tr("Start the sweep"), variant="primary", elem_id="sweep-go", elem_classes="lethe-go")
    panels = Panels(elem_id="sweep-seen", min_height=260)
    clock = gr.Timer(2, active=False)

    base.input(
        choose_base, [base, secret, values], [param, values, panels, clock], js=push_url(["base", "", ""]), **QUIET
    )
    param.input(
        choose_param,
        [base, param, secret, values],
        [values, panels, clock],
        js=push_url(["base", "param", "", ""]),
        **QUIET,
    )
    go.click(start, [base, param, values, secret], [panels, clock, secret], **QUIET)
    clock.tick(show, [base, param, secret], [panels, clock], queue=False, **QUIET)
    return Sweep([base, param, values, panels, clock], base)


def repeatable_choices(secret: str, base: str | None) -> Any:
    """The jobs that can be repeated: finished ones, and the one that a link named."""
    return gr.Dropdown(choices=choices(repeatable(secret, base)))


def repeatable(secret: str, base: str | None) -> list[RunFolder]:
    """Finished runs that this person may see."""
    visible_runs = runs.visible(mark_of(secret), *([base] if base else []))
    return [run for run in visible_runs if run.state.status == "done"]


def from_address(secret: str, request: gr.Request) -> tuple[Any, ...]:
    """The job and the parameter that the address names."""
    base, param = address(request, "base"), address(request, "param")
    options = choices(repeatable(secret, base))
    base = base if base in [value for _, value in options] else (options[0][1] if options else "")
    labelled = changeable(base)
    names = [name for _, name in labelled]
    param = param if param in names else (names[0] if names else "")
    return (
        gr.Dropdown(choices=options, value=base or None),
        gr.Dropdown(choices=labelled, value=param or None),
        *choose_param(base, param, secret),
    )


def changeable(base: str | None) -> list[tuple[str, str]]:
    """The settings of a job that a sweep can change, as (label, value): the numbers of its method, and what is forgotten."""
    if not base:
        return []
    run = runs.find(base)
    entry = next((entry for entry in catalog.load().methods if entry.id == run.spec.method), None)
    growing = [] if entry is None or entry.finds else [(label, kind) for kind, label in _growing.KINDS.items()]
    return [(forms.label(name), name) for name in numeric_params(run)] + growing


def numeric_params(run: RunFolder) -> list[str]:
    """Names of the method's parameters that are numbers."""
    entry = next((entry for entry in catalog.load().methods if entry.id == run.spec.method), None)
    if entry is None:
        return []
    return [
        name for name, field in forms.properties(entry.params).items() if field.get("type") in ("integer", "number")
    ]


def choose_base(base: str | None, secret: str = "", typed: str = "") -> tuple[Any, ...]:
    """The settings that a sweep can change of the chosen job, the values of the first, and its runs."""
    labelled = changeable(base)
    first = labelled[0][1] if labelled else None
    return gr.Dropdown(choices=labelled, value=first), *choose_param(base, first, secret, typed)


def choose_param(base: str | None, param: str | None, secret: str = "", typed: str = "") -> tuple[Any, str, Any]:
    """The field for the values, with steps that fit the model where those are asked for, and the runs so far.

    Numbers that a person has typed stay; only words and numbers take each other's place.
    """
    if base and param in _growing.KINDS:
        text = _growing.suggested_steps(runs.find(base), param, mark_of(secret))
        field = gr.Textbox(label=tr(STEPS), value=text, placeholder=tr("one; another + a third"))
    else:
        field = gr.Textbox(
            label=tr(VALUES), value=typed if _are_numbers(typed) else "", placeholder=example(base, param)
        )
    return field, *show(base, param, secret)


def _are_numbers(text: str | None) -> bool:
    try:
        return bool(numbers(text))
    except BadInput:
        return False


def example(base: str | None, param: str | None) -> str:
    """Values around the one that the job had, as somebody would type them: half of it, itself, twice it, within its range."""
    run = runs.find(base) if base else None
    entry = next((entry for entry in catalog.load().methods if run and entry.id == run.spec.method), None)
    field = forms.properties(entry.params).get(param or "") if entry else None
    value = run.spec.params.get(param or "", (field or {}).get("default")) if run else None
    if field is None or not isinstance(value, int | float) or not value:
        return "0, 1, 2" if field is not None else ""
    is_integer = field.get("type") == "integer"
    around = dict.fromkeys(max(1, round(value * times)) if is_integer else value * times for times in (0.5, 1, 2))
    if is_integer and len(around) < 3:
        around = dict.fromkeys((value, value + 1, value + 2))
    low, high = field.get("minimum", float("-inf")), field.get("maximum", float("inf"))
    return ", ".join(f"{number:g}" for number in around if low <= number <= high)


def sweep_members(base: RunFolder, param: str, owner: str = "") -> list[tuple[RunFolder, float]]:
    """Every run that this person may see and that differs from `base` in nothing but `param`, with its value of it."""

    def other_fields(spec: JobSpec) -> dict[str, Any]:
        return spec.model_dump(exclude={"params", "metrics"}) | {k: v for k, v in spec.params.items() if k != param}

    base_fields, members = other_fields(base.spec), []
    for run in runs.visible(owner, base.id):
        spec = run.spec
        value = spec.params.get(param)  # None where the method chose the value itself
        if (
            isinstance(value, int | float)
            and other_fields(spec) == base_fields
            and run.state.status not in ("cancelled", "failed")
        ):
            members.append((run, float(value)))
    return members


def numbers(text: str | None) -> list[float]:
    """The values of a comma-separated list.

    Raises:
        BadInput: none, too many, or one that is no number.
    """
    words = [word.strip() for word in (text or "").replace(";", ",").split(",") if word.strip()]
    if not words:
        raise BadInput(tr("No value was given; write several numbers with commas between, as in 0.005, 0.01, 0.02."))
    if len(words) > MOST:
        raise BadInput(
            tr("{words_count} values were given; one sweep takes at most {most}.", words_count=len(words), most=MOST)
        )
    try:
        return list(dict.fromkeys(float(word) for word in words))
    except ValueError:
        raise BadInput(
            tr("{text!r} is no list of numbers; write them with commas between, as in 0.005, 0.01, 0.02.", text=text)
        ) from None


def start(base: str | None, param: str | None, text: str, secret: str) -> tuple[str, Any, str]:
    """Check every job first, then submit them all; values that were run already are not run again."""
    browser_secret, owner = secret_and_mark(secret)
    try:
        if not base or not param:
            raise BadInput(tr("No job was chosen; forget something first, then repeat it here with other values."))
        run = runs.find(base)
        if param in _growing.KINDS:
            _growing.submit_steps(run, param, text, owner)
            return *show(base, param, browser_secret), browser_secret
        entry = catalog.load().get("methods", run.spec.method)
        is_integer = forms.properties(entry.params)[param].get("type") == "integer"
        done_values = {value for _, value in sweep_members(run, param, owner)}
        new_values = [value for value in numbers(text) if value not in done_values]
        submit.several(
            [
                run.spec.model_copy(update={"params": run.spec.params | {param: _typed(value, is_integer)}})
                for value in new_values
            ],
            owner,
        )
    except LetheError as error:
        sweep_html, clock = show(base, param, browser_secret)
        return markup.wrap(markup.failed(str(error), tr("Nothing was started.")), sweep_html), clock, browser_secret
    return *show(base, param, browser_secret), browser_secret


def _start_text(run: RunFolder) -> str:
    """The time at which a run was started, to tell it from another run with the same value."""
    return (
        tr(" · came with Lethe")
        if run.shipped
        else f" · {run.id[6:8]}.{run.id[4:6]}. {run.id[9:11]}:{run.id[11:13]} UTC"
    )


def _typed(value: float, is_integer: bool) -> float | int:
    return int(value) if is_integer and value.is_integer() else value


def show(base: str | None, param: str | None, secret: str = "") -> tuple[str, Any]:
    """The sweep's runs: progress while they work, curves of those that are done."""
    if not base or not param:
        body = markup.text(
            tr("A sweep repeats a finished job with several values of one setting. Forget something first.")
        )
        return markup.card(
            tr("Nothing to repeat yet"), body + markup.link(tr("Forget something"), "new", button=True), empty=True
        ), gr.Timer(active=False)
    grows = param in _growing.KINDS
    name = _growing.AXES[param] if grows else forms.label(param).lower()
    run = runs.find(base)
    owner = mark_of(secret)
    run_values = _growing.members(run, param, owner) if grows else sweep_members(run, param, owner)
    members = sorted(run_values, key=lambda item: item[1])
    states = [(run, value, run.state.status) for run, value in members]
    open_ones = sum(status not in ENDED for _, _, status in states)
    finished = [(run, value) for run, value, status in states if status == "done"]
    unique = {value: run for run, value in reversed(finished)}
    values = [value for _, value in members]
    again = {value for value in values if not grows and values.count(value) > 1}
    trials = side_by_side.of_runs(list(unique.values()))
    how = _growing.HOW[param] if grows else sweeps.HOW
    chart = sweeps.swept(trials, list(unique), name, how, own_aims=grows)
    rows = [
        [
            markup.link(
                _growing.forget_text(run) if grows else f"{value:g}{_start_text(run) if value in again else ''}",
                markup.run_address(run.id),
            ),
            status,
        ]
        for run, value, status in states
    ]
    heads = [tr("forgets"), tr("state")] if grows else [name, tr("state")]
    listing = markup.card(tr("The runs of this sweep"), markup.table(heads, rows)) if rows else ""
    if open_ones:
        words = tr("{finished_count} of {states_count} done", finished_count=len(finished), states_count=len(states))
        listing = (
            markup.card(
                tr("Working"), markup.progress(len(finished) / len(states), words, tr("the others start by themselves"))
            )
            + listing
        )
    words = tr("Curves over {name} appear as soon as runs with two values are done.", name=name)
    if grows:
        words = tr("Curves over {name} appear as soon as two runs are done.", name=name)
    chart = chart or markup.card("", markup.text(words, "quiet"), empty=True)
    return markup.wrap(chart, listing), gr.Timer(active=bool(open_ones))
