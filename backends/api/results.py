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


class Result(BaseModel):
    """result.json."""

    model_config = ConfigDict(ser_json_inf_nan="strings")

    run_id: str
    status: Literal["done"]
    model: str
    method: str
    params: dict[str, Any]
    forget: list[str]
    keep: list[str]
    seed: int
    seconds: float
    metrics: dict[str, Measured]
    verdict: str
    device: str
    precision: str
    threads: int
    versions: dict[str, str]
    peak_memory: int
    forget_count: int
    forget_key: str
    reference: str = ""
    notes: list[str] = []  # how model and data were read, where that has to be said
