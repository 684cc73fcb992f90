"""Guided layers: what a guide changed, in curves beside the same network without it, and layer by layer."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..api import run_outputs
from ..api.panels import AnyPanel, Heatmap, Lines, Role, Series, Verdict
from ..core.evidence import InspectContext
from ..core.registry import Params, inspector
from ..families.classifier import guiding
from ..families.classifier.guiding import NONE_MADE, Guided
from ..families.classifier.task import Classifier
from ._common import percent

ROLES: tuple[Role, ...] = ("forget", "neighbour", "unrelated")


class GuidedLayers(Params):
    """Nothing to set."""


def _none_made(look: InspectContext[Classifier]) -> str:
    return "" if run_outputs.method_arrays(look.run, guiding.MADE) is not None else NONE_MADE


@inspector(
    id="guided_layers",
    lacks=_none_made,
    title="Guided layers: what did the guide change?",
    summary="Accuracy and loss of the guided network beside the same one without a guide, and how alike its layers and the guide's see images (CKA), before and after.",
    source={
        "title": "Subramaniam et al., Training the Untrainable, NeurIPS 2025",
        "url": "https://arxiv.org/abs/2410.20035",
        "code": "https://github.com/vsubramaniam851/untrainable-networks",
    },
    needs=("classes", "hidden states"),
    order=27,
    group="change",
    quick=True,
)
def guided_layers(look: InspectContext[Classifier], params: GuidedLayers) -> list[AnyPanel]:
    """Curves by pass, and linear CKA of each layer with each of the guide, on up to 512 test images, as the run kept them.

    All networks began with the same weights and saw the same batches. CKA depends on how many images it is of: while the networks learned
    it was of a batch, which reads higher.
    """
    if _none_made(look):
        how = "Networks that learned with and without a guide, where a run guided any."
        return [Verdict(title="What did the guide change?", how=how, says=NONE_MADE, sign="unknown")]
    guided = Guided.read(look.run)
    ends = [_last(guided, at) for at in range(min(2, len(guided.names)))]
    return [_tested(guided), *ends, _first(guided), _loss(guided), _learned(guided)]


def _tested(guided: Guided) -> Lines:
    """Testing accuracy by pass."""
    (on_trained, tested), alone = guided.ends[0], guided.ends[min(1, len(guided.ends) - 1)]
    return Lines(
        title="Accuracy with and without the guide",
        how="How often each network is right on test images that none of them saw. All began with the same weights and saw the same batches.",
        says=f"At the end the guide ({guided.guide[0]}) makes a difference of {tested - alone[1]:+.1f} points: {percent(float(tested))} of the test images are right with it and {percent(float(alone[1]))} without; "
        f"of the images they learned from, {percent(float(on_trained))} and {percent(float(alone[0]))}.",
        x=_passes(guided),
        series=_each(guided, guided.test),
        x_title="passes",
        y_title="% right",
    )


def _learned(guided: Guided) -> Lines:
    """Accuracy on what is learned from, by pass."""
    return Lines(
        title="Accuracy on what is learned from",
        how="How often each network is right on the images it learns from, as it meets them. The further above the accuracy on test images, the more it learns by heart.",
        says=f"At the end {percent(float(guided.ends[0, 0]))} with the guide.",
        x=_passes(guided),
        series=_each(guided, guided.train),
        x_title="passes",
        y_title="% right",
    )


def _each(guided: Guided, values: NDArray[np.float32]) -> list[Series]:
    return [
        Series(name=str(name), values=_numbers(values[at]), role=ROLES[at % len(ROLES)])
        for at, name in enumerate(guided.names)
    ]


def _loss(guided: Guided) -> Lines:
    """Cross-entropy by pass, without the distance."""
    ends = ", ".join(f"{name} {loss[-1]:.3f}" for name, loss in zip(map(str, guided.names), guided.loss, strict=True))
    return Lines(
        title="Loss with and without the guide",
        how="Cross-entropy on the images a network learns from, without what the guide adds.",
        says=f"In the last pass: {ends}.",
        x=_passes(guided),
        series=_each(guided, guided.loss),
        x_title="passes",
        y_title="cross-entropy",
    )


def _first(guided: Guided) -> Heatmap:
    """CKA of the first weights."""
    return Heatmap(
        title="Layers before training",
        how="Each row is a layer of the network, each column one of the guide, from input to output: 1 where both see the images alike (linear CKA), up to turning and scaling.",
        says=f"All networks began with these weights. Over the pairs that are compared while they learn the mean is {_paired(guided.before):.2f}, on {_reported(guided)} test images.",
        **_cells(guided.before),
    )


def _last(guided: Guided, at: int) -> Heatmap:
    """CKA of one of the networks afterwards."""
    after = guided.after[at]
    return Heatmap(
        title=f"Layers after training: {guided.names[at]}",
        how="Each row is a layer of the network, each column one of the guide, from input to output: 1 where both see the images alike (linear CKA), up to turning and scaling.",
        says=f"Over the pairs that are compared the mean is {_paired(after):.2f}, {_paired(after) - _paired(guided.before):+.2f} beside the first weights, on {_reported(guided)} test images.",
        **_cells(after),
    )


def _cells(cka: NDArray[np.float32]) -> dict[str, Any]:
    layers, guides = cka.shape
    return {
        "rows": [f"layer {at + 1}" for at in range(layers)],
        "columns": [f"guide {at + 1}" for at in range(guides)],
        "z": [_numbers(row) for row in cka],
        "row_title": "network",
        "column_title": "guide",
        "most": 1.0,
        "numbers": True,
    }


def _reported(guided: Guided) -> int:
    return min(guiding.REPORTED, int(guided.images[1]))


def _paired(cka: NDArray[np.float32]) -> float:
    """The mean over the pairs of layers that are compared while a network learns."""
    pairs = guiding.layer_map(*cka.shape)
    return float(np.mean([cka[own, other] for other, own in enumerate(pairs)]))


def _passes(guided: Guided) -> list[float]:
    return [float(at + 1) for at in range(guided.loss.shape[1])]


def _numbers(values: NDArray[np.float32]) -> list[float | None]:
    return [None if math.isnan(one) else float(one) for one in values]
