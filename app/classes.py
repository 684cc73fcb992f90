"""A class as HTML: the line on every page, what a pupil sees of it, what the teacher has chosen, and the board."""

import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from cachetools import LRUCache
from markupsafe import Markup

from app import marks, markup, run_card, run_list, theme, thumbnails, trials
from app.door.hosts import is_loopback, split
from app.target_choice import targets_in_words
from app.templating import render
from app.trials import Trial
from backends.api import catalog, class_locks, classes
from backends.api.class_board import Board, Row
from backends.api.classes import BY_TEACHER, Locks
from backends.api.errors import DAMAGED, Busy, LetheError
from backends.api.languages import plural, tr
from backends.api.limits import limits
from backends.api.spec import ENDED

PAGE: Final = "class"
STYLE: Final = Markup("<style>{}</style>").format(Markup((theme.STATIC / "klass.css").read_text("utf-8")))
ROWS: Final = 60  # runs on the board; the export has all
STATES: Final[Mapping[str, tuple[str, ...]]] = {
    "all": (),
    "waiting": ("queued",),
    "running": ("running", "cancelling"),
    "done": ("done",),
    "failed or cancelled": ("failed", "cancelled"),
}
MINUTE: Final = 60.0
ADDRESSES: Final = 10_000  # that sent a wrong code are remembered, the longest unused go first


