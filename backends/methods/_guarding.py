"""Shared by the guards of language models: features of the questions, computed once with the original model."""

from collections.abc import Callable

import torch
from torch import Tensor

from ..core.run import Run
from ..core.task import Task
from ..families.language.tokens import Texts

BATCH = 128


def extract_features(
    run: Run[Task], name: str, texts: Texts, extract: Callable[[Texts], Tensor], limit: int | None = None
) -> Tensor:
    """Features of texts, batch by batch, concatenated along the first dimension, on the device.

    A batch is computed once in a job, so that a resumed job goes on with the next one.

    Args:
        run: the job.
        name: what the texts are, for the progress line.
        texts: to be described.
        extract: (batch of texts) -> features [n, ...].
        limit: at most so many texts, drawn by the seed.
    """
    order = torch.arange(len(texts))
    if limit is not None and limit < len(texts):
        order = run.cached(f"choosing {name}", lambda: torch.randperm(len(texts))[:limit]).cpu()
    chunks = []
    for number, rows in enumerate(torch.split(order, BATCH)):

        def make(rows: Tensor = rows) -> Tensor:
            with torch.no_grad():
                return extract(texts[rows].to(run.device)).cpu()

        chunks.append(run.cached(f"reading {name}, part {number + 1}", make).to(run.device))
    return torch.cat(chunks)
