"""Weight interpolation: accuracy along the line from the original to the unlearned weights, and beyond."""

import copy
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field

from ..api import families
from ..api.panels import AnyPanel, Lines, Picture, Pictures, Role, Series, Verdict
from ..core.evidence import Evidence, InspectContext
from ..core.registry import Params, get, inspector
from ..core.run import set_dose
from ..core.task import Index
from ..families.text_to_image.task import TextToImage
from ._common import GROUPS, accuracy, at_dose, enlarged, halfway, percent
from ._pictures import reduced, spread

# What is measured of a model that draws: metric, what its curve is called, what it means.
DRAWN: tuple[tuple[str, str, Role], ...] = (
    ("unlearning_accuracy", "forgotten (UA)", "forget"),
    ("in_domain_retain_accuracy", "others of its kind (IRA)", "neighbour"),
    ("cross_domain_retain_accuracy", "the other kind (CRA)", "unrelated"),
)


class Dose(Params):
    """How finely to look."""

    steps: int = Field(default=7, ge=4, le=31, description="How many doses between 0 and 1.5.")
    images: int = Field(default=400, ge=20, le=20_000, description="At most this many images of each set.")
    pictures: int = Field(
        default=24,
        ge=6,
        le=400,
        description="Of a model that draws: how many pictures to draw at each dose, of all kinds.",
    )


@inspector(
    id="dose",
    title="Weight interpolation: what a smaller or larger dose does",
    summary="Applies only a part of the change, or more than all of it, and measures what is forgotten and what is kept.",
    source={
        "title": "Linear interpolation of weights: Goodfellow et al., ICLR 2015",
        "url": "https://arxiv.org/abs/1412.6544",
    },
    needs=("judged",),
    order=22,
    group="sees",
)
def dose(look: InspectContext[Any], params: Dose) -> list[AnyPanel]:
    """Accuracy of theta(a) = before + a * (after - before) for a in 0..1.5, in percent.

    Buffers of batch normalisation are interpolated too; a variance that would fall below 0 beyond a = 1 is set to 0. Where
    the change is a picture added to the input, that picture is scaled. Doses 0 and 1 are always among those measured.

    Of a model that draws: UA, IRA and CRA over some pictures of the suite, as many of each role as there are, and the
    same prompts and seeds at every dose; where no judge can say what they show, the pictures alone. A model made to draw in
    one step does so at every dose but 0.
    """
    doses = sorted({0.0, 1.0, *(round(1.5 * i / (params.steps - 1), 4) for i in range(params.steps))})
    if families.has(look.task.family, "pictures"):
        return _generated_panels(look, doses, params.pictures)
    sets = _sets(look, params.images)
    curves: dict[str, list[float]] = {name: [] for name in sets}
    model = copy.deepcopy(look.after)
    for amount in look.steps(doses, "measuring doses"):
        set_dose(model, look.before, look.after, amount)
        for name, (index, test, _) in sets.items():
            curves[name].append(accuracy(look.task, model, index, test=test))
    series: list[Series] = [
        Series(name=name, values=list(values), role=sets[name][2]) for name, values in curves.items()
    ]
    return [
        Lines(
            title="How much of the change is needed",
            how="0 is the model before, 1 the model after; between them only a part of the change is made, and beyond 1 more than all of it. "
            f"{_counted(sets)}, so a share can differ a little from that on all of them; new images are those without the forgotten classes.",
            says=_dose_sentence(doses, curves),
            x=doses,
            series=series,
            x_title="dose of the change",
            y_title="right, %",
        )
    ]


def _sets(look: InspectContext[Any], most: int) -> dict[str, tuple[Index, bool, Role]]:
    """What is measured, by name: items, whether they are test images, and what they mean. Empty sets are left out."""
    sets: dict[str, tuple[Index, bool, Role]] = {
        "forget": (look.some("forget", most), False, "forget"),
        "forgotten classes, new images": (look.some("test_forget", most), True, "forget"),
        "keep": (look.some("retain", most), False, "neighbour"),
        "new images": (look.some("test", most), True, "unrelated"),
    }
    return {name: members for name, members in sets.items() if len(members[0])}


def _counted(sets: dict[str, tuple[Index, bool, Role]]) -> str:
    """How many images each share is of."""
    return "Measured on " + ", ".join(f"{len(index):,} images of “{name}”" for name, (index, _, _) in sets.items())


