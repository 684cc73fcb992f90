"""Every method and metric of language models has a test of agreement, or stands here with the reason why not."""

import test_language_guarding
import test_language_measuring
import test_language_training

from backends import registry

FAMILIES = ("llm", "moe")
COST = "what a job took, counted and not computed from a formula"
WITHOUT = {
    "run_time": COST,
    "peak_memory": COST,
    "storage": COST,
    "weights_changed": COST,
}  # fmt: skip


def of_language(kind):
    return {name for name, one in registry.entries(kind).items() if True in map(one.entry.works_with.get, FAMILIES)}


def test_every_method_and_metric_agrees_with_its_formula():
    methods = {*test_language_training.EXACT, *test_language_guarding.EXACT}
    metrics = {*test_language_measuring.EXACT}
    assert of_language("methods") - methods - WITHOUT.keys() == set()
    assert of_language("metrics") - metrics - WITHOUT.keys() == set()
    assert methods | metrics | WITHOUT.keys() <= of_language("methods") | of_language("metrics")
    assert not (methods | metrics) & WITHOUT.keys()
