"""Targets as a person says them."""

from collections.abc import Sequence

from app import families
from backends.api import catalog, concepts, pairs, people, targets
from backends.api.choosing import joined
from backends.api.errors import BadInput
from backends.api.people import Book

__all__ = ["joined", "targets_in_words"]


def targets_in_words(forget: Sequence[str]) -> str:
    """Targets as a person says them: "Sandal and Bag", "a random 10 % of the images", "12 questions about Paris"."""
    return joined([_words(text) for text in pairs.target_titles(forget)])


def _words(text: str) -> str:
    try:
        target = targets.parse(text)
    except BadInput:
        return text
    match target.kind:
        case "random":
            return f"a random {target.share:g} % of the images" + (f" (draw {target.draw})" if target.draw else "")
        case "images":
            return "1 chosen image" if len(target.ids) == 1 else f"{len(target.ids):,} chosen images"
        case "like":
            return f"the {target.count:,} images most alike to image {target.ids[0]}"
        case "run":
            return "the hardest set that a run found"
        case _:
            set_text = next((set_phrase for book in _books() if (set_phrase := people.set_words(text, book))), "")
            if set_text:
                return set_text
            name, *instead = concepts.ARROW.split(target.name)
            return f"{name} (drawn as {instead[0]} instead)" if len(instead) == 1 else target.name


def _books() -> list[Book]:
    """The people that embedded language models know."""
    return [people.load(entry.data) for entry in catalog.load().models if families.has(entry.family, "answers")]
