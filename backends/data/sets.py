"""Sets of questions that came with a model, as assets/data/<id>/sets.json has them.

{"paris": {"title": "Paris", "near": ["rome"], "pairs": [{"question", "answer", "rephrased_question", …}, …]}, …}
"""

from dataclasses import dataclass
from functools import cache

from ..api import files
from ..api.home import ASSETS
from .authors import QAPair


@dataclass(frozen=True)
class QuestionSet:
    """Questions about one thing; `near` names other sets, nearest first."""

    title: str
    near: tuple[str, ...]
    pairs: tuple[QAPair, ...]


@cache
def load(data: str) -> dict[str, QuestionSet]:
    """The sets of an embedded data set by name; none where it holds none."""
    entries = files.read_json(ASSETS / "data" / data / "sets.json", {}) if data else {}
    return {
        name: QuestionSet(
            one["title"],
            tuple(one.get("near", ())),
            tuple(
                QAPair(**{**entry, "wrong": tuple(entry.get("wrong", ()))}, about=one["title"])
                for entry in one["pairs"]
            ),
        )
        for name, one in entries.items()
    }
