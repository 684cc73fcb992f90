"""Metrics of language models give what the papers' formulas give, written out here a second time in plain Python."""

import math
from statistics import harmonic_mean
from types import SimpleNamespace

import language_formulas as formulas
import numpy as np
import pytest
import torch
from small_language import RECORD, Digits, Small, close

from backends.core import registry
from backends.core.evidence import Evidence
from backends.families.language import experts, passages
from backends.families.language.concept_vectors import Place, first_words, vectors
from backends.families.language.passages import Page
from backends.families.language.qa import EvalItem

EXACT = ("fact_recall", "forget_quality", "model_utility", "forget_rouge", "truth_ratio", "probability", "privleak",
         "verbatim_memorization", "knowledge_memorization", "mia_text", "probe_kinds", "concept_vector_words",
         "concept_vector_cosine", "routing_stability", "rerouted_recall", "fluency")  # fmt: skip
KINDS = ("forget", "retain", "real authors", "world facts")
EACH, WRONG = 7, 3
REFERENCE = 5  # the seed of what the model trained again says
SAID = ["it was red and old", "red", "a tall man sat", "it was not red", "", "old and red it was", "green it was"]
TRUE = "it was red"


def questions():
    roles = {"forget": "forget", "retain": "neighbour"}
    pair = SimpleNamespace(question="q", answer=TRUE, value="Red", blank="it was ___", rephrased_question="other")
    return [EvalItem(roles.get(kind, "unrelated"), kind, pair) for kind in KINDS for _ in range(EACH)]


def outputs(seed):
    draw, count = np.random.default_rng(seed), len(KINDS) * EACH
    pages = {name: draw.gamma(2, 1, 9).astype(np.float32) for name in ("nll", "zlib")}
    pages |= {name: -draw.gamma(3, 1, 9).astype(np.float32) for name in ("min_20", "min_40", "min_20_pp")}
    return {
        "answer": draw.gamma(2, 0.4, count).astype(np.float32),
        "rephrased": draw.gamma(2, 0.5, count).astype(np.float32),
        "wrong": draw.gamma(3, 0.6, (count, WRONG)).astype(np.float32),
        "said": np.array([SAID[(at * 3 + seed) % len(SAID)] for at in range(count)]),
        "said_blank": np.array(SAID), "said_rephrased": np.array(SAID[::-1]),
        "page_said": np.array([SAID[(at + seed) % len(SAID)] for at in range(9)]),
        **{f"page_{name}": value for name, value in pages.items()},
    }  # fmt: skip


def measured(metric, when="after"):
    roles = ["forget"] * 4 + ["held out"] * 5
    task = SimpleNamespace(
        questions=SimpleNamespace(suite=questions()), pages=[Page(role, "x") for role in roles],
        continuation=lambda at: "it was red and very old",
    )  # fmt: skip
    reference = Evidence("reference", task, outputs(REFERENCE), lambda name, when: math.nan)
    evidence = Evidence(when, task, outputs(1), lambda name, when: math.nan, others={"reference": reference})
    return registry.get("metrics", metric).function(evidence)


def at_kind(kind):
    first = KINDS.index(kind) * EACH
    return range(first, first + EACH)


def likelihood(nats):
    return math.exp(-float(nats))


def longest_common(one, other):
    """Length of the longest common subsequence, by its definition."""
    if not one or not other:
        return 0
    if one[-1] == other[-1]:
        return 1 + longest_common(one[:-1], other[:-1])
    return max(longest_common(one[:-1], other), longest_common(one, other[:-1]))


def recall(truth, text):
    return longest_common(truth.split(), text.split()) / len(truth.split())


def f1(truth, text):
    shared = longest_common(truth.split(), text.split())
    return 2 * shared / (len(truth.split()) + len(text.split()))


def ratio(given, at, right):
    """TOFU's R with the arithmetic mean: wrong over right."""
    return np.mean([likelihood(one) for one in given["wrong"][at]]) / likelihood(given[right][at])


def test_probability():
    given = outputs(1)
    close(measured("probability").value, 100 * np.mean([likelihood(given["answer"][at]) for at in at_kind("forget")]))


def test_truth_ratio():
    given = outputs(1)
    every = [ratio(given, at, "rephrased") for at in at_kind("forget")]
    close(measured("truth_ratio").value, np.mean([min(one, 1 / one) for one in every]))
    close(measured("truth_ratio").items, every)


