"""Unlearnable clusters (UC): a picture for each cluster of features, added to images before they are published, and an attacker who trains on them."""

from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ..core.registry import Params, method
from ..core.run import Run, Stateful
from ..families.classifier import unlearnable
from ..families.classifier.task import Classifier
from ..families.classifier.unlearnable import Perturbations, Protection
from ..models.recipe import optimizer_and_schedule, renew

ASKED = 1000  # clean test images that the attacker is asked after each epoch


class UnlearnableClusters(Params):
    """How the images are protected, and how the attacker trains."""

    clusters: int = Field(default=10, ge=2, le=100, description="Clusters of features; each has a picture of its own.")
    eps: float = Field(
        default=24, gt=0, le=128, description="Most that a pixel may change, in grey values of 255; 16 in the paper."
    )
    steps: int = Field(default=150, ge=1, le=10_000, description="Steps in which the picture of a cluster learns.")
    batch_size: int = Field(default=32, ge=4, le=1024, description="Images in one of these steps.")
    learning_rate: float = Field(default=0.1, gt=0, le=1, description="Step size of the pictures at the start, of 1.")
    epochs: int = Field(default=10, ge=1, le=200, description="Passes of the attacker, who starts from new weights.")
    attacker: Literal["by target", "all images", "protected alone"] = Field(
        default="by target",
        description="What the attacker has. all images: the protected ones and the others as they are. protected alone: nothing else, as in "
        "the paper. by target: all images for whole classes, else protected alone.",
    )


@method(
    id="unlearnable_clusters",
    title="Unlearnable clusters (UC)",
    short="UC",
    summary="Adds a faint picture to images before they are published, which whoever trains on them learns instead.",
    school="Every photo gets a faint pattern. A machine learns the pattern instead of what is in the photo, and is lost when the pattern is not there.",
    student=(
        "The images are sorted into clusters of features by k-means; no label is read. For each cluster one picture within eps is optimised, over "
        "all images, so that the features of any image with it look like the centre of the next cluster: it minimises KL(softmax(centre) || "
        "softmax(features)). Each image is published with the picture of its cluster. Whatever labels somebody gives "
        "them, the pictures go along with the labels and are easy to learn, and on clean images they are missing; labels that are easy to see in the images are learned all the same. The model of this run is an attacker's, trained "
        "from new weights on what was published with the true labels. It protects nothing that was published before; "
        "training against perturbations brings back much, and a few clean images of the same kind are enough to learn from."
    ),
    source={
        "title": "Zhang et al., Unlearnable Clusters: Towards Label-agnostic Unlearnable Examples, CVPR 2023",
        "url": "https://arxiv.org/abs/2301.01217",
        "code": "https://github.com/jiamingzhang94/Unlearnable-Clusters",
    },
    label="same algorithm, smaller model",
    kind="replace",
    stage="protect",
    departures=(
        "Pictures are optimised directly, by Adam from noise with a step size that falls along a cosine, where the paper trains a generator for each "
        "cluster; eps is 24 of 255 on images of 28 x 28 (16 on 224 x 224 there). The surrogate is the model that was trained on the clean images, where "
        "the paper takes a ResNet-50 of ImageNet or CLIP that never saw them. The attacker has the model's own architecture and recipe for 10 epochs "
        "(90 of a ResNet-18 there), fewer than the model itself had; what the same attacker makes of the clean images, the look `attackers` says beside it."
    ),
    needs=("classes", "embeddings"),
    order=97,
)
def unlearnable_clusters(run: Run[Classifier], params: UnlearnableClusters) -> None:
    """Clusters, a picture for each, the images published with them, and an attacker trained from scratch on these."""
    parts = run.task.parts
    alone = params.attacker == "protected alone" or (params.attacker == "by target" and not run.task.forgotten_classes)
    parts["published"] = parts["forget"] if alone else np.union1d(parts["forget"], parts["keep"])
    protection = protected(run, params)
    run.keep_made(unlearnable.MADE, protection.arrays)
    published = unlearnable.raw(run.task, np.arange(run.size("train")))
    published[torch.from_numpy(protection.ids)] = protection.images(run.task)
    learn(run, published, params.epochs)
    share = "it had nothing else" if alone else "it had the other images as they are"
    run.task.notes.append(
        f"The attacker trained for {params.epochs} epochs on {len(protection.ids):,} protected images; {share}."
    )


def protected(run: Run[Classifier], params: UnlearnableClusters) -> Protection:
    """The clusters of the forget set, and their pictures."""
    task, ids = run.task, run.task.parts["forget"]

    def cluster() -> tuple[np.ndarray, Tensor]:
        features = task.over(lambda x: task.features(run.original, x), ids)
        return unlearnable.clusters(features, params.clusters, run.seed)

    of, centres = run.cached("cluster", cluster)
    centres = torch.as_tensor(centres).to(run.device)
    shape = unlearnable.raw(task, ids[:1]).shape[1:]
    pictures = Perturbations(len(centres), shape, params.eps / 255, params.learning_rate, run.seed).to(run.device)
    saved: dict[str, Stateful] = {"pictures": pictures, "optimizer": pictures.optimizer}
    images = unlearnable.raw(task, ids)
    for step in run.steps("make pictures", params.steps * len(centres), saved):
        cluster_number, at = divmod(step.step, params.steps)
        some = images[torch.randint(len(images), (params.batch_size,))].to(run.device).float() / 255
        run.log(distance=pictures.step(task, run.original, some, centres, cluster_number, at / params.steps))
    learned = run.cached("pictures", lambda: pictures.stacked.cpu())
    return Protection(ids, np.asarray(of), learned.numpy(), centres.cpu().numpy(), task.parts["published"])


def learn(run: Run[Classifier], published: Tensor, epochs: int) -> None:
    """New weights trained on images as they were published, uint8 [n, channels, height, width], with the true labels; by the model's recipe."""
    task, recipe = run.task, run.task.recipe
    renew(run)
    run.model.train()
    size = int(recipe["batch_size"])
    count = -(-run.size("published") // size)
    optimizer, schedule = optimizer_and_schedule(run.model, recipe, epochs * count)
    saved: dict[str, Stateful] = {"optimizer": optimizer, "schedule": schedule}
    tests = task.parts["test"][:: max(1, len(task.parts["test"]) // ASKED)]
    clean = unlearnable.raw(task, tests, test=True), torch.from_numpy(task.data.test.labels[tests])
    for batch in run.epochs("attacker trains", ["published"] * epochs, size, saved, augment=False):
        x = published[batch.index.cpu()]
        x = unlearnable.flipped(x) if recipe["flip"] else x
        outputs = run.forward(run.model, task.pixels.normalise(x))
        loss = F.cross_entropy(outputs, batch.y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        run.log(loss=loss.detach())
        if (batch.step + 1) % count == 0:
            run.log(clean_accuracy=unlearnable.accuracy(task, run.model.eval(), *clean))
            run.model.train()
