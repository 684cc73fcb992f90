"""The teacher's board: the runs of the class as they are now, its pupils, all finished runs in one plot, and what everybody finds chosen."""

import hashlib
import json
from collections.abc import Callable
from typing import Any, Final

import gradio as gr

from app import classes, forms, permissions, trials
from app.live_html import Alive
from app.method_rows import MethodPanels
from app.notes import error_line, note
from app.run_list import RunList
from backends.api import catalog, class_board, class_locks, runs
from backends.api import classes as stored
from backends.api.class_board import Board
from backends.api.errors import LetheError
from backends.api.languages import later, tr

QUIET: Final[dict[str, Any]] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
EVERY: Final = 3.0  # seconds between two looks
VIEWS: Final = {"runs": later("Runs"), "pupils": later("Pupils"), "together": later("All in one picture")}
UNSURE: Final = later("Tick “Forget every name” first; a class that has ended cannot be opened again.")
FREE: Final = later("Each pupil chooses")
DOWNLOAD: Final = """text => { if (!text) return; const { name, kind, body } = JSON.parse(text);
const link = document.createElement('a'); link.href = URL.createObjectURL(new Blob([body], { type: kind })); link.download = name;
link.click(); setTimeout(() => URL.revokeObjectURL(link.href), 1000); }"""


