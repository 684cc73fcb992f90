"""Blindspot unlearning: on the forget set the model copies a weak one that never saw it."""

from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Adam

from ..core.registry import Params, method
from ..core.run import Run


class Blindspot(Params):
    """The weak model, and copying it."""

    epochs: int = Field(default=1, ge=1, le=100, description="Passes over everything.")
    learning_rate: float = Field(default=1e-3, gt=0, le=1, description="Step size of Adam.")
    batch_size: int = Field(default=256, ge=8, le=1024, description="Items in one step.")
    beta: float = Field(
        default=50.0, ge=0, le=1e4, description="Weight of what the layers give, against what is predicted."
    )
    blind_epochs: int = Field(
        default=2,
        ge=1,
        le=20,
        description="Passes of the weak model over the retain set. It stands for not knowing, so it has to stay weak.",
    )
    blind_learning_rate: float = Field(default=0.01, gt=0, le=1, description="Its step size.")


@method(
    id="blindspot",
    title="Blindspot",
    short="Blindspot",
    summary="Trains a weak model for a moment without the forget set, and copies it there.",
    school="Ask a newcomer who never heard of it what they would guess, and guess the same.",
    student=(
        "New weights are trained on the retain set for two epochs only: the blindspot model, which knows nothing of the forgotten range. Then "
        "the model is trained on everything; on the retain set towards the true numbers, on the forget set towards what the blindspot model "
        "predicts and, by attention transfer, towards where its layers look. The blindspot model must stay weak: it stands for not "
        "knowing, and is no teacher."
    ),
    source={
        "title": "Tarun et al., Deep Regression Unlearning, ICML 2023",
        "url": "https://arxiv.org/abs/2210.08196",
        "code": "https://github.com/ayu987/deep-regression-unlearning",
    },
    label="same algorithm, smaller model",
    kind="replace",
    departures="What is rehearsed is the keep list, where one is given. In a table's layers, which have no space, the attention of a unit is its own "
    "squared activation.",
    needs=("numeric labels",),
    order=10,
)
def blindspot(run: Run[Any], params: Blindspot) -> None:
    """r (|f(x) - b(x)| + beta sum of AT(layer)) on the forget set + (1 - r) |f(x) - y| on the retain set, r the forget set's share of a batch; 1
    epoch with Adam at 1e-3, beta 50, of labels in their own unit."""
    blind = run.fresh(1).eval()
    blind.load_state_dict(run.cached("blindspot model", lambda: _trained(run, params)))
    run.task.parts["both"] = np.union1d(run.task.parts["forget"], run.task.parts["keep"])
    run.model.train()
    optimizer = Adam(run.model.parameters(), lr=params.learning_rate)
    for batch in run.epochs("copy", ["both"] * params.epochs, params.batch_size, {"optimizer": optimizer}):
        predictions, layers = run.task.activations(run.model, batch.x)
        with torch.no_grad():
            guesses, blind_layers = run.task.activations(blind, batch.x)
        forget, keep = batch.forget, ~batch.forget
        loss = predictions.new_zeros(())
        share = float(forget.float().mean())
        if forget.any():
            attention = sum(
                attention_distance(one[forget], other[forget]) for one, other in zip(layers, blind_layers, strict=True)
            )
            copied = F.l1_loss(predictions[forget], guesses[forget])
            loss = loss + share * (copied + params.beta * attention)
            run.log(forget_loss=copied.detach())
        if keep.any():
            right = F.l1_loss(predictions[keep], batch.y[keep])
            loss = loss + (1 - share) * right
            run.log(retain_loss=right.detach())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _trained(run: Run[Any], params: Blindspot) -> dict[str, Tensor]:
    """The weights of the blindspot model: new ones, trained on the retain set for a moment."""
    model, task = run.fresh(1).train(), run.task
    optimizer = Adam(model.parameters(), lr=params.blind_learning_rate)
    count = -(-run.size("keep") // params.batch_size)
    for epoch in range(params.blind_epochs):
        order = np.random.default_rng([run.seed, epoch, 13]).permutation(task.parts["keep"])
        for step, index in enumerate(np.array_split(order, count)):
            run.report("blindspot model", epoch * count + step, params.blind_epochs * count)
            batch = task.batch(index, augment=True)
            loss = F.l1_loss(task.forward(model, batch.x), batch.y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def attention(layer: Tensor) -> Tensor:
    """Where a layer looks: the mean square over its channels at each place, of length 1, [n, places] of [n, channels, height, width]; of
    [n, units] the square of each unit."""
    squares = layer.pow(2)
    return F.normalize((squares.mean(1) if layer.ndim > 2 else squares).flatten(1))


def attention_distance(one: Tensor, other: Tensor) -> Tensor:
    """Mean squared difference of the attention of two layers, over items and places."""
    return (attention(one) - attention(other)).pow(2).mean()
