"""The gate of O3: how surely a question belongs to a request to forget, from what each layer makes of it.

Nothing here has seen anything but the questions of the requests. A request's detector is a dict of tensors, float32, for L
layers of width d and n questions:

    mean       [L, d]     of the questions' features
    basis      [L, n, d]  with `sharp` [L] the inverse of their shrunk covariance: sharp I - basis^T basis
    bank       [L, n, d]  the features themselves, each of length 1
    direction  [L], offset []   of the one-class SVM on the layers' scores
    centres    [2], spread []   what questions it was fitted on score, what held-out ones score, and how far the latter scatter

Source: Gao et al., https://github.com/GCYZSL/O3-LLM-UNLEARNING.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

Detector = dict[str, Tensor]
NAMES = ("mean", "basis", "sharp", "bank", "direction", "offset", "centres", "spread")
COSINE = 1000.0  # what a cosine counts beside half a squared distance
LEAST = 0.01  # share of the covariance that is always taken to be round


def fit(features: Tensor, held_out: Tensor, nu: float = 0.1) -> Detector:
    """A detector from the features [n, L, d] of a request's questions and of others that ask for the same [m, L, d]."""
    from sklearn.svm import OneClassSVM

    rows = features.float().transpose(0, 1)
    mean = rows.mean(1)
    parts = [_inverse(layer) for layer in rows - mean[:, None]]
    detector = {
        "mean": mean,
        "basis": torch.stack([basis for basis, _ in parts]),
        "sharp": torch.stack([sharp for _, sharp in parts]),
        "bank": F.normalize(rows, dim=-1),
    }
    svm = OneClassSVM(kernel="linear", nu=nu).fit(layer_scores(features, detector).double().numpy())
    detector["direction"] = torch.tensor(svm.coef_[0], dtype=torch.float32)
    detector["offset"] = torch.tensor(float(svm.intercept_[0]))
    own, others = score(features, detector), score(held_out, detector)
    detector["centres"] = torch.stack([own.mean(), others.mean()])
    detector["spread"] = others.std(correction=0).clamp(min=1e-6)
    return detector


def _inverse(centred: Tensor) -> tuple[Tensor, Tensor]:
    """(basis [n, d], sharp []) of the inverse covariance of centred rows [n, d], shrunk as by Ledoit and Wolf."""
    from sklearn.covariance import ledoit_wolf_shrinkage

    share = max(LEAST, float(ledoit_wolf_shrinkage(centred.double().numpy(), assume_centered=True)))
    _, sizes, right = torch.linalg.svd(centred, full_matrices=False)
    along = sizes.square() / len(centred)  # variance along each direction; none along the others
    floor = (share * along.sum() / centred.shape[1]).clamp(min=1e-6)
    weights = (1 / floor - 1 / ((1 - share) * along + floor)).clamp(min=0).sqrt()
    basis = torch.zeros_like(centred)
    basis[: len(right)] = weights[:, None] * right
    return basis, 1 / floor


def layer_scores(features: Tensor, detector: Detector) -> Tensor:
    """How much features [n, L, d] are like the request's, by layer [n, L]: largest cosine - Mahalanobis^2 / 2 / 1000."""
    features = features.float()
    off = features - detector["mean"]
    along = torch.einsum("nld,lkd->nlk", off, detector["basis"]).square().sum(-1)
    distance = (detector["sharp"] * off.square().sum(-1) - along).clamp(min=0)
    alike = torch.einsum("nld,lkd->nlk", F.normalize(features, dim=-1), detector["bank"]).amax(-1)
    return alike - distance / 2 / COSINE


def score(features: Tensor, detector: Detector) -> Tensor:
    """Decision values of the one-class SVM for features [n, L, d]: [n], above 0 inside."""
    return layer_scores(features, detector) @ detector["direction"] + detector["offset"]


def confidence(scores: Tensor, centres: Tensor, spread: Tensor) -> Tensor:
    """1 - |CDF(s) - CDF(2 x - s)|: 1 at the midpoint x of the two centres, falling to 0 on both sides of them.

    CDF is that of an equal mixture of two Gaussians around `centres`, both with the `spread` of the held-out scores, as in the
    released code.
    """
    middle = centres.mean()

    def below(at: Tensor) -> Tensor:
        return (0.5 + 0.5 * torch.erf((at[..., None] - centres) / (spread * math.sqrt(2)))).mean(-1)

    return 1 - (below(scores) - below(2 * middle - scores)).abs()


def weight(confidences: Tensor, zeta: float) -> Tensor:
    """How much of the change acts: sigmoid(zeta c - 2)."""
    return torch.sigmoid(zeta * confidences - 2)


def stepped(weights: Tensor) -> Tensor:
    """The steps of the released evaluation: 1.2 above 0.9, unchanged above 0.3 up to 0.4, else 0."""
    middle = weights.where((weights > 0.3) & (weights <= 0.4), torch.zeros_like(weights))
    return torch.where(weights > 0.9, torch.full_like(weights, 1.2), middle)


def stacked(detectors: Sequence[Detector]) -> Detector:
    """Detectors of several requests as one dict with a first dimension more."""
    most = max(one["bank"].shape[1] for one in detectors)

    def wide(name: str, rows: Tensor) -> Tensor:
        if name not in ("basis", "bank"):
            return rows
        more = rows[:, :1].expand(-1, most - rows.shape[1], -1)  # a direction of length 0, or a question once more
        return torch.cat([rows, more * (name == "bank")], 1)

    return {name: torch.stack([wide(name, one[name]) for one in detectors]) for name in detectors[0]}


def unstacked(detectors: Detector) -> list[Detector]:
    """The detectors that `stacked` put together."""
    return [{name: rows[at] for name, rows in detectors.items()} for at in range(len(detectors["offset"]))]


def drawn_apart(first: Sequence[Tensor], last: Sequence[Tensor], layers: int) -> Tensor:
    """||A_first A_last^T||_F^2, summed over the linear modules of a decoder layer, mean over the `layers`.

    Args:
        first: one factor [rank, inputs] a module, of an earlier request.
        last: the same of this one.
        layers: how many decoder layers the modules belong to.
    """
    return torch.stack([(a @ b.T).square().sum() for a, b in zip(first, last, strict=True)]).sum() / layers
