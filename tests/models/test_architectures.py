"""Any image classifier of transformers: a few families, untrained and tiny, on colour images."""

import numpy as np
import pytest
import torch
import transformers as t

from backends.data._images import ImageSet, Split
from backends.families.classifier.task import Classifier

SIDE = 32
TINY = {
    "vit": lambda: t.ViTConfig(
        image_size=SIDE, patch_size=8, hidden_size=12, num_hidden_layers=1, num_attention_heads=2, intermediate_size=12
    ),
    "convnext": lambda: t.ConvNextConfig(hidden_sizes=[8, 12], depths=[1, 1], num_stages=2),
    "swin": lambda: t.SwinConfig(image_size=SIDE, patch_size=4, embed_dim=8, depths=[1, 1], num_heads=[1, 2], window_size=4),
    "mobilenet": lambda: t.MobileNetV2Config(image_size=SIDE, depth_multiplier=0.25),
    "beit": lambda: t.BeitConfig(
        image_size=SIDE, patch_size=8, hidden_size=12, num_hidden_layers=1, num_attention_heads=2, intermediate_size=12
    ),
    "regnet": lambda: t.RegNetConfig(embedding_size=8, hidden_sizes=[8, 8, 8, 16], depths=[1, 1, 1, 1], groups_width=8),
}  # fmt: skip


@pytest.fixture(params=TINY)
def task(request, tmp_path):
    config = TINY[request.param]()
    config.num_labels = 3
    torch.manual_seed(0)
    t.AutoModelForImageClassification.from_config(config).save_pretrained(tmp_path)
    t.ViTImageProcessorPil(size={"height": SIDE, "width": SIDE}).save_pretrained(tmp_path)
    rng = np.random.default_rng(0)

    def split(count):
        return Split(rng.integers(0, 256, (count, SIDE, SIDE, 3), np.uint8), np.arange(count) % 3)

    return Classifier(str(tmp_path), ImageSet("noise", ["a", "b", "c"], split(12), split(6)))


def test_it_can_be_asked_trained_and_looked_into(task):
    model = task.load()
    said = task.outputs(model)
    assert said["train"].shape == (12, 3) and said["test"].shape == (6, 3) and np.isfinite(said["train"]).all()
    batch = task.batch(np.arange(4), augment=True)
    loss = torch.nn.functional.cross_entropy(task.forward(model.train(), batch.x), batch.y)
    loss.backward()
    assert all(weight.grad is not None for weight in task.head(model).parameters())
    with torch.no_grad():
        features = task.features(model.eval(), batch.x)
        assert torch.allclose(task.head(model)(features), task.forward(model, batch.x), atol=1e-4)
    assert task.fresh(0).state_dict().keys() == model.state_dict().keys()
