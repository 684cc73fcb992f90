"""Traces of concept vectors: a few numbers whenever a job shows a sample, and what a run keeps of each of its models."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from .concept_vectors import (
    Place,
    activity,
    checked,
    concepts,
    first_words,
    jaccard,
    random_places,
    spelling_vectors,
    vectors,
)
from .tokens import PromptTokenizer

FIRST = 50  # words of a vector that are compared; 200 in the paper, of a vocabulary ten times as large
LEAST, EACH, MOST = 12, 3, 60  # vectors in all at least, of each person, and in all at most
PAIRS = 8  # answers that the vectors' activity is measured on


class Trace:
    """The vectors that spell what is to be forgotten, as they were in the model before, and as many random ones.

    Attributes:
        places: of the vectors, best first; empty where the questions name nobody.
        random: of the random ones, in the same layers.
    """

    def __init__(self, before: Any, reader: PromptTokenizer, pairs: Sequence[Any]) -> None:
        """`before` is let go again; `pairs`, what is to be forgotten.

        Raises:
            BadInput: a model without feed-forward columns.
        """
        checked(before, [])
        words_of = concepts(pairs)
        self.places = spelling_vectors(before, reader, words_of, min(max(LEAST, EACH * len(words_of)), MOST))
        self.random = random_places(before, self.places)
        some = pairs[:: max(1, len(pairs) // PAIRS)][:PAIRS]
        self._texts = reader.pairs([pair.question for pair in some], [pair.answer for pair in some])
        self._sets = {"": self.places, "random_": self.random} if self.places else {}
        self._before = {name: _vectors_and_words(before, places) for name, places in self._sets.items()}

    def sample(self, model: Any) -> dict[str, Any]:
        """Where the vectors stand now, as JSON: `places`, and of these and of `random` ones `cosine`, `words` (Jaccard of the
        first words) and `active` (mean strength), a number each. Empty without vectors."""
        if not self.places:
            return {}
        now_by_set = {name: self._now(model, name, places) for name, places in self._sets.items()}
        return {"places": [[place.layer, place.column, place.of] for place in self.places], **now_by_set[""]} | {
            "random": now_by_set["random_"]
        }

    def _now(self, model: Any, name: str, places: Sequence[Place]) -> dict[str, list[float]]:
        (was, first), (own, words) = self._before[name], _vectors_and_words(model, places)
        return {
            "cosine": cosines(was.numpy(), own.numpy()).tolist(),
            "words": overlaps(first, words).tolist(),
            "active": activity(model, self._texts, places).tolist(),
        }

    def arrays(self, model: Any) -> dict[str, NDArray[Any]]:
        """What a run keeps of a model: `vectors` [n, d], `vector_words` [n, FIRST], `vector_places` [n, 2] and `vector_of`
        (names [n]), and the first two of random columns as `random_vectors` and `random_words`. Empty without vectors."""
        stored: dict[str, NDArray[Any]] = {}
        for name, places in self._sets.items():
            own, words = _vectors_and_words(model, places)
            stored |= {f"{name}vectors": own.numpy(), f"{name or 'vector_'}words": words.astype(np.int32)}
        if stored:
            stored["vector_places"] = np.array([(place.layer, place.column) for place in self.places], np.int32)
            stored["vector_of"] = np.array([place.of for place in self.places], np.str_)
        return stored


def _vectors_and_words(model: Any, places: Sequence[Place]) -> tuple[Tensor, NDArray[np.int64]]:
    return vectors(model, places).cpu().clone(), first_words(model, places, FIRST)


def cosines(before: NDArray[Any], after: NDArray[Any]) -> NDArray[np.float64]:
    """Cosine of each vector with itself before [n], -1..1."""
    one, other = (torch.from_numpy(np.asarray(some, np.float64)) for some in (before, after))
    return F.cosine_similarity(one, other).numpy()


def overlaps(before: NDArray[Any], after: NDArray[Any]) -> NDArray[np.float64]:
    """Jaccard of each vector's first words with those before [n], 0..1."""
    return np.array([jaccard(one, other) for one, other in zip(before, after, strict=True)])
