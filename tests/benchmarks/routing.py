"""How long forgetting takes on the embedded mixture of experts, and how soon its routing is seen."""

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from backends.core import registry
from backends.core.evidence import InspectContext
from backends.engine.loading import open_task
from backends.families.language import experts

from .jobs import default, default_job

MODEL, ROUNDS, TOKENS = "authors-moe", 5, 2000


def routing() -> Iterator[str]:
    """The default job by phase, then the look at routing, in bare passes of both models over the same words."""
    yield from default_job(MODEL)
    task = open_task(MODEL, "", {"precision": "float32"})
    task.resolve(default(MODEL)["forget"])
    inspector = registry.get("inspectors", "routing")
    with TemporaryDirectory() as folder:
        models = {"before": task.load(), "after": task.load()}
        look = InspectContext(task, models.get, lambda when: task.outputs(models[when]), Path(folder), Path(folder))
        texts = task.forget
        seen, bare = [], []
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            inspector.function(look, inspector.parse({"tokens": TOKENS}))
            middle = time.perf_counter()
            for model in models.values():
                experts.read(model, texts)
            seen.append(middle - begun)
            bare.append((time.perf_counter() - middle) / int(texts.mask.sum()) * TOKENS)
    yield f"the look at the routing of {TOKENS:,} words: {median(seen):.2f} s, {median(seen) / median(bare):.1f} times the bare passes"