class Guesses:
    """Wrong codes by the address that they came from, so that nobody can try them all."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._times: LRUCache[str, deque[float]] = LRUCache(ADDRESSES)

    def check(self, address: str) -> None:
        """Check that this address may try another code.

        Raises:
            Busy: it sent too many wrong ones within a minute.
        """
        with self._lock:
            times = self._times.get(address, deque[float]())
            while times and times[0] < self._clock() - MINUTE:
                times.popleft()
            if len(times) >= limits().wrong_codes:
                raise Busy(tr("Too many wrong codes came from this network; wait a minute, and type the code again."))

    def note(self, address: str) -> None:
        """Note a wrong code."""
        with self._lock:
            self._times.setdefault(address, deque(maxlen=limits().wrong_codes)).append(self._clock())


GUESSES: Final = Guesses()


def join(code: str, name: str, owner: str, address: str) -> str:
    """Join the class; see `classes.join`. Returns the name in it.

    Args:
        code: as it was typed.
        name: as it was typed.
        owner: `runs.owner_mark` of the browser.
        address: where the request comes from.

    Raises:
        Busy: too many wrong codes came from there.
        BadInput: the code or the name is none.
    """
    GUESSES.check(address)
    try:
        return classes.join(code, name, owner).name
    except classes.WrongCode:
        GUESSES.note(address)
        raise


def line(owner: str) -> Markup:
    """The line on every page of a class: who one is in it, and where to go; empty where the class has ended.

    Args:
        owner: `runs.owner_mark` of who looks.
    """
    try:
        klass = classes.current()
    except LetheError as error:
        return render("klass.line", classes.UNNAMED, str(error), tr("Class"))
    if klass is None:
        return Markup()
    if klass.is_teacher(owner):
        return render("klass.line", klass.name, tr("You are the teacher."), tr("Board"))
    if owner in klass.pupils:
        return render("klass.line", klass.name, tr("You are {name}.", name=klass.pupils[owner].name), tr("Class"))
    return render(
        "klass.line", klass.name, tr("You can look at everything. To start a job, join with the code."), tr("Join")
    )


def visitor(owner: str) -> Markup:
    """The page of the class for who is not its teacher: how to join, or what one is in it."""
    klass = classes.current()
    if klass is None:
        words = [
            tr("Its names are forgotten. Your runs are still yours, on the page Runs, and you can go on as before.")
        ]
        return render("klass.visitor", tr("The class has ended"), words, [(tr("My runs"), "runs", False)])
    if owner not in klass.pupils:
        words = [
            tr(
                "Type the code that your teacher shows, and a first name or a nickname. Without it you can look at every "
                "example, but start no job."
            ),
            tr(
                "Lethe keeps nothing of you but this name, and forgets it when the class ends. Your teacher sees it beside "
                "your runs."
            ),
        ]
        return render("klass.visitor", tr("Join {name}", name=klass.name), words, [])
    words = [tr("You are {name}. Your teacher sees your runs; other pupils do not.", name=klass.pupils[owner].name)]
    if klass.locks.some:
        words.append(f"{BY_TEACHER}: {', '.join(f'{value}' for _, value in chosen_rows(klass.locks))}.")
    links = [(tr("New run"), "new", False), (tr("My runs"), "runs", True)]
    return render("klass.visitor", klass.name, words, links)


def chosen_rows(locks: Locks) -> list[tuple[str, str]]:
    """What the teacher has chosen, in words: ("Model", "Fashion-MNIST ResNet") ..."""
    family = next((entry.family for entry in catalog.load().models if entry.id == locks.model), "")
    rows = [
        (tr("Model"), run_card.title_of("models", locks.model) if locks.model else ""),
        (tr("Forget"), targets_in_words(locks.forget, family) if locks.forget else ""),
        (tr("Method"), run_card.title_of("methods", locks.method) if locks.method else ""),
    ]
    return [(name, value) for name, value in rows if value]


def chosen(locks: Locks) -> Markup:
    """What the teacher has chosen, above the form, with the style that leaves only that to press; empty where nothing is."""
    if not locks.some:
        return Markup()
    rules = []
    fitting = [locks.model] if locks.model else class_locks.fitting_models(locks.method)
    rules.append(_only("#model", fitting))
    if locks.forget:
        rules.append("#ask :is(.lethe-ask:has(#kind),#forget .lethe-field){display:none!important}")
    if locks.method:
        rules.append(_only("#method", sorted(classes.methods_like(locks.method))))
        rules.append("#more{display:none!important}")
    return render("klass.chosen", BY_TEACHER, chosen_rows(locks), Markup("".join(rules)))


def _only(selector: str, values: Sequence[str]) -> str:
    """The rule that leaves only these of a row of choices; they are ids of the catalog."""
    allowed = ",".join(f'input[value="{value}"]' for value in values)
    return f"{selector} label:not(:has({allowed})){{display:none!important}}"


def address_of(headers: Mapping[str, str]) -> str:
    """The address at which pupils find the class, as who asks would type it; on this machine itself, its address in the network."""
    host = headers.get("x-forwarded-host", "").split(",")[0].strip() or headers.get("host", "")
    name, port = split(host)
    if name is None or is_loopback(name):
        name = network_address()
    return f"{name}{f':{port}' if port else ''}/{PAGE}"


def network_address() -> str:
    """The address of this machine in its network; 127.0.0.1 where it is in none. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def announcement(teacher: str, host: str, port: int) -> list[str]:
    """The lines that the terminal shows: the teacher's link, which opens the board, and what pupils type.

    Args:
        teacher: the secret of the teacher's link.
        host: the address that is listened on.
        port: the port.
    """
    klass = classes.current()
    assert klass is not None
    space = os.environ.get("SPACE_HOST", "")
    name = network_address() if host in ("0.0.0.0", "::", "") else host
    root = f"https://{space}" if space else f"http://{f'[{name}]' if ':' in name else name}:{port}"
    return [
        klass.name,
        f"  Teacher, keep this link to yourself: {root}/{PAGE}?{urlencode({'teacher': teacher})}",
        f"  Pupils: {root}/{PAGE} with the code {klass.code}",
    ]


# ---- the board


def head(board: Board, address: str) -> Markup:
    """The name of the class, where and with which code to join, and how many do what."""
    each = [row.status for row in board.rows]
    finished = sum(any(row.status == "done" for row in rows) for rows in board.by_pupil.values())
    joined = len(board.klass.pupils)
    counts = [
        (joined, "pupil" if joined == 1 else "pupils"),
        (finished, tr("with a finished run")),
        (sum(status in STATES["running"] for status in each), "running"),
        (sum(status == "queued" for status in each), "waiting"),
    ]
    return render("klass.head", board.klass.name, address, board.klass.code, counts)


def runs_html(board: Board, state: str) -> Markup:
    """The runs of the class in this state, newest first."""
    rows = [row for row in board.rows if not STATES[state] or row.status in STATES[state]]
    if not rows:
        words = (
            tr("Runs stand here as soon as pupils start them.")
            if state == "all"
            else tr("None of the class is in this state.")
        )
        return render(
            "klass.nothing", tr("No run yet") if state == "all" else tr("None is {state}", state=state), words
        )
    return render("klass.runs", markup.join(map(_row, rows[:ROWS])), max(0, len(rows) - ROWS))


