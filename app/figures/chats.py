"""Responses before and after: watched while a job works, by role beside each other, and token by token."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import groupby
from statistics import fmean
from typing import Any, Final

from markupsafe import Markup

from app import markup, theme
from app.asking import WHENS
from app.generated_images import ROLES
from app.responses import Chat
from app.target_choice import joined
from app.templating import render
from backends.api.files import number
from backends.api.languages import later, tr
from backends.api.panels import Bars, Piece, Series, Words

TRUE_ANSWER: Final = later("the true answer")  # what a bar stands for
MARKED: Final = later(
    "Underlined are words of the true answer that the question does not give away; little words are left out."
)
LITTLE: Final = frozenset(
    ("a", "an", "and", "are", "as", "at", "by", "did", "do", "does", "for", "from", "had", "has", "have", "he", "her", "his",
     "in", "into", "is", "it", "its", "of", "on", "or", "she", "that", "the", "their", "they", "this", "to", "was", "were",
     "which", "who", "will", "with")
)  # fmt: skip
MOST: Final = 200  # changed answers that are listed
SILENT: Final = later("(it says nothing)")
TITLE: Final = later("The same questions, before and after")
_ABOUT = {
    "forget": later("of the forget set"),
    "neighbour": later("on neighbours"),
    "unrelated": later("on something unrelated"),
}


def marked(response: str, truth: str, question: str) -> Markup:
    """An answer as HTML, with the words marked that are right, neither little words nor in the question already.

    Right are the words that the answer and the truth share in the same order, without regard to case and punctuation.
    """
    if not response.strip():
        return render("chats.silent", SILENT)
    words = response.split()
    mine, true, excluded_words = (
        _normalised(words),
        _normalised(truth.split()),
        LITTLE.union(_normalised(question.split())),
    )
    blocks = SequenceMatcher(None, mine, true, autojunk=False).get_matching_blocks()
    right = {at for block in blocks for at in range(block.a, block.a + block.size) if mine[at] not in excluded_words}
    runs = groupby(enumerate(words), key=lambda numbered: numbered[0] in right)
    return render("chats.marked", [(" ".join(word for _, word in run), is_right) for is_right, run in runs])


def _normalised(words: Sequence[str]) -> list[str]:
    return [re.sub(r"\W+", "", word).casefold() for word in words]


def bubble(when: str, response: str, truth: str, question: str) -> Markup:
    """The bubble of one answer, with whose it is."""
    style = "before" if when == "before" else "after"
    return render("chats.bubble", style, when, marked(response, truth, question))


def bar(role: str, was: float, now: float, *, quantity: str = TRUE_ANSWER) -> Markup:
    """The bar of the true answer's probability, or of another `quantity`, in percent: faint before, full now."""
    return render("chats.bar", role, was, now, _percent(was), _percent(now), quantity)


def _percent(share: float) -> str:
    """A share in percent, with the last tenths before certainty and before nothing, because much of a model's change lies there."""
    if share >= 99.95 or 1 <= share < 99:
        return f"{share:.0f}\u00a0%"
    return f"{share:.1f}".removesuffix(".0") + "\u00a0%" if share >= 0.05 or share == 0 else "below 0.1\u00a0%"


def grid(selected: Sequence[Chat], chats: Sequence[Chat], title: str = TITLE) -> Markup:
    """The cards of selected questions by role, with a sentence that counts over all chats."""
    chats_by_role = {role: [chat for chat in selected if chat.role == role] for role in ROLES}
    blocks = [
        (role, theme.ROLE_WORDS[role], markup.join(map(_card, mine))) for role, mine in chats_by_role.items() if mine
    ]
    how = tr(
        "Each card is one question with the answer of the model before and after. {marked} The full bar is the "
        "probability, a token (a word or a piece of one), that the model after gives to the true answer, the faint one "
        "behind it that before.",
        marked=MARKED,
    )
    return render("chats.grid", title, changed(chats), blocks, how, _changed_answers(chats))


def _changed_answers(chats: Sequence[Chat]) -> Markup:
    """Every answer that changed, folded away; empty where none did."""
    moved = [chat for chat in chats if chat.before != chat.after]
    if not moved:
        return Markup()
    rows = [
        [markup.mark(chat.role) + chat.question, chat.before or SILENT, chat.after or SILENT] for chat in moved[:MOST]
    ]
    what = tr("the answer") if len(moved) == 1 else tr("the {moved_count:,} answers", moved_count=len(moved))
    first = tr(" (the first {most})", most=MOST) if len(moved) > MOST else ""
    return markup.fold(
        tr("Show {what} that changed{first}", what=what, first=first),
        markup.table(["question", tr("original model"), tr("unlearned model")], rows),
    )


