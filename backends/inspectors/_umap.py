"""UMAP, with what its compiler makes kept on disk: without that every new process compiles for half a minute.

`python -m backends.inspectors._umap` compiles everything once, as when an image is built.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray


@cache
def _umap() -> Any:
    """The module, its compiled functions kept beside it or, where that cannot be written, in the user's cache."""
    import umap
    from numba.core.registry import CPUDispatcher

    for module in (umap.umap_, umap.layouts, umap.utils, umap.distances, umap.spectral):
        for function in vars(module).values():
            if isinstance(function, CPUDispatcher) and function.py_func.__module__.startswith("umap"):
                try:
                    function.enable_caching()
                except RuntimeError:  # no place to write: it is compiled in memory, each time
                    return umap
    return umap


def fit(rows: NDArray[np.float32], neighbours: int, seed: int = 0) -> Any:
    """A map of the plane fitted on rows [n, d] by cosine distance, the same for the same rows and seed; n at least 4."""
    # The last rows first: UMAP answers rows that it was fitted on, in their order, without transforming them, and then
    # a model after that equals the model before would not land on the same places.
    return (
        _umap()
        .UMAP(
            n_neighbors=min(neighbours, len(rows) - 1),
            min_dist=0.1,
            metric="cosine",
            n_epochs=200,
            init="spectral" if len(rows) > 20 else "random",
            random_state=seed,
            transform_seed=seed,
            n_jobs=1,
        )
        .fit(rows[::-1])
    )


def transform(fitted: Any, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Places [n, 2] of rows [n, d] on a fitted map."""
    return np.asarray(fitted.transform(rows), np.float32)


if __name__ == "__main__":
    example = np.random.default_rng(0).random((60, 8), np.float32)
    transform(fit(example, 15), example)
