"""Answers with all vectors of the models on, and with some switched off, beside each other."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from app import theme
from app.figures import chats
from app.responses import Chat
from app.templating import render
from backends.api.files import number
from backends.api.languages import later, tr

MODELS: Final = (("before", later("original")), ("after", later("unlearned")))
ALL_ON: Final = later("all vectors on")
HINT: Final = later("Switch a vector off above, and both models answer without it. Weights stay as they are.")
WRITING: Final = later("The models are writing.")
Answer = Mapping[str, Any]


def name(places: Sequence[Sequence[int]], strength: float) -> str:
    """Some vectors and what is done to them, in a few words."""
    if not places:
        return tr("no vector off")
    layer, column = places[0]
    which = (
        tr("layer {layer}, column {column}", layer=layer, column=column)
        if len(places) == 1
        else tr("{places_count} vectors", places_count=len(places))
    )
    return (
        tr("{which} off", which=which)
        if strength == 0
        else tr("{which} at {strength:g} × strength", which=which, strength=strength)
    )


def cards(
    run: str,
    question: str,
    places: Sequence[Sequence[int]],
    strength: float,
    reply: Answer | None = None,
    stored: Chat | None = None,
    switches: str = "",
) -> Markup:
    """The two cards as HTML, and one sentence on what changed.

    Args:
        run: whose models answer.
        question: what is asked.
        places: [layer, column] of each vector that is switched off.
        strength: what is left of them.
        reply: of the live operation `answer` with `off`, as far as it is known; None before it was asked.
        stored: the answers that the run was judged by, where the question is one of those.
        switches: "layer.column" of the switches that are off, with commas between them.
    """
    given = reply or {}
    on = [
        (when, words, *_on(when, given, stored)) for when, words in MODELS if reply is None or when in given or stored
    ]
    off = [(when, words, *_response(given.get(f"{when}_off"), given)) for when, words in MODELS]
    if "seconds" in given:  # of a model alone nothing is known of another one
        off = [one for one in off if f"{one[0]}_off" in given]
    sentence = WRITING if places else ""
    if places and "seconds" in given:
        sentence = change_sentence(given, name(places, strength))
    answers = (question, ALL_ON, on if stored or reply else [], tr("The models answer when a vector is switched off."))
    return render("vectors.switched", answers, ("", name(places, strength), off if places else [], HINT), sentence, (run, switches))  # fmt: skip


def _on(when: str, reply: Answer, stored: Chat | None) -> tuple[Markup, str]:
    """A model's answer as it is: from the run's folder until it is written anew."""
    answer = reply.get(when)
    if stored is not None and not (answer and "share" in answer):
        text, share = (stored.before, stored.was) if when == "before" else (stored.after, stored.now)
        answer = {"said": text, "share": share}
    return _response(answer, {"truth": stored.truth, "question": stored.question} if stored is not None else reply)


def _response(answer: Answer | None, reply: Answer) -> tuple[Markup, str]:
    """An answer as HTML with its right words marked, or three dots; and the probability of the true answer, where there is one."""
    if answer is None:
        return render("vectors.waiting"), ""
    truth = str(reply.get("truth", ""))
    share = number(answer.get("share"))
    words = (
        tr("true answer {share} likely", share=theme.percent(100 * share)) if truth and theme.measured(share) else ""
    )
    return chats.marked(str(answer["said"]), truth, str(reply.get("question", ""))), words


def change_sentence(answer: Answer, what: str) -> str:
    """The sentence about which of the models answers otherwise now."""
    there = [(when, words) for when, words in MODELS if when in answer]
    changed = [words for when, words in there if answer[when]["said"] != answer[f"{when}_off"]["said"]]
    if len(changed) == len(there):
        both = later("With {what}, both models change their answers.")
        return tr(both if len(there) > 1 else later("With {what}, the model changes its answer."), what=what)
    if not changed:
        both = later("With {what}, both models answer as before.")
        return tr(both if len(there) > 1 else later("With {what}, the model answers as before."), what=what)
    return tr("With {what}, only the {changed} model changes its answer.", what=what, changed=tr(changed[0]))
