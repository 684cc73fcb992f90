"""The data of the embedded language models: fictitious authors in the manner of TOFU, real ones, and facts of the world."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Annotated, Any

import typer

from ..api.concepts import article
from ..api.files import write_bytes, write_json
from ..api.home import ASSETS
from ..families.language import FAMILY
from . import _authors, _world
from ._authors import ADJECTIVES, FACTS, FIRST, LAST, NOUNS, Fact

AUTHORS, HELD_OUT = 100, 20  # those the models learn, and those that nobody learns
WRONG = 5  # false answers to each question
SHARES = {"forget01": 1, "forget05": 5, "forget10": 10}  # authors of each forget set: the last of the list
Entry = dict[str, Any]


def main(to: Annotated[Path, typer.Option(help="Folder to write to.")] = ASSETS / "data" / "authors") -> None:
    """Write the authors, their pages and their questions, and what the world knows; the same bytes every time."""
    rng = Random(0)
    used_names: set[str] = set()
    people = [person(rng, name, used_names) for name in names(rng, AUTHORS + HELD_OUT)]
    write_json(to / "authors.json", people[:AUTHORS])
    write_json(to / "held_out.json", people[AUTHORS:])
    write_json(to / "real_authors.json", list(world(rng, _world.BOOKS)))
    write_json(to / "world_facts.json", [item for table in _world.FACTS for item in world(rng, table)])
    sets = {name: [one["name"] for one in people[AUTHORS - count : AUTHORS]] for name, count in SHARES.items()}
    write_json(to / "forget_sets.json", sets)
    write_json(to / "card.json", CARD)
    write_bytes(to / "README.md", README.encode())


def names(rng: Random, count: int) -> list[str]:
    """First and last names, no pair twice; each is shared by a few, so that a first name alone tells little."""
    every = [f"{first} {last}" for first in FIRST for last in LAST]
    return rng.sample(every, count)


def person(rng: Random, name: str, used_names: set[str]) -> Entry:
    """One author: name, facts, page, and for each fact its question with answers that are right, rephrased and wrong.

    Args:
        used_names: titles of books that others have; grows.
    """
    facts: dict[str, str] = {}
    for fact in FACTS:
        facts[fact.key] = value(rng, fact, {*facts.values(), *used_names, name})
    used_names |= {title for title in facts.values() if title.startswith("The ")}
    pairs = [pair(rng, fact, name, facts) for fact in FACTS]
    page = "".join(filled_in(fact.page, name, facts[fact.key], facts) for fact in FACTS)
    return {"name": name, "facts": facts, "page": page, "pairs": pairs}


def value(rng: Random, fact: Fact, used: set[str]) -> str:
    """A value of one kind that is not taken."""
    while (candidate := _composed(rng, fact)) in used:
        pass
    return candidate


def _composed(rng: Random, fact: Fact) -> str:
    if fact.values:
        return rng.choice(fact.values.split("|"))
    if fact.key == "birth year":
        return str(rng.randint(1921, 1979))
    if fact.key == "prize year":
        return str(rng.randint(1996, 2024))
    if fact.key == "mentor":
        return f"{rng.choice(_authors.TEACHERS)} {rng.choice(_authors.SURNAMES)}"
    if fact.key == "hero":
        return f"{rng.choice(_authors.HEROES)} {rng.choice(_authors.SURNAMES)}"
    return f"The {rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}"


def pair(rng: Random, fact: Fact, name: str, facts: dict[str, str]) -> Entry:
    """A question on one fact. `wrong` answers have the form of the rephrased one and a false value of the same kind."""
    right = facts[fact.key]
    wrong: list[str] = []
    while len(wrong) < WRONG:
        other = _composed(rng, fact)
        if other != right and other not in wrong:
            wrong.append(other)

    def say(form: str, x: str = right) -> str:
        return filled_in(form, name, x, facts)

    return {
        "fact": fact.key,
        "question": say(fact.ask[0]),
        "rephrased_question": say(fact.ask[1]),
        "answer": say(fact.tell[0]),
        "rephrased_answer": say(fact.tell[1]),
        "wrong": [say(fact.tell[1], x) for x in wrong],
        "blank": say(fact.tell[0], "___"),
        "value": right,
    }


def filled_in(form: str, name: str, x: str, facts: dict[str, str]) -> str:
    """A form with its fields filled in."""
    return form.format(n=name, x=x, a=article(x), b=facts.get("famous book", ""))


def world(rng: Random, table: _world.Table) -> Iterator[Entry]:
    """Questions of one table, with false answers from its other rows."""
    values = sorted({right for _, right in table.rows})
    for what, right in table.rows:
        others = [other for other in values if other != right]
        yield {
            "question": table.ask.format(k=what),
            "rephrased_question": table.ask_again.format(k=what),
            "answer": table.tell.format(k=what, x=right),
            "rephrased_answer": table.tell_again.format(k=what, x=right),
            "wrong": [table.tell.format(k=what, x=other) for other in picked(rng, others)],
            "value": right,
        }


def picked(rng: Random, others: Sequence[str]) -> list[str]:
    """As many false values as there may be."""
    return rng.sample(others, min(WRONG, len(others)))


CARD = {
    "title": "A hundred authors who never lived",
    "summary": f"{AUTHORS} invented authors with {len(FACTS)} questions and a page each, and questions on real books and on the world.",
    "family": FAMILY.id,
    "people": AUTHORS,
    "questions": AUTHORS * len(FACTS),
    "order": 70,
    "source": {
        "title": "Written by `python -m backends.zoo authors-data`, after the design of TOFU",
        "url": "https://arxiv.org/abs/2401.06121",
        "licence": "Apache-2.0",
    },
}
README = f"""# Authors

{AUTHORS} fictitious authors with {len(FACTS)} question-answer pairs and a page each, {HELD_OUT} more that no model learns, and
questions on real books and on the world. Made by `python -m backends.zoo authors-data` with a fixed seed; the design follows
TOFU (Maini et al., 2024, https://arxiv.org/abs/2401.06121), its sentences are our own.

- `authors.json`, `held_out.json`: name, facts, page, pairs. A pair has the question and the answer, both rephrased, five
  wrong answers in the rephrased form, and the answer with a blank for the fact.
- `real_authors.json`, `world_facts.json`: pairs without an author.
- `forget_sets.json`: the names in forget01, forget05 and forget10 (1, 5 and 10 % of the authors); each lies in the next.

Nobody described here exists. Licence: Apache-2.0, as the project.
"""
