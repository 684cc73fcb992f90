"""A run in Python: what was asked, what was measured, what its models are asked, and what is taken away."""

import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from app import terminal
from backends.api.errors import BadInput
from backends.api.results import Measured
from backends.api.runs import RunFolder
from backends.api.spec import JobSpec, Status

from . import _warm
from ._html import paragraphs, table
from ._progress import Hears, Progress

if TYPE_CHECKING:
    from plotly.graph_objects import Figure
    from torch import nn

    from backends.api.court import Trial
    from backends.api.panels import AnyPanel

Which = Literal["original", "unlearned", "reference"]
WHENS: Final[dict[Which, Literal["before", "after", "reference"]]] = {
    "original": "before",
    "unlearned": "after",
    "reference": "reference",
}
PORT: Final = 7860


@dataclass(frozen=True)
class Comparison:
    """The original model, the unlearned one and the retrained reference, side by side.

    Attributes:
        metrics: by id, each with before, after, reference, unit and direction; NaN is "not measured".
        samples: the items that were watched, by id: `before` and `after`, what the model made of each.
        rows: the metrics as a person reads them.
    """

    metrics: dict[str, Measured]
    samples: dict[str, dict[str, Any]]
    rows: Sequence[tuple[str, ...]] = field(repr=False)

    def __repr__(self) -> str:
        from app.finished import HEADS

        return "\n".join(terminal.table(HEADS, self.rows))

    def _repr_html_(self) -> str:
        from app.finished import HEADS

        return table(HEADS, self.rows)


@dataclass(frozen=True)
class Look:
    """What an inspector or an attack finds in a run.

    Attributes:
        what: its id.
        settings: what it was made with.
        panels: what it shows, each with a title and its data.
        folder: the folder that pictures of panels are named relative to.
    """

    what: str
    settings: dict[str, Any]
    panels: "list[AnyPanel]"
    folder: Path

    def figures(self) -> "list[Figure]":
        """The panels that are charts, as figures of plotly."""
        from plotly.graph_objects import Figure

        from app.figures import figure

        drawings = (figure(panel, self.folder) for panel in self.panels)
        return [drawing for drawing in drawings if isinstance(drawing, Figure)]

    def __repr__(self) -> str:
        return "\n".join(f"{title}\n  {sentence}" for title, sentence in self._lines())

    def _repr_html_(self) -> str:
        return table((self.what, ""), self._lines())

    def _lines(self) -> list[tuple[str, str]]:
        return [(panel.title, panel.says or panel.how) for panel in self.panels]


@dataclass(frozen=True)
class Judgement:
    """Whether what a run forgot is really gone, by every test that was made.

    Attributes:
        word: erased, hidden, still there, filter, damaged, never knew or cannot tell.
        reasons: why, in short sentences.
        settles: what would settle it; empty where it is decided.
        tests: every test, with how much each model had of it.
        failed: tests that could not be made, and why.
        unfit: tests that do not fit the run, and why.
        rows: the tests as a person reads them.
    """

    word: str
    reasons: tuple[str, ...]
    settles: str
    tests: "tuple[Trial, ...]"
    failed: dict[str, str]
    unfit: dict[str, str]
    rows: Sequence[tuple[str, ...]] = field(repr=False)

    def __repr__(self) -> str:
        from app.finished import TEST_HEADS

        return "\n".join([*self._sentences(), "", *terminal.table(TEST_HEADS, self.rows)])

    def _repr_html_(self) -> str:
        from app.finished import TEST_HEADS

        return paragraphs(self._sentences()) + table(TEST_HEADS, self.rows)

    def _sentences(self) -> list[str]:
        return [
            sentence
            for sentence in (f"{self.word[:1].upper()}{self.word[1:]}.", *self.reasons, self.settles)
            if sentence
        ]


