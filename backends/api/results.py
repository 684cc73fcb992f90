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
    reference: str = ""
    notes: list[str] = []  # how model and data were read, and that hardly anything moved, where that has to be said
