"""Metrics of language models on outputs written down by hand."""

from math import exp, isnan, log, nan
from types import SimpleNamespace

import numpy as np
import pytest

from backends.core import registry
from backends.core.evidence import Evidence
from backends.data.authors import QAPair
from backends.families.language.passages import Page
from backends.families.language.qa import EvalItem
from backends.metrics._answers import auc, log_truth_ratio

KINDS = (("forget", "forget"), ("neighbour", "retain"), ("unrelated", "real authors"), ("unrelated", "world facts"))
FACT = QAPair("Where was Ann born?", "Ann was born in Rome.", "Where did Ann come from?", "It is Rome.", ("It is Oslo.",),
            "Rome", "Ann was born in ___.")  # fmt: skip


def seen(reference=None, others=("retain", "held out"), **outputs):
    """One question of each kind, about Ann; a page to be forgotten two times, and two of each of `others`."""
    suite = [EvalItem(role, kind, FACT) for role, kind in KINDS]
    pages = [Page(role, "one two three four") for role in ("forget", *others) for _ in range(2)]
    task = SimpleNamespace(
        questions=SimpleNamespace(suite=suite), pages=pages, continuation=lambda at: "three four five six"
    )
    sure = dict.fromkeys(("answer", "rephrased"), np.zeros(4, np.float32))
    known = {
        **sure, "wrong": np.full((4, 3), np.inf, np.float32), "said": np.array([FACT.answer] * 4),
        "said_blank": np.array(["Rome."]), "said_rephrased": np.array(["It is Rome."]),
        "page_said": np.array(["three four five six"] * len(pages)), "page_zlib": np.full(len(pages), 12, np.float32),
        **{f"page_{name}": np.zeros(len(pages), np.float32) for name in ("nll", "min_20", "min_40", "min_20_pp")},
    }  # fmt: skip
    models = {} if reference is None else {"reference": reference}
    given = {name: np.asarray(values) for name, values in outputs.items()}
    return Evidence("after", task, known | given, lambda name, when: nan, others=models)


def score(metric, evidence):
    return registry.get("metrics", metric).function(evidence)


def nats(*shares):
    return -np.log(np.array(shares, np.float32))


PERFECT = {"probability": 100, "knowledge_memorization": 100, "verbatim_memorization": 100, "forget_rouge": 100,
           "probe_kinds": 100, "truth_ratio": 0, "model_utility": 1}  # fmt: skip


@pytest.mark.parametrize("metric", PERFECT)
def test_a_model_that_knows_everything(metric):
    assert score(metric, seen()).value == pytest.approx(PERFECT[metric])


def silent(**more):
    """A model that says nothing and finds nothing likely."""
    nothing = np.array([""] * 6)
    return seen(
        answer=np.full(4, 900), rephrased=np.full(4, 900), wrong=np.full((4, 3), 900.0), said=nothing[:4],
        said_blank=nothing[:1], said_rephrased=nothing[:1], page_said=nothing, **more,
    )  # fmt: skip


@pytest.mark.parametrize("metric", [*(name for name in PERFECT if name != "truth_ratio")])
def test_a_model_that_knows_nothing(metric):
    assert score(metric, silent()).value == pytest.approx(0, abs=1e-9)


def test_a_model_that_has_run_away_finds_wrong_and_right_alike():
    assert score("truth_ratio", silent()).value == pytest.approx(1)


def test_truth_ratio_with_both_means():
    evidence = seen(
        answer=nats(0.9, 0.9, 0.4, 0.4), rephrased=nats(0.5, 0.5, 0.9, 0.9), wrong=[nats(0.1, 0.3, nan)] * 4
    )
    assert np.exp(log_truth_ratio(evidence, "forget")).tolist() == pytest.approx([0.2 / 0.5])
    assert np.exp(log_truth_ratio(evidence, "forget", geometric=True)).tolist() == pytest.approx([0.03**0.5 / 0.5])
    assert np.exp(log_truth_ratio(evidence, "world facts")).tolist() == pytest.approx([0.2 / 0.4])
    assert score("truth_ratio", evidence).value == pytest.approx(0.4)
    likely = seen(rephrased=nats(0.05, 1, 1, 1), wrong=[nats(0.1, 0.3, nan)] * 4)
    assert score("truth_ratio", likely).value == pytest.approx(0.25)
    assert score("truth_ratio", likely).items.tolist() == pytest.approx([4])


def test_model_utility_is_the_harmonic_mean_of_nine():
    evidence = seen(
        answer=nats(1, 0.5, 0.3, 0.6), rephrased=nats(1, 0.8, 1, 1), wrong=[nats(0.1, 0.1, nan)] * 4,
        said=["", FACT.answer, "Ann was born", "Rome."],
    )  # fmt: skip
    nine = [0.5, 1, 1 - 0.1 / 0.8, 0.3 / 0.5, 3 / 5, 1 - 0.1 / 0.3, 0.6 / 0.8, 1 / 5, 1 - 0.1 / 0.6]
    assert list(score("model_utility", evidence).parts.values()) == pytest.approx(nine, rel=1e-5)
    assert score("model_utility", evidence).value == pytest.approx(9 / sum(1 / part for part in nine), rel=1e-5)


def test_without_wrong_answers_there_is_no_truth_ratio():
    evidence = seen(wrong=np.zeros((4, 0), np.float32))
    assert isnan(score("truth_ratio", evidence).value)
    assert len(score("model_utility", evidence).parts) == 6


