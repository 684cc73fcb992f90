"""Accuracy by object and style: how often a judge finds each cell's pictures right, before and after."""

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import softmax

from ..api.panels import AnyPanel, Heatmap, Picture, Verdict
from ..core.evidence import Evidence, InspectContext
from ..core.registry import Params, inspector
from ..families.text_to_image.judges import Trained
from ..families.text_to_image.task import TextToImage
from ..metrics._pictures import UNLEARN_CANVAS, Kind, judged_correct
from ._common import percent
from ._pictures import beside

Matrix = NDArray[np.float64]
When = Literal["before", "after"]
WHENS: tuple[When, ...] = ("before", "after")
KINDS: tuple[Kind, ...] = ("object", "style")
SHOWN = 2  # pictures of a cell that a click shows, before and after each
HOW = "Rows are objects, columns styles; what was to be forgotten is framed. Choose a cell to see its pictures."


class AccuracyGrid(Params):
    """What a cell says."""

    value: Literal["right", "probability"] = Field(
        default="right",
        description="right: the share of a cell's pictures that the judge finds right. probability: how sure it is of what was asked, on average.",
    )


def no_judge(look: InspectContext[TextToImage]) -> str:
    """Why nobody can say what the pictures of a run show."""
    judge = look.task.judge
    if isinstance(judge, Trained):
        return ""
    who = f"{judge.name} tells only which prompt fits a picture best" if judge else "there is no judge"
    return f"Nobody can say which objects and styles these pictures show: {who}."


@inspector(
    lacks=no_judge,
    id="accuracy_grid",
    title="Accuracy by object and style: which pictures are still right",
    summary="Every object in every style: what the model drew right before, what it draws right now, and the pictures themselves.",
    source=UNLEARN_CANVAS,
    needs=("pictures",),
    order=3,
    group="sees",
)
def accuracy_grid(look: InspectContext[TextToImage], params: AccuracyGrid) -> list[AnyPanel]:
    """Percent of each cell's pictures in the suite that the judge finds right: object and style, then each by itself.

    With "probability", the judge's probability of the object asked for, of the style, and their product, in percent. An
    answer that is no number counts as wrong, and has no probability. Where no judge knows objects and styles, one verdict.
    """
    outputs = {when: look.outputs(when) for when in WHENS}
    if "object" not in outputs["before"]:
        return [_nobody(look)]
    before, after = (_grids(look, when, outputs[when], params.value) for when in WHENS)
    cell_pictures = _pictures(look, outputs)
    word = "found right" if params.value == "right" else "of the judge's certainty"
    changes = {
        "What changed": "both",
        "What changed, objects alone": "object",
        "What changed, styles alone": "style",
    }
    both, *apart = (_change(look, cell_pictures, title, after[name] - before[name]) for title, name in changes.items())
    then, now = (
        f"Before, {_mean(before['both'])} of all cells were {word}.",
        f"After, {_mean(after['both'])} of all cells are {word}.",
    )
    return [
        both,
        _panel(look, cell_pictures, "Right after", now, after["both"]),
        _panel(look, cell_pictures, "Right before", then, before["both"]),
        *apart,
    ]


def _grids(
    look: InspectContext[TextToImage], when: When, outputs: dict[str, NDArray[Any]], value: str
) -> dict[str, Matrix]:
    """Percent [objects, styles] for objects, for styles, and for both at once; NaN where a cell has no picture."""
    evidence = Evidence(when, look.task, outputs, lambda metric, when: math.nan)
    worth: dict[str, Matrix] = {kind: _worth(evidence, kind, value) for kind in KINDS}
    worth["both"] = worth["object"] * worth["style"]
    cells = _cells(look)
    return {
        name: np.array([[100 * items[cell].mean() if cell else math.nan for cell in row] for row in cells], np.float64)
        for name, items in worth.items()
    }


def _worth(evidence: Evidence[TextToImage], kind: Kind, value: str) -> Matrix:
    """Of every picture of the suite, from 0 to 1: whether it is right, or how sure the judge is; [n]."""
    if value == "right":
        return judged_correct(evidence, kind).astype(np.float64)
    shares = softmax(evidence.outputs[kind].astype(np.float64), axis=1)
    names = evidence.task.asking.domains[kind]
    columns = [names.index(getattr(shot, kind)) for shot in evidence.task.asking.suite]
    asked_for: Matrix = shares[np.arange(len(columns)), columns]
    return asked_for


