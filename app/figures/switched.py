"""An answer as it is and with vectors of the model switched off, for the model before and the model after."""

from typing import Any, Final

from markupsafe import Markup

from app import markup
from app.figures import chats
from app.templating import render
from backends.api.files import number

MODELS: Final = (("before", "the model before"), ("after", "the model after"))
HOW: Final = (
    f"Each card is one model: above its answer as it is, below with the vectors turned down. {chats.MARKED} The bars are the "
    "probability, a token (a word or a piece of one), that it gives to the true answer: faint as it is, full without them. Its "
    "weights stay as they are."
)


def names(count: int, strength: float) -> tuple[str, str]:
    """Names of an intervention on so many vectors: (in a sentence, above an answer)."""
    these = "this vector" if count == 1 else f"these {count} vectors"
    if strength == 0:
        return f"Without {these}", "switched off"
    return f"With {these} at {strength:g} times their strength", f"{strength:g} × as strong"


def cards(answer: dict[str, Any], count: int, strength: float) -> Markup:
    """The HTML of both models, each with both answers, and one sentence on what changed.

    Args:
        answer: of the live operation `answer` with `off`.
        count: how many vectors.
        strength: what is left of them.
    """
    off = names(count, strength)[1]
    model_cards = [(when, name, *_card(answer, when, off)) for when, name in MODELS if when in answer]
    sentence = change_sentence(answer, count, strength)
    return render("chats.switched", answer["question"], sentence, model_cards, answer["truth"], HOW)


def _card(answer: dict[str, Any], when: str, off: str) -> tuple[Markup, Markup]:
    """The two answers of a model, and the bar of the true answer's probability where there is one."""
    now, then = answer[when], answer[f"{when}_off"]
    bubbles = [
        render("chats.bubble", style, words, chats.marked(one["said"], answer["truth"], answer["question"]))
        for style, words, one in (("before", "as it is", now), ("after", off, then))
    ]
    shares = [100 * number(one["share"]) for one in (now, then)]
    return markup.join(bubbles), chats.bar("amount", *shares) if answer["truth"] else Markup()


def change_sentence(answer: dict[str, Any], count: int, strength: float) -> str:
    """The sentence about which of the models answers otherwise now."""
    there = [(when, name) for when, name in MODELS if when in answer]
    changed = [name for when, name in there if answer[when]["said"] != answer[f"{when}_off"]["said"]]
    what = names(count, strength)[0]
    if len(changed) == len(there):
        return f"{what}, {'both models answer' if len(there) > 1 else f'{changed[0]} answers'} otherwise."
    if not changed:
        return f"{what}, {'both models answer' if len(there) > 1 else f'{there[0][1]} answers'} as before."
    return f"{what}, {changed[0]} answers otherwise, the other one as before."
