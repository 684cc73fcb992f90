"""Drawn pictures before and after: one pair under a slider that wipes between them, a grid by role, and two answers side by side."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from markupsafe import Markup

from app import theme
from app.asking import WHENS
from app.generated_images import ROLES, ImagePair, pixel_changes
from app.target_choice import joined
from app.templating import render
from backends.api.languages import later, tr

SAME = later(
    "The same seed starts both models from the same noise, so a picture that stayed as it was is the same left and "
    "right."
)

SAME_ABOVE = later(
    "The same seed starts both models from the same noise, so a picture that stayed as it was is the same above and below."
)


def compared(pairs: Sequence[ImagePair], key: str) -> Markup:
    """The wipe and the grid over the same pictures. `key` tells two of them on one page apart."""
    return render("drawings.compared", wipe(pairs, key), grid(pairs, tr("The same prompts, before and after")))


def wipe(pairs: Sequence[ImagePair], key: str) -> Markup:
    """One pair, large, under a slider that is dragged or moved with the arrow keys, and a choice of the others in the grid."""
    share = tr("left of the line stands the picture before, right of it the picture after")
    how = tr("Drag the line: {share}. {same}", share=share, same=SAME)
    return render("drawings.wipe", pairs[0], key, share, _by_role(pairs), how)


def _by_role(pairs: Sequence[ImagePair]) -> list[tuple[str, str, list[ImagePair]]]:
    """The role, its words and its pairs, of the roles that have any."""
    groups = [(role, [pair for pair in pairs if pair.role == role]) for role in ROLES]
    return [(role, theme.ROLE_WORDS[role], mine) for role, mine in groups if mine]


def grid(pairs: Sequence[ImagePair], title: str) -> Markup:
    """Pictures before above pictures after, one column a prompt, one block a role."""
    how = tr("Each column is one prompt and one seed. {same}", same=tr(SAME_ABOVE))
    return render("drawings.grid", title, _change_sentence(pairs), _by_role(pairs), how)


def _change_sentence(pairs: Sequence[ImagePair]) -> str:
    changes = []
    for role in ROLES:
        mine = [pair for pair in pairs if pair.role == role]
        if mine:
            share = mean(pixel_changes([pair.before for pair in mine], [pair.after for pair in mine]))
            changes.append(tr("{share} of its range in {of}", share=theme.percent(share), of=_OF[role]))
    return tr("On average a pixel changed by {changes}.", changes=joined(changes))


_OF = {
    "forget": later("pictures of the forget set"),
    "neighbour": later("neighbours"),
    "unrelated": later("unrelated ones"),
}


def beside(prompt: str, seeds: Sequence[int], answer: Mapping[str, Any], names: Sequence[str]) -> Markup:
    """The images of one model or of several for a prompt, one a seed; `names` in the order of `WHENS`."""
    sides = [
        (when, name, list(zip(answer[when], seeds, strict=True)))
        for when, name in zip(WHENS, names, strict=False)
        if when in answer
    ]
    return render("drawings.beside", sides, prompt)


def waiting(title: str, words: str) -> Markup:
    """The place of pictures that are still being drawn, as high as they will be."""
    return render("drawings.waiting", title, words)
