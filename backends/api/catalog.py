"""What there is, as one document: models, data, methods, metrics, inspectors, attacks, lessons.

The backend writes it as JSON (`python -m backends.catalog`), because only the backend can import what it describes.
It is kept in LETHE_HOME and made again when a source file has changed.
"""

import hashlib
import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from . import __version__, files, languages, optional_models, processes
from .attacked import TestKind
from .errors import BadInput, LetheError
from .home import home, ready_home
from .languages import later, tr
from .renamed import current
from .stages import Stage, Words
from .tuned_params import Tuned

Measures = Literal["forgetting", "privacy", "keeping", "cost", "other"]
Label = Literal["same algorithm, smaller model", "reconstruction from the abstract", "our extension"]
Kind = Literal["retain", "replace", "push", "edit", "hide"]
# Where in a model's life a method belongs: its name on a page, and a sentence on it.
STAGES: Final[dict[Stage, tuple[str, str]]] = {
    "protect": (later("Protect"), later("Before anybody trains: data that cannot be learned from.")),
    "learn": (later("Learn"), later("While a model is trained.")),
    "forget": (later("Forget"), later("Afterwards: something is taken out of a trained model.")),
    "repair": (later("Repair"), later("A model that was manipulated or damaged is set right.")),
}
# What a method does to a model: its name on a page, and a sentence on it.
KINDS: Final[dict[Kind, tuple[str, str]]] = {
    "retain": (later("trains on the rest"), later("It trains on the retain set, and what is not rehearsed fades.")),
    "replace": (
        later("teaches something else"),
        later("It trains on the forget set with other answers than the true ones, or with other inputs."),
    ),
    "push": (
        later("pushes it away"),
        later("It trains until the forget set is unlikely, without saying what to put in its place."),
    ),
    "edit": (
        later("edits weights"),
        later("It computes new weights from the old ones, without training towards a goal."),
    ),
    "hide": (later("hides it"), later("It leaves the weights as they are and puts something in front of them.")),
}


class Source(BaseModel):
    """Where an entry comes from: a paper, a repository, a licence."""

    title: str
    url: str = ""
    code: str = ""
    licence: str = ""


class Entry(BaseModel):
    """One thing that can be chosen. Everything a page says about it stands here, not in the page."""

    model_config = ConfigDict(extra="forbid")

    id: str
    title: str = Field(description="The field's name, and its abbreviation in brackets, as in Gradient ascent (GA).")
    summary: str = Field(description="What it does, in one plain sentence that can stand after the title and a colon.")
    source: Source
    works_with: dict[str, bool | str] = Field(description="By family: true, or the reason why not.")
    needs: tuple[str, ...] = Field(default=(), description="What it needs of a family; `works_with` follows from it.")
    order: int = Field(default=50, description="Lower comes first; the lowest that fits is recommended.")
    was: tuple[str, ...] = Field(default=(), description="Ids that it had before; they are accepted still.")

    @property
    def line(self) -> str:
        """Title and summary in one line: "Gradient ascent (GA): practises getting the forget set wrong."."""
        if ": " in self.title:  # it says what it does itself
            return f"{self.title}. {self.summary}"
        first = self.summary.partition(" ")[0]
        is_name = any(letter.isupper() for letter in first[1:])  # as NPO
        return f"{self.title}: {self.summary if is_name else self.summary[:1].lower() + self.summary[1:]}"


class Model(Entry):
    """An embedded model. `card` holds what a form needs: classes, the model's own confusion, recipe, measured accuracy."""

    family: str
    data: str
    default_forget: list[str]
    default_method: str
    card: dict[str, Any]
    tuned: list[Tuned] = []


class Data(Entry):
    """An embedded data set."""

    card: dict[str, Any]


class Method(Entry):
    """An unlearning method. `guard` is True where the weights stay as they were."""

    params: dict[str, Any] = Field(description="JSON Schema.")
    short: str = Field(description="The field's abbreviation, as GA, or its name where it has none: for tight places.")
    school: str = Field(description="One sentence for a school child.")
    student: str = Field(description="One paragraph for a student.")
    label: Label
    kind: Kind = Field(description="What it does to a model, a key of KINDS.")
    stage: Stage = Field(default="forget", description="Where in a model's life it belongs, a key of STAGES.")
    words: Words | None = Field(default=None, description="How its jobs are said, where not as others of its stage.")
    departures: str = Field(default="", description="Where the code departs from the paper, in words.")
    variant_of: str = Field(default="", description="Id of the method that this is, for other families of models.")
    guard: bool = False
    teaches: bool = Field(
        default=False,
        description="It changes what the model learns from: later jobs start from its model as theirs before.",
    )
    finds: bool = Field(default=False, description="It finds a forget set that other methods can be run on (run:ID).")
    reference: bool = Field(default=False, description="Its result is the retrained reference for the same forget set.")


