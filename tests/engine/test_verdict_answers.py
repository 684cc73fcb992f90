"""What a verdict says of the vectors inside a language model, from numbers made by hand."""

from math import nan
from types import SimpleNamespace

import pytest

from backends.api.results import Measured
from backends.engine.measure import Measurement
from backends.engine.verdict_answers import verdict


def said(facts, words, random=99.0, before=100.0, **kind):
    """The verdict where so many facts are still named, and the vectors keep so many of their words, both in percent."""
    parts = {"before": {"forget": before}, "after": {"forget": facts}}
    control = {"after": {"random columns": random}}
    made = Measurement(
        {
            "fact_recall": Measured(before=before, after=facts, unit="%", direction="lower", parts=parts),
            "concept_vector_words": Measured(before=100, after=words, unit="%", direction="lower", parts=control),
        }
    )
    return verdict(SimpleNamespace(questions=SimpleNamespace(forgotten=["Ann"])), made, ("Ann",), **kind)


def test_answers_that_changed_over_vectors_that_did_not():
    found = said(0, 97)
    assert found.startswith("It forgot Ann: 0 %")
    assert (
        "; the answers changed, but the vectors inside the model that spell what was to be forgotten barely moved "
        "(97 % of their first words are the same, of random columns 99 %); " in found
    )


@pytest.mark.parametrize(
    ("words", "says"), [(75, "barely moved (75 %"), (60, "changed in part (60 %"), (10, "are others now (10 %")]
)
def test_how_much_they_moved(words, says):
    assert says in said(5, words)


@pytest.mark.parametrize("facts", [90.0, nan])
def test_where_the_answers_stayed_nothing_is_made_of_the_vectors(facts):
    assert "vectors" not in said(facts, 99)


def test_what_was_not_measured_is_not_said():
    assert "vectors" not in said(0, nan)
    assert "random" not in said(0, 97, random=nan)


def test_of_a_guard_only_that_it_hides():
    found = said(0, 100, guard=True)
    assert "vectors" not in found and found.endswith("so this is hidden, not erased.")


def test_nothing_is_said_of_vectors_that_were_never_read():
    assert "vectors" not in said(10, 99, before=20)  # it knew little to begin with
