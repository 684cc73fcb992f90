"""The model map: models changed in a known way, and the shapes of every family."""

import looks
import pytest
import torch
import toy

from app.figures import model_maps
from backends.api.panels import Block, BlockCell, ModelMap, Stage
from backends.core.registry import entries
from backends.inspectors import _anatomy


def changed(task, function):
    """The model before with `function(name, parameter)` done to every parameter."""
    model = task.load()
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            function(name, tensor)
    return model


def blocks(panel):
    """Title of stage and block -> block."""
    return {(stage.title, block.title): block for stage in panel.stages for block in stage.blocks}


def test_a_part_that_was_doubled_moved_by_its_own_length_and_no_other_did(toy_task, tmp_path):
    after = changed(toy_task, lambda name, tensor: tensor.mul_(2) if name.startswith("classifier.") else None)
    (panel,) = looks.found("model_map", looks.look(toy_task, tmp_path, after))
    changes = {place: block.change for place, block in blocks(panel).items()}
    assert changes.pop(("head", "classifier")) == pytest.approx(100)
    assert set(changes.values()) == {0.0}
    assert (
        "classifier, head (100 %" in panel.says
        and f"{len(changes)} of {len(changes) + 1} parts did not move" in panel.says
    )


def test_every_weight_belongs_to_exactly_one_part(toy_task, tmp_path):
    after = changed(toy_task, lambda name, tensor: tensor.add_(0.1))
    (panel,) = looks.found("model_map", looks.look(toy_task, tmp_path, after))
    model = toy_task.load()
    listed = [name for block in blocks(panel).values() for name, _ in block.tensors]
    assert sorted(listed) == sorted(name for name, _ in model.named_parameters())
    assert sum(block.weights for block in blocks(panel).values()) == sum(p.numel() for p in model.parameters())


def test_an_unchanged_model_is_no_map(toy_task, tmp_path):
    (panel,) = looks.found("model_map", looks.look(toy_task, tmp_path))
    assert (panel.kind, panel.sign) == ("verdict", "no")


def test_a_head_is_its_rows_of_queries(vit_folder, tmp_path):
    task = toy.task(vit_folder)
    heads = task.load().config.num_attention_heads
    name = next(name for name, _ in task.load().named_parameters() if name.endswith("q_proj.weight"))

    def double_the_first(one, tensor):
        if one == name:
            tensor[: tensor.shape[0] // heads] *= 2

    after = changed(task, double_the_first)
    assert _anatomy.cells(name, after) == ("head", heads, 0)
    (panel,) = looks.found("model_map", looks.look(task, tmp_path, after))
    cells = {cell.title: cell.change for cell in blocks(panel)[("layer 0", "attention")].cells}
    assert cells["head 0"] > 0 and {cells[f"head {at}"] for at in range(1, heads)} == {0.0}


def drawn(change, cells=()):
    stage = Stage(title="layer 0", blocks=[Block(title="attention", kind="attention", weights=4, change=change, cells=list(cells), tensors=[("a.weight", change)])])  # fmt: skip
    other = Stage(title="layer 1", blocks=[Block(title="router", kind="router", weights=2, change=None, tensors=[("b.weight", None)])])  # fmt: skip
    return ModelMap(title="Map", how="How.", says="Says.", stages=[stage, other])


def test_the_figure_says_each_change_and_what_was_not_measured():
    panel = drawn(12.5, [BlockCell(title="head 0", change=3.0)])
    html = model_maps.model_map(panel)
    assert 'aria-label="attention, layer 0: 12.5 %"' in html and 'aria-label="router, layer 1: not measured"' in html
    assert "head 0: 3 %" in html and "4 weights in 1 tensors" in html and model_maps.furthest(panel) == "0-0"
    assert model_maps.colour(0.0, 12.5) == "" and model_maps.colour(12.5, 12.5) != model_maps.colour(3.0, 12.5)


MIXTURE_PARTS = {
    "embed_tokens.weight": ("embedding", "embedding"), "layers.1.self_attn.k_norm.weight": ("layer 1", "attention"),
    "layers.1.post_attention_layernorm.weight": ("layer 1", "norms"), "layers.1.mlp.gate.weight": ("layer 1", "router"),
    "layers.1.mlp.experts.down_proj": ("layer 1", "experts"), "layers.1.mlp.up_proj.weight": ("layer 1", "feed-forward"),
    "norm.weight": ("end", "norm"),
}  # fmt: skip


def test_names_lead_to_their_parts():
    class Prefixed(torch.nn.Module):
        base_model_prefix = "model"

    parts = {name: _anatomy.part(f"model.{name}", Prefixed()) for name in MIXTURE_PARTS}
    assert {name: (part.stage, part.block) for name, part in parts.items()} == MIXTURE_PARTS


DRAWER_PARTS = {
    "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight": ("U-Net down 1", "cross-attention"),
    "unet.up_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight": ("U-Net up 0", "self-attention"),
    "unet.mid_block.resnets.0.conv1.weight": ("U-Net mid", "convolutions"),
    "unet.conv_out.weight": ("U-Net out", "convolution"),
    "text_encoder.encoder.layers.0.mlp.fc1.weight": ("text encoder 0", "feed-forward"),
    "text_encoder.embeddings.token_embedding.weight": ("text encoder words", "words"),
}


def test_names_of_a_model_that_draws_lead_to_their_parts():
    parts = {name: _anatomy._of_diffusion(name) for name in DRAWER_PARTS}
    assert {name: (part.stage, part.block) for name, part in parts.items()} == DRAWER_PARTS


def test_every_inspector_answers_one_of_the_four_questions():
    assert {one.entry.group for one in entries("inspectors").values()} == {"change", "sees", "there", "attacker"}
    assert all("group" in one.entry.model_fields_set for one in entries("inspectors").values())
