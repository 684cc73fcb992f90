"""Attackers: what networks learn from protected images, under three labelings, and what JPEG, blur, cropping and adversarial training bring back."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field
from torch import Tensor

from ..api import run_outputs
from ..api.panels import AnyPanel, Bars, Lines, Picture, Pictures, Point, Points, Role, Series, Verdict
from ..core.evidence import InspectContext
from ..core.registry import Params, inspector
from ..families.classifier import unlearnable
from ..families.classifier.items import as_image
from ..families.classifier.resolve import task_confusion
from ..families.classifier.task import Classifier
from ..families.classifier.unlearnable import NONE_MADE, TREATMENTS, Epoch, Protection, Treatment
from ._common import enlarged, exact, percent

SIDE = 112  # pixels of a picture
PER_CLUSTER = 12  # images of each cluster on the map
ROWS = 2  # clusters whose images are images
KINDS = ("clean images", "protected images")


class Attackers(Params):
    """How long attackers train, and under which labels."""

    images: int = Field(default=2500, ge=50, le=1_000_000, description="Images at most that an attacker learns from.")
    epochs: int = Field(default=6, ge=1, le=200, description="Passes of each attacker over them.")
    tests: int = Field(
        default=1000, ge=20, le=100_000, description="Clean test images at most that attackers are asked."
    )
    groups: int = Field(
        default=3, ge=2, le=20, description="Labels of the other labelings, by likeness of the classes and by lot."
    )
    seed: int = Field(default=0, ge=0, le=1_000_000, description="Of new weights, of the order, and of the lot.")


def _none_made(look: InspectContext[Classifier]) -> str:
    return "" if run_outputs.method_arrays(look.run, unlearnable.MADE) is not None else NONE_MADE


@dataclass(frozen=True)
class _Data:
    """What attackers are given and asked: images as uint8 [n, channels, height, width], true classes [n]."""

    clean: Tensor
    protected: Tensor
    labels: Tensor
    tests: Tensor
    answers: Tensor
    protected_share: float


@inspector(
    id="attackers",
    lacks=_none_made,
    title="Attackers: can anybody learn from the protected images?",
    summary="Trains attackers from scratch on the protected images and on the clean ones, under three labelings, and after JPEG, blur, cropping and adversarial training.",
    source={
        "title": "Zhang et al., Unlearnable Clusters, CVPR 2023",
        "url": "https://arxiv.org/abs/2301.01217",
        "code": "https://github.com/jiamingzhang94/Unlearnable-Clusters",
    },
    needs=("classes", "embeddings"),
    order=26,
    group="attacker",
)
def attackers(look: InspectContext[Classifier], params: Attackers) -> list[AnyPanel]:
    """Images, clusters and the accuracy in percent of fourteen attackers, by epoch and by what was done to the images first.

    Each trains from new weights by the model's recipe, from the same seed, on the same images, once clean and once protected: a weak attacker
    shows as one on the clean images too. It takes about a minute. Attackers are asked clean test images, of protected classes only where whole classes were protected.
    """
    if _none_made(look):
        how = "Attackers learn from images as a run published them, where it protected any."
        return [Verdict(title="Can anybody learn from the protected images?", how=how, says=NONE_MADE, sign="unknown")]
    protection = Protection.read(look.run, look.task, look.before)
    with exact(look.task):
        data = _data(look, protection, params)
        pictures, places = _pictures(look, protection), _map(look, protection)
        return [pictures, *_attacked(look, data, params), places]


def _data(look: InspectContext[Classifier], protection: Protection, params: Attackers) -> _Data:
    task = look.task
    rng = np.random.default_rng(params.seed)
    ids = np.sort(rng.permutation(protection.published)[: params.images])
    clean = unlearnable.raw(task, ids)
    changed = clean.clone()
    mine = np.isin(ids, protection.ids)
    where = np.searchsorted(protection.ids, ids[mine])
    changed[torch.from_numpy(mine)] = unlearnable.released(
        clean[torch.from_numpy(mine)], torch.from_numpy(protection.pictures), protection.of[where]
    )
    chosen = look.some("test_forget" if task.forgotten_classes else "test", params.tests)
    return _Data(
        clean,
        changed,
        torch.from_numpy(task.true_labels[ids]),
        unlearnable.raw(task, chosen, test=True),
        torch.from_numpy(task.data.test.labels[chosen]),
        100 * float(mine.mean()),
    )


def _attacked(look: InspectContext[Classifier], data: _Data, params: Attackers) -> list[AnyPanel]:
    """The curves under both labelings, and the bars of what is done to the images first."""
    task = look.task
    names, count = len(task.names), min(params.groups, len(task.names))
    own = np.arange(names)
    alike = unlearnable.groups(task_confusion(task), count)
    lot = unlearnable.by_lot(names, count, params.seed)
    every = [(own, how) for how in TREATMENTS] + [(labeling, TREATMENTS[0]) for labeling in (alike, lot)]
    courses: list[dict[str, list[Epoch]]] = []
    total = 2 * len(every) * params.epochs
    for labeling, how in every:
        pair: dict[str, list[Epoch]] = {}
        for kind, images in zip(KINDS, (data.clean, data.protected), strict=True):
            pair[kind] = []
            for epoch in _attack(task, unlearnable.treated(images, how), data, labeling, how, params):
                pair[kind].append(epoch)
                done = params.epochs * (2 * len(courses) + len(pair) - 1) + epoch.number
                look.tell(f"an attacker learns from {kind}", done, total)
        courses.append(pair)
    *treated, by_likeness, by_lot = courses
    return [
        _curves(f"{names} labels, the classes themselves", treated[0], data),
        _curves(f"{count} labels, classes by likeness: {_listed(task, alike)}", by_likeness, data),
        _curves(f"{count} labels, classes by lot: {_listed(task, lot)}", by_lot, data),
        _brought_back(treated, data),
    ]


def _attack(
    task: Classifier, images: Tensor, data: _Data, labeling: NDArray[np.int64], how: Treatment, params: Attackers
) -> Iterator[Epoch]:
    as_labeled = torch.from_numpy(labeling)
    return unlearnable.attack(
        task, task.fresh(params.seed), images, as_labeled[data.labels], (data.tests, as_labeled[data.answers]),
        epochs=params.epochs, seed=params.seed, how=how,
    )  # fmt: skip


def _listed(task: Classifier, labeling: NDArray[np.int64]) -> str:
    """Which classes have one label: "T-shirt, Coat / Sandal / Bag"."""
    groups = [
        [name for name, one in zip(task.names, labeling, strict=True) if one == group] for group in np.unique(labeling)
    ]
    return " / ".join(
        ", ".join(group[:4]) + (f" and {len(group) - 4} more" if len(group) > 4 else "") for group in groups
    )


def _curves(labels: str, pair: dict[str, list[Epoch]], data: _Data) -> Lines:
    """Accuracy by epoch of one attacker on clean images and one on protected ones."""
    clean, protected = (pair[kind][-1] for kind in KINDS)
    roles: tuple[Role, Role] = ("neighbour", "forget")
    series = []
    for kind, role in zip(KINDS, roles, strict=True):
        own, clean_ones = ([getattr(one, name) for one in pair[kind]] for name in ("train", "clean"))
        series += [
            Series(name=f"{kind}: on what it learns from", values=own, role=role, dotted=True),
            Series(name=f"{kind}: on clean images", values=clean_ones, role=role),
        ]
    return Lines(
        title=f"An attacker with {labels}",
        how="Dotted: how often an attacker is right on the images that it learns from. Solid: on clean images that it never saw. Where images "
        "are protected, the dotted line rises and the solid one stays behind. The other pair is the same attacker on the clean images, who shows how good it could be.",
        says=f"On clean images it reaches {percent(protected.clean)} after learning from {percent(data.protected_share)} protected images, and {percent(clean.clean)} "
        f"after learning from clean ones; on its own images {percent(protected.train)} and {percent(clean.train)}.",
        x=[float(one.number) for one in pair[KINDS[0]]],
        series=series,
        x_title="epochs",
        y_title="%",
    )


def _brought_back(courses: list[dict[str, list[Epoch]]], data: _Data) -> Bars:
    ends = {kind: [pair[kind][-1].clean for pair in courses] for kind in KINDS}
    clean, protected = ends[KINDS[0]], ends[KINDS[1]]
    lost = clean[0] - protected[0]
    best = max(range(1, len(TREATMENTS)), key=lambda place: protected[place])
    finding = f"As released the protection costs the attacker {lost:.1f} points"
    if lost > 0:
        back = 100 * (protected[best] - protected[0]) / lost
        finding += (
            f"; {TREATMENTS[best]} first brings back {percent(max(0.0, back))} of that"
            if back > 0
            else "; nothing of what was tried first brings any of that back"
        )
    return Bars(
        title="What is done to the images first",
        how="The attacker recompresses the images as JPEG of quality 30, blurs them, moves and mirrors them anew in each step, or brings them anew to "
        "where the network is most wrong (adversarial training), and trains as before. "
        "What such a treatment costs by itself shows on the clean images.",
        says=f"{finding}.",
        labels=list(TREATMENTS),
        series=[
            Series(name=f"learned from {KINDS[0]}", values=list(clean), role="neighbour"),
            Series(name=f"learned from {KINDS[1]}", values=list(protected), role="forget"),
        ],
        unit="%",
    )


def _pictures(look: InspectContext[Classifier], protection: Protection) -> Pictures:
    """An image of each of the first clusters: clean, what is added, protected."""
    task, rows = look.task, []
    for cluster in range(min(ROWS, len(protection.centres))):
        mine = np.flatnonzero(protection.of == cluster)
        if not len(mine):
            continue
        item = int(protection.ids[mine[0]])
        clean = unlearnable.raw(task, np.array([item]))
        picture = torch.from_numpy(protection.pictures[cluster : cluster + 1])
        strong = 0.5 + picture / (2 * picture.abs().max().clamp(min=1e-6))
        images = {
            "clean": clean[0],
            "added": (255 * strong).round().to(torch.uint8)[0],
            "protected": unlearnable.released(clean, picture, np.zeros(1, np.int64))[0],
        }
        captions = {
            "clean": task.names[int(task.true_labels[item])],
            "added": f"cluster {cluster + 1}",
            "protected": "",
        }
        rows.append(
            [
                Picture(path=look.picture(f"{name}-{cluster}", _image(one)), caption=captions[name])
                for name, one in images.items()
            ]
        )
    most = 255 * float(np.abs(protection.pictures).max())
    change = 255 * float(np.abs(protection.pictures).mean())
    return Pictures(
        title="Clean and protected",
        how="Every image of a cluster gets the same picture. In the middle it is made as strong as can be, so that it can be seen; grey is no change.",
        says=f"A pixel changes by at most {most:.0f} of 255 grey values, {change:.0f} on average; {len(protection.ids):,} images have one of {len(protection.centres)} pictures.",
        columns=["clean", "added, enhanced", "protected"],
        rows=rows,
    )


def _image(one: Tensor) -> Image.Image:
    return enlarged(as_image(one.permute(1, 2, 0).numpy()), SIDE)


def _map(look: InspectContext[Classifier], protection: Protection) -> Points:
    """Features of images before and after on the plane in which the centres differ most, with each centre on its way to its target."""
    task, count = look.task, len(protection.centres)
    chosen = np.sort(np.concatenate([np.flatnonzero(protection.of == one)[:PER_CLUSTER] for one in range(count)]))
    clean = unlearnable.raw(task, protection.ids[chosen])
    of = protection.of[chosen]
    protected = unlearnable.released(clean, torch.from_numpy(protection.pictures), of)
    look.tell("looking with the original model", 0, 0)
    with torch.no_grad():
        features = [task.features(look.before, task.pixels.normalise(one)).cpu().numpy() for one in (clean, protected)]
    targets = np.array([unlearnable.target_of(one, count) for one in range(count)])
    middle = protection.centres.mean(0)
    axes = np.linalg.svd(protection.centres - middle, full_matrices=False)[2][:2].T
    places = [_pairs((one - middle) @ axes) for one in (*features, protection.centres)]
    names = [task.names[int(task.true_labels[item])] for item in protection.ids[chosen]]
    points = [
        Point(id=f"train-{item}", label=f"{name}, cluster {cluster + 1}", role="forget", before=was, after=now)
        for item, name, cluster, was, now in zip(protection.ids[chosen], names, of, places[0], places[1], strict=True)
    ]
    points += [
        Point(
            id=f"cluster {one + 1}",
            label=f"centre of cluster {one + 1}, drawn to that of {targets[one] + 1}",
            role="difference",
            before=places[2][one],
            after=places[2][targets[one]],
        )
        for one in range(count)
    ]
    moved = unlearnable.nearest(features[1], protection.centres)
    return Points(
        title="Clusters and where their images are sent",
        how="Each image as the original model sees it, before and after it was protected; drag the slider. The larger marks are the centres of the clusters, each on its way "
        "to the centre that its images are to be taken for. The plane is the one in which the centres lie furthest apart.",
        says=f"{percent(100 * float((moved == targets[of]).mean()))} of the {len(chosen)} protected images lie nearest to the centre that they were sent to, {percent(100 * float((moved == of).mean()))} still to their own.",
        points=points,
    )


def _pairs(rows: NDArray[np.float32]) -> list[tuple[float, float]]:
    padded = np.pad(rows, ((0, 0), (0, 2)))[:, :2]
    return [(float(x), float(y)) for x, y in padded]