class Run:
    """One run: a job that a model went through, with everything that was measured and found. It lies in a folder, and that is read."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder

    @property
    def id(self) -> str:
        """Its id, which the studio and the command line know it by."""
        return self._folder.id

    @property
    def folder(self) -> Path:
        """Where everything about it lies."""
        return self._folder.path

    @property
    def spec(self) -> JobSpec:
        """What was asked for."""
        return self._folder.spec

    @property
    def status(self) -> Status:
        """Where it stands: queued, running, cancelling, cancelled, failed or done."""
        return self._folder.state.status

    @property
    def result(self) -> dict[str, Any]:
        """result.json: seconds, device, versions and the rest.

        Raises:
            BadInput: it is not done.
        """
        return self._done().result or {}

    @property
    def metrics(self) -> dict[str, Measured]:
        """What was measured, by metric id: before, after, reference, unit, direction. NaN is "not measured"; empty where it is not done."""
        return {name: Measured.model_validate(one) for name, one in self._folder.metrics.items()}

    @property
    def verdict(self) -> str:
        """What happened, in one sentence; empty where it is not done."""
        from backends.api import verdict

        return verdict.of_run(self._folder)

    def _done(self) -> RunFolder:
        from app import finished

        return finished.find(self.id)

    def compare(self) -> Comparison:
        """The original model, the unlearned one and the retrained reference side by side.

        Raises:
            BadInput: the run is not done.
        """
        from app import finished

        self._done()
        each = self._folder.samples()
        last = {item["id"]: item for item in each[-1]["items"]} if each else {}
        samples = {
            item["id"]: {"before": item, "after": last[item["id"]]}
            for item in (each[0]["items"] if each else ())
            if item["id"] in last
        }
        return Comparison(self.metrics, samples, finished.rows(self.result))

    def inspect(self, inspector: str, /, **settings: Any) -> Look:
        """Look inside, by an inspector of `lethe.inspectors()`: which weights moved, what the model attends to, and so on.

        Raises:
            BadInput: there is no such inspector, it does not fit, or the run is not done.
        """
        return self._look("inspectors", "inspect", "inspector", inspector, settings)

    def attack(self, attack: str, /, **settings: Any) -> Look:
        """Try to bring back what was forgotten, by an attack of `lethe.attacks()`.

        Raises:
            BadInput: there is no such attack, it does not fit, or the run is not done.
        """
        return self._look("attacks", "attack", "attack", attack, settings)

    def _look(self, kind: str, op: str, argument: str, entry_id: str, settings: dict[str, Any]) -> Look:
        from app import finished
        from backends.api.panels import Found

        run = self._done()
        entry, complete = finished.request(kind, entry_id, settings)
        answer = _warm.ask(op, run=run.id, params=complete, joins=True, **{argument: entry.id})
        panels = Found.model_validate(answer).panels
        return Look(entry.id, answer["params"], panels, Path(answer["root"]))

    def test(self, *, deep: bool = False, progress: Hears | bool = True) -> Judgement:
        """Try to bring back what was forgotten in every way that takes seconds, with `deep` in every way there is, and judge.

        Args:
            deep: make the attacks that take minutes too.
            progress: as for `unlearn`; step and of count hundredths of an attack.

        Raises:
            BadInput: the run is not done.
            LetheError: too few tests could be made to say anything, and why.
        """
        from app import finished

        run = self._done()
        tried = _warm.stream("test", _listener(progress), run=run.id, deep=deep, joins=True)
        judged = finished.judgement(run, tried)
        failed, unfit, rows = tried["failed"], tried["unfit"], finished.test_rows(judged)
        return Judgement(judged.word, judged.reasons, judged.settles, judged.tests, failed, unfit, rows)

    def ask(self, question: str) -> dict[str, str]:
        """What the model answers to a question in words, `original` and `unlearned`.

        Raises:
            BadInput: the run is not done, or its models answer no questions in words.
        """
        answer = _warm.ask("answer", run_or_model=self._done().id, question=question)
        return {which: answer[when]["said"] for which, when in WHENS.items() if when in answer}

    def model(self, which: Which = "unlearned") -> "nn.Module":
        """The original model, the unlearned one, or the retrained reference, as a module of torch in eval mode.

        It is a copy of its own, on this machine's device; torch is loaded here, and set to as many threads as jobs have.

        Raises:
            BadInput: the run is not done, or has no retrained reference.
        """
        if which not in WHENS:
            raise BadInput(f"which was {which!r}; it can be {', '.join(WHENS)}.")
        self._done()
        from ._weights import load

        model = load(self.id, WHENS[which])
        if model is None:
            raise BadInput(f"Run {self.id} has no retrained reference; train one for the same forget set first.")
        return model

    def export(self, to: str | Path) -> Path:
        """Write the unlearned model as a folder that `from_pretrained` loads; its README.md says how. Returns the folder.

        Raises:
            BadInput: the run is not done, or the folder exists and is not empty.
        """
        from app import finished

        run, path = self._done(), Path(to).expanduser()
        finished.check_export(path)
        return Path(_warm.ask("export", run=run.id, to=str(path.resolve()))["to"])

    def card(self, to: str | Path) -> Path:
        """Write the unlearning card: one HTML file that opens offline, or, for a name that ends in .json, its numbers. Returns the file.

        Raises:
            BadInput: the run is not done, the name ends in something else, or its folder does not exist.
        """
        from app import finished

        path = Path(to).expanduser()
        finished.write_card(self._done(), path)
        return path

    def show(self, port: int = PORT) -> str:
        """The address of its page in the studio on this machine; where none answers there, it says how to open one."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
                there = answer.read() == b"ok"
        except (urllib.error.URLError, OSError, ValueError):
            there = False
        if not there:
            more = "" if port == PORT else f" --port {port}"
            print(f"No studio answers at port {port}; `lethe serve{more}` opens one.", file=sys.stderr)
        return f"http://127.0.0.1:{port}/run?id={self.id}"

    def delete(self) -> None:
        """Remove it from disk, with everything it wrote.

        Raises:
            BadInput: it is running, or came with Lethe.
        """
        self._folder.delete()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and other.folder == self.folder

    def __hash__(self) -> int:
        return hash(self.folder)

    def _lines(self) -> list[str]:
        from backends.api import pairs

        spec, state = self.spec, self._folder.state
        targets = ", ".join(pairs.target_titles(spec.forget))[:200]
        about = f"Run {self.id}: {state.status}. {spec.model}, {spec.method}, forget {targets}, seed {spec.seed}."
        return [about, self.verdict or state.message]

    def __repr__(self) -> str:
        return "\n".join(filter(None, self._lines()))

    def _repr_html_(self) -> str:
        return paragraphs(self._lines()) + (self.compare()._repr_html_() if self._folder.result else "")


def _listener(progress: Hears | bool) -> Any:
    """What hears the pieces of a live operation: each phase once on standard error, or all of them by a function."""
    if callable(progress):
        return lambda piece: progress(
            Progress(str(piece.get("phase", "")), int(piece.get("done") or 0), int(piece.get("of") or 0))
        )
    last = ""

    def say(piece: dict[str, Any]) -> None:
        nonlocal last
        if progress and piece.get("phase", last) != last:
            last = piece["phase"]
            terminal.say(last)

    return say
