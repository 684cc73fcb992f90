"""Runs to look into, made without a job: a model before, an after of one's own, perhaps a reference."""

import copy
from itertools import pairwise
from types import SimpleNamespace

import torch
import toy
from PIL import Image
from transformers import ViTConfig, ViTForImageClassification

from backends.api.panels import Found
from backends.core import registry
from backends.core.evidence import InspectContext


def look(task, tmp_path, after=None, reference=None):
    """A look at a run whose model after is `after` (the model before, if left out)."""
    before = task.load()
    models = {"before": before, "after": after if after is not None else copy.deepcopy(before), "reference": reference}
    return InspectContext(task, models.get, lambda when: task.outputs(models[when]), tmp_path, tmp_path / "inspect")


def found(inspector, seen, **params):
    """The panels an inspector makes, through the JSON that pages read."""
    entry = registry.get("inspectors", inspector)
    panels = entry.function(seen, entry.parse(params))
    return Found.model_validate_json(Found(what=inspector, panels=panels).model_dump_json()).panels


def shaken(task, strength=0.3, seed=0):
    """The model before with noise of this size, relative to each tensor's own, on every parameter."""
    model, draw = task.load(), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in model.parameters():
            tensor += strength * tensor.std(correction=0) * torch.randn(tensor.shape, generator=draw)
    return model


def vit(folder):
    """A small ViT with random weights in `folder`, for the toy's images."""
    config = ViTConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=toy.SIDE,
        patch_size=4, num_channels=1, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        id2label=dict(enumerate(toy.NAMES)), label2id={name: number for number, name in enumerate(toy.NAMES)},
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        ViTForImageClassification(config).save_pretrained(folder)
    processor = toy.ViTImageProcessorPil(
        size={"height": toy.SIDE, "width": toy.SIDE}, image_mean=[0.5], image_std=[0.25]
    )
    processor.save_pretrained(folder)
    return folder


def series(panel):
    """Values of each series by name."""
    return {one.name: one.values for one in panel.series}


def of(panels, title):
    """The panel of that title."""
    named = SimpleNamespace(**{"all": [panel.title for panel in panels]})
    assert title in named.all, named.all
    return panels[named.all.index(title)]


def sound(panels, root):
    """Everything a page relies on."""
    assert panels
    for panel in panels:
        assert panel.title and panel.how and panel.says
        assert "nan" not in panel.says.split() and "None" not in panel.says
        rows = [one.values for one in getattr(panel, "series", [])]
        match panel.kind:
            case "bars":
                assert rows and all(len(row) == len(panel.labels) for row in rows)
            case "histogram":
                assert rows and all(len(row) == len(panel.edges) - 1 for row in rows)
                assert all(low < high for low, high in pairwise(panel.edges))
            case "lines":
                assert rows and all(len(row) == len(panel.x) for row in rows)
            case "heatmap":
                assert len(panel.z) == len(panel.rows) and all(len(row) == len(panel.columns) for row in panel.z)
                assert all(0 <= row < len(panel.rows) for row in panel.marked)
                assert all(0 <= column < len(panel.columns) for column in panel.marked_columns)
                assert not panel.pictures or [len(row) for row in panel.pictures] == [len(row) for row in panel.z]
            case "switch":
                assert 0 <= panel.start < len(panel.options)
                sound(panel.options, root)
            case "routing":
                for text in panel.texts:
                    assert len(text.before) == len(text.after) == len(panel.layers)
                    assert all(len(layer) == len(text.tokens) for layer in (*text.before, *text.after))
                assert all(len(one.answers) == len(panel.texts) for one in panel.off)
            case "pictures":
                assert all(len(row) == len(panel.columns) for row in panel.rows)
            case "tiles":
                assert all(len(row) == 100 for row in (panel.percent, panel.says_at, panel.mask))
                assert (root / panel.arrays).is_file() and panel.mask[-1] == panel.with_gradient
        for path in shown(panel):
            with Image.open(root / path) as image:
                assert min(image.size) > 0


def shown(panel):
    if panel.kind == "pictures":
        return [picture.path for row in panel.rows for picture in row]
    if panel.kind == "heatmap":
        return [picture.path for row in panel.pictures for cell in row for picture in cell]
    return [point.image for point in panel.points] if panel.kind == "points" else []
