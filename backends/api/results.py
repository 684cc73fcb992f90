"""Names and shapes of what a finished run wrote, for those who only read."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class Measured(BaseModel):
    """One metric of a run. NaN is "not measured"; `reference` is None where there is no retrained reference."""

    model_config = ConfigDict(ser_json_inf_nan="strings")

    before: float
    after: float
    reference: float | None = None
    unit: str
    direction: Literal["higher", "lower", "reference"]
    title: str = ""
    short: str = ""
    parts: dict[str, dict[str, float]] = {}  # "before" | "after" | "reference" -> name -> value


class Subject(BaseModel):
    """What a verdict has to know of a job beyond its numbers. It is kept in result.json.

    Attributes:
        what: is to be forgotten, in words.
        by_class: whole classes of a classifier, by name; empty where single images are.
        people: whether those to be forgotten are people.
        other_kind: of a model that draws, the kind of what is not its own: "styles".
        guard: the method leaves the weights as they are.
        unchanged: not one tensor of the model moved.
        again: the method is training again itself.
        corrects: what was done to the training images, in words, where that is to be undone.
        manipulates: the same, where the job did it and trained on them.
        guides: the model learned beside a guide; nothing was to be forgotten.
        protects: the forget set was to be kept from being learned; the unlearned model is an attacker's who trained on it.
    """

    model_config = ConfigDict(frozen=True)

    family: str
    what: str
    by_class: tuple[str, ...] = ()
    people: bool = False
    other_kind: str = "the other kind"
    guard: bool = False
    unchanged: bool = False
    again: bool = False
    corrects: str = ""
    protects: bool = False
    manipulates: str = ""
    guides: bool = False


class Fitted(BaseModel):
    """What a job did to fit into the memory; the result is that of whole batches with everything kept.

    Attributes:
        rows: of a batch in one pass; 0 for all.
        of: rows of the largest batch, where `rows` is not 0.
        layers_again: layers were computed a second time for their gradient instead of kept.
        rests: what no step needs waited outside the device.
        train: what learned, where it was not the model's own weights: "low-rank layers".
    """

    rows: int = 0
    of: int = 0
    layers_again: bool = False
    rests: bool = False
    train: str = ""

    def words(self) -> list[str]:
        """What was done, as clauses; none where everything fitted as it is."""
        clauses = [f"{self.rows} of {self.of} rows of a batch were computed at a time"] if self.rows else []
        clauses += ["layers were computed again for their gradient"] if self.layers_again else []
        return clauses + (["what no step needs waited outside the GPU's memory"] if self.rests else [])


class Result(BaseModel):
    """result.json."""

    model_config = ConfigDict(ser_json_inf_nan="strings")

    run_id: str
    status: Literal["done"]
    family: str = ""  # empty in those of earlier versions
    model: str
    method: str
    params: dict[str, Any]
    forget: list[str]
    keep: list[str]
    seed: int
    seconds: float
    metrics: dict[str, Measured]
    verdict: str
    about: Subject | None = None
    device: str
    precision: str
    threads: int
    versions: dict[str, str]
    peak_memory: int
    forget_count: int
    forget_key: str
    reference_key: str = (
        ""  # forget_key of what the retrained reference was made without; empty in runs of an earlier version
    )
    reference: str = ""
    commit: str = ""  # of a model of the Hub, whatever revision was named
    fitted: Fitted | None = None  # None in those of earlier versions
    notes: list[str] = []  # how model and data were read, and that hardly anything moved, where that has to be clauses
