"""Centered kernel alignment (CKA): how alike two layers see the same items, up to turning and scaling.

Kornblith et al., Similarity of Neural Network Representations Revisited (ICML 2019): linear, with the biased estimator of HSIC. Few items make it
higher, so only values of as many items can be compared.
"""

from typing import Final

import torch
from torch import Tensor

ROUNDING: Final = {torch.float64: 1e-9, torch.float32: 1e-6}  # of the largest number, that centring a constant leaves


def gram(features: Tensor) -> Tensor:
    """The Gram matrix [n, n] of a layer's output [n, ...], in its precision but at least float32."""
    rows = features.flatten(1)
    rows = rows if rows.dtype == torch.float64 else rows.float()
    return rows @ rows.T


def centred(matrix: Tensor) -> Tensor:
    """H G H: the Gram matrix [n, n] of centred features, by subtracting means; rounding left of a constant one is taken for 0."""
    means = matrix.mean(0)
    result = matrix - means - means[:, None] + means.mean()
    constant = result.detach().abs().max() <= ROUNDING[matrix.dtype] * matrix.detach().abs().max()
    return torch.zeros_like(result) if constant else result


def cka(one: Tensor, other: Tensor) -> Tensor:
    """Linear CKA of two Gram matrices [n, n] of the same n items, 0..1, with a gradient; NaN where one is constant or not a number."""
    a, b = centred(one), centred(other)
    similarity: Tensor = (a * b).sum() / (a.norm() * b.norm())
    return similarity.clamp(max=1)