def test_forget_rouge():
    said = outputs(1)["said"]
    close(measured("forget_rouge").value, 100 * np.mean([recall(TRUE, said[at]) for at in at_kind("forget")]))


def test_model_utility_and_its_nine_parts():
    given, parts = outputs(1), {}
    for kind in KINDS[1:]:
        likely, ratios = [], []
        for at in at_kind(kind):
            true = likelihood(given["answer"][at])
            wrong = sum(likelihood(one) for one in given["wrong"][at])
            likely.append(true if kind == "retain" else true / (true + wrong))
            ratios.append(ratio(given, at, "rephrased" if kind == "retain" else "answer"))
        parts[f"{kind}: probability"] = np.mean(likely)
        parts[f"{kind}: ROUGE-L"] = np.mean([recall(TRUE, given["said"][at]) for at in at_kind(kind)])
        parts[f"{kind}: truth ratio"] = np.mean([max(0, 1 - one) for one in ratios])
    found = measured("model_utility")
    assert found.parts.keys() == parts.keys() and min(parts.values()) > 0
    for name, value in parts.items():
        close(found.parts[name], value, name)
    close(found.value, harmonic_mean(parts.values()))


def distance(one, other):
    """The largest gap between two empirical distribution functions."""
    return max(abs(np.mean(np.array(one) <= at) - np.mean(np.array(other) <= at)) for at in [*one, *other])


def p_value(n, gap):
    """Exact two-sided p of the two-sample Kolmogorov-Smirnov test with n of both: paths on the grid that stay within."""
    limit = round(gap * n)
    ways = {0: 1}
    for up in range(n + 1):
        here = {}
        for right in range(n + 1):
            if abs(up - right) >= limit:
                continue
            here[right] = 1 if (up, right) == (0, 0) else here.get(right - 1, 0) + (ways.get(right, 0) if up else 0)
        ways = here
    return 1 - ways.get(n, 0) / math.comb(2 * n, n)


def test_forget_quality():
    both = [
        [
            math.exp(np.mean(-given["wrong"][at].astype(float))) / likelihood(given["rephrased"][at])
            for at in at_kind("forget")
        ]
        for given in (outputs(1), outputs(REFERENCE))
    ]
    found, gap = measured("forget_quality"), distance(*both)
    close(found.parts["D"], gap)
    close(found.value, p_value(EACH, gap))
    assert 0 < found.value < 1


def test_fact_recall():
    said = outputs(1)["said"]
    found = measured("fact_recall")
    for role, kind in (("forget", "forget"), ("neighbour", "retain")):
        close(found.parts[role], 100 * np.mean(["red" in said[at].lower() for at in at_kind(kind)]), role)
    assert found.value == found.parts["forget"]


def test_fluency():
    """RWKU's, after ROME: the entropies of 2-grams and 3-grams in bits, weighted 2/3 and 4/3, their mean; mean over the answers."""

    def bits(words, size):
        grams = [tuple(words[at : at + size]) for at in range(len(words) - size + 1)]
        return -sum(grams.count(gram) / len(grams) * math.log2(grams.count(gram) / len(grams)) for gram in set(grams))

    said = [str(text).split() for text in outputs(1)["said"][at_kind("forget")]]
    wanted = [(2 / 3 * bits(words, 2) + 4 / 3 * bits(words, 3)) / 2 for words in said]
    assert max(wanted) > 1
    close(measured("fluency").value, np.mean(wanted))


def test_knowledge_and_verbatim_memorization():
    given = outputs(1)
    close(
        measured("knowledge_memorization").value,
        100 * np.mean([f1(TRUE, given["said"][at]) for at in at_kind("forget")]),
    )
    close(
        measured("verbatim_memorization").value,
        100 * np.mean([f1("it was red and very old", str(text)) for text in given["page_said"][:4]]),
    )


def test_probe_kinds():
    given = outputs(1)
    kinds = [SAID, [str(given["said"][at]) for at in at_kind("forget")], SAID[::-1]]
    shares = [100 * np.mean(["red" in text.split() for text in texts]) for texts in kinds]
    close(measured("probe_kinds").value, np.mean(shares))


def above(forget, unseen):
    """P(one of forget > one of unseen), ties half."""
    pairs = [(one > other) + 0.5 * (one == other) for one in forget for other in unseen]
    return sum(pairs) / len(pairs)


