"""Texts coloured by the experts that work on each word, before and after; a click on an expert shows its words."""

import json

from app import markup
from app.theme import ROLE_WORDS
from backends.api.panels import Routed, Routes

NOTHING = '<div class="lethe-nothing">No word was sent to an expert.</div>'


def routes(panel: Routes) -> str:
    """Chips to choose a layer and an expert, and the texts twice, as HTML; panels.js answers the chips."""
    if not panel.texts or not panel.layers or not panel.experts:
        return NOTHING
    shares = markup.esc(json.dumps(panel.shares))
    layers = _chips("layer", panel.layers, panel.layer, [""] * len(panel.layers))
    expert_names = [str(number + 1) for number in range(panel.experts)]
    experts = _chips(
        "expert", expert_names, panel.expert, [share(*one) for one in panel.shares[panel.layer]], panel.experts
    )
    rows = "".join(_row(panel, text) for text in panel.texts)
    return (
        f'<div class="lethe-routes" data-count="{panel.experts}" data-shares="{shares}" data-layer="{panel.layer}" '
        f'data-expert="{panel.expert}">'
        f'<div class="choose" role="group" aria-label="Layer"><span>Layer</span>{layers}</div>'
        f'<div class="choose" role="group" aria-label="Expert"><span>Expert</span>{experts}</div>'
        f'<div class="scroll"><table><thead><tr><th scope="col">text</th><th scope="col">before</th><th scope="col">after</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div></div>"
    )


def share(before: float, after: float) -> str:
    """Percent of the words, before and after."""
    return f"{before:.0f} → {after:.0f}\u00a0%"


def _chips(what: str, names: list[str], chosen: int, notes: list[str], count: int = 0) -> str:
    buttons = []
    for at, (name, note) in enumerate(zip(names, notes, strict=True)):
        tint = f' style="--tint:{tint_of(at, count)}"' if count else ""
        buttons.append(
            f'<button type="button" data-{what}="{at}" aria-pressed="{str(at == chosen).lower()}"{tint}>'
            f"{'<i></i>' if count else ''}{markup.esc(name.removeprefix('layer '))}<small>{note}</small></button>"
        )
    return "".join(buttons)


def tint_of(expert: int, count: int) -> str:
    """A shade for an expert: one scale from dark blue to yellow, as amounts have; the number is always beside it."""
    share = expert / max(1, count - 1)
    return f"{100 * share:.0f}%"


def _row(panel: Routes, text: Routed) -> str:
    both = {"before": text.before, "after": text.after}
    cells = "".join(f'<td data-when="{when}">{_words(panel, text.words, goes)}</td>' for when, goes in both.items())
    return f'<tr><th scope="row">{markup.mark(text.role)}<span class="lethe-quiet">{ROLE_WORDS[text.role]}</span></th>{cells}</tr>'


def _words(panel: Routes, words: list[str], goes: list[list[list[int]]]) -> str:
    spans = []
    for at, word in enumerate(words):
        of = [layer[at] for layer in goes]
        here = of[panel.layer]
        first = here[0] if here else 0
        data = "|".join(" ".join(map(str, one)) for one in of)
        on = " class=on" if panel.expert in here else ""
        title = " and ".join(str(one + 1) for one in here)
        spans.append(
            f'<span data-to="{data}"{on} style="--tint:{tint_of(first, panel.experts)}" title="expert {title}">{markup.esc(word)}</span>'
        )
    return "".join(spans)
