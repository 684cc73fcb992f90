"""How methods are compared on language models."""

from ...core.benchmark import Benchmark

BENCHMARK = Benchmark(
    heading="language",
    page="docs/results/language.md",
    table="backends.zoo._table_answers:into",
    targets=("forget10",),
    forget_metric="fact_recall: forget",
    falls=True,
    retain_metrics=("fact_recall: neighbour", "fact_recall: unrelated", "model_utility"),
)
