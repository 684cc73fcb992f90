"""Concept bottleneck: which named concepts speak for what was to be forgotten, before and after."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from torch import nn

from ..api.panels import AnyPanel, Bars, Role, Series, Verdict
from ..core.evidence import InspectContext, When
from ..core.registry import Params, inspector
from ..core.task import Index
from ..families.classifier import concepts
from ..families.classifier.task import Classifier
from ._common import exact

NOTHING = np.array([np.nan])
NAMES: dict[When, str] = {"before": "original", "after": "unlearned", "reference": "retrained"}
ROLES: dict[When, Role] = {"before": "amount", "after": "forget", "reference": "reference"}


class ConceptBars(Params):
    """Which concepts."""

    written: str = Field(
        default="",
        max_length=2000,
        description="Your own concepts, as in sleeves: Coat, Shirt; laces: Sneaker. Empty: those that come with the data.",
    )


@inspector(
    id="concept_bars",
    title="Concept bottleneck (PCBM): what a class is made of",
    summary="How much each named concept, as straps or sleeves, speaks for what was to be forgotten, before and after.",
    source={
        "title": "Yuksekgonul et al., Post-hoc Concept Bottleneck Models, ICLR 2023",
        "url": "https://arxiv.org/abs/2205.15480",
    },
    needs=("classes", "embeddings"),
    order=6,
    group="sees",
)
def concept_bars(look: InspectContext[Classifier], params: ConceptBars) -> list[AnyPanel]:
    """Integrated gradients of the true class's logit by concept, averaged over new images of the forgotten classes, or over the
    forget set where single images were forgotten.

    Concept vectors are found in the original's features and asked of the unlearned model too; a retrained one has features of its own,
    and so vectors of its own. What a model makes of the scores is a sparse linear
    model of what it says itself, fitted for each model anew, so that attributions are exact (`concepts.attributions`).

    Raises:
        BadInput: the written concepts are not written so.
    """
    task = look.task
    bank, index = concepts.bank(task, params.written), concepts.sample(task.parts["train"])
    where, test = _forgotten(task)
    classes, labels = (task.data.test if test else task.data.train).labels[where], task.data.train.labels[index]
    models: dict[When, nn.Module] = {"before": look.before, "after": look.after}
    if look.reference is not None:
        models["reference"] = look.reference
    read: dict[When, Read] = {}
    with exact(task):
        for when, model in look.steps(models.items(), "reading features"):
            features = task.over(partial(task.features, model), index)
            logits = task.over(partial(task.forward, model), index)
            read[when] = Read(features, logits, task.over(partial(task.features, model), where, test=test))
    if not read["before"].sound or not len(where):
        return [_nothing()]
    own = {when: concepts.fit(bank, one.features, labels) for when, one in read.items() if one.sound}
    speaks = {
        when: speaking(own["reference" if when == "reference" and one.sound else "before"], one, classes)
        for when, one in read.items()
    }
    again = {when: own[when].auroc if when in own else NOTHING for when in read}
    return [_speaking(task, bank, speaks), _readable(bank, again)]


@dataclass(frozen=True)
class Read:
    """What a model makes of training images, `features` [n, d] and `logits` [n, classes], and of those in question, `forgotten` [m, d]."""

    features: NDArray[np.float32]
    logits: NDArray[np.float32]
    forgotten: NDArray[np.float32]

    @property
    def sound(self) -> bool:
        """Whether all of it is numbers."""
        return all(bool(np.isfinite(part).all()) for part in (self.features, self.logits, self.forgotten))


def speaking(vectors: concepts.Concepts, read: Read, classes: NDArray[np.int64]) -> NDArray[np.float64]:
    """How much each concept speaks for the true classes [m] of the forgotten images, on average [concepts]; NaN where it is not known."""
    if not read.sound:
        return NOTHING
    scores = vectors.scores(read.features)
    weights = concepts.head(scores, read.logits.argmax(1), read.logits.shape[1])
    mean: NDArray[np.float64] = concepts.attributions(weights[classes], vectors.scores(read.forgotten)).mean(0)
    return mean


def _forgotten(task: Classifier) -> tuple[Index, bool]:
    """Images whose concepts are looked at, and whether they are of the test data."""
    test = len(task.parts["test_forget"]) > 0
    return concepts.sample(task.parts["test_forget" if test else "forget"]), test


def _speaking(task: Classifier, bank: concepts.Bank, speaks: dict[When, NDArray[np.float64]]) -> Bars:
    named = (
        " and ".join(task.names[number] for number in task.forgotten_classes[:3])
        or "the true class of the forgotten images"
    )
    first = int(np.argmax(speaks["before"]))
    after = float(np.broadcast_to(speaks["after"], len(bank.names))[first])
    now = "gives no numbers any more" if np.isnan(after) else f"it counts {after:.1f}"
    return Bars(
        title=f"What speaks for {named}",
        how="Each bar is how much a concept adds to the logit of the class, compared with the average image (integrated gradients); below "
        "0 it speaks against it. Concepts are linear probes, named by hand and class by class.",
        says=f"In the original “{bank.names[first]}” speaks for it most ({speaks['before'][first]:.1f}); in the unlearned model {now}.",
        labels=bank.names,
        series=_series(bank, speaks),
        unit="logit",
    )


def _readable(bank: concepts.Bank, auroc: dict[When, NDArray[np.float64]]) -> Bars:
    measured = auroc["after"][np.isfinite(auroc["after"])]
    least = f"at worst {measured.min():.2f}" if len(measured) else "it is not known"
    return Bars(
        title="Can the concepts still be read?",
        how="AUROC of a probe that each model's own features are given for each concept, on images that it was not fitted to: 1 is always "
        "right, 0.5 is chance. A low bar before says that the concept is none of the model's.",
        says=f"In the unlearned model's features {least}.",
        labels=bank.names,
        series=_series(bank, auroc),
        threshold=0.5,
        threshold_name="chance",
        folded=True,
    )


def _series(bank: concepts.Bank, by_model: dict[When, NDArray[np.float64]]) -> list[Series]:
    return [
        Series(
            name=NAMES[when],
            values=[float(value) for value in np.broadcast_to(values, len(bank.names))],
            role=ROLES[when],
            when="" if when == "reference" else when,
        )
        for when, values in by_model.items()
    ]


def _nothing() -> Verdict:
    return Verdict(
        title="What speaks for what was forgotten",
        how="Concepts are looked for in the features of the original model.",
        says="There are no concepts: the original model gives no numbers, or no image was forgotten.",
        sign="unknown",
    )
