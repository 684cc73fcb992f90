"""Features with two planted concepts, four classes apart by which of them they have, and six directions of noise."""

import numpy as np

from backends.families.classifier.concepts import Bank

BANK = Bank(["round", "striped"], np.array([[True, True, False, False], [True, False, True, False]]))
LABELS = np.arange(800) % 4
AXES = np.eye(8)[:2]
_NOISE = np.random.default_rng(0).normal(size=(800, 8))
FEATURES = (0.3 * _NOISE + BANK.has[:, LABELS].T.astype(float) @ AXES * 2).astype(np.float32)