class BoardPage:
    """The parts of the board and their events; each event asks again whether it is the teacher's browser."""

    def __init__(self, secret: gr.BrowserState) -> None:
        self.secret = secret
        self.mark, self.axes = gr.State(""), gr.State(["", ""])
        self.timer = gr.Timer(EVERY, active=False)
        with gr.Column(visible=False, elem_id="class-board") as self.column:
            self.head = RunList(elem_id="class-head", apply_default_css=False)
            with gr.Row(elem_id="class-tools"):
                self.view = _pills(later("View"), [(tr(words), name) for name, words in VIEWS.items()])
                self.state = _pills(
                    later("State"), [(tr(f"{name[:1].upper()}{name[1:]}"), name) for name in classes.STATES]
                )
                self.group = forms.Dropdown(
                    [], label=tr("What was forgotten"), container=False, show_label=False, visible=False, elem_id="class-group",
                    interactive=True,
                )  # fmt: skip
            self.rows = RunList(elem_id="class-rows", apply_default_css=False)
            self.plot = MethodPanels(elem_id="class-plot", visible=False)
            with gr.Accordion(tr("What pupils find chosen"), open=False, elem_id="class-choice"):
                self._choice()
            with gr.Accordion(tr("Export, or end the class"), open=False, elem_id="class-end"):
                self._end()

    def _choice(self) -> None:
        installed = catalog.load()
        models = [(entry.title, entry.id) for entry in installed.models]
        methods = [(entry.title, entry.id) for entry in installed.methods if not entry.variant_of]
        with gr.Row():
            self.model = forms.Dropdown(
                [(tr(FREE), ""), *models],
                value="",
                label=tr("Model"),
                interactive=True,
                elem_id="class-model",
                min_width=240,
            )
            self.forget = gr.Textbox(
                label=tr("What is forgotten"), info=tr("One target a line, as the command line takes them. Empty: each pupil chooses."),
                lines=1, max_lines=4, interactive=True, elem_id="class-forget", min_width=240,
            )  # fmt: skip
            self.method = forms.Dropdown(
                [(tr(FREE), ""), *methods],
                value="",
                label=tr("Method"),
                interactive=True,
                elem_id="class-method",
                min_width=240,
            )
        self.set = gr.Button(tr("Let this hold from now on"), elem_id="class-set", scale=0, min_width=240)
        self.set_says = Alive(elem_id="class-set-says")

    def _end(self) -> None:
        self.file = gr.Textbox("", visible="hidden", elem_id="class-file", label=tr("File"), interactive=True)
        with gr.Row():
            self.as_csv = gr.Button(tr("Board as CSV"), elem_id="class-csv", scale=0, min_width=180)
            self.as_json = gr.Button(tr("Board as JSON"), elem_id="class-json", scale=0, min_width=180)
        with gr.Row():
            self.sure = gr.Checkbox(
                False, label=tr("Forget every name"), info=tr("The class and its code end. Runs stay with the pupils who made them."),
                interactive=True, elem_id="class-sure",
            )  # fmt: skip
            self.end = gr.Button(tr("End the class"), elem_id="class-over", scale=0, min_width=180)
        self.end_says = Alive(elem_id="class-end-says")

    def parts(self) -> list[Any]:
        """What `arrived` gives values for."""
        return [self.column, self.timer, self.model, self.forget, self.method, self.view, *self._looking()]

    def _looking(self) -> list[Any]:
        """What one look at the class updates."""
        return [self.head, self.rows, self.plot, self.group, self.state, self.mark]

    def arrived(self, mark: str, request: gr.Request) -> list[Any]:
        """The board for its teacher; for others, that it is not there, and nothing of it."""
        klass = stored.current()
        if klass is None or not klass.is_teacher(mark):
            hidden = [gr.Column(visible=False), gr.Timer(active=False), "", "", "", "runs"]
            nothing = [MethodPanels(value="", visible=False), gr.Dropdown(choices=[], visible=False), "all", ""]
            return [*hidden, "", "", *nothing]
        locks = klass.locks
        board = [gr.Column(visible=True), gr.Timer(active=True), locks.model, "\n".join(locks.forget), locks.method]
        return [*board, "runs", *_updates(class_board.read(klass), "runs", "all", "", ("", ""), "", request)]

    def wire(self, page: Callable[[str, gr.Request], list[Any]], parts: list[Any]) -> None:
        """Wire the events.

        Args:
            page: the mark of a browser -> the whole page as it is for it.
            parts: what that updates.
        """
        inputs = [self.secret, self.view, self.state, self.group, self.axes, self.mark]
        out = [self.timer, self.axes, *self._looking()]
        chosen = [self.view.input, self.state.input, self.group.input]
        gr.on([self.timer.tick, *chosen], look, inputs, out, **QUIET)
        self.plot.select(look_along, inputs, out, **QUIET)
        gr.on([self.head.select, self.rows.select], act, inputs, out, **QUIET)
        self.set.click(choose, [self.secret, self.model, self.forget, self.method], [self.set_says], **QUIET)
        self.as_csv.click(csv_file, [self.secret], [self.file], **QUIET).then(None, [self.file], None, js=DOWNLOAD)
        self.as_json.click(json_file, [self.secret], [self.file], **QUIET).then(None, [self.file], None, js=DOWNLOAD)

        def end(secret: str, sure: bool, request: gr.Request) -> list[Any]:
            """End the class, where the box is ticked."""
            permissions.as_teacher(secret)
            if not sure:
                return [error_line(UNSURE), *(gr.skip() for _ in parts)]
            stored.end()
            return ["", *page(runs.owner_mark(secret), request)]

        self.end.click(end, [self.secret, self.sure], [self.end_says, *parts], **QUIET)


def _pills(label: str, choices: list[tuple[str, str]]) -> forms.Radio:
    return forms.Radio(
        choices, value=choices[0][1], label=tr(label), show_label=False, container=False, elem_classes="choice-pills", interactive=True,
        elem_id="class-" + label.lower(),
    )  # fmt: skip


def look(
    secret: str, view: str | None, state: str | None, group: str | None, axes: Any, mark: str, request: gr.Request
) -> list[Any]:
    """The board as it is now; nothing where it is as it was `mark` tells, and of a browser that is not the teacher's, or no longer."""
    try:
        board = class_board.read(permissions.as_teacher(secret))
    except stored.NotTheTeacher:
        return [gr.Timer(active=False), *[gr.skip()] * 7]
    return [gr.skip(), axes, *_updates(board, view, state, group, axes, mark, request)]


