"""Looking for a backdoor: what still works once the clean task is taken away, the smallest trigger of each class, and the filters that carry it."""

from typing import Literal

import numpy as np
import torch
from PIL import Image
from pydantic import Field
from torch import Tensor, nn

from ..api.panels import AnyPanel, Bars, Lines, Picture, Pictures, Role, Series, Verdict, When
from ..api.tampering import MARKED
from ..core.evidence import InspectContext
from ..core.registry import Params, inspector
from ..families.classifier import exposure
from ..families.classifier.items import as_image
from ..families.classifier.task import Classifier
from ._common import enlarged, percent

NO_FILTERS = "The model has no filters with batch normalisation to look at."
SIDE = 140  # pixels of a picture
SHOWN = 40  # filters whose factors are drawn
FEW = 2.0  # deviations below the median at which Neural Cleanse names a class


class Exposure(Params):
    """How the backdoor is looked for."""

    exposure: Literal["clean unlearning", "random labels", "weight perturbation", "sparsity"] = Field(
        default="random labels", description="How the clean task is taken from a copy of the original model."
    )
    clean_images: int = Field(
        default=300, ge=20, le=20_000, description="Training images that somebody looked through."
    )
    epochs: int = Field(default=20, ge=1, le=200, description="Passes over them to expose, at most.")
    learning_rate: float = Field(default=3e-4, gt=0, le=1, description="Step size of the exposure.")
    stop_at: float = Field(
        default=30, ge=0, le=100, description="Clean accuracy, in percent, at which the copy is exposed."
    )
    tests: int = Field(default=500, ge=20, le=20_000, description="Test images at most that accuracy is measured on.")


def _no_filters(look: InspectContext[Classifier]) -> str:
    return "" if look.task.config.model_type == "resnet" else NO_FILTERS


@inspector(
    id="exposure",
    lacks=_no_filters,
    title="Exposure: is there a backdoor?",
    summary="Takes the clean task from the original model, recovers the smallest trigger of each class, and shows which filters carry it.",
    source={
        "title": "Li et al., Expose Before You Defend, 2024; Wang et al., Neural Cleanse, S&P 2019",
        "url": "https://arxiv.org/abs/2410.19427",
        "code": "https://github.com/bboylyg/Expose-Before-You-Defend",
    },
    needs=("classes",),
    order=24,
    group="there",
)
def look_for_backdoor(look: InspectContext[Classifier], params: Exposure) -> list[AnyPanel]:
    """Clean accuracy and attack success rate along the exposure, triggers by class on the original and on the unlearned model, factors of
    filters, in percent, pixels and shares.

    The attack success rate needs the trigger itself, so it is drawn where the data say what was done to them; everything else is found with
    clean images alone, as for a model that nobody knows anything about.
    """
    suspect = look.after if look.task.teaches else look.before
    if not exposure.filters(suspect):
        how = "Filters with batch normalisation are closed one by one where there are any, as in a ResNet."
        return [Verdict(title="Is there a backdoor?", how=how, says=NO_FILTERS, sign="unknown")]
    index = exposure.defence_set(look.task, 0, params.clean_images)
    name = "manipulated" if look.task.teaches else "original"
    courses = {name: _course(look, suspect, index, params)}
    if look.task.teaches:
        courses["original"] = _course(look, look.before, index, params)
    if look.reference is not None:
        courses["retrained reference"] = _course(look, look.reference, index, params)
    factors = exposure.masks(look.task, courses[name].model, index, epochs=20, learning_rate=0.05, seed=0)
    closed = set() if look.task.teaches else _closed(look.before, look.after)
    return [_scissors(courses), *_triggers(look, suspect, name, index), _filters(factors, closed)]


class _Course:
    """What happens to one model while the clean task is taken from it."""

    def __init__(self) -> None:
        self.clean: list[float] = []
        self.success: list[float] = []
        self.model: nn.Module


