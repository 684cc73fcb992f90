"""Gaussian amnesiac learning: the forget set with numbers drawn from the labels' own normal distribution."""

import numpy as np
import torch
from pydantic import Field
from torch.optim import Adam

from ..core.registry import Params, method
from ..core.run import Run
from ..core.task import ClassifierTask


class GaussianAmnesiac(Params):
    """Training with drawn numbers."""

    epochs: int = Field(default=1, ge=1, le=100, description="Passes over everything.")
    learning_rate: float = Field(default=1e-3, gt=0, le=1, description="Step size of Adam.")
    batch_size: int = Field(default=256, ge=8, le=1024, description="Items in one step.")


@method(
    id="gaussian_amnesiac",
    title="Gaussian amnesiac learning (G-amnesiac)",
    short="G-amnesiac",
    summary="Goes on training with all items, but the forget set has numbers drawn at random.",
    school="Learn made-up numbers for what you should forget, and go on practising the rest.",
    student=(
        "Every item of the forget set is given a number drawn once from the normal distribution that the training labels have, and the model "
        "is trained on all items for an epoch. It is amnesiac unlearning, which gives random classes, carried over to regression. What it "
        "learns there has the labels' mean, and not what a model says that never saw the range."
    ),
    source={
        "title": "Tarun et al., Deep Regression Unlearning, ICML 2023",
        "url": "https://arxiv.org/abs/2210.08196",
        "code": "https://github.com/ayu987/deep-regression-unlearning",
    },
    label="same algorithm, smaller model",
    kind="replace",
    departures="What is rehearsed is the keep list, where one is given. Batches are as large as suits 2,000 items.",
    needs=("numeric labels",),
    order=12,
)
def gaussian_amnesiac(run: Run[ClassifierTask], params: GaussianAmnesiac) -> None:
    """Minimise the absolute error to the true labels on the retain set and to draws from N(mean, deviation) of the training labels on the
    forget set, for 1 epoch with Adam at 1e-3."""
    labels = torch.from_numpy(run.task.data.train.labels).float()
    normal = np.random.default_rng(run.seed).normal(float(labels.mean()), float(labels.std()), len(labels))
    random_labels = torch.from_numpy(normal).float().to(run.device)
    run.task.parts["both"] = np.union1d(run.task.parts["forget"], run.task.parts["keep"])
    run.model.train()
    optimizer = Adam(run.model.parameters(), lr=params.learning_rate)
    for batch in run.epochs("relabelled", ["both"] * params.epochs, params.batch_size, {"optimizer": optimizer}):
        targets = torch.where(batch.forget, random_labels[batch.index], batch.y)
        loss = run.loss(run.forward(run.model, batch.x), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.log(loss=loss.detach())
