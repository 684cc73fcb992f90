"""Logit lens, by choice: reads the fact among wrong ones at every layer."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ..api.attacked import Attacked, Find, Values
from ..api.panels import Lines, Piece, Series, Words
from ..core.attack import NAMES, Outcome, Result, curves
from ..core.registry import Params, attack
from ..families.language.choices import Choice, choice_of, read_choices
from ..families.language.comeback import marked
from ..families.language.exam import split
from ._language import Look, exam_of, stacked

LEAST = 2  # items
SHOWN = 4
TRUE = 0  # of the answers of a choice


class LensChoice(Params):
    """Nothing to set."""


def too_few(look: Look) -> str:
    """Why nothing can be chosen among, as one sentence; empty where it can."""
    questions = look.task.questions
    count = sum(choice_of(questions, pair) is not None for pair in split(questions.forget)[1])
    return (
        ""
        if count >= LEAST
        else "Nothing that was forgotten came with wrong answers to choose among: running text has none."
    )


@attack(
    id="lens_choice",
    title="Logit lens by choice: reads the fact at every layer",
    summary="Reads every layer as if it were the last one, and counts the held-out facts that are likelier there than wrong ones of the same kind.",
    source={
        "title": "Patil et al., Can Sensitive Information Be Deleted From LLMs? Objectives for Defending Against Extraction Attacks, ICLR 2024; the lens: nostalgebraist, 2020",
        "url": "https://arxiv.org/abs/2309.17410",
        "code": "https://github.com/Vaidehi99/InfoDeletionAttacks",
    },
    needs=("exam", "answers"),
    lacks=too_few,
    test="inside",
    group="there",
    quick=True,
    order=13,
)
def lens_choice(look: Look, params: LensChoice) -> Result:
    """x is the layer, 0 the input, the last what the model says. An item is recalled where the tokens of its fact, given the answer up to
    them, are likelier by nats a token than those of every wrong answer that came with the question, read through the model's own last
    norm and word matrix.

    Chance: with five wrong answers one in six; but the tokens of some facts are likelier than others whoever is asked for, so that
    single layers of a model that never knew reach a third. The retrained reference is read alike, and only the difference counts.
    Judged at the layer, between the input and the last one, where the original chooses best on questions that are kept, the higher of
    equals, or the last but one where these have no wrong answers: no forgotten item has a say in that.

    The paper takes the words that are likeliest, or change most, at some layers, and counts a fact as extracted that is among them; here
    wrong facts of the same kind are what it has to beat. Questions without wrong answers of their own are weighed against
    answers to other questions, which the reference may tell apart as well.
    """
    exam, questions = exam_of(look), look.task.questions
    choices = {at: choice for at, pair in enumerate(exam.asked) if (choice := choice_of(questions, pair))}
    kept_choices = [choice for pair in exam.kept_pairs if (choice := choice_of(questions, pair))]

    def work(when: str, model: nn.Module) -> Outcome:
        reading = read_choices(model, exam.task.reader, list(choices.values()))
        outcome = {"chosen": reading.chosen, "probability": reading.probability, "rank": reading.rank}
        if when == "before" and kept_choices:
            outcome["kept"] = read_choices(model, exam.task.reader, kept_choices).chosen
        return outcome

    by_model = look.on_each(work, "reading layers")
    chosen = {when: [np.asarray(one["chosen"]) for one in each] for when, each in by_model.items()}
    place = judged_layer(by_model["before"][0].get("kept"), len(chosen["before"][0]))
    pairs = [exam.asked[at] for at in choices]
    recalled: dict[str, Sequence[Values]] = {
        when: [np.asarray(one == TRUE, np.float32)[None] for one in each] for when, each in chosen.items()
    }
    attacked = look.attacked(
        attack="lens_choice", kind="inside", x=[float(at) for at in range(len(chosen["before"][0]))], x_title="layer", recalled=stacked(recalled),
        chosen=choices, at=place,
        budget={"wrong answers": max(len(choice.answers) for choice in choices.values()) - 1, "layer judged": place},
        finds=_finds(list(choices.values()), chosen["after"][0], place),
    )  # fmt: skip
    values = [pair.value for pair in pairs]
    chance = float(np.mean([1 / len(choice.answers) for choice in choices.values()]))
    return Result(
        attacked,
        [
            _words(list(choices.values()), values, chosen, place, exam.noun),
            _choices_panel(attacked, place, chance),
            _probabilities(by_model),
        ],
    )


def judged_layer(retain_choices: object, count: int) -> int:
    """The layer between the input and the last one of `count` at which most kept questions are chosen right, the higher of equals; `retain_choices`
    what the original chose [layers + 1, choices], None where it was not asked."""
    if retain_choices is None or count < 3:
        return max(count - 2, 0)
    right = (np.asarray(retain_choices) == TRUE).mean(1)[1:-1]
    return int(len(right) - right[::-1].argmax())


def _finds(choices: Sequence[Choice], chosen: NDArray[np.int64], place: int) -> list[Find]:
    """The facts that are read inside and not chosen at the end."""
    return [
        Find(words=choice.question, output=choice.answers[TRUE], note=f"read after layer {place}; at the end another answer is likelier")
        for choice, inside, end in zip(choices, chosen[place], chosen[-1], strict=True)
        if inside == TRUE != end
    ]  # fmt: skip


def _answer_pieces(choice: Choice, number: int, value: str) -> list[Piece]:
    return marked(choice.answers[number], value) if number >= 0 else [Piece(text="no single one")]


def _words(
    choices: Sequence[Choice],
    values: Sequence[str],
    chosen: Mapping[str, Sequence[NDArray[np.int64]]],
    place: int,
    noun: str,
) -> Words:
    """What the judged layer chooses beside the last one, those first that only the inside has."""
    inside, end = chosen["after"][0][place], chosen["after"][0][-1]
    order = sorted(range(len(choices)), key=lambda at: (inside[at] != TRUE, end[at] == TRUE))[:SHOWN]
    columns = ["question", f"unlearned model, layer {place}", "unlearned model, last layer"]
    every = [inside, end]
    sentence = f"After layer {place} the true fact is the likeliest for {int((inside == TRUE).sum())} of {len(choices)} {noun}, at the end for {int((end == TRUE).sum())}"
    if "reference" in chosen:
        other = chosen["reference"][0][place]
        columns.append(f"{NAMES['reference']}, layer {place}")
        every.append(other)
        sentence += f"; in the retrained reference for {int((other == TRUE).sum())} after that layer"
    return Words(
        title="What is read inside",
        how="Each row is a forgotten question and the answer that is likeliest of those given, the layer read as if it were the last. The true fact is marked.",
        says=f"{sentence}.",
        columns=columns,
        rows=[
            [
                [Piece(text=choices[at].question)],
                *(_answer_pieces(choices[at], int(one[at]), values[at]) for one in every),
            ]
            for at in order
        ],
        roles=["forget"] * len(order),
    )


def _choices_panel(attacked: Attacked, place: int, chance: float) -> Lines:
    """The curves over the layers, with what guessing reaches."""
    lines = curves(attacked, "The true fact among wrong ones, layer by layer")
    guess = Series(name="chance", values=[100 * chance] * len(attacked.x), role="amount")
    how = (
        "From the model's input (0) to what it says: the share of held-out facts that are likelier than the wrong ones of the same kind. "
        f"Judged after layer {place}, which was chosen by what the original makes of kept questions."
    )
    return lines.model_copy(
        update={"series": [*lines.series, guess], "how": how, "y_title": f"{attacked.noun} chosen right, %"}
    )


def _probabilities(by_model: Mapping[str, Sequence[Outcome]]) -> Lines:
    """How likely the true fact's tokens are at each layer, and how far from the front."""
    rank = np.median(np.asarray(by_model["after"][0]["rank"], np.float64), 1)
    series = [
        Series(
            name=NAMES[when],
            values=[float(one) if np.isfinite(one) else None for one in 100 * _mean(each, "probability")],
            role="reference" if when == "reference" else "forget",
            when="before" if when == "before" else "after" if when == "after" else "",
        )
        for when, each in by_model.items()
    ]
    return Lines(
        title="How likely the fact's tokens are, layer by layer",
        how="The probability of a token of the true fact, the answer up to there given: the geometric mean over its tokens, then the mean over the items.",
        says=f"In the unlearned model the median rank of the fact's tokens is {rank[-1]:,.0f} at the end, and {np.nanmin(rank):,.0f} at the layer where it is nearest to the front."
        if np.isfinite(rank).any()
        else "The unlearned model gives no numbers.",
        x=[str(at) for at in range(len(rank))],
        series=series,
        x_title="layer",
        y_title="probability of a token of the fact, %",
        compact=True,
    )  # fmt: skip


def _mean(each: Sequence[Outcome], name: str) -> NDArray[np.float64]:
    """[layers + 1]: the mean over items and models."""
    mean: NDArray[np.float64] = np.mean([np.asarray(one[name], np.float64).mean(1) for one in each], 0)
    return mean