def test_forget_quality_of_the_reference_itself_is_one():
    same = {"rephrased": nats(0.5, 1, 1, 1), "wrong": [nats(0.1, 0.2, 0.4)] * 4}
    found = score("forget_quality", seen(seen(**same), **same))
    assert (found.value, found.parts["D"], found.parts["log10 p"]) == (1, 0, 0)
    assert found.items.tolist() == pytest.approx([0.2 / 0.5])
    assert isnan(score("forget_quality", seen()).value)


def test_probability_is_the_likelihood_of_a_token():
    found = score("probability", seen(answer=nats(0.3, 0.7, 1, 1)))
    assert found.value == pytest.approx(30) and found.parts == {"retain": pytest.approx(70)}


def test_knowledge_memorization_counts_words_too_many():
    found = score("knowledge_memorization", seen(said=["Ann was born in Oslo, I believe", FACT.answer, "", ""]))
    assert found.value == pytest.approx(100 * 2 * 4 / (5 + 7))
    assert found.parts == {"retain": pytest.approx(100)}


def test_verbatim_memorization_by_page():
    found = score(
        "verbatim_memorization", seen(page_said=["three four five six", "three six", *["five"] * 2, *["none"] * 2])
    )
    assert found.items.tolist() == pytest.approx([100, 100 * 2 * 2 / 6])
    assert found.parts == {"retain": pytest.approx(100 * 2 / 5), "held out": 0}


def test_areas_under_curves():
    assert auc(np.array([3.0, 4]), np.array([1.0, 2])) == 1
    assert auc(np.array([1.0, 2]), np.array([3.0, 4])) == 0
    assert auc(np.array([1.0, 2]), np.array([1.0, 2])) == 0.5
    assert auc(np.array([1.0, 3]), np.array([2.0])) == 0.5
    assert isnan(auc(np.zeros(0), np.ones(1))) and isnan(auc(np.array([nan]), np.ones(1)))


def test_an_area_is_the_share_of_pairs_with_ties_half_and_infinite_scores_in_their_place():
    generator = np.random.default_rng(5)
    for size in (1, 3, 50):
        higher, lower = (generator.integers(-4, 5, size + more).astype(np.float64) for more in (0, 2))
        higher[:1], lower[:2] = -np.inf, -np.inf
        pairs = (higher[:, None] > lower).mean() + 0.5 * (higher[:, None] == lower).mean()
        assert abs(auc(higher, lower) - pairs) < 1e-12


def strange(forget, unseen):
    """Min-40% (mean log-likelihood) of the pages."""
    return {"page_min_40": np.array([*forget, 0, 0, *unseen], np.float32)}


@pytest.mark.parametrize(
    ("forget", "value"),
    [((-0.1, -0.2), -100), ((-5.0, -7.0), 0), ((-9.0, -9.5), 100)],
    ids=["still known", "as never seen", "too strange"],
)
def test_privleak_is_signed(forget, value):
    reference = seen(**strange((-5, -7), (-4, -6)))  # three quarters of the pairs: AUC 0.75
    reference.outputs["page_min_40"][:2] = (-5, -5.5)  # one half
    unlearned = seen(reference, **strange(forget if value else (-5, -5.5), (-4, -6)))
    found = score("privleak", unlearned)
    assert found.parts["AUC of the reference"] == 0.5
    assert found.value == pytest.approx(value)


def test_privleak_needs_a_reference_with_an_area():
    assert isnan(score("privleak", seen()).value)
    assert isnan(score("privleak", seen(seen(**strange((-1, -1), (-2, -2))))).value)


def test_four_attacks_on_text():
    evidence = seen(
        page_nll=[1, 1, 0, 0, 3, 3], page_zlib=[1, 1, 1, 1, 1, 9], page_min_20=[-3, -3, 0, 0, -1, -1],
        page_min_20_pp=[0, 0, 0, 0, 0, 0],
    )  # fmt: skip
    found = score("mia_text", evidence)
    assert found.parts == {"loss": 1, "zlib": 0.5, "Min-K%": 0, "Min-K%++": 0.5}
    assert found.value == 0.5


def test_probes_look_for_the_fact():
    evidence = seen(said_blank=["Oslo in Rome"], said=["Ann was born in Oslo."] * 4, said_rephrased=["It is Rome."])
    found = score("probe_kinds", evidence)
    assert found.parts == {"fill in the blank": 100, "question": 0, "other words": 100}
    assert found.value == pytest.approx(200 / 3)


@pytest.mark.parametrize("metric", ["verbatim_memorization", "privleak", "mia_text"])
def test_without_pages_nothing_is_measured(metric):
    empty = {f"page_{name}": np.zeros(0, np.float32) for name in ("nll", "zlib", "min_20", "min_40", "min_20_pp")}
    evidence = seen(seen(), page_said=np.zeros(0, np.str_), **empty)
    evidence.task.pages = []
    evidence.others["reference"].task.pages = []
    assert isnan(score(metric, evidence).value)


def test_log_ratio_is_capped_only_as_a_number():
    evidence = seen(rephrased=np.full(4, 500.0), wrong=np.zeros((4, 3)))
    assert log_truth_ratio(evidence, "forget").tolist() == [500]
    assert score("truth_ratio", evidence).items.tolist() == pytest.approx([exp(60)])
    assert log(score("truth_ratio", evidence).items[0]) == pytest.approx(60)
