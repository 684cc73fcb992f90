"""How a job is said: by the stage of its method, or by what its target asks for."""

from collections.abc import Sequence

from . import catalog, families
from .catalog import Method
from .languages import later
from .marks import QUESTIONS
from .runs import RunFolder
from .stages import WORDS, Words


def words(method: Method | None, forget: Sequence[str], family: str) -> Words:
    """How a job is said.

    Args:
        method: None where it is not known any more.
        forget: its targets.
        family: id of the model's, empty where it is not known.
    """
    if method is not None and method.words is not None:
        return method.words
    stage = method.stage if method is not None else "forget"
    if stage == "forget" and family in families.every():
        stage = families.get(family).stage(forget)
    return WORDS[stage]


def of_run(run: RunFolder) -> Words:
    """How a run is said."""
    spec = run.spec
    method = next((entry for entry in catalog.load().methods if entry.id == spec.method), None)
    return words(method, spec.forgotten, families.of_run(run))


def questions(run: RunFolder) -> tuple[str, str, str]:
    """The questions of a run's three marks."""
    said = of_run(run)
    return later(said.question), later(said.rest) if said.rest else QUESTIONS[1], QUESTIONS[2]