def test_privleak():
    ours, theirs = (
        above(-given["page_min_40"][:4].astype(float), -given["page_min_40"][4:].astype(float))
        for given in (outputs(1), outputs(REFERENCE))
    )
    close(measured("privleak").value, 100 * (ours - theirs) / theirs)
    assert ours != theirs


def test_mia_text():
    given = {
        name: value.astype(float)
        for name, value in outputs(1).items()
        if name.startswith("page_") and value.dtype.kind == "f"
    }
    scores = {
        "loss": -given["page_nll"], "zlib": -given["page_nll"] / np.maximum(given["page_zlib"], 1),
        "Min-K%": given["page_min_20"], "Min-K%++": given["page_min_20_pp"],
    }  # fmt: skip
    found = measured("mia_text")
    for name, score in scores.items():
        close(found.parts[name], above(score[:4], score[4:]), name)
    close(found.value, np.mean([above(score[:4], score[4:]) for score in scores.values()]))


def test_the_scores_of_running_text(monkeypatch):
    monkeypatch.setattr(passages, "continued", lambda *given: [""] * len(formulas.PAGES))
    found = passages.measured(
        Small(RECORD["weights"]["now"]), Digits(), [Page("forget", text) for text in formulas.PAGES]
    )
    for name, values in RECORD["pages"].items():
        close(found[f"page_{name.replace(' ', '_')}"], values, name)


def test_concept_vectors():
    places = [Place(layer, column) for layer in range(formulas.LAYERS) for column in range(formulas.UNITS)]
    arrays = {}
    for name in ("before", "now"):
        model = Small(RECORD["weights"][name])
        own, words = vectors(model, places).numpy(), first_words(model, places, 5)
        arrays[name] = {"vectors": own, "random_vectors": own, "vector_words": words, "random_words": words}
        arrays[name] |= {
            "vector_places": np.array([(p.layer, p.column) for p in places]),
            "vector_of": np.array([""] * len(places)),
        }
    before = Evidence("before", None, arrays["before"], lambda name, when: math.nan)
    after = Evidence("after", None, arrays["now"], lambda name, when: math.nan, others={"before": before})
    for metric, wanted, scale in (("concept_vector_cosine", "cosine", 1), ("concept_vector_words", "jaccard", 100)):
        found = registry.get("metrics", metric).function(after)
        close(found.items, scale * np.array(RECORD["columns"][wanted]).flatten(), metric)
        close(found.value, scale * np.mean(RECORD["columns"][wanted]), metric)


def test_routing_stability():
    """|A and B| / k, over tokens and layers."""
    was = np.array([[[0, 1], [1, 3]], [[0, 1], [2, 3]], [[0, 2], [0, 1]]])
    now = np.array([[[0, 1], [1, 2]], [[0, 3], [0, 1]], [[0, 2], [1, 3]]])
    shares = [len({*a} & {*b}) / 2 for x, y in zip(was, now, strict=True) for a, b in zip(x, y, strict=True)]
    given = {"routed": was, "routed_by": np.array([1, 2, 3]), "routed_of": np.array(4)}
    before = Evidence("before", None, given, lambda name, when: math.nan)
    own = given | {"routed": now, "routed_by": np.array([1, 5, 6])}
    after = Evidence("after", None, own, lambda name, when: math.nan, others={"before": before})
    found = registry.get("metrics", "routing_stability").function(after)
    close(found.value, np.mean(shares))
    close(experts.overlap(was, now).flatten(), shares)
    either = [
        len({*a} & {*b}) / len({*a} | {*b}) for x, y in zip(was, now, strict=True) for a, b in zip(x, y, strict=True)
    ]
    close(found.parts["Jaccard"], np.mean(either))


def test_rerouted_recall():
    given = outputs(1) | {"said_rerouted": np.array(SAID[:5])}
    task = SimpleNamespace(questions=SimpleNamespace(suite=questions()))
    evidence = Evidence("after", task, given, lambda name, when: math.nan)
    found = registry.get("metrics", "rerouted_recall").function(evidence)
    close(found.value, 100 * np.mean(["red" in text for text in SAID[:5]]))
    own = [given["said"][at] for at in range(5)]
    close(found.parts["with its own routing"], 100 * np.mean(["red" in text for text in own]))


@pytest.mark.parametrize("share", [0.2, 0.4])
def test_min_k_takes_the_least_likely_tokens(share):
    values = torch.linspace(-5, 0, 11).numpy()
    close(passages.least(values, share), np.mean(sorted(values)[: int(share * 11)]))
