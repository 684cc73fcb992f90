"""Concept vectors: whether unlearning changed the columns that spell a concept, or only the answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from torch import nn

from ..api import files, reading
from ..api.panels import AnyPanel, Bars, Heatmap, Lines, Piece, Role, Series, Sign, Verdict, When, Words
from ..core.evidence import InspectContext
from ..core.registry import Params, inspector
from ..families.language.concept_vectors import (
    OTHER,
    SAME,
    Place,
    activity,
    concepts,
    first_words,
    random_places,
    scaled_vectors,
    spelling_vectors,
    vectors,
    word,
)
from ..families.language.task import LanguageModel
from ..families.language.tokens import answers, likelihoods
from ..families.language.vector_trace import FIRST, cosines, overlaps
from ._answers import chosen, items, plain
from ._common import GROUPS, Group, percent

TOLD = 12  # words that the table shows of each vector
GONE = 0.5  # behaviour counts as changed where the true answer lost as much of its probability
ROLE_WORDS: dict[Group, str] = {"forget": "to be forgotten", "neighbour": "neighbours", "unrelated": "unrelated"}


class ConceptVectors(Params):
    """What to look for, and which vector to switch off."""

    vectors: int = Field(default=12, ge=1, le=60, description="How many vectors to find, those that spell it most.")
    words: str = Field(
        default="",
        max_length=300,
        description="Words to look for, with commas between them; empty for the names and facts of who was forgotten.",
    )
    first: int = Field(
        default=FIRST, ge=5, le=500, description="How many of a vector's first words are compared (200 in the paper)."
    )
    layer: int = Field(
        default=-1, ge=-1, le=500, description="Layer of a vector to switch off, counted from 0; -1 for none."
    )
    column: int = Field(default=0, ge=0, le=200_000, description="Column of that vector, counted from 0.")
    each: int = Field(default=2, ge=1, le=8, description="Questions of each kind to ask while it is off.")


@dataclass(frozen=True)
class Moved:
    """How vectors changed, each [n]: cosine, Jaccard of the first words, distance over length before."""

    cosine: NDArray[np.float64]
    jaccard: NDArray[np.float64]
    distance: NDArray[np.float64]


@inspector(
    id="concept_vectors",
    title="Concept vectors: where the knowledge lies",
    summary="Finds the vectors inside the model that spell what was to be forgotten, and asks whether they changed or only the answers did.",
    source={
        "title": "Hong et al., Intrinsic Evaluation of Unlearning Using Parametric Knowledge Traces, 2024",
        "url": "https://arxiv.org/abs/2406.11614",
        "code": "https://github.com/yihuaihong/ConceptVectors",
    },
    needs=("answers", "dense columns"),
    switches=True,
    order=3,
    group="there",
)
def concept_vectors(look: InspectContext[LanguageModel], params: ConceptVectors) -> list[AnyPanel]:
    """Columns v of each layer's last feed-forward matrix, read as words by W (norm scale * v) of the model before.

    Vectors are found in the model before, by person: those that spell the name and the asked facts most. Before and after:
    cosine, |after - before| / |before|, and Jaccard |A & B| / |A | B| of their first words, each read with its own
    model; in between, what the job wrote down at its samples. Beside them as many random columns of the same layers. Are
    they used at all: the model before with all of them switched off. Activation: mean |hidden unit| over the tokens of the
    true answers. Departures: words instead of people and GPT-4 choose the vectors; a vector may have other meanings too.

    Raises:
        BadInput: a model without feed-forward columns, or a vector that it does not have.
    """
    words_of = {"": params.words.split(",")} if params.words else concepts(look.task.questions.forget)
    look.tell("finding the vectors", 0, 0)
    places = spelling_vectors(look.before, look.task.reader, words_of, params.vectors)
    random = random_places(look.before, places)
    words = {
        when: first_words(model, places, params.first)
        for when, model in look.steps((("before", look.before), ("after", look.after)), "reading their words")
    }
    moved = _moved(look, places, words["before"], words["after"])
    other = _moved(look, random, *(first_words(model, random, params.first) for model in (look.before, look.after)))
    panels: list[AnyPanel] = [
        _verdict(look, moved, other, params.first),
        *([] if params.words else _during(look)),
        _bars(places, moved, other, params.first),
        _active(look, places, random),
        _table(look, places, words),
        _effect(look, "without these vectors", {"these switched off": places, "random ones switched off": random}),
    ]
    return [*panels, *_off(look, params)] if params.layer >= 0 else panels


def _moved(
    look: InspectContext[LanguageModel], places: Sequence[Place], before: NDArray[np.int64], after: NDArray[np.int64]
) -> Moved:
    one, other = (vectors(model, places).double().cpu() for model in (look.before, look.after))
    return Moved(
        cosines(one.numpy(), other.numpy()),
        overlaps(before, after),
        ((other - one).norm(dim=1) / one.norm(dim=1)).numpy(),
    )


def _verdict(look: InspectContext[LanguageModel], moved: Moved, other: Moved, first: int) -> Verdict:
    index = look.task.parts["forget"]
    was, now = (100 * float(np.exp(-look.outputs(when)["answer"][index]).mean()) for when in ("before", "after"))
    shared_words, cosine = float(moved.jaccard.mean()), float(moved.cosine.mean())
    numbers = (
        f"the true answers went from {percent(was)} to {percent(now)} a token; the vectors share {percent(100 * shared_words)} of their "
        f"first {first} words with before (random columns {percent(100 * float(other.jaccard.mean()))}), cosine {cosine:.4f}"
    )
    return _answer(*_judged(was, now, shared_words if np.isfinite(cosine) else np.nan), numbers)


def _judged(was: float, now: float, shared_words: float) -> tuple[Sign, str]:
    """(sign, what it means) of behaviour in percent before and after, and the overlap of words."""
    if not np.isfinite(now + shared_words):
        return "unknown", "The model after gives no numbers any more"
    if now >= (1 - GONE) * was:
        return "unknown", "The behaviour changed by less than half"
    if shared_words >= SAME:
        return "no", "The behaviour changed, the vectors barely"
    if shared_words >= OTHER:
        return "partly", "The behaviour changed, the vectors in part"
    return "yes", "The behaviour changed, and so did the vectors"


def _answer(sign: Sign, meaning: str, numbers: str) -> Verdict:
    return Verdict(
        title="Is the knowledge itself gone?",
        how=f"A vector is one column of a feed-forward layer: the words it makes likelier when it is active. Yes means that answers and vectors both changed; no, that only the answers did. “Barely” is {100 * SAME:.0f} % of their first words in common or more.",
        says=f"{meaning}: {numbers}.",
        sign=sign,
    )


def _bars(places: Sequence[Place], moved: Moved, other: Moved, first: int) -> Bars:
    labels = _labels(places)
    least = int(np.nan_to_num(moved.jaccard).argmin())
    return Bars(
        title="How far each vector moved",
        how="Names are layer and column, counted from 0. Overlap: the share of a vector's first words that are the same before and after (Jaccard). Cosine: 1 means the same direction. Distance: how far it moved, in its own length. The line is the overlap of random columns of the same layers.",
        says=f"{labels[least]} changed most in words: {100 * moved.jaccard[least]:.0f} % of its first {first} are the same, cosine {moved.cosine[least]:.3f}.",
        labels=labels,
        series=[
            Series(name="overlap of words", values=[float(one) for one in moved.jaccard], role="forget"),
            Series(name="cosine", values=[float(one) for one in moved.cosine], role="amount"),
            Series(name="distance", values=[float(one) for one in moved.distance], role="unrelated"),
        ],
        threshold=float(other.jaccard.mean()),
        threshold_name="random columns: overlap",
        horizontal=True,
    )


def _active(look: InspectContext[LanguageModel], places: Sequence[Place], random: Sequence[Place]) -> Bars:
    models: dict[When, nn.Module] = {"before": look.before, "after": look.after}
    activities = {
        when: activity(model, look.task.forget, [*places, *random])
        for when, model in look.steps(models.items(), "measuring their use")
    }
    count = len(places)
    was, now = (float(activities[when][:count].mean()) for when in ("before", "after"))
    return Bars(
        title="How strongly each vector is used",
        how="The mean strength with which the model calls a vector while it reads the true answers that were to be forgotten. Vectors that stay as they are may still be called no more.",
        says=f"On average {was:.3g} before and {now:.3g} after; random columns {float(activities['before'][count:].mean()):.3g} and {float(activities['after'][count:].mean()):.3g}.",
        labels=[place.name for place in places],
        series=[
            Series(name=when, values=[float(one) for one in values[:count]], role="forget", when=when)
            for when, values in activities.items()
        ],
        horizontal=True,
    )


def _table(look: InspectContext[LanguageModel], places: Sequence[Place], words: dict[str, NDArray[np.int64]]) -> Words:
    rows, lost = [], 0
    for at, place in enumerate(places):
        before, after = words["before"][at], words["after"][at]
        lost += len(set(before[:TOLD].tolist()) - set(after.tolist()))
        rows.append(
            [
                plain(place.name + (f"\n{place.of}" if place.of else "")),
                _spelled(look, before, after, -1.0),
                _spelled(look, after, before, 1.0),
            ]
        )
    return Words(
        title="What the vectors spell",
        how="The first words of each vector, strongest first, as pieces that the tokenizer has. Underlined and blue: no longer among the first words after. Orange: new among them.",
        says=f"Of the {TOLD * len(places)} words shown before, {lost} are no longer among the first {words['after'].shape[1]} of their vector.",
        columns=["vector", "before", "after"],
        rows=rows,
        scale="difference",
    )


def _spelled(
    look: InspectContext[LanguageModel], own: NDArray[np.int64], other: NDArray[np.int64], value: float
) -> list[Piece]:
    shared, text_pieces = set(other.tolist()), []
    for token in own[:TOLD].tolist():
        token_text = word(look.task.reader, token)
        text_pieces += [Piece(text=token_text, value=None if token in shared else value), Piece(text=" · ")]
    return text_pieces[:-1]


# --- while it forgot


def _during(look: InspectContext[LanguageModel]) -> list[AnyPanel]:
    """Panels of the vectors as the job recorded them with its samples; nothing of a run that was made before that."""
    samples = [one for one in reading.samples(look.run) if one.get("vectors")]
    last = len(samples) - 1
    selected = [
        one
        for at, one in enumerate(samples)
        if at in (0, last) or one["vectors"] not in (samples[at - 1]["vectors"], samples[-1]["vectors"])
    ]
    if len(selected) < 2:
        return []
    names = [_when(one, at, len(selected)) for at, one in enumerate(selected)]
    traced = [one["vectors"] for one in selected]
    return [_course(names, selected, traced), _calls(names, traced), _map(names, traced)]


def _when(one: dict[str, Any], at: int, of: int) -> str:
    """What a sample is called below a plot; no two alike."""
    if at in (0, of - 1):
        return "before" if at == 0 else "after"
    return f"{one['phase']}, {one['step']} of {one['of']}"


def _mean(values: Sequence[Any]) -> float:
    return float(np.mean([files.number(value) for value in values]))


def _course(names: list[str], selected: Sequence[Any], traced: Sequence[Any]) -> Lines:
    """Behaviour and vectors on one scale, from 0 to 100."""
    answer = [100 * _mean([item["share"] for item in one["items"] if item["role"] == "forget"]) for one in selected]
    shared_words, other = (
        [100 * _mean(one["words"]) for one in of] for of in (traced, [one["random"] for one in traced])
    )
    cosine = [100 * _mean(one["cosine"]) for one in traced]
    return Lines(
        title="While it forgot: its answers and its vectors",
        how="Answers: the probability, a token, of the true answer to the questions that the job was watched by. Words: the share of the vectors' first words that are still those from before. Direction: their cosine with before, times 100. Where the answers fall and the vectors stay up, only what it says has changed; random columns show how much every column moves.",
        says=f"From before to after, the answers went from {percent(answer[0])} to {percent(answer[-1])}, the vectors' words from {percent(shared_words[0])} to {percent(shared_words[-1])}.",
        x=_unlike(names),
        series=[
            Series(name="true answer", values=list(answer), role="forget"),
            Series(name="words of the vectors", values=list(shared_words), role="neighbour"),
            Series(name="their direction", values=list(cosine), role="amount"),
            Series(name="words of random columns", values=list(other), role="unrelated"),
        ],
        y_title="answers, words and direction, %",
    )


def _calls(names: list[str], traced: Sequence[Any]) -> Lines:
    """Activation relative to before."""
    used = [_mean(one["active"]) for one in traced]
    other = [_mean(one["random"]["active"]) for one in traced]
    mine, control = ([100 * value / row[0] if row[0] else float("nan") for value in row] for row in (used, other))
    return Lines(
        title="While it forgot: how strongly the vectors are called",
        how="The mean strength with which the model calls the vectors while it reads the answers that were to be forgotten, in percent of before. A vector that stays as it is and is called no more is still there.",
        says=f"After, they are called with {percent(mine[-1])} of the strength before; random columns with {percent(control[-1])}.",
        x=_unlike(names),
        series=[
            Series(name="these vectors", values=list(mine), role="forget"),
            Series(name="random columns", values=list(control), role="unrelated"),
        ],
        y_title="strength, % of before",
    )


def _map(names: list[str], traced: Sequence[Any]) -> Heatmap:
    """Each vector by itself."""
    places = [Place(layer, column, of) for layer, column, of in traced[0]["places"]]
    z = [[100 * files.number(one["words"][at]) for one in traced] for at in range(len(places))]
    last = [row[-1] for row in z]
    first = int(np.nan_to_num(last, nan=101).argmin())
    return Heatmap(
        title="Each vector while it forgot",
        how="A row is a vector (layer and column), a column a moment of the job; the number is the share, in percent, of its first words that are still those from before.",
        says=f"{places[first].name} kept least of its words: {percent(last[first])}.",
        rows=_labels(places),
        columns=_unlike(names),
        z=[list(row) for row in z],
        unit="%",
        numbers=True,
    )


def _unlike(names: Sequence[str]) -> list[str]:
    """The names, with a mark behind one that came before, so that a plot keeps them apart."""
    return [name + "\u200b" * names[:at].count(name) for at, name in enumerate(names)]


def _labels(places: Sequence[Place]) -> list[str]:
    """Short ones, with whose each is where they belong to several."""
    alone = len({place.of for place in places}) == 1
    return [place.name if alone else f"{place.layer}.{place.column} ({place.of})" for place in places]


# --- vectors switched off


def _without(look: InspectContext[LanguageModel], places: Sequence[Place]) -> NDArray[np.float32]:
    """The probability of a token of every true answer of the suite without some vectors, by the model before [n]."""
    texts = look.task.texts([item.pair for item in look.task.questions.suite])
    with scaled_vectors(look.before, places):
        probabilities: NDArray[np.float32] = np.exp(-likelihoods(look.before, texts).numpy())
        return probabilities


def _off(look: InspectContext[LanguageModel], params: ConceptVectors) -> list[AnyPanel]:
    place = Place(params.layer, params.column)
    suite_items = items(look, chosen(look, params.each))
    prompts = [item.pair.question for item in suite_items]
    with scaled_vectors(look.before, [place]):
        off = answers(look.before, look.task.reader, prompts)
    normal = answers(look.before, look.task.reader, prompts)
    return [_effect(look, f"without {place.name}", {"switched off": [place]}), _beside(place, suite_items, normal, off)]


def _effect(look: InspectContext[LanguageModel], title: str, sets: dict[str, list[Place]]) -> Bars:
    parts = look.task.parts
    groups = [group for group in GROUPS if len(parts[group])]
    answer_likelihoods = {"as it is": np.exp(-look.outputs("before")["answer"])}
    answer_likelihoods |= {
        name: _without(look, places) for name, places in look.steps(sets.items(), "asking with vectors switched off")
    }
    means = {
        name: [100 * float(of[parts[group]].mean()) for group in groups] for name, of in answer_likelihoods.items()
    }
    first = next(iter(sets))
    falls = ", ".join(
        f"{ROLE_WORDS[group]} {round(means[first][at] - means['as it is'][at], 1) + 0.0:+.1f}"
        for at, group in enumerate(groups)
    )
    roles: list[Role] = ["amount", "difference", "reference"]
    return Bars(
        title=f"The model before {title}",
        how="The probability of a token of the true answer over all questions, as the model is and with vectors switched off. Vectors that carry only what was to be forgotten lower only those.",
        says=f"Points gained or lost ({first}): {falls}.",
        labels=[ROLE_WORDS[group] for group in groups],
        series=[
            Series(name=name, values=list(values), role=role)
            for role, (name, values) in zip(roles, means.items(), strict=False)
        ],
        unit="%",
        marked=[0] if groups[0] == "forget" else [],
    )


def _beside(place: Place, suite_items: list[Any], normal: list[str], off: list[str]) -> Words:
    rows = [
        [
            plain(item.pair.question),
            plain(normal[at]),
            [Piece(text=off[at], value=1.0 if off[at] != normal[at] else None)],
        ]
        for at, item in enumerate(suite_items)
    ]
    changed = sum(one != other for one, other in zip(normal, off, strict=True))
    return Words(
        title=f"Its answers without {place.name}",
        how="What the model before answers, and what it answers with this vector switched off; coloured where it differs.",
        says=f"{changed} of {len(suite_items)} answers are others.",
        columns=["question", "as it is", "switched off"],
        rows=rows,
        roles=[item.role for item in suite_items],
        scale="difference",
    )
