"""Reconstruction errors: how unlike themselves the features of the forget set became, and whether the others stayed."""

from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.optim import Adam

from ..api.panels import AnyPanel, Histogram, Role, Series, Verdict
from ..core.evidence import InspectContext, When
from ..core.registry import Params, inspector
from ..families.classifier import feature_vae
from ..families.classifier.task import Classifier
from ._common import exact

MOST = 3000  # images of a set
BINS, TAIL = 30, 99.0  # bars, and the percentile at which the last one begins
LATENT, BATCH, LEARNING_RATE = 8, 128, 3e-3
NAMES: dict[When, str] = {"before": "original", "after": "unlearned"}
SETS: tuple[tuple[str, str, Role], ...] = (
    ("forget", "The forget set", "forget"),
    ("retain", "The retain set", "unrelated"),
)


class FeatureErrors(Params):
    """How the autoencoders are fitted."""

    steps: int = Field(default=300, ge=10, le=20_000, description="Steps of fitting each of the two autoencoders.")


@inspector(
    id="feature_errors",
    title="Reconstruction error: whether features are like themselves",
    summary="A small autoencoder learns the original's features of the forget set; how badly it reproduces those of the unlearned model.",
    source={
        "title": "Shen et al., Label-Agnostic Forgetting, ICLR 2024",
        "url": "https://arxiv.org/abs/2404.00506",
        "code": "https://github.com/ShaofeiShen768/LAF",
    },
    needs=("classes", "embeddings"),
    order=12,
    group="sees",
)
def feature_errors(look: InspectContext[Classifier], params: FeatureErrors) -> list[AnyPanel]:
    """Histograms of the squared reconstruction error of what goes into the last layer, of the original and the unlearned model.

    A variational autoencoder (`feature_vae`) is fitted to the original's features of the forget set and another to those of the retain
    set, of at most 3,000 images each and without a label; each then reproduces what both models make of the same images. A retrained reference is left out: it has features of its own,
    which are unlike the original's for every image.
    """
    task = look.task
    models: dict[When, nn.Module] = {"before": look.before, "after": look.after}
    panels: list[AnyPanel] = []
    for part, title, role in SETS:
        index = look.some(part, MOST)
        features: dict[When, NDArray[np.float32]] = {}
        with exact(task):
            for when, model in look.steps(models.items(), f"reading features, {part}"):
                features[when] = task.over(partial(task.features, model), index)
        if len(index) < 2 or not np.isfinite(features["before"]).all():
            panels.append(_nothing(title))
            continue
        vae = _fitted(look, torch.from_numpy(features["before"]), params.steps, part)
        panels.append(_histogram(title, role, {when: _errors(vae, rows) for when, rows in features.items()}))
    return panels


def _fitted(look: InspectContext[Classifier], features: Tensor, steps: int, part: str) -> feature_vae.FeatureVAE:
    """An autoencoder of features [n, d], the same one each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        vae = feature_vae.fresh(features, LATENT)
        optimizer = Adam(vae.parameters(), lr=LEARNING_RATE)
        for step in range(steps):
            if step % 50 == 0:
                look.tell(f"learning features, {part}", step, steps)
            feature_vae.fitting_step(vae, optimizer, features, BATCH)
    return vae


@torch.no_grad()
def _errors(vae: feature_vae.FeatureVAE, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Squared errors [n], without those that are no numbers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        errors: NDArray[np.float32] = vae.error(torch.from_numpy(rows)).numpy()
    return errors[np.isfinite(errors)]


def _histogram(title: str, role: Role, errors: dict[When, NDArray[np.float32]]) -> Histogram:
    most = max((float(np.percentile(each, TAIL)) for each in errors.values() if len(each)), default=1.0) or 1.0
    edges = np.linspace(0, most, BINS + 1)
    counts = {when: np.histogram(np.minimum(each, most), edges)[0] for when, each in errors.items()}
    middle = {when: f"{float(np.median(each)):.2f}" if len(each) else "not measured" for when, each in errors.items()}
    return Histogram(
        title=f"{title}, as the original's own features would be reproduced",
        how="An autoencoder that learned only what the original made of these images reproduces what each model makes of them. The further "
        "right, the less a model sees in them what the original saw. The last bar holds all that is beyond.",
        says=f"Half of the images have an error above {middle['before']} in the original and above {middle['after']} in the unlearned model.",
        edges=[float(edge) for edge in edges],
        series=[
            Series(
                name=NAMES[when],
                values=[float(count) for count in counts[when]],
                role=role,
                when="after" if when == "after" else "before",
            )
            for when in errors
        ],
        x_title="squared reconstruction error, summed over features",
    )


def _nothing(title: str) -> Verdict:
    return Verdict(
        title=f"{title}, as the original's own features would be reproduced",
        how="An autoencoder needs at least two images and features that are numbers.",
        says="There is nothing to learn from: the original gives no numbers, or the set has fewer than two images.",
        sign="unknown",
    )
