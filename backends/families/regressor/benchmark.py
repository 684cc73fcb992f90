"""How methods are compared on regressors."""

from ...core.benchmark import Benchmark

BENCHMARK = Benchmark(
    heading="regressor",
    page="docs/results/regressors.md",
    table="backends.zoo._table_regressors:into",
    targets=("tilt:0-30",),
    forget_metric="mae_forget",
    falls=False,
    retain_metrics=("mae_test", "mae_retain"),
)