def _row(row: Row) -> Markup:
    """One run; empty where it was damaged or deleted since the board was read."""
    run, events = row.run, list[dict[str, Any]]()
    try:
        if row.status in STATES["running"]:
            events = run.events()
        entered = run_card.phases(events)
        name, step, of = entered[-1] if entered else ("", 0, 0)
        state = run.state
        return render(
            "klass.row",
            row=row,
            address=markup.run_address(run.id),
            pair=thumbnails.pair(run),
            what=run_list.what_of(run),
            method=run_list.method_of(run),
            tag=run_card.tag(row.status),
            marks=marks.of_run(run) if row.status == "done" else [],
            waits=_place(row),
            phase=run_card.phase_name(name) if name else tr("Starting") if row.status in STATES["running"] else "",
            share=step / of if of else 0.0,
            count=tr("{step:,} of {of:,}", step=step, of=of) if of else "",
            message=state.message,
            took=run_list.took(state) if row.status in ENDED else "",
        )
    except DAMAGED:
        return Markup()


def _place(row: Row) -> str:
    """The place of a run in the line, in words."""
    if row.place is None:
        return ""
    return tr("place {place} in the queue", place=row.place + 1) if row.place else tr("next in the queue")


def pupils_html(board: Board, state: str) -> Markup:
    """A card a pupil, by name: the newest run with its marks or its place in the line, and how many there are. A state leaves those whose
    newest run is in it."""
    cards = []
    for pupil in board.pupils:
        rows = board.by_pupil[pupil.id]
        if STATES[state] and not (rows and rows[0].status in STATES[state]):
            continue
        cards.append(_card(pupil, rows))
    if not cards:
        words = (
            tr("Pupils stand here as soon as they join.")
            if state == "all"
            else tr("Nobody's newest run is in this state.")
        )
        return render("klass.nothing", tr("Nobody yet"), words)
    return render("klass.pupils", markup.join(cards))


def _card(pupil: classes.Pupil, rows: Sequence[Row]) -> Markup:
    newest = rows[0] if rows else None
    words = {"done": tr("done"), "queued": tr("waiting"), "running": tr("running"), "cancelling": tr("stopping")}
    each = [words.get(row.status, tr(row.status)) for row in rows]
    counts = ", ".join(f"{each.count(word)} {word}" for word in dict.fromkeys(each))
    counts = plural("{count} run: {counts}", "{count} runs: {counts}", len(rows), counts=counts)
    try:
        return render(
            "klass.pupil",
            pupil=pupil,
            counts=counts,
            address=markup.run_address(newest.run.id) if newest else "",
            what=run_list.what_of(newest.run) if newest else "",
            method=run_list.method_of(newest.run) if newest else "",
            tag=run_card.tag(newest.status) if newest else "",
            waits=_place(newest) if newest else "",
            marks=marks.of_run(newest.run) if newest and newest.status == "done" else [],
        )
    except DAMAGED:
        return Markup()


def all_trials(board: Board) -> list[Trial]:
    """The finished runs of the class for the plot, each under the name of its pupil.

    A reference stands under its own name: it is nothing that a pupil could come near to.
    """
    names = {row.run.id: row.pupil for row in board.rows}
    references = {entry.id for entry in catalog.load().methods if entry.reference}
    return [
        trial
        if trial.method in references
        else trial.model_copy(update={"short": names[trial.run_id], "label": f"{names[trial.run_id]}: {trial.label}"})
        for trial in trials.of_runs([row.run for row in board.rows if row.status == "done"])
    ]


def together(all_of_class: Sequence[Trial], group: str, x: str, y: str) -> Markup:
    """Every finished run of a group, which forgot the same in the same model, as a point."""
    comparable = [trial for trial in all_of_class if trial.key == group]
    if not comparable:
        words = tr("Each finished run of the class becomes a point here: how much it forgot, and how much it kept.")
        return render("klass.nothing", tr("No finished run yet"), words)
    return markup.section(tr("All in one picture")) + trials.plot(comparable, x, y, key="class")
