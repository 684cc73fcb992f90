"""How methods are compared on image classifiers."""

from ...core.benchmark import Benchmark

BENCHMARK = Benchmark(
    heading="classifier",
    page="docs/results/classifiers.md",
    table="backends.zoo._table:into_results",
    targets=("Sandal", "random:10%"),
    forget_metric="unlearning_accuracy",
    falls=False,
    retain_metrics=("remaining_accuracy", "testing_accuracy", "neighbour_accuracy"),
    epochs=True,
)
