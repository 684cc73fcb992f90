"""Every method and metric of language models has a test of agreement, or stands here with the reason why not."""

import inspect

import test_language_corrective
import test_language_guarding
import test_language_measuring
import test_language_training

from backends.core import registry
from backends.methods._language import STEADY

FAMILIES = ("llm", "moe")
COST = "what a job took, counted and not computed from a formula"
WITHOUT = {
    "run_time": COST,
    "peak_memory": COST,
    "storage": COST,
    "weights_changed": COST,
    "one_expert_off": "our own test, for which no paper has a formula; tests/metrics/test_routing_metrics.py has it by hand",
}  # fmt: skip


def of_language(kind):
    return {name for name, one in registry.entries(kind).items() if True in map(one.entry.works_with.get, FAMILIES)}


def test_every_method_and_metric_agrees_with_its_formula():
    methods = {*test_language_training.EXACT, *test_language_guarding.EXACT, *test_language_corrective.EXACT[:2]}
    metrics = {*test_language_measuring.EXACT, *test_language_corrective.EXACT[2:]}
    assert of_language("methods") - methods - WITHOUT.keys() == set()
    assert of_language("metrics") - metrics - WITHOUT.keys() == set()
    assert methods | metrics | WITHOUT.keys() <= of_language("methods") | of_language("metrics")
    assert not (methods | metrics) & WITHOUT.keys()


NOT_FALLING = {
    "task_vector": "MUSE fine-tunes with a constant step size",
    "random_label_llm": "the paper has no public code that would say",
    "seuf": "no code of the paper is public",
    "concept_poisoning_llm": "no code of the paper is public",
}


def test_every_method_that_walks_says_that_its_step_size_does_not_fall():
    walking = {
        name
        for name in of_language("methods")
        if {"UnlearnLoop", "MaskedLoop"} & vars(inspect.getmodule(registry.get("methods", name).function)).keys()
    }
    saying = {name for name in walking if STEADY in registry.get("methods", name).entry.departures}
    assert walking - saying == NOT_FALLING.keys()
    assert len(saying) == 13
