"""Universal input perturbation: the picture that is added to every input, and accuracy without it."""

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from safetensors import SafetensorError, safe_open

from ..api import runs
from ..api.home import shared
from ..api.panels import AnyPanel, Bars, Heatmap, Picture, Pictures, Series, Verdict
from ..core import changes
from ..core.evidence import InspectContext
from ..core.registry import Params, inspector
from ..families.classifier.guards import INPUT_DELTA
from ..families.classifier.task import Classifier
from ._common import accuracy, percent, signed

NO_FILTER = "This run has no filter: whatever was forgotten was forgotten by changing weights."


class InputGuard(Params):
    """How much to look at."""

    images: int = Field(default=1000, ge=20, le=20_000, description="At most this many images of each set.")
    most: int = Field(default=11, ge=0, le=40, description="How many other runs to compare the picture with.")


def no_filter(look: InspectContext[Classifier]) -> str:
    """Why there is nothing to see in a run that left no picture to add."""
    for path in changes.changes(runs.RunFolder(look.run)):
        try:
            with safe_open(path, "np") as file:
                if INPUT_DELTA in file.keys():  # noqa: SIM118  (safe_open is no dict)
                    return ""
        except (OSError, SafetensorError):
            continue
    return NO_FILTER


@inspector(
    id="input_guard",
    lacks=no_filter,
    title="Universal input perturbation: the filter at the door",
    summary="Shows the picture that is added to every input, and what the model still knows without it.",
    source={
        "title": "Sun et al., Forget Vectors at Play, 2024",
        "url": "https://arxiv.org/abs/2412.16780",
        "code": "https://github.com/Changchangsun/Forget-Vector",
    },
    needs=("classes",),
    order=23,
    group="there",
)
def input_guard(look: InspectContext[Classifier], params: InputGuard) -> list[AnyPanel]:
    """The added picture in normalised pixels, accuracy with and without it (percent), and its cosine to those of other runs.

    A run whose model carries none gets one sentence that says so. In a studio that strangers share, other runs are left out.
    """
    delta = getattr(look.after, INPUT_DELTA, None)
    if delta is None:
        return [
            Verdict(
                title="Is there a filter at the door?",
                how="Some methods leave the weights alone and add a picture to every input instead.",
                says=NO_FILTER,
                sign="no",
            )
        ]
    look.tell("taking the filter off", 0, 0)
    values = delta.detach().cpu().double().numpy()
    panels: list[AnyPanel] = [_picture(look, values), _with_and_without(look, params.images)]
    others = _others(look, values.shape, params.most)
    return [*panels, _cosines(values, others)] if others else panels


def _picture(look: InspectContext[Classifier], values: NDArray[np.float64]) -> Pictures:
    """One picture a channel, with one scale for all."""
    largest = float(np.abs(values).max())
    row = [
        Picture(
            path=look.picture(f"delta-{channel}", signed(plane, largest, side=196)),
            caption=f"from {plane.min():+.2f} to {plane.max():+.2f}",
            role="difference",
        )
        for channel, plane in enumerate(values)
    ]
    return Pictures(
        title="What is added to every image",
        how=f"Orange makes a pixel brighter, blue darker, white leaves it; full colour is {largest:.2f} in the model's normalised pixels.",
        says=f"The picture's length is {float(np.linalg.norm(values)):.2f}; its strongest pixel changes brightness by {largest:.2f}.",
        columns=["added picture"] if len(row) == 1 else [f"channel {i + 1}" for i in range(len(row))],
        rows=[row],
    )


def _with_and_without(look: InspectContext[Classifier], most: int) -> Bars:
    bare = copy.deepcopy(look.after)
    with torch.no_grad():
        bare.get_buffer(INPUT_DELTA).zero_()
    sets = {
        "forget": (look.some("forget", most), False),
        "forgotten classes, new images": (look.some("test_forget", most), True),
        "keep": (look.some("retain", most), False),
        "new images": (look.some("test", most), True),
    }
    sets = {name: members for name, members in sets.items() if len(members[0])}
    worn, off = (
        [accuracy(look.task, model, index, test=test) for index, test in sets.values()] for model in (look.after, bare)
    )
    return Bars(
        title="With the filter and without",
        how="For each set the share that the model gets right, with the picture added and without it.",
        says=f"On the forget set the model gets {percent(worn[0])} right with the filter and {percent(off[0])} without: the knowledge is {'still there' if off[0] > worn[0] + 1 else 'not hidden by it'}.",
        labels=list(sets),
        series=[
            Series(name="with the filter", values=list(worn), role="difference", when="after"),
            Series(name="without", values=list(off), role="amount", when="before"),
        ],
        unit="%",
    )


def _others(look: InspectContext[Classifier], shape: tuple[int, ...], most: int) -> dict[str, NDArray[np.float64]]:
    """Added pictures of other finished runs on the same model, newest first, by what they forget."""
    if shared() or not most:
        return {}
    own = runs.RunFolder(look.run)
    deltas: dict[str, NDArray[np.float64]] = {}
    for run in runs.all_runs():
        path = run.path / "after" / "changed.safetensors"
        if run.id == own.id or not path.is_file() or run.result is None or run.spec.model != own.spec.model:
            continue
        name = ", ".join(run.spec.forget)[:40]
        try:
            with safe_open(path, "np") as file:
                if INPUT_DELTA in file.keys() and name not in deltas:  # noqa: SIM118  (safe_open is no dict)
                    delta = file.get_tensor(INPUT_DELTA).astype(np.float64)
                    if delta.shape == shape:
                        deltas[name] = delta
        except (OSError, SafetensorError):
            continue  # a run that is being deleted
        if len(deltas) == most:
            break
    return deltas


def _cosines(values: NDArray[np.float64], others: dict[str, NDArray[np.float64]]) -> Heatmap:
    names = ["this run", *others]
    rows = np.stack([vector.ravel() for vector in (values, *others.values())])
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = np.divide(rows, lengths, out=np.full_like(rows, np.nan), where=lengths > 0)
    z = rows @ rows.T
    nearest = int(np.nanargmax(np.append(z[0, 1:], -np.inf)))
    finding = "The added picture is zero, so it points nowhere."
    if nearest < len(others):
        finding = f"The most alike is the picture that forgets {names[nearest + 1]} (cosine {z[0, nearest + 1]:.2f})."
    return Heatmap(
        title="Beside the filters of other runs",
        how="1 means that two added pictures point the same way, 0 that they have nothing in common, -1 that they are opposite.",
        says=finding,
        rows=names,
        columns=names,
        z=[[float(value) for value in row] for row in z],
        scale="difference",
        numbers=True,
    )
