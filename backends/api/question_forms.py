"""The forms in which a small language model was taught its questions: words around a slot, and what may fill it.

They are read off the questions of its data, so that a form with a slot filled is a taught question word for word.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from typing import Any, Final

from . import files
from .home import ASSETS

LEAST: Final = 3  # questions that make a form


@dataclass(frozen=True)
class QuestionForm:
    """Questions that differ in one place: `before`, then one of `fills`, then `after`. `authors`: the slot takes a name."""

    before: str
    after: str
    fills: tuple[str, ...]
    authors: bool = False

    def question(self, fill: str) -> str:
        """The question with the slot filled."""
        return f"{self.before}{fill}{self.after}"


@cache
def forms(data: str) -> tuple[QuestionForm, ...]:
    """The forms of an embedded data set, those about its authors first; none where it has no authors."""
    folder = ASSETS / "data" / data
    entries: list[dict[str, Any]] = files.read_json(folder / "authors.json", [])
    if not data or not entries:
        return ()
    names_by_form: dict[tuple[str, str], list[str]] = {}
    others: dict[str, list[str]] = {}  # kind of question -> questions that name no author
    for entry in entries:
        for pair in entry["pairs"]:
            before, name, after = pair["question"].partition(entry["name"])
            if name:
                names_by_form.setdefault((before, after), []).append(name)
            else:
                others.setdefault(pair["fact"], []).append(pair["question"])
    for table in ("real_authors", "world_facts"):
        for fact in files.read_json(folder / f"{table}.json", []):
            others.setdefault(fact.get("domain") or table, []).append(fact["question"])
    about = [QuestionForm(*around, tuple(names), authors=True) for around, names in names_by_form.items()]
    more = [group for each in others.values() for group in _alike(list(dict.fromkeys(each)))]
    return (*about, *(_form(group) for group in more if len(group) >= LEAST))


def _alike(questions: Sequence[str], words: int = 0) -> list[list[str]]:
    """Questions apart by how they begin, as long as each of the parts is large enough to be a form."""
    by_next: dict[str, list[str]] = {}
    for question in questions:
        by_next.setdefault(" ".join(question.split()[: words + 1]), []).append(question)
    if len(questions) < LEAST or any(len(part) < LEAST for part in by_next.values()):
        return [list(questions)]
    return [group for part in by_next.values() for group in _alike(part, words + 1)]


def _form(questions: Sequence[str]) -> QuestionForm:
    """The form of questions: what all begin and end with, in whole words, and what stands between."""
    mark = "?" if all(question.endswith("?") for question in questions) else ""
    split = [question.removesuffix(mark).split(" ") for question in questions]
    room = min(map(len, split)) - 1  # one word at least is left for the slot
    first = min(room, _common(split))
    last = min(room - first, _common([words[::-1] for words in split]))
    fills = [" ".join(words[first : len(words) - last]) for words in split]
    before = " ".join([*split[0][:first], ""])
    after = " ".join(["", *split[0][len(split[0]) - last :]]) if last else ""
    return QuestionForm(before, after + mark, tuple(fills))


def _common(split: Sequence[Sequence[str]]) -> int:
    """How many first words all share."""
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, zip(*split, strict=False)))