def _cells(look: InspectContext[TextToImage]) -> list[list[list[int]]]:
    """Positions in the suite by object and style."""
    domains, suite = look.task.asking.domains, look.task.asking.suite
    return [
        [
            [at for at, shot in enumerate(suite) if (shot.object, shot.style) == (object_name, style)]
            for style in domains["style"]
        ]
        for object_name in domains["object"]
    ]


def _pictures(
    look: InspectContext[TextToImage], outputs: dict[When, dict[str, NDArray[Any]]]
) -> list[list[list[Picture]]]:
    """Some pictures of every cell, before beside after, and what the judge sees in them."""
    domains, suite = look.task.asking.domains, look.task.asking.suite

    def pair_picture(at: int) -> Picture:
        image = beside(*(outputs[when]["images"][at] for when in WHENS), side=64)
        judged = [_judged_as(domains, {kind: outputs[when][kind][at] for kind in domains}) for when in WHENS]
        words = f"seen as {judged[0]} before, {judged[1]} after"
        return Picture(path=look.picture(f"cell-{at}", image), caption=words, role=suite[at].role or "amount")

    return [
        [[pair_picture(at) for at in cell[:SHOWN]] for cell in row]
        for row in look.steps(_cells(look), "writing the pictures")
    ]


def _judged_as(domains: dict[str, list[str]], logits: dict[str, NDArray[Any]]) -> str:
    """The judge's labels of one picture, as in "cat in twemoji"."""
    return " in ".join(
        names[int(logits[kind].argmax())] if np.isfinite(logits[kind]).all() else "nothing"
        for kind, names in domains.items()
    )


def _panel(
    look: InspectContext[TextToImage], cell_pictures: list[list[list[Picture]]], title: str, finding: str, z: Matrix
) -> Heatmap:
    asking = look.task.asking
    forgotten = {
        kind: [
            i for i, name in enumerate(names) if any(c.kind == kind and getattr(c, kind) == name for c in asking.forget)
        ]
        for kind, names in asking.domains.items()
    }
    return Heatmap(
        title=title,
        how=HOW,
        says=finding,
        rows=asking.domains["object"],
        columns=asking.domains["style"],
        z=[[float(value) for value in row] for row in z],
        unit="%",
        numbers=True,
        marked=forgotten["object"],
        marked_columns=forgotten["style"],
        pictures=cell_pictures,
    )


def _change(
    look: InspectContext[TextToImage], cell_pictures: list[list[list[Picture]]], title: str, z: Matrix
) -> Heatmap:
    panel = _panel(look, cell_pictures, title, _change_sentence(look, z), z)
    how = f"{HOW} Below 0, less is right than before."
    return panel.model_copy(update={"how": how, "unit": "points", "scale": "difference"})


def _mean(z: Matrix) -> str:
    return percent(float(np.nanmean(z)) if np.isfinite(z).any() else math.nan)


def _change_sentence(look: InspectContext[TextToImage], change: Matrix) -> str:
    """Where cells fell and rose: among those that ask for what was to be forgotten, and among the others."""
    asking = look.task.asking
    of_target = np.array(
        [
            [asking.asks(object_name, style) for style in asking.domains["style"]]
            for object_name in asking.domains["object"]
        ]
    )
    clauses = []
    for where, words in ((of_target, "what was to be forgotten"), (~of_target, "what was to be kept")):
        own = change[where & np.isfinite(change)]
        clauses.append(f"of {len(own)} cells of {words} {int((own < 0).sum())} fell and {int((own > 0).sum())} rose")
    return f"{clauses[0][0].upper()}{clauses[0][1:]}; {clauses[1]}."


def _nobody(look: InspectContext[TextToImage]) -> Verdict:
    return Verdict(
        title="Which pictures are still right",
        how="A judge of objects and styles has to say what each picture shows; the embedded models come with one.",
        says=no_judge(look),
        sign="unknown",
    )
