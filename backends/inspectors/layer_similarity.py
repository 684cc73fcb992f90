"""Centered kernel alignment (CKA): how similar each layer's features are before and after."""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ..api import families
from ..api.panels import AnyPanel, Lines, Role, Series, When
from ..core import alignment
from ..core.evidence import InspectContext
from ..core.registry import Params, inspector
from ..core.task import Index
from ..families.language.inside import fact_tokens, states
from ._common import exact

BATCH = 256
WIDE = 16_384  # numbers an image may have in one layer; wider layers are averaged over places first
ROLES: dict[str, Role] = {"forget": "forget", "keep": "neighbour"}

Grams = dict[str, NDArray[np.float64]]


class LayerSimilarity(Params):
    """How much to look at."""

    images: int = Field(default=512, ge=8, le=2048, description="At most this many images, or questions, of each set.")


@inspector(
    id="layer_similarity",
    title="Centered kernel alignment (CKA): where in the model it changed",
    summary="How alike each layer's view of the same images or questions is before and after, for what is forgotten and what is kept.",
    source={
        "title": "Kornblith et al., Similarity of Neural Network Representations Revisited, ICML 2019",
        "url": "https://arxiv.org/abs/1905.00414",
    },
    needs=("hidden states",),
    order=5,
    group="change",
)
def layer_similarity(look: InspectContext[Any], params: LayerSimilarity) -> list[AnyPanel]:
    """Linear CKA by layer, on the same images: HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)) of centred Gram matrices in float64.

    Layers are the model's hidden states (stages of a ResNet, blocks of a ViT), what goes into the last layer, and the
    logits. Numbers that an image has at different places are all compared; where they are more than 16,384, they are
    averaged over places first. A layer in which all images look the same, or that is not a number, is "not measured".
    The same number of images is used for both sets; small sets make CKA higher, so compare only curves of one plot.

    Of a language model: questions of the suite instead of images, to be forgotten and about neighbours (unrelated ones where
    there are none), each layer's state where the model has to say what is asked.
    """
    words = families.has(look.task.family, "answers")
    near = "neighbour" if len(look.task.parts.get("neighbour", ())) else "unrelated"
    parts = {"forget": "forget", "keep": near if words else "keep"}
    count = min(params.images, *(len(look.task.parts[part]) for part in parts.values()))
    sets = {name: look.some(part, count) for name, part in parts.items()}
    before = {part: _grams(look, look.before, index, f"{part}, before") for part, index in sets.items()}
    after = {part: _grams(look, look.after, index, f"{part}, after") for part, index in sets.items()}
    same = {part: _curve(before[part], after[part]) for part in sets}
    panels: list[AnyPanel] = [
        Lines(
            title="Before and after",
            how=f"1 means that a layer sees these {_noun(look)} as it did before, up to turning and scaling; the lower, the more its view changed. Layers run from input to output.",
            says=_similarity_sentence(same, count, _noun(look)),
            x=list(before["forget"]),
            series=[Series(name=part, values=list(same[part].values()), role=ROLES[part]) for part in sets],
            x_title="layer",
            y_title="similarity (linear CKA)",
        )
    ]
    if look.reference is not None:
        reference = {
            part: _grams(look, look.reference, index, f"{part}, retrained reference") for part, index in sets.items()
        }
        panels.append(_to_reference(before, after, reference, _noun(look)))
    return panels


def _noun(look: InspectContext[Any]) -> str:
    return "questions" if families.has(look.task.family, "answers") else "images"


