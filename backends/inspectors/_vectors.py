"""Cards of concept vectors: their first words, how far they moved, the path of their cosine, and the tokens they fire on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ..api import files, reading
from ..api.home import home
from ..api.panels import FiringPiece, FiringText, Number, Shift, TopWord, VectorCard
from ..core.evidence import InspectContext, When
from ..families.language.concept_vectors import Place, activations, activity, first_words, vectors, word
from ..families.language.concept_words import own_tokens
from ..families.language.task import LanguageModel
from ..families.language.tokens import IGNORED, PromptTokenizer, Texts
from ..families.language.vector_trace import cosines, overlaps
from ._common import Group

SPELLED = 5  # words of each vector that its card holds
WINDOW = 36  # tokens of a text that its card holds, around the one where the vector fires most
FIRING: tuple[Group, ...] = ("forget", "neighbour")


@dataclass(frozen=True)
class Measured:
    """Some vectors in the original and in the unlearned model: first words [n, first] and activation [n] by when, and how far
    they moved, each [n]: Jaccard of the first words, cosine, distance over the length before."""

    places: Sequence[Place]
    words: Mapping[When, NDArray[np.int64]]
    activation: Mapping[When, NDArray[np.float64]]
    overlap: NDArray[np.float64]
    cosine: NDArray[np.float64]
    distance: NDArray[np.float64]

    def shift(self, at: int) -> Shift:
        """How far one of them moved."""
        return self._shift(slice(at, at + 1))

    @property
    def mean(self) -> Shift:
        """How far they moved on average."""
        return self._shift(slice(None))

    def _shift(self, some: slice) -> Shift:
        of = [self.overlap, self.cosine, self.distance, self.activation["before"], self.activation["after"]]
        overlap, cosine, distance, *active = (_number(values[some].mean()) for values in of)
        return Shift(overlap=overlap, cosine=cosine, distance=distance, activation=(active[0], active[1]))


def _number(value: Any) -> Number:
    """A number, or None where it is none."""
    return float(value) if np.isfinite(value) else None


def measured(look: InspectContext[LanguageModel], sets: Sequence[Sequence[Place]], first: int) -> list[Measured]:
    """Several sets of vectors in both models: their first words, how far they moved, and the activation while true answers to
    the forget set are read."""
    every = [place for places in sets for place in places]
    models: dict[When, nn.Module] = {"before": look.before, "after": look.after}
    steps = look.steps(models.items(), "reading the vectors")
    by_when = {
        when: (vectors(model, every).double().cpu(), first_words(model, every, first), activity(model, look.task.forget, every))
        for when, model in steps
    }  # fmt: skip
    (was, was_words, _), (now, now_words, _) = by_when["before"], by_when["after"]
    moved = {
        "overlap": overlaps(was_words, now_words),
        "cosine": cosines(was.numpy(), now.numpy()),
        "distance": ((now - was).norm(dim=1) / was.norm(dim=1)).numpy(),
    }
    ends = np.cumsum([len(places) for places in sets])
    parts = [slice(end - len(places), end) for end, places in zip(ends, sets, strict=True)]
    return [
        Measured(
            places,
            {when: values[1][part] for when, values in by_when.items()},
            {when: values[2][part] for when, values in by_when.items()},
            **{name: values[part] for name, values in moved.items()},
        )
        for places, part in zip(sets, parts, strict=True)
    ]


# --- the path over the steps of a job


@dataclass(frozen=True)
class CosinePath:
    """Cosines to the original at some samples: their names, of each place (layer, column) a number each, and the mean of random
    columns. Empty where none were recorded."""

    names: list[str] = field(default_factory=list)
    by_place: dict[tuple[int, int], list[Number]] = field(default_factory=dict)
    control: list[Number] = field(default_factory=list)


def traces(folder: Path) -> list[dict[str, Any]]:
    """The samples of a folder in which vectors were recorded, oldest first, without those that are like the one before them."""
    samples = [one for one in reading.samples(folder) if _is_trace(one.get("vectors"))]
    samples = [one for one in samples if one["vectors"]["places"] == samples[0]["vectors"]["places"]]
    last = len(samples) - 1
    return [
        one
        for at, one in enumerate(samples)
        if at in (0, last) or one["vectors"] not in (samples[at - 1]["vectors"], samples[-1]["vectors"])
    ]


def _is_trace(recorded: Any) -> bool:
    """Whether vectors were recorded as `vector_trace.Trace.sample` does it."""
    try:
        lengths = {len(recorded[name]) for name in ("places", "cosine", "words")}
        numbers = [*recorded["cosine"], *recorded["words"], *recorded["random"]["cosine"], *recorded["random"]["words"]]
        [files.number(value) for value in numbers]
        return len(lengths) == 1 and all(len(one) == 3 for one in recorded["places"])
    except (TypeError, KeyError, ValueError):
        return False


def job_path(samples: Sequence[dict[str, Any]]) -> CosinePath:
    """The path of the vectors that a job recorded, from the original to the unlearned model."""
    if len(samples) < 2:
        return CosinePath()
    names = ["original", *(f"{one['phase']}, {one['step']} of {one['of']}" for one in samples[1:-1]), "unlearned"]
    return _path(names, samples)


def relearning_path(run: Path) -> CosinePath:
    """The path that an attack on the run recorded in samples of its own, as a job does."""
    for place in (run / "attack", home() / "attack" / run.name):
        for folder in sorted(place.glob("*")):
            if samples := traces(folder):
                return _path([f"relearning, {one['step']} of {one['of']}" for one in samples], samples)
    return CosinePath()


def _path(names: list[str], samples: Sequence[dict[str, Any]]) -> CosinePath:
    recorded = [one["vectors"] for one in samples]
    by_place = {
        (layer, column): [_number(files.number(one["cosine"][at])) for one in recorded]
        for at, (layer, column, _) in enumerate(recorded[0]["places"])
    }
    means = [_number(np.mean([files.number(value) for value in one["random"]["cosine"]])) for one in recorded]
    return CosinePath(names, by_place, means)


# --- what they fire on


def firing_texts(look: InspectContext[LanguageModel], places: Sequence[Place], each: int) -> list[list[FiringText]]:
    """Of each vector the texts in which it fires most, one of each role of FIRING, by its activation in the original.

    Texts are questions with their true answers, at most `each` of a role; the form in which questions are asked is left out.
    """
    chosen: list[list[FiringText]] = [[] for _ in places]
    for role in look.steps(FIRING, "reading where they fire"):
        pairs = [look.task.questions.suite[at].pair for at in look.some(role, each)]
        if not pairs:
            continue
        texts = look.task.texts(pairs)
        own = own_places(look.task.reader, texts, [pair.question for pair in pairs])
        before, after = (activations(model, texts, places) for model in (look.before, look.after))
        strength = np.where(own, np.nan_to_num(np.abs(before), nan=-1), -1)
        for at, of_place in enumerate(strength):
            row = int(of_place.max(1).argmax())
            pieces = _pieces(look.task.reader, texts.ids[row].tolist(), own[row], before[at, row], after[at, row])
            chosen[at].append(FiringText(role=role, pieces=pieces))
    return chosen


def own_places(reader: PromptTokenizer, texts: Texts, questions: Sequence[str]) -> NDArray[np.bool_]:
    """Which tokens of texts belong to the question itself or to its answer [texts, length]."""
    own = (texts.labels != IGNORED) & (texts.ids != reader.end)
    for row, question in enumerate(questions):
        own[row, own_tokens(reader, question)] = True
    return (own & texts.mask.bool()).numpy()


def _pieces(
    reader: PromptTokenizer, ids: list[int], own: NDArray[np.bool_], before: NDArray[Any], after: NDArray[Any]
) -> list[FiringPiece]:
    """A text token by token; of a long one what lies around its strongest activation, with an ellipsis where more stands."""
    at = np.flatnonzero(own)
    middle = int(np.nan_to_num(np.abs(before[at])).argmax()) if len(at) else 0
    first = max(0, min(middle - WINDOW // 2, len(at) - WINDOW))
    shown = [
        FiringPiece(text=str(reader.tokenizer.decode([ids[i]])), before=_number(before[i]), after=_number(after[i]))
        for i in at[first : first + WINDOW]
    ]
    lead, tail = first > 0, first + WINDOW < len(at)
    return [*[FiringPiece(text="… ")] * lead, *shown, *[FiringPiece(text=" …")] * tail]


# --- the cards


def cards(
    look: InspectContext[LanguageModel], own: Measured, job: CosinePath, relearning: CosinePath, each: int
) -> list[VectorCard]:
    """A card of each vector. A vector that the job did not record has the two ends of its path alone."""
    texts = firing_texts(look, own.places, each)
    return [
        VectorCard(
            layer=place.layer,
            column=place.column,
            of=place.of,
            before=_top_words(look.task.reader, own.words["before"][at], own.words["after"][at]),
            after=_top_words(look.task.reader, own.words["after"][at], own.words["before"][at]),
            shift=(shift := own.shift(at)),
            path=job.by_place.get((place.layer, place.column), path_ends(shift, job.names)),
            relearning=relearning.by_place.get((place.layer, place.column), []),
            texts=texts[at],
        )
        for at, place in enumerate(own.places)
    ]


def path_ends(shift: Shift, names: Sequence[str]) -> list[Number]:
    """A path of which only the original, which is 1, and the unlearned model are known."""
    return [1.0, *[None] * (max(len(names), 2) - 2), shift.cosine]


def _top_words(reader: PromptTokenizer, own: NDArray[np.int64], other: NDArray[np.int64]) -> list[TopWord]:
    shared = set(other.tolist())
    return [TopWord(word=word(reader, token), stays=token in shared) for token in own[:SPELLED].tolist()]
