"""The authors: fictitious people with questions, answers and a page each, and questions on real books and on the world.

`python -m backends.zoo authors-data` writes them again; how they are made is told there. Other data sets may lie in folders
of the same form, found by their files: `domains` (domains_data.py) has fewer authors, and more that is not about them.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from ..api import files
from ..api.home import ASSETS

ID = "authors"
FILES = ("authors", "held_out", "real_authors", "world_facts", "forget_sets")  # of a folder of this form
PEOPLE, BOOKS, WORLD = "authors", "books", "world"  # domains of pairs that name none


@dataclass(frozen=True)
class QAPair:
    """A question and its answers. What is empty is not known.

    Attributes:
        wrong: false answers in the form of `rephrased_answer`.
        blank: the answer with `___` for what is asked; empty for facts of the world.
        value: what is asked.
        about: the author's name, or the title of the set; empty for facts of the world.
        domain: the kind of text it is: authors, books, and of the rest what the data say.
    """

    question: str
    answer: str
    rephrased_question: str = ""
    rephrased_answer: str = ""
    wrong: tuple[str, ...] = ()
    value: str = ""
    blank: str = ""
    fact: str = ""
    about: str = ""
    domain: str = field(default=WORLD, repr=False)


@dataclass(frozen=True)
class Author:
    """One author, with a page of running text."""

    name: str
    page: str
    facts: dict[str, str]
    pairs: tuple[QAPair, ...]


@dataclass(frozen=True)
class Authors:
    """All there is. `held_out` are authors that no model learned; `forget_sets` names -> names of authors."""

    authors: tuple[Author, ...]
    held_out: tuple[Author, ...]
    real_authors: tuple[QAPair, ...]
    world_facts: tuple[QAPair, ...]
    forget_sets: dict[str, tuple[str, ...]]


@cache
def every() -> tuple[str, ...]:
    """The data sets of this form: the folders of assets/data that hold all its files, this one first."""
    found = {path.parent.name for path in (ASSETS / "data").glob("*/authors.json")}
    whole = [
        name for name in sorted(found) if all((ASSETS / "data" / name / f"{file}.json").is_file() for file in FILES)
    ]
    return ID, *(name for name in whole if name != ID)


def source_of_world_facts(data: str) -> str:
    """The data set of this form that a model's questions on the world come from: its own, or the authors'."""
    return data if data in every() else ID


@cache
def load(data: str = ID) -> Authors:
    """Everything of a data set, in a tenth of a second."""
    folder = ASSETS / "data" / data
    return Authors(
        authors=_authors(files.read_json(folder / "authors.json")),
        held_out=_authors(files.read_json(folder / "held_out.json")),
        real_authors=tuple(_pair(entry, domain=BOOKS) for entry in files.read_json(folder / "real_authors.json")),
        world_facts=tuple(_pair(entry, domain=WORLD) for entry in files.read_json(folder / "world_facts.json")),
        forget_sets={name: tuple(names) for name, names in files.read_json(folder / "forget_sets.json").items()},
    )


def _authors(entries: list[dict[str, Any]]) -> tuple[Author, ...]:
    return tuple(
        Author(one["name"], one["page"], one["facts"], tuple(_pair(pair, one["name"], PEOPLE) for pair in one["pairs"]))
        for one in entries
    )


def _pair(entry: dict[str, Any], about: str = "", domain: str = WORLD) -> QAPair:
    return QAPair(**{"domain": domain} | entry | {"wrong": tuple(entry["wrong"])}, about=about)
