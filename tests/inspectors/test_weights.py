"""Which weights moved, and which were salient: models changed in a known way."""

import copy

import looks
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from backends.families.classifier.guards import attach_input_delta
from backends.inspectors._common import layer


def changed(task, function):
    """The model before with `function(name, parameter)` done to every parameter."""
    model = task.load()
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            function(name, tensor)
    return model


def test_one_tensor_doubled_moved_by_100_percent(toy_task, tmp_path):
    after = changed(toy_task, lambda name, tensor: tensor.mul_(2) if name == "classifier.1.weight" else None)
    by_layer, by_tensor = looks.found("weight_change", looks.look(toy_task, tmp_path, after))
    assert by_tensor.labels == ["classifier.1.weight"]
    assert by_tensor.series[0].values == pytest.approx([100])
    assert {name: value > 0 for name, value in zip(by_layer.labels, by_layer.series[0].values, strict=True)} == {
        name: name == "classifier" for name in by_layer.labels
    }


def test_a_tensor_that_was_zero_has_no_relative_change(toy_task, tmp_path):
    before = changed(toy_task, lambda name, tensor: tensor.zero_() if name == "classifier.1.bias" else None)
    after = copy.deepcopy(before)
    with torch.no_grad():
        after.classifier[1].bias.fill_(1)
    seen = looks.look(toy_task, tmp_path, after)
    seen.__dict__["before"] = before
    panel = looks.found("weight_change", seen)[1]
    assert panel.labels == ["classifier.1.bias"]
    assert panel.series[0].values[0] is None or np.isnan(panel.series[0].values[0])
    assert "1 have no relative change" in panel.says


def test_unchanged_models_moved_nothing(toy_task, tmp_path):
    (panel,) = looks.found("weight_change", looks.look(toy_task, tmp_path))
    assert (panel.kind, panel.sign) == ("verdict", "no")
    assert looks.found("weight_saliency", looks.look(toy_task, tmp_path))[-1].sign == "no"


def test_a_filter_at_the_input_moved_no_weight(toy_task, tmp_path):
    after = attach_input_delta(toy_task.load(), torch.ones(1, 12, 12))
    (panel,) = looks.found("weight_change", looks.look(toy_task, tmp_path, after))
    assert "No weight moved" in panel.says and "adds a picture" in panel.says


def forget_gradient(task):
    """The signed gradient of the forget loss at the model before, in one pass."""
    model = task.load().requires_grad_(True)
    batch = task.batch(task.parts["forget"])
    F.cross_entropy(task.forward(model, batch.x), batch.y, reduction="sum").backward()
    return {name: parameter.grad for name, parameter in model.named_parameters()}


def test_a_step_along_the_gradient_moves_exactly_the_salient_weights(toy_task, tmp_path):
    gradient = forget_gradient(toy_task)
    after = changed(toy_task, lambda name, tensor: tensor.add_(gradient[name], alpha=10))
    panel = looks.found("weight_saliency", looks.look(toy_task, tmp_path, after))[0]
    assert panel.overlap == pytest.approx([100] * 100, abs=1)


def test_a_change_of_the_other_half_overlaps_nowhere(toy_task, tmp_path):
    gradient = forget_gradient(toy_task)
    line = torch.cat([tensor.abs().flatten() for tensor in gradient.values()]).median()
    after = changed(toy_task, lambda name, tensor: tensor.add_((gradient[name].abs() < line * 0.99).float()))
    panel = looks.found("weight_saliency", looks.look(toy_task, tmp_path, after))[0]
    assert max(panel.overlap[:45]) == 0 < panel.chance[20]


class Named:
    """Stands for a model in the question how its tensors are called."""

    def __init__(self, prefix):
        self.base_model_prefix = prefix


@pytest.mark.parametrize(
    ("prefix", "name", "expected"),
    [
        ("resnet", "resnet.embedder.embedder.convolution.weight", "embedder"),
        ("resnet", "resnet.encoder.stages.0.layers.1.layer.0.convolution.weight", "encoder.stages.0.layers.1"),
        ("resnet", "classifier.1.weight", "classifier"),
        ("vit", "vit.layers.3.attention.q_proj.weight", "layers.3"),
        ("vit", "vit.embeddings.cls_token", "embeddings"),
        ("vit", "vit.layernorm.bias", "layernorm"),
        ("vit", "classifier.bias", "classifier"),
        ("", "features.0.0.weight", "features"),
    ],
)
def test_layer_names(prefix, name, expected):
    assert layer(name, Named(prefix)) == expected
