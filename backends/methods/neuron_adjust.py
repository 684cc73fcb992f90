"""Neuron adjust: a guard that maps feed-forward activations of the forget set to those of the retain set."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from ..core.registry import Params, method
from ..core.run import Run
from ..families.language.concept_vectors import feed_forwards
from ..families.language.guards import Guard, attach
from ..families.language.task import LanguageModel
from ..families.language.tokens import Texts
from ._guarding import extract_features


class NeuronAdjust(Params):
    """Which units are moved."""

    share: float = Field(default=10.0, gt=0, le=100, description="Percent of the units that are moved.")
    probes: int = Field(default=200, ge=2, le=10_000, description="At most so many pairs of each kind are looked at.")


@method(
    id="neuron_adjust",
    title="Neuron Adjust",
    short="Neuron Adjust",
    summary="Leaves the weights; pushes back single units that are more active on the forget set.",
    school="Some lamps in the head light up for one topic only. They are dimmed whenever they do.",
    student=(
        "For each unit before the activation (the output of gate_proj) two normal distributions are noted: its values on what is "
        "to be forgotten and on what is kept. The units whose mean rises most are guarded: a value that fits the first better "
        "is mapped to the second, and mirrored at its mean, with probability p_f / (p_r + p_f). Nothing is trained. It "
        "was made for whole skills, as doing sums; facts on one author differ less from facts on another."
    ),
    source={
        "title": "Li et al., Effective Skill Unlearning through Intervention and Abstention, NAACL 2025",
        "url": "https://arxiv.org/abs/2503.21730",
        "code": "https://github.com/Trustworthy-ML-Lab/effective_skill_unlearning",
    },
    label="same algorithm, smaller model",
    kind="hide",
    departures=(
        "Spreads are standard deviations, where the released code keeps a variance and fills one from the means. The draw that "
        "decides on a replacement is made once for each unit, so that answers repeat. 10 % of the "
        "units are moved by default, not 3 %."
    ),
    guard=True,
    needs=("answers", "dense columns"),
    order=72,
)
def neuron_adjust(run: Run[LanguageModel], params: NeuronAdjust) -> None:
    """Top 3 % of the units for sums and code, 0.5 to 5 % for languages, in the paper."""
    keep_mean, keep_std = moments(run, "what to keep", run.task.keep, params.probes)
    forget_mean, forget_std = moments(run, "what to forget", run.task.forget, params.probes)
    layer, unit = top_units(forget_mean - keep_mean, params.share)

    at = (layer, unit)
    for _ in run.steps("attach", 1):
        attach(
            run.model,
            "neuron_adjust",
            {
                "layer": layer, "unit": unit, "keep_mean": keep_mean[at], "keep_std": keep_std[at],
                "forget_mean": forget_mean[at], "forget_std": forget_std[at], "draw": torch.rand(len(unit)),
                "strength": torch.tensor(1.0),
            },
        )  # fmt: skip
        run.log(units=len(unit))


def top_units(difference: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """(layer, unit) of the `share` percent of units [layers, units] with the largest signed difference; one at least."""
    count = max(1, int(share / 100 * difference.numel()))
    best = difference.flatten().topk(count).indices.sort().values
    return best // difference.shape[1], best % difference.shape[1]


def moments(run: Run[LanguageModel], name: str, texts: Texts, limit: int) -> tuple[Tensor, Tensor]:
    """(mean, standard deviation) of every unit before its activation over all tokens, both [layers, units]."""

    def extract(part: Texts) -> Tensor:
        with gate_outputs(run.original) as outputs:
            run.original(input_ids=part.ids, attention_mask=part.mask)
        activations = torch.stack(outputs)[:, part.mask.bool()].double()  # [layers, tokens, units]
        return torch.stack(
            [torch.ones_like(activations[:, 0]) * activations.shape[1], activations.sum(1), activations.square().sum(1)]
        )[None]

    return mean_and_std(extract_features(run, name, texts, extract, limit).sum(0))


def mean_and_std(sums: Tensor) -> tuple[Tensor, Tensor]:
    """(mean, standard deviation) from (count, sum, sum of squares) [3, ...]."""
    count, total, squares = sums
    mean = total / count
    return mean.float(), (squares / count - mean**2).clamp(min=1e-12).sqrt().float()


@contextlib.contextmanager
def gate_outputs(model: torch.nn.Module) -> Iterator[list[Tensor]]:
    """A context that collects the outputs of every gate_proj [n, length, units], in the order of the layers."""
    outputs: list[Tensor] = []
    hooks = [
        part.gate_proj.register_forward_hook(lambda _, __, output: outputs.append(output.detach()))
        for part in feed_forwards(model)
    ]
    try:
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()


class Reflected(Guard):
    """Neuron adjust: chosen units of the feed-forward layers are pushed back to what they do elsewhere.

    Buffers, all over the k chosen units: `layer`, `unit`, `keep_mean`, `keep_std`, `forget_mean`, `forget_std`, `draw` (from 0 to
    1: how likely a replacement has to be for it to happen); `strength` [], 1 where the guard acts in full.
    """

    kind = "neuron_adjust"
    layer: Tensor
    unit: Tensor
    keep_mean: Tensor
    keep_std: Tensor
    forget_mean: Tensor
    forget_std: Tensor
    draw: Tensor
    strength: Tensor

    def hook(self, model: Any) -> None:
        for number, part in enumerate(feed_forwards(model)):
            if (self.layer == number).any():
                part.gate_proj.register_forward_hook(Layer(self, number))

    def adjust(self, layer: int, activations: Tensor) -> Tensor:
        """Activations of one layer's units [..., units], with those chosen moved."""
        rows = self.layer == layer
        unit = self.unit[rows]
        x = activations[..., unit].float()
        moved = reflect(
            x, self.keep_mean[rows], self.keep_std[rows], self.forget_mean[rows], self.forget_std[rows], self.draw[rows]
        )
        activations = activations.clone()
        activations[..., unit] = torch.lerp(x, moved, self.strength).to(activations.dtype)
        return activations


class Layer:
    """A hook that knows its layer; it is copied with its guard."""

    def __init__(self, guard: Reflected, number: int) -> None:
        self.guard, self.number = guard, number

    def __call__(self, module: nn.Module, args: tuple[Any, ...], output: Tensor) -> Tensor:
        return self.guard.adjust(self.number, output)


def reflect(
    x: Tensor, keep_mean: Tensor, keep_std: Tensor, forget_mean: Tensor, forget_std: Tensor, draw: Tensor
) -> Tensor:
    """Values that fit what is to be forgotten better are mapped to what is kept, and mirrored at its mean.

    A value is replaced where its share p_f / (p_r + p_f) is at least one half and more than `draw`.
    """

    def likelihood(mean: Tensor, std: Tensor) -> Tensor:
        return -0.5 * ((x - mean) / std) ** 2 - std.log()

    share = torch.sigmoid(likelihood(forget_mean, forget_std) - likelihood(keep_mean, keep_std))
    mirrored = keep_mean - keep_std * (x - forget_mean) / forget_std
    return torch.where((share >= 0.5) & (share > draw), mirrored, x)