def _dose_sentence(doses: list[float], curves: dict[str, list[float]]) -> str:
    forget, new = curves["forget"], curves.get("new images", curves["keep"])
    start, end = doses.index(0.0), doses.index(1.0)
    drop = forget[start] - forget[end]
    if not drop > 1:
        return f"Accuracy on the forget set hardly falls with the dose: {percent(forget[start])} without the change, {percent(forget[end])} with all of it."
    last = new[-1]
    beyond = (
        ""
        if math.isnan(last)
        else f"; at {doses[-1]:g} new images stand at {percent(last)} (before {percent(new[start])})"
    )
    return f"{at_dose(halfway(doses, forget))}{beyond}."


def _generated_panels(look: InspectContext[TextToImage], doses: list[float], count: int) -> list[AnyPanel]:
    small = reduced(look.task, index := spread(look.task, count))
    by_dose = {amount: _at_dose(look, small, index, amount) for amount in look.steps(doses, "drawing doses")}
    panel = _pictures(look, small, {amount: outputs["images"] for amount, outputs in by_dose.items()})
    if small.judge is None:
        return [_unjudged(), panel]
    curves: dict[str, list[float]] = {name: [] for name, _, _ in DRAWN}
    for outputs in by_dose.values():
        evidence = Evidence("after", small, outputs, lambda metric, when: math.nan)
        for name in curves:
            curves[name].append(get("metrics", name).function(evidence).value)
    return [
        Lines(
            title="How much of the change is needed",
            how="0 is the model before, 1 the model after; between them only a part of the change is made, and beyond 1 more than all of it. Good is high in all three.",
            says=_generated_sentence(doses, curves),
            x=doses,
            series=[Series(name=title, values=list(curves[name]), role=role) for name, title, role in DRAWN],
            x_title="dose of the change",
            y_title="of the pictures, %",
        ),
        panel,
    ]


def _at_dose(
    look: InspectContext[TextToImage], small: TextToImage, index: Index, amount: float
) -> dict[str, NDArray[Any]]:
    """The pictures at a dose and what the judge says of them; those of the two ends are known already."""
    if amount in (0, 1):
        images = look.outputs("before" if amount == 0 else "after")["images"][index]
        prompts = [shot.prompt for shot in small.asking.suite]
        return {"images": images} | (small.judge.look(images, prompts) if small.judge else {})
    model = copy.deepcopy(look.after)
    set_dose(model, look.before, look.after, amount)
    return small.outputs(model)


def _pictures(
    look: InspectContext[TextToImage], small: TextToImage, images: dict[float, NDArray[np.uint8]]
) -> Pictures:
    """Some prompts of each role, the same seed at every dose."""
    chosen = [at for role, most in zip(GROUPS, (2, 1, 1), strict=True) for at in small.parts[role][:most]]
    rows = []
    for at in chosen:
        shot = small.asking.suite[at]
        row = []
        for number, (amount, generated) in enumerate(images.items()):
            path = look.picture(f"{at}-{number}", enlarged(Image.fromarray(generated[at]), 140))
            row.append(Picture(path=path, caption=shot.prompt if number == 0 else f"dose {amount:g}", role=shot.role))
        rows.append(row)
    return Pictures(
        title="The same pictures at every dose",
        how="Each row is one prompt from one seed; to the right, more of the change is made.",
        says=f"{len(rows)} of the {len(small.asking.suite)} pictures that were drawn at each of {len(images)} doses.",
        columns=[f"dose {amount:g}" for amount in images],
        rows=rows,
    )


def _generated_sentence(doses: list[float], curves: dict[str, list[float]]) -> str:
    of_target, of_neighbours = (dict(zip(doses, curves[name], strict=True)) for name, _, _ in DRAWN[:2])
    rise = of_target[1] - of_target[0]
    cost = f"others of its kind go from {percent(of_neighbours[0])} right to {percent(of_neighbours[1])} at dose 1"
    if not rise > 1:
        return f"What is forgotten hardly rises with the dose: {percent(of_target[0])} without the change, {percent(of_target[1])} with all of it; {cost}."
    return f"{at_dose(halfway(doses, curves[DRAWN[0][0]]))}; {cost}."


def _unjudged() -> Verdict:
    return Verdict(
        title="How much of the change is needed",
        how="A judge has to say what each picture shows; the embedded models come with one, for others a CLIP model can be named.",
        says="Nobody can say what these pictures show, so no dose is measured; the pictures themselves follow.",
        sign="unknown",
    )