def look_along(
    secret: str,
    view: str | None,
    state: str | None,
    group: str | None,
    axes: Any,
    mark: str,
    event: gr.EventData,
    request: gr.Request,
) -> list[Any]:
    """The plot along the axes that were chosen in it."""
    chosen = [str(event._data.get(name, ""))[:100] for name in ("x", "y")]
    return look(secret, view, state, group, chosen, mark, request)


def act(
    secret: str,
    view: str | None,
    state: str | None,
    group: str | None,
    axes: Any,
    mark: str,
    event: gr.EventData,
    request: gr.Request,
) -> list[Any]:
    """Make a new code, or remove a pupil."""
    permissions.as_teacher(secret)
    match event._data.get("act"):
        case "code":
            stored.renew_code()
        case "delete":
            stored.remove(str(event._data.get("run", "")))
    return look(secret, view, state, group, axes, mark, request)


def _updates(
    board: Board, view: str | None, state: str | None, group: str | None, axes: Any, mark: str, request: gr.Request
) -> list[Any]:
    """What a look updates, for this choice of view, state and group; nothing where it is as it was seen."""
    view = view if view in VIEWS else "runs"
    status = state if state is not None and state in classes.STATES else "all"
    head, body, plot, groups, key = classes.head(board, classes.address_of(request.headers)), "", "", [], ""
    if view == "together":
        trials_of_class = classes.all_trials(board)
        groups = trials.groups_of(trials_of_class)
        keys = [one for _, one in groups]
        key = group if group in keys else (keys[0] if keys else "")
        plot = classes.together(trials_of_class, key, *_axes(trials_of_class, key, axes))
    else:
        body = (classes.runs_html if view == "runs" else classes.pupils_html)(board, status)
    digest = hashlib.sha256(json.dumps([view, status, head, body, plot, groups, key]).encode()).hexdigest()[:24]
    if digest == mark:
        return [gr.skip()] * 6
    choices = gr.Dropdown(choices=groups, value=key or None, visible=len(groups) > 1)
    pills = gr.Radio(value=status, visible=view != "together")
    return [head, body, MethodPanels(value=plot, visible=view == "together"), choices, pills, digest]


def _axes(all_of_class: list[trials.Trial], key: str, axes: Any) -> tuple[str, str]:
    """The ids of the metrics along the axes; a choice that the group does not have becomes the usual one."""
    group = [trial for trial in all_of_class if trial.key == key]
    names = [name for _, name in trials.axes(group)]
    wished = axes if isinstance(axes, list) and len(axes) == 2 else ["", ""]
    x, y = (one if one in names else usual for one, usual in zip(wished, trials.usual_axes(group), strict=True))
    return x, y


def choose(secret: str, model: str | None, forget: str | None, method: str | None) -> Any:
    """Let a choice hold for the whole class; what is wrong is said beside the button."""
    permissions.as_teacher(secret)
    try:
        locks = class_locks.checked(model or "", (forget or "").splitlines(), method or "")
        stored.lock(locks)
    except LetheError as error:
        return error_line(str(error))
    rows = classes.chosen_rows(locks)
    words = ", ".join(f"{name.lower()}: {value}" for name, value in rows)
    return note(
        tr("From now on New run shows this as chosen by the teacher: {words}.", words=words)
        if rows
        else tr("Each pupil chooses now.")
    )


def csv_file(secret: str) -> str:
    """The board as a CSV file, for the script that saves it."""
    return _file("csv", "text/csv;charset=utf-8", class_board.as_csv(_board(secret)))


def json_file(secret: str) -> str:
    """The board as a JSON file, for the script that saves it."""
    return _file(
        "json", "application/json", json.dumps(class_board.as_document(_board(secret)), indent=1, ensure_ascii=False)
    )


def _board(secret: str) -> Board:
    return class_board.read(permissions.as_teacher(secret))


def _file(ending: str, kind: str, body: str) -> str:
    return json.dumps({"name": f"class.{ending}", "kind": kind, "body": body})
