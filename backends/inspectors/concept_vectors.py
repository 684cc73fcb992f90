"""Concept vectors: whether unlearning changed the columns that spell a concept, or only the answers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..api import files, reading
from ..api.errors import Unreadable
from ..api.goals import CHANGED, OTHER, SAME
from ..api.panels import AnyPanel, Bars, Lines, Number, Piece, Role, Series, Shift, Vectors, Verdict, Words
from ..core.evidence import InspectContext
from ..core.registry import Params, inspector
from ..families.language.concept_vectors import Place, concepts, random_places, scaled_vectors, spelling_vectors
from ..families.language.task import LanguageModel
from ..families.language.tokens import answers, likelihoods
from ..families.language.vector_trace import FIRST
from ._answers import chosen, items, plain
from ._common import GROUP_WORDS, GROUPS, percent
from ._vectors import cards, job_path, measured, relearning_path, traces

ALIKE = 0.02  # vectors whose words overlap as much as those of random columns, but for this, moved like these
EFFECT = (
    "The probability of a token of the true answer over all questions, as the model is and with vectors switched off. Vectors "
    "that carry only what was to be forgotten lower only those."
)
HOW = (
    "A card is one vector: a column of a layer's feed-forward part, both counted from 0. Its first words are those that it makes "
    "likeliest when it is active, as pieces that the tokenizer has. Overlap is the share of first words that are the same (Jaccard). "
    "Cosine: 1 means the same direction as in the original. Random columns of the same layers show how much every column moves. "
    "Coloured words are where the vector is active; blue and underlined, where it is active with a minus and makes its words less likely."
)


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
    texts: int = Field(
        default=24, ge=1, le=200, description="Texts of each kind in which to look for where a vector is active."
    )


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
    """Columns v of each layer's last feed-forward matrix, read as words by W (norm scale * v) of the original model.

    Vectors are found in the original, by person: those that spell the name and the asked facts most. Original against
    unlearned: cosine, |after - before| / |before|, and Jaccard |A & B| / |A | B| of their first words, each read with its own
    model; in between, what the job recorded with its samples. Beside them as many random columns of the same layers. Are they
    used at all: the original with all of them switched off. Activation: mean |hidden unit| over the tokens of the true
    answers, and hidden units with their sign in the texts where they are largest. Departures: words instead of people and
    GPT-4 choose the vectors; a vector may have other meanings too.

    Raises:
        BadInput: a model without feed-forward columns, or a vector that it does not have.
    """
    words_of = {"": params.words.split(",")} if params.words else concepts(look.task.questions.forget)
    look.tell("finding the vectors", 0, 0)
    places = spelling_vectors(look.before, look.task.reader, words_of, params.vectors)
    random = random_places(look.before, places)
    own, control = measured(look, [places, random], params.first)
    samples = traces(look.run)
    job, relearning = job_path(samples), relearning_path(look.run)
    own_cards = cards(look, own, job, relearning, params.texts)
    panels: list[AnyPanel] = [
        Vectors(
            title="What the vectors spell",
            how=HOW,
            lead=_behaviour(look),
            says=_moved(f"“{params.words}”" if params.words else _about(look), own.mean, control.mean, params.first),
            cards=own_cards,
            first=params.first,
            steps=job.names or ["original", "unlearned"],
            relearning_steps=relearning.names,
            control=control.mean,
            control_path=job.control or [1.0, control.mean.cosine],
        ),
        *([] if params.words or len(samples) < 2 else [_course(job.names, samples)]),
        _effect(look, "without these vectors", {"these switched off": places, "random ones switched off": random}),
    ]
    return [*panels, *_off(look, params)] if params.layer >= 0 else panels


def _about(look: InspectContext[LanguageModel]) -> str:
    """Whom or what the forget set is about, in words."""
    names = [name for name in concepts(look.task.questions.forget) if name]
    return " and ".join(names) if 1 <= len(names) <= 2 else "what was to be forgotten"


def _behaviour(look: InspectContext[LanguageModel]) -> str:
    """The sentence on how the answers to the forget set changed: right facts where those were measured, else the probability of
    the true answers."""
    try:
        parts = (reading.metrics(look.run) or {}).get("fact_recall", {}).get("parts", {})
        was, now = (files.number(parts[when]["forget"]) for when in ("before", "after"))
        subject, unit = "Right answers", ""
    except (Unreadable, KeyError, TypeError, ValueError):
        index = look.task.parts["forget"]
        was, now = (100 * float(np.exp(-look.outputs(when)["answer"][index]).mean()) for when in ("before", "after"))
        subject, unit = "The true answers", " probability a token"
    about = _about(look)
    if not np.isfinite(was + now):
        return "The unlearned model gives no numbers any more."
    if percent(was) == percent(now):
        return f"{subject} about {about} stayed at {percent(was)}{unit}."
    return f"{subject} about {about} went from {percent(was)} to {percent(now)}{unit}."


def _moved(about: str, own: Shift, control: Shift, first: int) -> str:
    """The sentence on how far the vectors moved, beside random columns."""
    vectors = f"The vectors that spell {about}"
    if own.overlap is None or own.cosine is None:
        return f"{vectors} cannot be compared: the unlearned model gives no numbers any more."
    if own.overlap == 1 and own.distance == 0:
        return f"{vectors} did not move: all of their first {first} words stay."
    words = "barely moved" if own.overlap >= SAME else "moved in part" if own.overlap >= OTHER else "are others now"
    sentence = f"{vectors} {words}: their first {first} words overlap by {percent(100 * own.overlap)}"
    if control.overlap is None:
        return f"{sentence}."
    if abs(own.overlap - control.overlap) < ALIKE:
        return f"{sentence}, as those of random columns do ({percent(100 * control.overlap)})."
    return f"{sentence}, those of random columns by {percent(100 * control.overlap)}."


def _course(names: list[str], samples: Sequence[dict[str, Any]]) -> Lines:
    """Answers and vectors on one scale, from 0 to 100, at the samples of the job."""
    traced = [one["vectors"] for one in samples]
    answer = [
        _mean([item["share"] for item in one["items"] if item["role"] == "forget" and "share" in item])
        for one in samples
    ]
    overlap = [_mean(one["words"]) for one in traced]
    ends = " to ".join(percent(np.nan if answer[at] is None else float(answer[at] or 0)) for at in (0, -1))
    return Lines(
        title="Answers and vectors over the steps",
        how="Answers: the probability, a token, of the true answer to the questions that the job was watched by. Words: the share of the vectors' first words that are still those of the original. Where the answers fall and the vectors stay up, only the answers changed.",
        says=f"The true answers went from {ends}, the words of the vectors to {percent(np.nan if overlap[-1] is None else float(overlap[-1]))} of the original's.",
        x=_unlike(names),
        series=[
            Series(name="true answer", values=answer, role="forget"),
            Series(name="words of the vectors", values=overlap, role="amount"),
        ],
        y_title="answers and words, %",
        folded=True,
    )


def _mean(values: Sequence[Any]) -> Number:
    """The mean in percent of shares as a sample has them; None where one is no number."""
    mean = 100 * float(np.mean([files.number(value) for value in values])) if values else np.nan
    return mean if np.isfinite(mean) else None


def _unlike(names: Sequence[str]) -> list[str]:
    """The names, with a mark behind one that came before, so that a plot keeps them apart."""
    return [name + "\u200b" * names[:at].count(name) for at, name in enumerate(names)]


# --- vectors switched off


def _without(look: InspectContext[LanguageModel], places: Sequence[Place]) -> NDArray[np.float32]:
    """The probability of a token of every true answer of the suite without some vectors, by the original model [n]."""
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


def _effect(look: InspectContext[LanguageModel], title: str, sets: Mapping[str, Sequence[Place]]) -> Bars | Verdict:
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
        f"{GROUP_WORDS[group]} {round(means[first][at] - means['as it is'][at], 1) + 0.0:+.1f}"
        for at, group in enumerate(groups)
    )
    if all(abs(row[at] - means["as it is"][at]) < CHANGED for row in means.values() for at in range(len(groups))):
        return Verdict(
            title=f"The original model {title}",
            how=EFFECT,
            says="The probability of the true answers stays as it is, to a tenth of a point, for every kind of question.",
            sign="no",
            folded=True,
        )
    roles: list[Role] = ["amount", "difference", "unrelated"]
    return Bars(
        title=f"The original model {title}",
        how=EFFECT,
        says=f"Points gained or lost ({first}): {falls}.",
        labels=[GROUP_WORDS[group] for group in groups],
        series=[
            Series(name=name, values=list(values), role=role)
            for role, (name, values) in zip(roles, means.items(), strict=False)
        ],
        unit="%",
        marked=[0] if groups[0] == "forget" else [],
        folded=True,
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
        how="What the original model answers, and what it answers with this vector switched off; coloured where it differs.",
        says=f"{changed} of {len(suite_items)} answers are others.",
        columns=["question", "as it is", "switched off"],
        rows=rows,
        roles=[item.role for item in suite_items],
        scale="difference",
    )