class Metric(Entry):
    """A number. `direction` says what is better; "reference": as near to the retrained reference as possible."""

    unit: str
    direction: Literal["higher", "lower", "reference"]
    short: str = Field(default="", description="The field's abbreviation, as in UA.")
    departures: str = Field(default="", description="Where the code departs from the paper, in words.")
    measures: Measures = Field(default="other", description="Of which set, or of what, it tells something.")
    forgets: Literal["higher", "lower", ""] = Field(
        default="", description="Which way is more forgotten, where `direction` is the retrained reference."
    )
    most: float | None = Field(default=None, description="Its largest value where the unit does not say (100 for %).")
    enough: float | None = Field(default=None, description="From here on it is as good as at its goal.")

    @property
    def better(self) -> Literal["higher", "lower", ""]:
        """Which way is more forgotten, more kept or less spent; empty where neither way is."""
        return self.forgets or ("" if self.direction == "reference" else self.direction)

    @property
    def span(self) -> float | None:
        """The distance from its smallest to its largest value, by which it is compared with others; None where it has no end."""
        return self.most if self.most is not None else 100.0 if self.unit == "%" else None


LookGroup = Literal["change", "sees", "there", "attacker"]


class Look(Entry):
    """A look into a finished run, an inspector's or an attack's. Its result is a list of panels. No two have one id."""

    kind: ClassVar[
        Literal["inspect", "attack", "test"]
    ]  # the live operation that does it; of the first two the folder of what it finds

    params: dict[str, Any]
    switches: bool = Field(default=False, description="Vectors of the model can be switched off beside it, live.")
    group: LookGroup = Field(
        default="attacker",
        description="Its question: where did it change, what does it see and say, is it still there, could an attacker tell.",
    )
    quick: bool = Field(default=False, description="It takes so little that it is done without being asked for.")


class Inspector(Look):
    """A look at what a model keeps inside."""

    kind = "inspect"


class Attack(Look):
    """A try to bring back what was forgotten."""

    kind = "attack"

    test: TestKind = Field(description="What kind of test it is; the court wants several kinds.")
    counts: bool = Field(
        default=True, description="The court weighs it; what needs the original's weights only explains."
    )


class TestSet(Look):
    """Several attacks on a run, one after the other."""

    kind = "test"
    __test__ = False  # no test of pytest's

    deep: bool


# Both are made of the attacks there are, so they are no entries of the catalog's document.
TESTS: Final = tuple(
    TestSet(id=name, title=title, summary=summary, source=Source(title="Lethe"), works_with={}, params={}, deep=deep)
    for name, title, summary, deep in (
        (
            "quick_tests",
            later("Quick tests"),
            later("Makes the attacks that take seconds, one after the other."),
            False,
        ),
        ("all_tests", later("All tests"), later("Makes every attack that fits the run, one after the other."), True),
    )
)


class Lesson(BaseModel):
    """A lesson of the classroom; `minutes` is how long it takes to read and to answer its questions."""

    id: str
    title: str
    summary: str
    minutes: int = 0


class Catalog(BaseModel):
    """Everything there is."""

    models: list[Model]
    data: list[Data]
    methods: list[Method]
    metrics: list[Metric]
    inspectors: list[Inspector]
    attacks: list[Attack]
    lessons: list[Lesson]

    @property
    def looks(self) -> list[Look]:
        """What can be looked at inside a finished run."""
        return [*self.inspectors]

    def look(self, entry_id: str) -> Look:
        """An inspector, an attack or a set of attacks.

        Raises:
            BadInput: there is none of that id; the sentence lists the inspectors.
        """
        tests = next((one for one in TESTS if one.id == entry_id), None)
        if tests is not None:
            return tests
        kind = "attacks" if any(entry.id == entry_id for entry in self.attacks) else "inspectors"
        entry: Look = self.get(kind, entry_id)
        return entry

    def get(self, kind: str, entry_id: str) -> Any:
        """The entry of that id, or that had it before, among `models`, `methods`, `metrics`, `inspectors`, `attacks`, `data`.

        Raises:
            BadInput: there is none; the sentence lists those there are.
        """
        entries, entry_id = getattr(self, kind), current(kind, entry_id)
        if kind == "models":
            optional_models.check(entry_id)
        for entry in entries:
            if entry.id == entry_id:
                return entry
        short_id = entry_id if len(entry_id) <= 60 else entry_id[:60] + "…"
        raise BadInput(
            f"There is no {kind[:-1]} {short_id!r}; choose one of {', '.join(entry.id for entry in entries)}."
        )


