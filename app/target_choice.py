"""Targets as a person says them."""

from collections.abc import Sequence

from backends.api import families, pairs
from backends.api.choosing import joined

__all__ = ["joined", "targets_in_words"]


def targets_in_words(forget: Sequence[str], family: str = "") -> str:
    """Targets as a person says them: "Sandal and Bag", "a random 10 % of the images", "12 questions about Paris".

    Args:
        forget: the targets.
        family: of the model; where it is not known, the first family that has words for a target says it.
    """
    asked = [families.get(family)] if family in families.every() else list(families.every().values())
    each = pairs.target_titles(forget)
    return joined([next(filter(None, (one.choosing.in_words(text) for one in asked)), text) for text in each])
