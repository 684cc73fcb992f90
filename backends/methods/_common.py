"""Mathematics that three or more methods share. Plain functions; no method is imported here."""

from pydantic import Field
from torch import nn
from torch.optim import SGD

from ..registry import Params


class SgdParams(Params):
    """What every method that trains by stochastic gradient descent can be told."""

    epochs: int = Field(default=5, ge=1, le=200, description="Passes over the data.")
    learning_rate: float = Field(default=0.01, gt=0, le=1, description="Step size.")
    batch_size: int = Field(default=128, ge=8, le=1024, description="Images in one step.")


def sgd(model: nn.Module, learning_rate: float, momentum: float = 0.9, weight_decay: float = 5e-4) -> SGD:
    """The optimiser of Unlearn-Sparse and Unlearn-Saliency: SGD, momentum 0.9, weight decay 5e-4."""
    return SGD(model.parameters(), lr=learning_rate, momentum=momentum, weight_decay=weight_decay)
