"""Drawn pictures before and after: one pair under a slider that wipes between them, a grid by role, and two answers side by side."""

from collections.abc import Sequence
from statistics import mean

from app import markup, theme
from app.generated_images import ROLES, ImagePair, pixel_changes
from app.target_choice import joined

SAME = "The same seed starts both models from the same noise, so a picture that stayed as it was is the same left and right."


def compared(pairs: Sequence[ImagePair], key: str) -> str:
    """The wipe and the grid over the same pictures. `key` tells two of them on one page apart."""
    return f'<div class="lethe-stack lethe-drawings">{wipe(pairs, key)}{grid(pairs, "The same prompts, before and after")}</div>'


def wipe(pairs: Sequence[ImagePair], key: str) -> str:
    """One pair, large, under a slider that is dragged or moved with the arrow keys, and a choice of the others in the grid."""
    first = pairs[0]
    share = "left of the line stands the picture before, right of it the picture after"
    stage = (
        '<figure class="lethe-wipe"><div class="stage" style="--at:50%">'
        f'<img src="{markup.esc(first.before)}" alt="before: {markup.esc(first.prompt)}">'
        f'<img src="{markup.esc(first.after)}" alt="after: {markup.esc(first.prompt)}">'
        '<span class="when" aria-hidden="true">before</span><span class="when" aria-hidden="true">after</span>'
        '<i aria-hidden="true"></i>'
        f'<input type="range" min="0" max="100" value="50" id="wipe{key}" aria-label="Wipe between before and after: {share}"></div>'
        f'<figcaption aria-live="polite">{markup.esc(_caption(first))}</figcaption></figure>'
    )
    choices = "".join(_choices(role, pairs, key) for role in ROLES)
    how = f"Drag the line: {share}. {SAME}"
    return (
        f'<section class="lethe-panel"><h3>One picture, before and after</h3><div class="lethe-wiped">{stage}'
        f'<div class="lethe-wipe-choices">{choices}</div></div>{_how(how)}</section>'
    )


def _caption(pair: ImagePair) -> str:
    return f"{pair.prompt}, seed {pair.seed}"


def _choices(role: str, pairs: Sequence[ImagePair], key: str) -> str:
    mine = [pair for pair in pairs if pair.role == role]
    if not mine:
        return ""
    chips = "".join(
        f'<label><input type="radio" name="wipe{key}" value="{pair.number}"{" checked" if pair is pairs[0] else ""}>'
        f"<span>{markup.esc(pair.prompt)}</span></label>"
        for pair in mine
    )
    return f"<fieldset><legend>{markup.mark(role)}{markup.esc(theme.ROLE_WORDS[role])}</legend><div>{chips}</div></fieldset>"


def grid(pairs: Sequence[ImagePair], title: str) -> str:
    """Pictures before above pictures after, one column a prompt, one block a role."""
    blocks = "".join(_block(role, [pair for pair in pairs if pair.role == role]) for role in ROLES)
    how = f"Each column is one prompt and one seed. {SAME.replace('left and right', 'above and below')}"
    return f'<section class="lethe-panel"><h3>{markup.esc(title)}</h3>{markup.text(_change_sentence(pairs), "says")}{blocks}{_how(how)}</section>'


def _change_sentence(pairs: Sequence[ImagePair]) -> str:
    changes = []
    for role in ROLES:
        mine = [pair for pair in pairs if pair.role == role]
        if mine:
            share = mean(pixel_changes([pair.before for pair in mine], [pair.after for pair in mine]))
            changes.append(f"{theme.percent(share)} of its range in {_OF[role]}")
    return f"On average a pixel changed by {joined(changes)}."


_OF = {"forget": "pictures to be forgotten", "neighbour": "neighbours", "unrelated": "unrelated ones"}


def _block(role: str, pairs: Sequence[ImagePair]) -> str:
    if not pairs:
        return ""
    words = theme.ROLE_WORDS[role]
    columns = "".join(
        f'<figure data-shot="{pair.number}" data-caption="{markup.esc(_caption(pair))}" title="seed {pair.seed}" style="--column:{column}">'
        f"{markup.image(pair.before, f'before: {pair.prompt}')}{markup.image(pair.after, f'after: {pair.prompt}')}"
        f"<figcaption>{markup.esc(pair.prompt)}</figcaption></figure>"
        for column, pair in enumerate(pairs, start=1)
    )
    return (
        f"<h4>{markup.mark(role)}{markup.esc(words)}</h4>"
        f'<div class="lethe-grid-scroll" tabindex="0" role="region" aria-label="{markup.esc(words)}, before and after">'
        f'<div class="lethe-drawn" style="--count:{len(pairs)}"><div class="whens" aria-hidden="true"><span>before</span>'
        f"<span>after</span></div>{columns}</div></div>"
    )


def beside(
    prompt: str, seeds: Sequence[int], before: Sequence[str], after: Sequence[str], names: tuple[str, str]
) -> str:
    """The images of one model or of two for a prompt, one a seed; `after` is empty where there is one model."""
    sides = "".join(
        _side(name, prompt, seeds, pictures) for name, pictures in zip(names, (before, after), strict=True) if pictures
    )
    return f'<div class="lethe-beside" data-sides="{1 + bool(after)}">{sides}</div>'


def _side(name: str, prompt: str, seeds: Sequence[int], pictures: Sequence[str]) -> str:
    image_cells = "".join(
        f"<figure>{markup.image(picture, f'{name}: {prompt}, seed {seed}')}<figcaption>seed {seed}</figcaption></figure>"
        for picture, seed in zip(pictures, seeds, strict=True)
    )
    return f'<section><h3>{markup.esc(name)}</h3><div class="answers" data-count="{len(pictures)}">{image_cells}</div></section>'


def _how(words: str) -> str:
    return f'<p class="lethe-how"><b>How to read it.</b> {markup.esc(words)}</p>'


def waiting(title: str, words: str) -> str:
    """The place of pictures that are still being drawn, as high as they will be."""
    body = markup.text(words) + '<div class="lethe-busy" aria-hidden="true"></div>'
    return f'<section class="lethe-panel lethe-awaited" aria-busy="true"><h3>{markup.esc(title)}</h3>{body}</section>'
