"""Unlearnable clusters: one picture for each cluster of features that makes images useless to learn from, and attackers who learn from them.

Zhang et al., Unlearnable Clusters (CVPR 2023, arXiv 2301.01217), as the card of Lethe has it. Pictures and images are on a scale from 0
(black) to 1 (white) here; what is released is whole numbers of 255, as a file holds them.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam

from ...api import run_outputs
from ...api.errors import BadInput
from ...core.task import Index
from ...models.recipe import optimizer_and_schedule
from .items import as_image
from .task import Classifier

MADE: Final = run_outputs.PERTURBATIONS  # what a run of the method keeps, by this name
NONE_MADE: Final = "This run made no pictures that protect images; take one of a method that does."
TARGET_OFFSET: Final = 1  # a cluster is drawn to the one after it
STARTS: Final = 3  # of k-means; the best counts
AT_ONCE: Final = 512  # images in a pass without gradients
QUALITY: Final = 30  # of JPEG, of 100
SPREAD: Final = 1.0  # of the blur, in pixels
REACH: Final = 24 / 255  # of adversarial training, of 1
Treatment = Literal["as released", "JPEG", "blur", "crop and flip", "adversarial training"]
TREATMENTS: Final[tuple[Treatment, ...]] = ("as released", "JPEG", "blur", "crop and flip", "adversarial training")


def clusters(features: NDArray[np.float32], count: int, seed: int) -> tuple[NDArray[np.int64], Tensor]:
    """k-means of features [n, d]: the cluster of each, and their centres [clusters, d]; no more clusters than there are items."""
    from sklearn.cluster import KMeans  # late: the catalog imports this file, and the studio waits for the catalog

    kmeans = KMeans(min(count, len(features)), n_init=STARTS, random_state=seed).fit(features)
    return kmeans.labels_.astype(np.int64), torch.from_numpy(kmeans.cluster_centers_).float()


def disguise_loss(features: Tensor, centre: Tensor) -> Tensor:
    """KL(softmax(centre) || softmax(features)), the mean over features [n, d]; the centre [d] is the one to be taken for."""
    goal = centre.softmax(0).expand(len(features), -1)
    return F.kl_div(features.log_softmax(1), goal, reduction="batchmean")


def target_of(cluster: int, count: int) -> int:
    """The cluster that this one is drawn to."""
    return (cluster + TARGET_OFFSET) % count


def added(images: Tensor, picture: Tensor) -> Tensor:
    """Images with a picture added, within black and white."""
    return (images + picture).clamp(0, 1)


class Perturbations(nn.Module):
    """A picture for each cluster, within `most` of 0, and the optimiser that makes them."""

    def __init__(self, count: int, shape: Sequence[int], most: float, learning_rate: float, seed: int) -> None:
        """Starts from noise, as the generators of the paper are fed noise.

        Args:
            count: of clusters.
            shape: of an image, [channels, height, width].
            most: that a pixel may change, of 1.
            learning_rate: of Adam in the first step on a picture; it falls to 0 along a cosine.
            seed: of the noise.
        """
        super().__init__()
        noise = torch.rand((count, *shape), generator=torch.Generator().manual_seed(seed))
        self.pictures = nn.ParameterList([nn.Parameter(most * (2 * one - 1)) for one in noise])
        self.most, self.learning_rate = most, learning_rate
        self.optimizer = Adam(self.pictures.parameters(), lr=learning_rate)

    def step(
        self, task: Classifier, model: nn.Module, images: Tensor, centres: Tensor, cluster: int, at: float
    ) -> float:
        """One step of one picture on images [n, channels, height, width] of any cluster; the loss before it.

        Args:
            task: of the model.
            model: the surrogate, in eval mode.
            images: from 0 to 1.
            centres: [clusters, d].
            cluster: whose picture learns.
            at: how much of its steps is done, 0 to 1.
        """
        picture = self.pictures[cluster]
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate * (1 + math.cos(math.pi * at)) / 2
        inputs = task.pixels.normalise(255 * added(images, picture))
        loss = disguise_loss(task.features(model, inputs), centres[target_of(cluster, len(centres))])
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            picture.clamp_(-self.most, self.most)
        return float(loss.detach())

    @property
    def stacked(self) -> Tensor:
        """[clusters, channels, height, width]."""
        return torch.stack([one.detach() for one in self.pictures])


def released(images: Tensor, pictures: Tensor, of: NDArray[np.int64]) -> Tensor:
    """Images uint8 [n, channels, height, width] as they are published: each with the picture of its cluster, rounded to what a file holds."""
    changed = added(images.float() / 255, pictures.to(images.device)[torch.from_numpy(of)])
    return (255 * changed).round().to(torch.uint8)


def nearest(features: NDArray[np.float32], centres: NDArray[np.float32]) -> NDArray[np.int64]:
    """The cluster of features [n, d] that were not there when the clusters were found."""
    distances = ((features[:, None].astype(np.float64) - centres[None]) ** 2).sum(2)
    closest: NDArray[np.int64] = distances.argmin(1).astype(np.int64)
    return closest


@dataclass(frozen=True)
class Protection:
    """What a run of the method made, as it keeps it.

    Attributes:
        ids: training images that were protected, sorted.
        of: the cluster of each.
        pictures: what is added to those of each cluster, [clusters, channels, height, width], of 1.
        centres: of the clusters, [clusters, d].
        published: training images that the attacker had, these among them, sorted.
    """

    ids: Index
    of: NDArray[np.int64]
    pictures: NDArray[np.float32]
    centres: NDArray[np.float32]
    published: Index

    @classmethod
    def read(cls, folder: Path, task: Classifier, model: nn.Module) -> "Protection":
        """What a run kept, checked against the data of its task and a model of it.

        Raises:
            BadInput: the run made none, or it is not of these.
        """
        arrays = run_outputs.method_arrays(folder, MADE) or {}
        if any(name not in arrays for name in cls.__dataclass_fields__):
            raise BadInput(NONE_MADE)
        read = cls(**{name: arrays[name] for name in cls.__dataclass_fields__})
        shape, count = task.data.train.images.shape, len(read.centres) if read.centres.ndim == 2 else 0
        sound = (
            read.ids.ndim == read.published.ndim == 1
            and read.of.shape == read.ids.shape
            and read.pictures.shape == (count, shape[3], *shape[1:3])
            and read.centres.shape == (count, task.head(model).in_features)
            and all(whole.dtype.kind in "iu" for whole in (read.ids, read.of, read.published))
            and all(one.dtype.kind == "f" and np.isfinite(one).all() for one in (read.pictures, read.centres))
            and all(((ids >= 0) & (ids < shape[0])).all() for ids in (read.ids, read.published))
            and np.isin(read.ids, read.published).all()
            and ((read.of >= 0) & (read.of < count)).all()
        )
        if not sound:
            raise BadInput("The pictures that this run made do not fit its model and data; make it again.")
        return read

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """As a file holds it."""
        return {name: getattr(self, name) for name in type(self).__dataclass_fields__}

    def images(self, task: Classifier) -> Tensor:
        """The protected images as they are published, uint8 [n, channels, height, width], in the order of `ids`."""
        return released(raw(task, self.ids), torch.from_numpy(self.pictures), self.of)

    def on(self, task: Classifier, model: nn.Module, picture: Image.Image) -> Image.Image:
        """A person's picture, protected at its own size: the picture of the cluster that the model sees it in, brought to that size and added."""
        inputs = torch.from_numpy(task.pixels.prepare(picture)).permute(2, 0, 1)[None]
        with torch.no_grad():
            features = task.features(model, task.pixels.normalise(inputs)).cpu().numpy()
        added_to = torch.from_numpy(self.pictures[nearest(features, self.centres)])
        pixels = np.atleast_3d(np.asarray(picture))
        larger = F.interpolate(added_to, size=pixels.shape[:2], mode="nearest")[0].permute(1, 2, 0).numpy()
        if larger.shape[2] == 3 and pixels.shape[2] == 1:  # a grey picture shown to a model of colours
            larger = larger.mean(2, keepdims=True)
        changed = np.clip(pixels / 255 + larger, 0, 1)
        return as_image((255 * changed).round().astype(np.uint8))


