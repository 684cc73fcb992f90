"""Concept inference and data poisoning: finds what a class is made of, and teaches images that show it a wrong label."""

from functools import partial
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch.nn import functional as F

from ..api.errors import BadInput
from ..core.registry import method
from ..core.run import Run
from ..core.task import Index
from ..families.classifier import concepts
from ..families.classifier.task import Classifier
from ._common import SgdParams, falling, sgd

Labels = NDArray[np.int64]
BATCH = 512  # images between two signs of life


class ConceptPoisoning(SgdParams):
    """Concepts, poison, and how long it is taught."""

    epochs: int = Field(default=2, ge=1, le=200, description="Passes over the poisoned and the clean images.")
    learning_rate: float = Field(default=0.02, gt=0, le=1, description="Step size; it falls to zero.")
    poison: Literal["random", "targeted"] = Field(
        default="random",
        description="random: any wrong label that is not forgotten; targeted: that of the class with the most similar concepts.",
    )
    share: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="Share of the forget set that is poisoned, those that show its concepts most; the others are left out.",
    )
    clean: float = Field(
        default=3.0, ge=0.1, le=100, description="Images to keep, with their true label, for each poisoned one."
    )
    written: str = Field(
        default="",
        max_length=2000,
        description="Your own concepts, as in sleeves: Coat, Shirt; laces: Sneaker. Empty: those that come with the data.",
    )


@method(
    id="concept_poisoning",
    title="Concept inference and data poisoning",
    short="Concept inference and data poisoning",
    summary="Finds the concepts that make a class, and teaches the images that show them wrong labels.",
    school="What makes a sandal a sandal? Straps, and a foot. Now practise calling things like that something else.",
    student=(
        "A concept bottleneck explains the model: a linear probe for each named concept on the features before the last layer, and "
        "a sparse linear model from concept scores to the classes it says. Integrated gradients of a class's logit say how much "
        "each concept speaks for it; with a linear model that is exactly weight times score. Images of the forget set are ranked by "
        "it and poisoned: with a random wrong label, or all of a class with the label of the class whose mean concept scores are most like its own. A few "
        "epochs on the poison and on a part of the retain set, without which the model would collapse. Targeted poison pours "
        "everything into one class; the confusion matrix shows it."
    ),
    source={
        "title": "Chang et al., Class Machine Unlearning for Complex Data via Concepts Inference and Data Poisoning, 2024",
        "url": "https://arxiv.org/abs/2405.15662",
    },
    label="reconstruction from the abstract",
    kind="replace",
    departures=(
        "No code is public and the details are ours. The concepts are ours too, said class by class (assets/data/fashion-mnist/"
        "concepts.json), not image by image: data that bring none have each class as its own concept. Which wrong label is drawn "
        "once for an image. Step size and epochs were chosen on other classes (Dress, Coat, Ankle boot) than the tables show."
    ),
    needs=("classes", "embeddings"),
    order=49,
)
def concept_poisoning(run: Run[Classifier], params: ConceptPoisoning) -> None:
    """Minimise CE on poisoned images of the forget set and clean ones of the retain set, mixed.

    Raises:
        BadInput: the written concepts are not written so, or no class is left that a label could be.
    """
    bank = concepts.bank(run.task, params.written)
    found = run.cached("infer concepts", lambda: infer(run, bank, params))
    labels = found["labels"].to(run.device)
    run.task.parts["poisoned and clean"] = np.sort(found["items"].numpy())
    run.model.train()
    optimizer = sgd(run.model, params.learning_rate)
    passes = ["poisoned and clean"] * params.epochs
    for batch in run.epochs("teach the poison", passes, params.batch_size, {"optimizer": optimizer}):
        falling(optimizer, params.learning_rate, batch)
        loss = F.cross_entropy(run.forward(run.model, batch.x), labels[batch.index])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.log(loss=loss.detach())


def infer(run: Run[Classifier], bank: concepts.Bank, params: ConceptPoisoning) -> dict[str, torch.Tensor]:
    """`labels` of all training images, those of the forget set poisoned, and `items`, the images that are taught."""
    task, rng = run.task, np.random.default_rng(run.seed)
    forget, labels = task.parts["forget"], task.data.train.labels
    index = concepts.sample(task.parts["train"])
    vectors = concepts.fit(bank, features(run, index), labels[index])
    scores = vectors.scores(features(run, index))
    predictions = task.over(lambda x: run.forward(run.original, x), index).argmax(1)
    weights = concepts.head(scores, predictions, len(task.names))
    evidence = concepts.attributions(weights[labels[forget]], vectors.scores(features(run, forget))).sum(1)
    items = np.sort(forget[np.argsort(-evidence, kind="stable")[: max(1, round(params.share * len(forget)))]])
    free = np.setdiff1d(np.unique(labels[task.parts["keep"]]), task.forgotten_classes)
    profiles = concepts.profiles(scores, labels[index], len(task.names))
    draw = partial(targeted, profiles=profiles) if params.poison == "targeted" else partial(drawn, rng=rng)
    poisoned = labels.copy()
    poisoned[items] = draw(labels[items], free)
    keep = rng.permutation(task.parts["keep"])[: max(1, round(params.clean * len(items)))]
    return {"labels": torch.from_numpy(poisoned), "items": torch.from_numpy(np.union1d(items, keep))}


def features(run: Run[Classifier], index: Index) -> NDArray[np.float32]:
    """Features [n, d] of training images under the original model."""
    parts = []
    for at in range(0, len(index), BATCH):
        run.report("reading features", at, len(index))
        parts.append(run.task.over(lambda x: run.task.features(run.original, x), index[at : at + BATCH]))
    return np.concatenate(parts)


def drawn(classes: Labels, free: Labels, rng: np.random.Generator) -> Labels:
    """A wrong label for each class [n], uniform over those that are free and not its own."""
    wrong = classes.copy()
    for label in np.unique(classes):
        of_class = classes == label
        wrong[of_class] = rng.choice(others(label, free), of_class.sum())
    return wrong


def targeted(classes: Labels, free: Labels, profiles: NDArray[np.float64]) -> Labels:
    """For each class [n] the free class whose mean concept scores [classes, concepts] point most the same way as its own."""
    rows = profiles / np.maximum(np.linalg.norm(profiles, axis=1, keepdims=True), 1e-12)
    wrong = classes.copy()
    for label in np.unique(classes):
        candidates = others(label, free)
        wrong[classes == label] = candidates[(rows[candidates] @ rows[label]).argmax()]
    return wrong


def others(label: int, free: Labels) -> Labels:
    """The free classes that are not this one.

    Raises:
        BadInput: there is none.
    """
    candidates: Labels = free[free != label]
    if not len(candidates):
        raise BadInput(
            "concept_poisoning has no wrong label to teach: every class but one is to be forgotten. Forget fewer classes."
        )
    return candidates
