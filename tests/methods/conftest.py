"""Tiny text-to-image models for the methods' tests, one of each kind of prediction."""

import pictures
import pytest


@pytest.fixture(scope="session")
def drawers(tmp_path_factory):
    """Folder by what the U-Net predicts: "epsilon" and "v_prediction"."""
    return {kind: pictures.make(tmp_path_factory.mktemp(kind), kind=kind) for kind in ("epsilon", "v_prediction")}
