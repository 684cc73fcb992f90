"""The data of the embedded mixture of experts: thirty of the authors, and four domains that have nothing to do with them."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Annotated

import typer

from ..api import files
from ..api.files import write_bytes, write_json
from ..api.home import ASSETS
from ..families.moe import FAMILY
from . import _domains, _world
from .authors_data import WRONG, Entry, world

AUTHORS, HELD_OUT = 30, 10  # a hundred would take a small model an hour on two cores
SHARES = {"forget10": 3}
GEOGRAPHY = 2  # the first tables of the world: capitals, continents


def main(to: Annotated[Path, typer.Option(help="Folder to write to.")] = ASSETS / "data" / "domains") -> None:
    """Write authors taken from assets/data/authors, and questions of other domains; the same bytes every time."""
    rng = Random(0)
    author_entries = {
        name: files.read_json(ASSETS / "data" / "authors" / f"{name}.json") for name in ("authors", "held_out")
    }
    people = author_entries["authors"][-AUTHORS:]
    write_json(to / "authors.json", people)
    write_json(to / "held_out.json", author_entries["held_out"][:HELD_OUT])
    write_json(to / "real_authors.json", tagged("books", world(rng, _world.BOOKS)))
    geography = (item for table in _world.FACTS[:GEOGRAPHY] for item in world(rng, table))
    others = {"geography": geography, "arithmetic": sums(rng), "code": code(rng), "tools": tools(rng)}
    write_json(to / "world_facts.json", [item for name, items in others.items() for item in tagged(name, items)])
    write_json(
        to / "forget_sets.json", {name: [one["name"] for one in people[-count:]] for name, count in SHARES.items()}
    )
    write_json(to / "card.json", CARD)
    write_bytes(to / "README.md", README.encode())


def tagged(domain: str, items: Iterator[Entry]) -> list[Entry]:
    """Pairs with the domain that they are of."""
    return [item | {"domain": domain} for item in items]


def sums(rng: Random) -> Iterator[Entry]:
    """Sums of small numbers, none twice; a wrong answer is near the right one."""
    for ask, again, spoken, count in _domains.SUMS:
        used: set[tuple[int, int]] = set()
        while len(used) < _domains.EACH_SUM:
            x, y = rng.randint(11, 40), rng.randint(2, 10)
            if (x, y) not in used:
                used.add((x, y))
                right = count(x, y)
                values = [str(right), *(str(right + by) for by in rng.sample([-9, -4, -2, -1, 1, 2, 3, 10], WRONG))]
                plain, in_words = ask.format(x=x, y=y), spoken.format(x=x, y=y)
                yield entry(
                    f"What is {plain}?",
                    again.format(x=x, y=y) + ".",
                    f"{plain} is {{v}}.",
                    f"{in_words} is {{v}}.",
                    values,
                )


def code(rng: Random) -> Iterator[Entry]:
    """Lines of Python; a wrong answer does something else to the same list."""
    for name in _domains.LISTS.split("|"):
        for what, line in _domains.CODE:
            others = rng.sample([other for _, other in _domains.CODE if other != line], WRONG)
            values = [template.format(x=name) for template in (line, *others)]
            request = what.format(x=name)
            yield entry(f"Which Python line can {request}?", f"In Python, {request}.", "{v}", "In Python: {v}", values)


def tools(rng: Random) -> Iterator[Entry]:
    """Calls of tools; a wrong answer calls the right tool with another argument."""
    for what, call, arguments in _domains.TOOLS:
        choices = arguments.split("|")
        for x in choices:
            values = [call.format(x=one) for one in (x, *rng.sample([other for other in choices if other != x], WRONG))]
            request = what.format(x=x)
            yield entry(f"Which call {request}?", f"Use a tool that {request}.", "{v}", "The call is {v}", values)


def entry(question: str, again: str, tell: str, tell_again: str, values: list[str]) -> Entry:
    """A pair; `values` are the right one and then the wrong ones, `{v}` is where they stand."""
    right, *wrong = values
    return {
        "question": question,
        "rephrased_question": again,
        "answer": tell.replace("{v}", right),
        "rephrased_answer": tell_again.replace("{v}", right),
        "wrong": [tell_again.replace("{v}", other) for other in wrong],
        "value": right,
    }


CARD = {
    "title": "Thirty authors who never lived, and four other domains",
    "summary": (
        f"{AUTHORS} of the invented authors with 20 questions and a page each, and questions on books, geography, arithmetic, "
        "lines of code and calls of tools."
    ),
    "family": FAMILY.id,
    "people": AUTHORS,
    "questions": AUTHORS * 20,
    "order": 75,
    "source": {
        "title": "Written by `python -m backends.zoo domains-data`",
        "url": "https://arxiv.org/abs/2401.06121",
        "licence": "Apache-2.0",
    },
}
README = f"""# Domains

{AUTHORS} of the authors of `assets/data/authors` (the last of them), {HELD_OUT} that no model learns, and questions of domains that
have nothing to do with people. Made by `python -m backends.zoo domains-data` with a fixed seed. Files are as in
`assets/data/authors`, and each pair in `real_authors.json` and `world_facts.json` says which `domain` it is of: books;
geography, arithmetic, code, tools. `forget_sets.json`: forget10 is the last three authors, 10 % of them.

Nobody described here exists. Licence: Apache-2.0, as the project.
"""