def raw(task: Classifier, index: Index, *, test: bool = False) -> Tensor:
    """Images as the data hold them, uint8 [n, channels, height, width]."""
    split = task.data.test if test else task.data.train
    return torch.from_numpy(split.images[index]).permute(0, 3, 1, 2).contiguous()


def as_jpeg(images: Tensor, quality: int = QUALITY) -> Tensor:
    """Images uint8 [n, channels, height, width], each written as a JPEG file and read again."""

    def again(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        file = BytesIO()
        as_image(image).save(file, "JPEG", quality=quality)
        return np.atleast_3d(np.asarray(Image.open(file)))

    rows = images.permute(0, 2, 3, 1).numpy()
    return torch.from_numpy(np.stack([again(one) for one in rows])).permute(0, 3, 1, 2).contiguous()


def blurred(images: Tensor, spread: float = SPREAD) -> Tensor:
    """Images uint8 [n, channels, height, width] under a Gaussian of so many pixels."""
    reach = math.ceil(2 * spread)
    line = torch.exp(-(torch.arange(-reach, reach + 1.0) ** 2) / (2 * spread**2))
    line = (line / line.sum()).expand(images.shape[1], 1, -1)
    padded = F.pad(images.float(), [reach] * 4, mode="replicate")
    across = F.conv2d(padded, line[:, :, None, :], groups=images.shape[1])
    return F.conv2d(across, line[:, :, :, None], groups=images.shape[1]).round().clamp(0, 255).to(torch.uint8)


def flipped(images: Tensor) -> Tensor:
    """Each image mirrored or not, by torch's random state."""
    flip = torch.rand(len(images)) < 0.5
    return torch.where(flip[:, None, None, None], images.flip(3), images)


def cropped(images: Tensor, border: int = 0) -> Tensor:
    """Each image moved by up to an eighth of its height (or `border` pixels) to any side, by torch's random state; its edge goes on outside."""
    border = border or max(1, images.shape[2] // 8)
    padded = F.pad(images.float(), [border] * 4, mode="replicate").to(images.dtype)
    places = torch.randint(2 * border + 1, (len(images), 2)).tolist()
    height, width = images.shape[2:]
    return torch.stack(
        [one[:, row : row + height, column : column + width] for one, (row, column) in zip(padded, places, strict=True)]
    )


def treated(images: Tensor, how: Treatment) -> Tensor:
    """What somebody does to images once, before anything learns from them; the rest is done anew in every step, by `attack`."""
    return {"JPEG": as_jpeg, "blur": blurred}.get(how, lambda same: same)(images)


@dataclass(frozen=True)
class Epoch:
    """What an attacker can do after so many epochs: accuracy on what it learns from, and on clean images it never saw, in percent."""

    number: int
    train: float
    clean: float


def attack(
    task: Classifier,
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    tests: tuple[Tensor, Tensor],
    *,
    epochs: int,
    seed: int,
    how: Treatment = "as released",
) -> Iterator[Epoch]:
    """Train an attacker on images, epoch by epoch, by the recipe of the task's model; after each it is asked clean ones.

    Args:
        task: of the recipe.
        model: fresh weights, which are trained; its classes may be more than the labels name.
        images: uint8 [n, channels, height, width], as they are published.
        labels: classes [n], in any sense.
        tests: clean images, and their labels in the same sense.
        epochs: passes.
        seed: of the order and the augmentation.
        how: what is done to images in every step: they are moved and mirrored, or brought to where the attacker is most wrong.
    """
    of = -(-len(images) // int(task.recipe["batch_size"]))
    optimizer, schedule = optimizer_and_schedule(model, task.recipe, epochs * of)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for epoch in range(1, epochs + 1):
            model.train()
            right = 0
            for part in torch.randperm(len(images)).tensor_split(of):
                x = cropped(images[part]) if how == "crop and flip" else images[part]
                x = flipped(x) if how == "crop and flip" or task.recipe["flip"] else x
                y = labels[part].to(task.device)
                inputs = task.pixels.normalise(worst(task, model, x, y) if how == "adversarial training" else x)
                outputs = task.forward(model, inputs)
                loss = F.cross_entropy(outputs, y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                right += int((outputs.argmax(1) == y).sum())
            yield Epoch(epoch, 100 * right / len(images), accuracy(task, model.eval(), *tests))


def worst(task: Classifier, model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Images uint8 moved to where the loss of a model is higher, on the scale of 255: one step by the sign of its gradient from a random place
    within 24 grey values (fast adversarial training, Wong et al., ICLR 2020)."""
    start = images.float() / 255
    moved = (REACH * (2 * torch.rand_like(start) - 1)).requires_grad_(True)
    loss = F.cross_entropy(task.forward(model, task.pixels.normalise(255 * added(start, moved))), labels)
    (gradient,) = torch.autograd.grad(loss, [moved])
    with torch.no_grad():
        further = (moved + 1.25 * REACH * gradient.sign()).clamp(-REACH, REACH)
        return 255 * added(start, further)


@torch.no_grad()
def accuracy(task: Classifier, model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """How many of these images uint8 a model gives their labels, in percent."""
    right = sum(
        int((task.forward(model, task.pixels.normalise(x)).argmax(1) == y.to(task.device)).sum())
        for x, y in zip(images.split(AT_ONCE), labels.split(AT_ONCE), strict=True)
    )
    return 100 * right / max(1, len(images))


def groups(confusion: Sequence[Sequence[float]], count: int) -> NDArray[np.int64]:
    """Classes in groups of those that are mixed up with each other: the group of each class, numbered from 0.

    Average linkage by how often two classes are taken for each other, in either direction.
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    shares = np.asarray(confusion, np.float64)
    if len(shares) <= count:
        return np.arange(len(shares))
    mixed = shares + shares.T
    apart = -np.log(mixed.clip(1e-4) / 2)
    np.fill_diagonal(apart, 0)
    numbers = fcluster(linkage(squareform(apart, checks=False), "average"), count, "maxclust")
    return np.unique(numbers, return_inverse=True)[1].astype(np.int64)


def by_lot(classes: int, count: int, seed: int) -> NDArray[np.int64]:
    """Classes thrown together by lot: the group of each class, groups of nearly the same size."""
    return np.random.default_rng([seed, 71]).permutation(np.arange(classes) % count).astype(np.int64)
