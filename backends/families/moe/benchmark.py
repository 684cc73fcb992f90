"""How methods are compared on mixtures of experts. What may change is the question there, so methods stand several times, each time
told something else."""

from dataclasses import replace

from ..language import benchmark as language

# An expert of the third layer, found by hand for one author: it forgets that one and, as was seen later, few others.
THIRD = {"layer": 3, "learning_rate": 5e-4, "epochs": 15, "keep_weight": 1.0, "anchor_weight": 0.0}

BENCHMARK = replace(
    language.BENCHMARK,
    heading="experts",
    page="docs/results/moe.md",
    table="backends.zoo._table_moe:into",
    targets=("Ivo Pemberly",),
    variants=(
        *((method, {}) for method in ("gradient_ascent_llm", "grad_diff", "kl_min", "npo", "rmu")),
        *(("npo", {"weights": weights, "epochs": 20}) for weights in ("experts", "routers", "all but routers")),
        ("seuf", {}),
        ("seuf", {"epochs": 10, "keep_weight": 1.0}),
        ("seuf", THIRD | {"anchor_weight": 1.0}),
        ("concept_poisoning_llm", {}),
        *(("seuf", THIRD | {"objective": objective}) for objective in ("npo", "grad_diff", "kl_min", "rmu")),
    ),
    every_method=False,
)