def cka(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Linear CKA of two Gram matrices [n, n] of the same n items, 0..1; NaN where one is constant or not a number."""
    return float(alignment.cka(torch.from_numpy(one), torch.from_numpy(other)))


def _curve(one: Grams, other: Grams) -> dict[str, float]:
    return {name: cka(one[name], other[name]) for name in one}


def _grams(look: InspectContext[Any], model: nn.Module, index: Index, words: str) -> Grams:
    """The Gram matrix [n, n] of every layer, by its name, from input to output."""
    look.tell(f"reading layers: {words}", 0, 0)
    if families.has(look.task.family, "answers"):
        about = fact_tokens(look.task, [look.task.questions.suite[at].pair for at in index])
        hidden_states = states(model, about.texts, about.places).double().numpy()
        names = ["input", *(f"layer {at}" for at in range(1, hidden_states.shape[1]))]
        return {name: rows @ rows.T for name, rows in zip(names, hidden_states.swapaxes(0, 1), strict=True)}
    activations: dict[str, list[NDArray[np.float32]]] = {}
    with exact(look.task), torch.no_grad():
        for at in look.steps(range(0, len(index), BATCH), f"reading layers: {words}"):
            x = look.task.batch(index[at : at + BATCH]).x
            for name, values in _layers(look, model, x).items():
                activations.setdefault(name, []).append(_flat(values).float().cpu().numpy())
    grams = {}
    for name in list(activations):
        rows = np.concatenate(activations.pop(name)).astype(np.float64)
        grams[name] = rows @ rows.T
    return grams


def _layers(look: InspectContext[Any], model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """Activations of every layer for x, by name."""
    last: list[Tensor] = []
    hook = look.task.head(model).register_forward_pre_hook(lambda _, args: last.append(args[0]))
    try:
        out = model(pixel_values=x, output_hidden_states=True)
    finally:
        hook.remove()
    states = getattr(out, "hidden_states", None) or ()
    by_layer = {"input" if i == 0 else f"layer {i}": state for i, state in enumerate(states)}
    return {**by_layer, "last features": last[-1], "logits": out.logits}


def _flat(values: Tensor) -> Tensor:
    """[n, d] of a layer's output [n, ...], averaged over places where it is wide."""
    if values[0].numel() > WIDE:
        if values.ndim == 4:
            values = F.adaptive_avg_pool2d(values, 4)
        elif values.ndim == 3:
            values = torch.cat([values[:, 0], values.mean(1)], dim=1)
    return values.flatten(1)


def _similarity_sentence(same: dict[str, dict[str, float]], count: int, noun: str) -> str:
    measured = {name: value for name, value in same["forget"].items() if not math.isnan(value)}
    if not measured:
        return f"No layer could be compared: the model's outputs are the same for all {noun}, or are not numbers."
    lowest = min(measured, key=lambda name: measured[name])
    keep = same["keep"][lowest]
    beside = "not measured" if math.isnan(keep) else f"{keep:.3f}"
    if measured[lowest] > 1 - 1e-6:
        return f"Every layer sees the forgotten {noun} as before ({count} {noun} of each set)."
    return f"For forgotten {noun} the view changed most in {lowest} ({measured[lowest]:.3f}; for kept {noun} {beside} there), over {count} {noun} of each set."


def _mean(curve: dict[str, float]) -> float:
    measured = [value for value in curve.values() if not math.isnan(value)]
    return sum(measured) / len(measured) if measured else math.nan


def _to_reference(before: dict[str, Grams], after: dict[str, Grams], reference: dict[str, Grams], noun: str) -> Lines:
    models: dict[When, dict[str, Grams]] = {"before": before, "after": after}
    curves = {(part, when): _curve(grams[part], reference[part]) for part in ROLES for when, grams in models.items()}
    near = {when: _mean(curves["forget", when]) for when in models}
    step = "nearer to" if near["after"] > near["before"] else "no nearer to"
    if math.isnan(near["before"] + near["after"]):
        step = "not measured everywhere, so not compared with"
    return Lines(
        title="Beside the retrained reference",
        how=f"1 means that a layer sees these {noun} as the retrained reference does. If the forgetting went all the way down, the line of the unlearned model lies above that of the original.",
        says=f"For forgotten {noun} the mean over layers went from {near['before']:.3f} to {near['after']:.3f}: {step} the retrained reference.",
        x=list(reference["forget"]),
        series=[
            Series(name=f"{part}, {when}", values=list(values.values()), role=ROLES[part], when=when)
            for (part, when), values in curves.items()
        ],
        x_title="layer",
        y_title="similarity to the retrained reference (linear CKA)",
    )
