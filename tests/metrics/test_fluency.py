"""Entropy of n-grams against values worked out by hand, and which answers it is taken over."""

from math import isnan, log2
from types import SimpleNamespace

import numpy as np
import pytest

from backends.core import registry
from backends.metrics.fluency import entropy


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ("one two three four five", (2 / 3 * log2(4) + 4 / 3 * log2(3)) / 2),  # 4 pairs, 3 triples, all different
        ("a a a a a a", 0.0),  # one pair and one triple, again and again
        ("a b a b a", (2 / 3 * 1 + 4 / 3 * (-(2 / 3) * log2(2 / 3) - (1 / 3) * log2(1 / 3))) / 2),
        ("Ivo.", 0.0),
        ("", 0.0),
    ],
)
def test_the_entropy_of_pairs_and_triples_weighed_as_published(text, bits):
    assert entropy(text) == pytest.approx(bits)


def score(said, **outputs):
    suite = [SimpleNamespace(role=role) for role, _ in said]
    evidence = SimpleNamespace(
        outputs={"said": np.array([text for _, text in said])} | outputs,
        task=SimpleNamespace(questions=SimpleNamespace(suite=suite)),
    )
    return registry.get("metrics", "fluency").function(evidence)


def test_it_is_that_of_the_answers_on_the_forget_set_with_the_others_as_parts():
    said = [("forget", "a b c"), ("forget", "a a a"), ("neighbour", "a b c"), ("unrelated", "a")]
    found = score(said, said_nll=np.array([2.0, np.nan, 4.0], np.float32))
    assert found.value == pytest.approx(entropy("a b c") / 2)
    assert found.parts == pytest.approx(
        {"neighbour": entropy("a b c"), "unrelated": 0.0, "nats a token for the model before": 3.0}
    )


def test_an_older_run_has_no_nats_and_one_without_answers_no_number():
    assert "nats a token for the model before" not in score([("forget", "a b c")]).parts
    assert isnan(score([("neighbour", "a b c")]).value)
