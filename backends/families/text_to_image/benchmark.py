"""How methods are compared on text-to-image models. UCE stands there as well with nothing preserved, as its authors' script does
unless told what."""

from ...core.benchmark import Benchmark

BENCHMARK = Benchmark(
    heading="text to image",
    page="docs/results/text-to-image.md",
    table="backends.zoo._table_drawn:into",
    targets=("cat", "umbrella", "car", "banana", "house", "twemoji style", "noto style", "contrast style"),
    forget_metric="unlearning_accuracy",
    falls=False,
    retain_metrics=("in_domain_retain_accuracy", "cross_domain_retain_accuracy"),
    variants=(("uce", {"preserve_scale": 0.0}),),
)