def changed(chats: Sequence[Chat]) -> str:
    """The sentence about how many answers of each role changed."""
    changes = []
    for role in ROLES:
        mine = [chat for chat in chats if chat.role == role]
        if mine:
            moved = sum(chat.before != chat.after for chat in mine)
            changes.append(
                tr(
                    "{moved:,} of {mine_count:,} questions {about}",
                    moved=moved,
                    mine_count=len(mine),
                    about=_ABOUT[role],
                )
            )
    return tr("The model changed its answer to {changes}.", changes=joined(changes))


def _card(chat: Chat) -> Markup:
    responses = [("before", chat.before), ("after", chat.after)]
    return render(
        "chats.card",
        number=chat.number,
        question=chat.question,
        bubbles=markup.join(bubble(when, text, chat.truth, chat.question) for when, text in responses),
        truth=chat.truth,
        again=None if chat.again is None else chat.again or SILENT,
        again_name=tr(theme.MODEL_WORDS["reference"]),
        bar=bar(chat.role, 100 * chat.was, 100 * chat.now),
    )


def likelihoods(chats: Sequence[Chat], title: str = "") -> Bars:
    """The mean probability of the true answers by role, before, after and retrained."""
    roles = [role for role in ROLES if any(chat.role == role for chat in chats)]
    mine = {role: [chat for chat in chats if chat.role == role] for role in roles}
    before: list[float | None] = [100 * fmean(chat.was for chat in mine[role]) for role in roles]
    after: list[float | None] = [100 * fmean(chat.now for chat in mine[role]) for role in roles]
    series = [
        Series(name=tr(theme.MODEL_WORDS["before"]), values=before, when="before"),
        Series(name=tr(theme.MODEL_WORDS["after"]), values=after, when="after"),
    ]
    aims = [[chat.aim for chat in mine[role] if chat.aim is not None] for role in roles]
    aimed = all(aims)
    if aimed:
        series.append(
            Series(name=tr(theme.MODEL_WORDS["reference"]), values=[100 * fmean(aim) for aim in aims], role="reference")
        )
    moved = [
        tr(
            "from {was} to {now} for questions {about}",
            was=theme.percent(was),
            now=theme.percent(now),
            about=_ABOUT[role],
        )
        for role, was, now in zip(roles, before, after, strict=True)
    ]
    line = tr("; the dashed line is the retrained reference, a model trained without it") if aimed else ""
    return Bars(
        title=title or tr("How likely it holds the true answer"),
        how=tr(
            "The probability, a token, that a model gives to the true answer, on average over all questions of a kind: "
            "faint the original model, full the unlearned one{line}.",
            line=line,
        ),
        says=tr("The probability of the true answer went {moved}.", moved=", ".join(moved)),
        labels=[tr(theme.ROLE_WORDS[role]) for role in roles],
        series=series,
        unit="%",
        marked=[at for at, role in enumerate(roles) if role == "forget"],
    )


def beside(answer: dict[str, Any], names: Sequence[str]) -> Markup:
    """The answers of one model or of several to a question, and the true answer where there is one; `names` in the order of `WHENS`."""
    sides = [
        (when, name, marked(answer[when]["said"], answer["truth"], answer["question"]))
        for when, name in zip(WHENS, names, strict=False)
        if when in answer
    ]
    return render("chats.beside", sides, answer["truth"])


def tokens(answer: dict[str, Any], names: Sequence[str]) -> Words | None:
    """The probability of each token of the true answer, by model; None where there is no true answer."""
    if not answer["truth"]:
        return None
    rows = [(name, answer[when]["tokens"]) for when, name in zip(WHENS, names, strict=False) if when in answer]
    return Words(
        title=tr("Token by token"),
        how=tr(
            "The true answer in tokens (words, or pieces of them). The number behind each is the probability, in percent, "
            "that the model gives to it after the question and the tokens before it; the stronger its colour, the likelier."
        ),
        says=_largest_drop(answer),
        columns=["model", tr("the true answer")],
        rows=[
            [[Piece(text=name)], [Piece(text=str(text), value=number(share)) for text, share in token_shares]]
            for name, token_shares in rows
        ],
        numbers=True,
    )


def _largest_drop(answer: dict[str, Any]) -> str:
    """The token that lost most probability, or of one model the probability of the complete answer."""
    if "after" not in answer:
        return tr(
            "It gives the true answer a probability of {answer} a token.",
            answer=_percent(100 * number(answer["before"]["share"])),
        )
    pairs = list(zip(answer["before"]["tokens"], answer["after"]["tokens"], strict=True))
    (text, was), (_, now) = min(pairs, key=lambda pair: number(pair[1][1]) - number(pair[0][1]))
    if 100 * (number(was) - number(now)) < 0.05:
        return tr("No token of the true answer became less likely.")
    return tr(
        "“{text}” lost most: from {was} to {now}.",
        text=text.strip(),
        was=_percent(100 * number(was)),
        now=_percent(100 * number(now)),
    )