def _fingerprint() -> str:
    """Changes when any source file the catalog is drawn from changes."""
    digest = hashlib.sha256(__version__.encode())
    for folder in ("backends", "pages/classroom", "assets"):
        for path in sorted(
            path for name in ("*.py", "card.json", "tuned.json") for path in (processes.ROOT / folder).rglob(name)
        ):
            stat = path.stat()
            digest.update(f"{path.relative_to(processes.ROOT)}:{stat.st_size}:{stat.st_mtime_ns}".encode())
    return digest.hexdigest()[:16]


def _path() -> Path:
    return home() / "cache" / f"catalog-{_fingerprint()}.json"


def prepare() -> subprocess.Popen[str] | None:
    """Start making the catalog in another process where there is none yet; `load` waits for it."""
    path = _path()
    if path.exists():
        return None
    environment = processes.environment(CUDA_VISIBLE_DEVICES=os.environ.get("CUDA_VISIBLE_DEVICES", ""))
    return subprocess.Popen(
        processes.command("backends.catalog", str(path)), env=environment, stderr=subprocess.PIPE, text=True
    )


def load() -> Catalog:
    """The catalog, made first where it is missing or out of date, with the models that were pulled.

    Raises:
        OutOfReach: the home cannot be written.
        LetheError: the backend could not make it; the sentence names the last thing it said.
    """
    return _spoken(optional_models.mark(), languages.current())


SPOKEN: Final = (
    "title",
    "summary",
    "school",
    "student",
    "departures",
    "works_with",
    "params",
)  # fields of entries that a person reads
SPOKEN_PARAMS: Final = ("description",)  # of the schema of a parameter


@cache
def _spoken(mark: tuple[tuple[str, int], ...], language: str) -> Catalog:
    """The catalog as it is in a language."""
    plain = _with_pulled(mark)
    if language == languages.ENGLISH:
        return plain
    kinds = {kind: [_entry_spoken(entry) for entry in getattr(plain, kind)] for kind in type(plain).model_fields}
    return plain.model_copy(update=kinds)


def _entry_spoken(entry: Any) -> Any:
    fields = {name: _text_spoken(getattr(entry, name), name) for name in SPOKEN if hasattr(entry, name)}
    return entry.model_copy(update=fields)


def _text_spoken(value: Any, name: str) -> Any:
    """What a field says: of a schema the sentences on its parameters, of anything else every text."""
    if isinstance(value, dict):
        return {
            key: _text_spoken(one, key if name == "params" and key in SPOKEN_PARAMS else name)
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [_text_spoken(one, name) for one in value]
    return tr(value) if isinstance(value, str) and name != "params" else value


@cache
def _with_pulled(mark: tuple[tuple[str, int], ...]) -> Catalog:
    """What came with Lethe, and the models that were pulled; `mark` tells which."""
    shipped = _shipped()
    models = [*shipped.models, *(_optional(name) for name, _ in mark)]
    return shipped.model_copy(update={"models": sorted(models, key=lambda entry: (entry.order, entry.id))})


def _optional(model: str) -> Model:
    """A pulled model, by the card in its folder and the settings that this version knows for it."""
    card = files.read_json(optional_models.folder(model) / "card.json")
    return Model(
        id=model,
        works_with={card["family"]: True},
        card=card,
        tuned=files.read_json(optional_models.OPTIONAL / model / "tuned.json", []),
        **{name: card[name] for name in ("title", "summary", "source", "order", "family", "data", "default_forget")},
        default_method=card["default_method"],
    )


@cache
def _shipped() -> Catalog:
    path = _path()
    making = prepare()
    if making is not None:
        _, stderr = making.communicate()
        if making.returncode:
            ready_home()  # where that is what went wrong, it says so
            lines = stderr.strip().splitlines()
            raise LetheError(f"The catalog could not be made: {lines[-1] if lines else 'its process ended early'}")
    return Catalog.model_validate(files.read_json(path))
