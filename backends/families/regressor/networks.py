"""The networks of regressors: a small all-convolutional one for images, and two hidden layers for tables. Both predict one number."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

ARCHITECTURES = ("AllCnnForRegression", "MlpForRegression")


class Regressor(nn.Module):
    """Layers between standardised inputs and a standardised label; x [n, ...] in the data's own numbers to predictions [n] in the label's unit.

    `config`: `architectures`, `center` and `scale` of the inputs, `label` (mean and deviation), and `widths` of the layers; an all-convolutional
    one also `strides` and `kernels`, an MLP `inputs`.
    """

    center: Tensor
    scale: Tensor
    label: Tensor

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_convolutions(config) if convolves(config) else _hidden(config))
        self.head = nn.Linear(config["widths"][-1], 1)
        for name in ("center", "scale", "label"):
            self.register_buffer(name, torch.tensor(config[name], dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        return self.activations(x)[0]

    def activations(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The predictions [n], and what every block gives: [n, channels, height, width], of a table [n, units]."""
        outputs = [(x.float() - self.center) / self.scale]
        for block in self.blocks:
            outputs.append(block(outputs[-1]))
        last = outputs[-1] if outputs[-1].ndim == 2 else outputs[-1].mean((2, 3))
        return self.head(last)[:, 0] * self.label[1] + self.label[0], outputs[1:]


def convolves(config: Mapping[str, Any]) -> bool:
    """Whether it is the network for images."""
    return str(config["architectures"][0]) == ARCHITECTURES[0]


def _convolutions(config: Mapping[str, Any]) -> list[nn.Module]:
    """Convolution, batch norm and ReLU of each width, as in AllCNN: strides in the place of pooling."""
    sizes = zip(pairwise([1, *config["widths"]]), config["strides"], config["kernels"], strict=True)
    return [
        nn.Sequential(nn.Conv2d(one, more, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(more), nn.ReLU())
        for (one, more), stride, kernel in sizes
    ]


def _hidden(config: Mapping[str, Any]) -> list[nn.Module]:
    return [
        nn.Sequential(nn.Linear(one, more), nn.ReLU()) for one, more in pairwise([config["inputs"], *config["widths"]])
    ]
