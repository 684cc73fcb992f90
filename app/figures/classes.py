"""The probability of each class that models give to one picture, as bars side by side."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from app.asking import WHENS
from app.templating import render
from backends.api.files import number
from backends.api.languages import tr

MOST: Final = 10  # classes that are listed


def beside(
    answer: Mapping[str, Any], names: Sequence[str], roles: Mapping[str, str], picture: str, caption: str
) -> Markup:
    """What models take one picture for.

    Args:
        answer: of the live operation `predict`, to one picture.
        names: of the models, in the order before, after, reference.
        roles: class -> its role in the run.
        picture: as a data address.
        caption: what it is.
    """
    (item,) = answer["items"]
    classes: list[str] = answer["classes"]
    shares = {when: [100 * number(share) for share in item[when]] for when in WHENS if when in item}
    listed = sorted(range(len(classes)), key=lambda at: -max(one[at] for one in shares.values()))[:MOST]
    sides = []
    for when, name in zip(WHENS, names, strict=True):
        if when in shares:
            best = _best(shares[when])
            rows = [
                (
                    classes[at],
                    roles.get(classes[at], "amount"),
                    shares[when][at],
                    share_words(shares[when][at]),
                    at == best,
                )
                for at in sorted(listed)
            ]
            sides.append((when, name, rows))
    more = (
        tr("The {most} likeliest of {classes_count:,} classes.", most=MOST, classes_count=len(classes))
        if len(classes) > MOST
        else ""
    )
    return render("ask.classes", _sentence(classes, shares, names), picture, caption, sides, more)


def share_words(share: float) -> str:
    """A probability in percent, short enough for a row."""
    if 0 < share < 0.1:
        return "< 0.1\u00a0%"
    return f"{share:.0f}\u00a0%" if 1 <= share < 99 or share in (0, 100) else f"{min(share, 99.9):.1f}\u00a0%"


def _best(shares: Sequence[float]) -> int:
    return max(range(len(shares)), key=lambda at: shares[at])


def _sentence(classes: Sequence[str], shares: Mapping[str, Sequence[float]], names: Sequence[str]) -> str:
    """What each model takes it for."""
    clauses = []
    for when, name in zip(WHENS, names, strict=True):
        if when in shares:
            best = _best(shares[when])
            clauses.append(f"{name}: {classes[best]} ({share_words(shares[when][best])})")
    text = ", ".join(clauses)
    return f"{text[:1].upper()}{text[1:]}."
