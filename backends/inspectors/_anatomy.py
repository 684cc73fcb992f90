"""The anatomy of a model from the names of its tensors: which part of which layer a tensor belongs to, and how it is cut into heads or experts."""

import re
from dataclasses import dataclass
from typing import Any, Final

from torch import nn

from ..api.panels import BlockKind
from ..families.text_to_image.pipeline import Diffusion

EMBEDDING, END, HEAD = "embedding", "end", "head"
ATTENTION: Final = re.compile(r"attn|attention")
FEED_FORWARD: Final = re.compile(r"\b(mlp|ff|ffn|feed_forward|intermediate|fc\d?|output\.dense|dense)\b")
QUERY: Final = re.compile(r"\b(q_proj|k_proj|v_proj|query|key|value|to_q|to_k|to_v)\.weight$")
OUTPUT: Final = re.compile(r"\b(o_proj|out_proj|to_out\.0|attention\.output\.dense)\.weight$")
UNET: Final = re.compile(r"^unet\.(down|up)_blocks\.(\d+)\.")


@dataclass(frozen=True)
class Part:
    """The part of a model that a tensor belongs to.

    Attributes:
        stage: the layer or block of the network, as "layer 3".
        level: how deep a stage of a U-Net lies; 0 in every other network.
        block: the part of the stage, as "attention".
        kind: what kind of part that is.
    """

    stage: str
    block: str
    kind: BlockKind
    level: int = 0


def part(name: str, model: nn.Module) -> Part:
    """The part that a tensor belongs to, by its name; names that follow no common habit are taken whole, by their first word."""
    if isinstance(model, Diffusion):
        return _of_diffusion(name)
    short = name.removeprefix(f"{getattr(model, 'base_model_prefix', '') or ' '}.")
    stage = re.search(r"\bstages\.(\d+)\.", short)
    if stage:
        inner = re.search(r"layers?\.(\d+)\.(?:layers?\.(\d+)|shortcut)", short)
        within = inner and (f"convolution {inner[1]}.{inner[2]}" if inner[2] else f"shortcut {inner[1]}")
        return Part(f"stage {stage[1]}", within or "other", "convolution")
    layer = re.search(r"\b(?:layers?|h|blocks?)\.(\d+)\.", short)
    if layer:
        return Part(f"layer {layer[1]}", *_inside_layer(short[layer.end() :]))
    if re.search(r"embed", short):
        return Part(EMBEDDING, EMBEDDING, "embedding")
    if short == name or re.match(r"(lm_head|classifier|head|score)\b", short):
        return Part(HEAD, short.split(".")[0].replace("_", " "), "head")
    return Part(END, short.split(".")[0].replace("_", " "), "other")


def _inside_layer(name: str) -> tuple[str, BlockKind]:
    """Block and kind of a tensor within a layer of a transformer."""
    if re.search(r"experts\b", name):
        return "experts", "expert"
    if re.search(r"\b(gate|router)\.(weight|bias)$", name):
        return "router", "router"
    if re.search(r"norm|^ln_", name.split(".")[0]):
        return "norms", "other"
    if ATTENTION.search(name):
        return "attention", "attention"
    return ("feed-forward", "feed-forward") if FEED_FORWARD.search(name) else (name.split(".")[0], "other")


def _of_diffusion(name: str) -> Part:
    text = re.match(r"text_encoder(_2)?\.(?:.*?layers\.(\d+)\.(.*))?", name)
    if text:
        whose = f"{'second ' if text[1] else ''}text encoder"
        if text[2] is None:
            embedding = "embed" in name
            return Part(
                f"{whose} {'words' if embedding else 'end'}",
                *(("words", "embedding") if embedding else ("end", "other")),
            )
        return Part(f"{whose} {text[2]}", *_inside_layer(text[3]))
    block = UNET.match(name)
    if block:
        down, number = block[1] == "down", int(block[2])
        return Part(f"U-Net {block[1]} {number}", *_inside_block(name), level=number if down else -number)
    if name.startswith("unet.mid_block."):
        return Part("U-Net mid", *_inside_block(name))
    if name.startswith("unet.conv_in."):
        return Part("U-Net in", "convolution", "convolution")
    if re.match(r"unet\.(time|add)_embedding", name):
        return Part("U-Net time", "time", "embedding")
    return Part("U-Net out", "convolution", "convolution")


def _inside_block(name: str) -> tuple[str, BlockKind]:
    if "attn2" in name:
        return "cross-attention", "cross-attention"
    if "attn1" in name:
        return "self-attention", "attention"
    if "attentions" in name:
        return "feed-forward", "feed-forward"
    return "convolutions", "convolution"


def cells(name: str, model: nn.Module) -> tuple[str, int, int] | None:
    """(what the cells of a tensor are, their number, the axis they are cut along): heads of attention or experts of a mixture; None of neither."""
    parameter = model.get_parameter(name)
    fused = re.search(r"experts\.\w+$", name)
    if fused and parameter.dim() == 3:
        return "expert", parameter.shape[0], 0
    axis = 0 if QUERY.search(name) else 1 if OUTPUT.search(name) and parameter.dim() == 2 else None
    heads = _heads(name, model) if axis is not None else 0
    if axis is None or heads < 2 or parameter.shape[axis] % heads:
        return None
    return "head", heads, axis


def expert_of(name: str) -> int | None:
    """The expert whose own tensor this is, where each expert has tensors of its own."""
    number = re.search(r"\bexperts\.(\d+)\.", name)
    return int(number[1]) if number else None


def _heads(name: str, model: nn.Module) -> int:
    """The number of heads of the attention that a tensor belongs to; 0 where nobody says."""
    owner: Any = model
    path = name.split(".")
    for depth in range(len(path) - 1, 0, -1):
        owner = model.get_submodule(".".join(path[:depth]))
        heads = getattr(owner, "heads", None) or getattr(owner, "num_heads", None)
        if isinstance(heads, int):
            return heads
        config = getattr(owner, "config", None)
        heads = getattr(config, "num_attention_heads", None)
        if isinstance(heads, int):
            shared = getattr(config, "num_key_value_heads", None) or heads
            keys = re.search(r"\b(k_proj|v_proj)\b", name)
            return shared if keys and shared == heads else 0 if keys else heads
    config = getattr(model, "config", None)
    heads = getattr(config, "num_attention_heads", 0)
    return heads if isinstance(heads, int) else 0
