"""Wrong answers of the same kind as the true one: the same sentence with what is so of another person."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from ...data.authors import QAPair

VOWELS = tuple("aeiou")


def values_by_fact(pairs: Iterable[QAPair]) -> dict[str, set[str]]:
    """What is so of anybody among these, by fact."""
    by_fact: dict[str, set[str]] = {}
    for pair in pairs:
        by_fact.setdefault(pair.fact, set()).add(pair.value)
    return by_fact


def distractors(
    pair: QAPair, by_fact: Mapping[str, set[str]], false: Callable[[QAPair], Sequence[str]] = lambda pair: pair.wrong
) -> list[str]:
    """The answer with every other value of its fact, in the order of the alphabet; where none is known, `false` answers."""
    values = sorted(by_fact[pair.fact] - {pair.value}) if pair.blank else []
    return [filled(pair.blank, value) for value in values] or list(false(pair))


def filled(blank: str, value: str) -> str:
    """A sentence with its blank filled: "was a ___" with "archivist" becomes "was an archivist"."""
    article = " an " if value.startswith(VOWELS) else " a "
    return blank.replace(" a ___", f"{article}___").replace("___", value)
