"""Fréchet distance (FID) of retained pictures from real drawings, in the judge's features."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..families.text_to_image.task import TextToImage
from ._pictures import asks_for_target


@metric(
    id="fid",
    title="Fréchet distance in the judge's features (FID)",
    short="FID (judge's features)",
    summary="How far the retained pictures are, as a whole, from real drawings; 0 would be no difference.",
    source={
        "title": "Heusel et al., NeurIPS 2017; here with the judge's features in place of Inception's",
        "url": "https://arxiv.org/abs/1706.08500",
    },
    departures="The features are the judge's, not Inception's: its size depends on the judge and on the number of "
    "pictures, so it compares only with others of the same suite, not with published FIDs.",
    needs=("pictures",),
    unit="",
    direction="lower",
    measures="keeping",
    order=5,
)
def fid(evidence: Evidence[TextToImage]) -> Score:
    """|mu1 - mu2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) between the pictures that do not ask for the target and real drawings
    of the same objects and styles.

    Not measured without a judge that has real drawings.
    """
    task = evidence.task
    real, names = getattr(task.judge, "real", None), task.asking.domains
    if real is None or "features" not in evidence.outputs:
        return Score(math.nan)
    retained = [
        not task.asking.asks(names["object"][int(subject)], names["style"][int(style)])
        for subject, style in zip(real["object"], real["style"], strict=True)
    ]
    return Score(
        frechet(evidence.outputs["features"][~asks_for_target(evidence)], real["features"][np.array(retained)])
    )


def frechet(one: NDArray[np.floating], two: NDArray[np.floating]) -> float:
    """Fréchet distance between Gaussians fitted to two sets of features [n, d]; NaN where a value is no number."""
    if not (np.isfinite(one).all() and np.isfinite(two).all()) or min(len(one), len(two)) < 2:
        return math.nan
    mu, sigma = zip(*((x.mean(0), np.cov(x.astype(np.float64), rowvar=False)) for x in (one, two)), strict=True)
    # the eigenvalues of the product of two covariances are real and not negative; rounding may say otherwise
    roots = np.sqrt(np.clip(linalg.eigvals(sigma[0] @ sigma[1]).real, 0, None))
    return float(((mu[0] - mu[1]) ** 2).sum() + np.trace(sigma[0]) + np.trace(sigma[1]) - 2 * roots.sum())
