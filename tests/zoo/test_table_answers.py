"""The tables of language models: what counts as good stands first, and nothing is averaged that was not measured."""

from backends.zoo import _table_answers
from backends.zoo.table import VECTORS, with_vectors

KINDS = ("fact_recall: neighbour", "fact_recall: unrelated", "forget_rouge")


def row(method, seed, p, utility, facts, **more):
    metrics = {name: {"before": 100.0, "after": 90.0, "reference": 100.0} for name in KINDS}
    metrics |= {
        "model_utility": {"before": 0.8, "after": utility, "reference": 0.8},
        "forget_quality": {"before": 1e-20, "after": p, "reference": 1.0},
        "fact_recall": {"before": 100.0, "after": facts, "reference": 5.0},
        "storage": {"before": None, "after": 4.0, "reference": None},
    }
    made = {"model": "authors-lm", "method": method, "target": "forget10", "seed": seed, "metrics": metrics}
    return made | {"seconds": 3.0, "peak_memory": 1e8, "device": "cpu (x)", "threads": 2, "others": 0.0} | more


def lines(rows):
    return [line for line in _table_answers.tables(rows).splitlines() if line.startswith("| ")]


def test_what_cannot_be_told_apart_and_keeps_its_utility_stands_first():
    rows = [row("npo", 0, 0.4, 0.5, 3.0), row("simnpo", 0, 0.06, 0.79, 4.0), row("grad_diff", 0, 1e-9, 0.8, 100.0)]
    named = [line.split("|")[1].strip() for line in lines(rows)[1:4]]
    assert [name.partition(" · ")[0].rpartition("(")[2] for name in named] == ["SimNPO)", "NPO)", "GradDiff)"]


def test_a_p_value_is_the_median_and_utility_a_share_of_before():
    said = _table_answers.tables([row("npo", seed, p, 0.76, 3.0) for seed, p in enumerate((0.01, 0.2, 0.9))])
    assert "| 3.0 | 90.0 | 0.20 | 95.0 | 90.0 | 90.0 | – | – | 3.0 s | 4.0 MB |" in said
    assert "| *original model* | 100.0 | 100.0 | 1e-20 |" in said and "| *retrained reference* | 5.0 |" in said


def test_a_method_that_failed_is_named_with_its_reason():
    said = _table_answers.tables([row("npo", 0, 0.1, 0.8, 3.0) | {"metrics": {}, "error": "The loss was NaN."}])
    assert "| failed |" in said and "failed with seed 0: The loss was NaN." in said


def traced(words, random):
    again = row("npo", 0, 0.2, 0.76, 7.0)
    again["metrics"] |= {
        name: {"before": 1.0, "after": value, "reference": None}
        for name, value in zip(
            (*VECTORS, *(f"{one}: random columns" for one in VECTORS)), (words, 0.999, random, 0.998), strict=True
        )
    }
    return again


def test_vectors_stand_beside_random_columns_and_other_numbers_stay():
    whole = with_vectors(row("npo", 0, 0.01, 0.76, 3.0), traced(96.4, 97.6) | {"device": "cpu (y)", "threads": 1})
    said = _table_answers.tables([whole, row("npo", 1, 0.2, 0.76, 3.0)])
    assert "| 96 (98) | 0.999 (0.998) |" in said and "| 3.0 |" in said
    assert "Vectors: jobs of their own with seed 0, on cpu (y), 1 thread" in said
    assert whole["vectors"]["fact_recall"] == 7.0 and whole["metrics"]["fact_recall"]["after"] == 3.0
    assert whole["device"] == "cpu (x)" and VECTORS[0] in whole["metrics"]


def test_a_second_job_that_failed_leaves_the_row_as_it_was():
    old = row("npo", 0, 0.01, 0.76, 3.0)
    assert with_vectors(old, old | {"metrics": {}, "error": "no"}) == old
