"""A ViT beside the toy ResNet."""

import looks
import pytest


@pytest.fixture(scope="session")
def vit_folder(tmp_path_factory):
    return looks.vit(tmp_path_factory.mktemp("vit"))