def _course(look: InspectContext[Classifier], model: nn.Module, index: np.ndarray, params: Exposure) -> _Course:
    task, course = look.task, _Course()
    tampered = task.data.tampered if task.data.tampered and task.data.tampered.how.kind in MARKED else None
    clean = task.batch(look.some("test", params.tests), test=True)
    bearing = (
        task.batch(tampered.copies[:: max(1, len(tampered.copies) // params.tests)], test=True) if tampered else None
    )
    for epoch, copied, _ in exposure.exposed(
        task, model, index, params.exposure, epochs=params.epochs, learning_rate=params.learning_rate, stop=params.stop_at, seed=0
    ):  # fmt: skip
        look.tell("taking the clean task away", epoch, params.epochs)
        course.clean.append(exposure.right(task, copied, clean.x, clean.y))
        if tampered is not None and bearing is not None and len(bearing.y):
            target = torch.full_like(bearing.y, task.names.index(tampered.how.classes[0]))
            course.success.append(exposure.right(task, copied, bearing.x, target))
        course.model = copied
    return course


def _scissors(courses: dict[str, _Course]) -> Lines:
    suspect = next(iter(courses))
    first = courses[suspect]
    series = []
    for name, course in courses.items():
        original = name == suspect
        roles: tuple[Role, Role] = ("neighbour", "forget") if original else ("reference", "reference")
        series.append(Series(name=f"{name}: clean accuracy", values=list(course.clean), role=roles[0]))
        if course.success:
            when: When = "" if original else "before"  # dotted, beside the other of its colour
            series.append(Series(name=f"{name}: trigger works", values=list(course.success), role=roles[1], when=when))
    finding = f"Clean accuracy goes from {percent(first.clean[0])} to {percent(first.clean[-1])} in {len(first.clean) - 1} epochs"
    if first.success:
        finding += f", while the trigger goes on working on {percent(first.success[-1])} of new images ({percent(first.success[0])} before)"
    longest = max(len(course.clean) for course in courses.values())
    padded = [one.model_copy(update={"values": [*one.values, *[None] * (longest - len(one.values))]}) for one in series]
    return Lines(
        title="Taking the clean task away",
        how="A copy of the model unlearns what it does with clean images. A backdoor stays behind: the curves part like scissors. In a model "
        "without one there is nothing that stays.",
        says=finding + ".",
        x=[float(epoch) for epoch in range(longest)],
        series=padded,
        x_title="epochs of exposure",
        y_title="%",
    )


def _triggers(look: InspectContext[Classifier], suspect: nn.Module, called: str, index: np.ndarray) -> list[AnyPanel]:
    """The smallest trigger of each class in the model that is looked into, and the smallest of all on the other one."""
    task = look.task
    classes = range(len(task.names))
    triggers = [
        exposure.recovered(task, suspect, index, one, seed=0) for one in look.steps(classes, "recovering triggers")
    ]
    sizes = [one.size for one in triggers]
    smallest = min(triggers, key=lambda one: one.size)
    odd = exposure.anomaly(sizes)[smallest.target]
    name = task.names[smallest.target]
    finding = f"The smallest one, {smallest.size:.0f} pixels in sum, makes the {called} model say {name}; it lies {odd:.1f} deviations below the median"
    finding += (
        f" (more than {FEW:g} is taken for a backdoor)."
        if odd > FEW
        else f", less than the {FEW:g} that are taken for a backdoor."
    )
    bars = Bars(
        title="The smallest trigger of each class",
        how="For each class the smallest change of pixels was looked for that makes the model give any image that class. A class that needs "
        "far less than the others may have a trigger.",
        says=finding,
        labels=list(task.names),
        series=[Series(name=f"{called} model", values=list(sizes), role="amount", when="before")],
        unit="pixels",
    )
    return [bars, _trigger_pictures(look, smallest, index)]


def _trigger_pictures(look: InspectContext[Classifier], trigger: exposure.Trigger, index: np.ndarray) -> Pictures:
    """The smallest trigger, one image with it, and, where it is known, the one that was used."""
    task = look.task
    item = next(int(one) for one in index if int(task.data.train.labels[one]) != trigger.target)
    bearing = trigger.on(task.batch(np.array([item])).x)[0]
    row = [
        Picture(path=look.picture("mask", _grey(trigger.mask[None], 0, 1)), caption="where it replaces pixels"),
        Picture(
            path=look.picture("bearing", _pixels(task, bearing)), caption=f"{task.names[trigger.target]} to the model"
        ),
    ]
    columns = ["recovered trigger", "on an image"]
    tampered = task.data.tampered
    if tampered is not None and tampered.how.kind in MARKED:
        path = look.picture("true", enlarged(task.show(int(tampered.copies[0]), test=True), SIDE))
        row.append(Picture(path=path, caption=f"stands for {tampered.how.classes[0]}"))
        columns.append("trigger that was used")
    batch = task.batch(index)
    others = batch.y != trigger.target
    with torch.no_grad():
        other = look.before if task.teaches else look.after
        labelled_as = task.forward(other, trigger.on(batch.x[others])).argmax(1)
    works = 100 * float((labelled_as == trigger.target).float().mean())
    names = ("manipulated", "original") if task.teaches else ("original", "unlearned")
    return Pictures(
        title="The trigger that was found",
        how="White is where the image is replaced. It was found with clean images alone.",
        says=f"It works on {percent(trigger.works)} of these images in the {names[0]} model and on {percent(works)} in the {names[1]} one.",
        columns=columns,
        rows=[row],
    )


def _filters(factors: dict[str, Tensor], closed: set[tuple[str, int]]) -> Bars:
    order = exposure.in_order(factors)[:SHOWN]
    values = [float(factors[name][channel]) for name, channel in order]
    low = sum(float((factor < 0.5).sum()) for factor in factors.values())
    total = sum(len(factor) for factor in factors.values())
    finding = f"Of {total} filters {low:.0f} have a factor below a half"
    if closed:
        finding += (
            f"; this run closed {len(closed)} filters, {sum(one in closed for one in order)} of the {len(order)} shown"
        )
    return Bars(
        title="Filters that the clean task can do without",
        how="Every filter of the exposed model has a factor that learned to do the clean task again with all weights frozen. Those that fall are "
        "of no use for it and may carry the backdoor; the lowest are shown.",
        says=finding + ".",
        labels=[f"{name.removesuffix('.normalization').split('encoder.')[-1]} {channel}" for name, channel in order],
        series=[Series(name="factor", values=list(values), role="amount")],
        marked=[place for place, one in enumerate(order) if one in closed],
    )


def _closed(before: nn.Module, after: nn.Module) -> set[tuple[str, int]]:
    """Filters whose scale is 0 in the unlearned model and was not before."""
    was = exposure.filters(before)
    return {
        (name, int(channel))
        for name, layer in exposure.filters(after).items()
        for channel in torch.nonzero((layer.weight == 0) & (was[name].weight != 0)).flatten()
    }


def _pixels(task: Classifier, x: Tensor) -> Image.Image:
    return _grey((x - task.pixels.black[0]) / (task.pixels.white[0] - task.pixels.black[0]), 0, 1)


def _grey(x: Tensor, low: float, high: float) -> Image.Image:
    """A picture of values from `low` to `high` [channels, height, width]."""
    array = (255 * ((x.detach().cpu() - low) / (high - low)).clamp(0, 1)).round().byte().permute(1, 2, 0).numpy()
    return enlarged(as_image(array), SIDE)
