"""A vision transformer over a frozen backbone, served by several shards, each with LoRA tiles of its own: what S3T trains and deletes.

What is served, one set of factors beside the queries and values and one head for each shard, are parameters like any model's. The tiles lie
beside them as buffers, one for each shard, order and stage, with the head of that stage. `serve` puts the longest prefix of each shard
in place; the average of the shards' logits is one linear layer on their features side by side. Importing this makes the architecture known
to transformers.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AutoConfig, AutoModelForImageClassification, PreTrainedConfig, PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import ImageClassifierOutput

from . import tile_sequences
from .tile_sequences import MODEL_TYPE, Slice

DARK = 0  # of `held`: no tile; n + 1 is the tile of a stage that begins with slice n
FACTORS = ("query_a", "query_b", "value_a", "value_b")


class TiledViTConfig(PreTrainedConfig):  # type: ignore[misc]
    """Of the backbone, and of what lies over it: shards, slices, the orders of each shard, and the width of the factors."""

    model_type = MODEL_TYPE

    def __init__(self, **fields: Any) -> None:
        standard: dict[str, Any] = {
            "image_size": 28, "patch_size": 7, "num_channels": 1, "hidden_size": 96, "num_hidden_layers": 4,
            "num_attention_heads": 4, "intermediate_size": 192, "layer_norm_eps": 1e-12, "initializer_range": 0.02,
            "shards": 3, "slices": 4, "orders": 4, "rank": 4, "tile_dropout": 0.1, "slice_seed": 0,
        }  # fmt: skip
        for name, value in standard.items():
            setattr(self, name, fields.pop(name, value))
        super().__init__(**fields)


class TiledLinear(nn.Linear):
    """W x + b + sqrt(r) B_s A_s x, with factors of its own for each shard s: LoRA with rsLoRA's scale alpha / sqrt(r) and alpha = r."""

    tile_a: nn.Parameter
    tile_b: nn.Parameter

    def __init__(self, width: int, shards: int, rank: int, dropout: float) -> None:
        super().__init__(width, width)
        self.tile_a = nn.Parameter(torch.zeros(shards, rank, width))
        self.tile_b = nn.Parameter(torch.zeros(shards, width, rank))
        self.scale, self.dropout = rank**0.5, dropout

    def forward(self, x: Tensor) -> Tensor:
        """[shards * n, tokens, width], shard by shard, to the same."""
        each = F.dropout(x, self.dropout, self.training).reshape(len(self.tile_a), -1, x.shape[-1])
        added = each @ self.tile_a.transpose(1, 2) @ self.tile_b.transpose(1, 2)
        summed: Tensor = super().forward(x) + self.scale * added.view(x.shape)
        return summed


class Attention(nn.Module):
    """Self-attention whose queries and values have tiles."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        width, tile = config.hidden_size, (config.shards, config.rank, config.tile_dropout)
        self.heads = config.num_attention_heads
        self.query, self.value = TiledLinear(width, *tile), TiledLinear(width, *tile)
        self.key, self.out_proj = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        apart = (len(x), x.shape[1], self.heads, -1)
        query, key, value = (layer(x).view(apart).transpose(1, 2) for layer in (self.query, self.key, self.value))
        return self.out_proj(F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class Layer(nn.Module):
    """Attention and a feed-forward layer, each behind a norm and beside what came in."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        width = config.hidden_size
        self.norm_before, self.norm_after = (nn.LayerNorm(width, config.layer_norm_eps) for _ in range(2))
        self.attention = Attention(config)
        self.fc1, self.fc2 = nn.Linear(width, config.intermediate_size), nn.Linear(config.intermediate_size, width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm_before(x))
        return x + self.fc2(F.gelu(self.fc1(self.norm_after(x))))  # type: ignore[no-any-return]


class Backbone(nn.Module):
    """Patches and a class token through the layers: [n, channels, height, width] -> [shards * n, width], shard by shard."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        width, patch = config.hidden_size, config.patch_size
        self.shards = config.shards
        self.patch_embedding = nn.Conv2d(config.num_channels, width, patch, stride=patch)
        self.class_embedding = nn.Parameter(torch.zeros(1, 1, width))
        self.position_embedding = nn.Parameter(torch.zeros(1, (config.image_size // patch) ** 2 + 1, width))
        self.layers = nn.ModuleList([Layer(config) for _ in range(config.num_hidden_layers)])
        self.norm = nn.LayerNorm(width, config.layer_norm_eps)

    def forward(self, pixel_values: Tensor) -> Tensor:
        patches = self.patch_embedding(pixel_values).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_embedding.expand(len(patches), -1, -1), patches], 1) + self.position_embedding
        x = x.repeat(self.shards, 1, 1)
        for layer in self.layers:
            x = layer(x)
        return self.norm(x)[:, 0]  # type: ignore[no-any-return]


class Tile(nn.Module):
    """What one stage learned: factors of one block of layers [layers, ...], and the head that stage ended with."""

    def __init__(self, layers: int, width: int, rank: int, classes: int) -> None:
        super().__init__()
        shapes = ((layers, rank, width), (layers, width, rank)) * 2 + ((classes, width), (classes,))
        for name, shape in zip((*FACTORS, "head", "head_bias"), shapes, strict=True):
            self.register_buffer(name, torch.zeros(shape))


class Tiles(nn.Module):
    """All tiles, and in `held` [shards, orders, stages] of which slice each is, from 1; 0 where it is dark."""

    held: Tensor

    def __init__(self, config: Any) -> None:
        super().__init__()
        shape = (config.shards, config.orders, config.slices)
        self.register_buffer("held", torch.full(shape, DARK, dtype=torch.int16))
        layers = config.num_hidden_layers // config.slices
        for place in product(*map(range, shape)):
            self.add_module(name_of(*place), Tile(layers, config.hidden_size, config.rank, config.num_labels))

    def at(self, shard: int, order: int, stage: int) -> Tile:
        """One tile, each counted from 0."""
        tile = getattr(self, name_of(shard, order, stage))
        assert isinstance(tile, Tile)
        return tile

    def orders(self, shard: int) -> list[list[int]]:
        """The slices of the stages that are left of each order of a shard, in their order."""
        return [[int(one) - 1 for one in row if one != DARK] for row in self.held[shard]]

    @torch.no_grad()
    def put(self, shard: int, order: int, stage: int, of: int, tensors: dict[str, Tensor]) -> None:
        """Keep what a stage learned, which ended with slice `of`."""
        self.at(shard, order, stage).load_state_dict(tensors)
        self.held[shard, order, stage] = of + 1

    @torch.no_grad()
    def put_out(self, shard: int, order: int, stages: int) -> int:
        """Erase the tiles of an order from a stage on; how many of them were lit."""
        lit = 0
        for stage in range(stages, self.held.shape[2]):
            lit += int(self.held[shard, order, stage] != DARK)
            self.held[shard, order, stage] = DARK
            for tensor in self.at(shard, order, stage).buffers():
                tensor.zero_()
        return lit


def name_of(shard: int, order: int, stage: int) -> str:
    """The name of a tile, each counted from 1: shard1_order2_stage3."""
    return f"shard{shard + 1}_order{order + 1}_stage{stage + 1}"


class TiledViTForImageClassification(PreTrainedModel):  # type: ignore[misc]
    """The average of the shards' logits. `tiles` is what `delete` takes from; a model of one shard without tiles trains them."""

    config_class = TiledViTConfig
    base_model_prefix = "vit"
    main_input_name = "pixel_values"

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        if config.num_hidden_layers % config.slices:
            raise ValueError(f"{config.num_hidden_layers} layers are no multiple of {config.slices} slices")
        self.vit = Backbone(config)
        self.classifier = nn.Linear(config.shards * config.hidden_size, config.num_labels)
        self.tiles = Tiles(config) if config.orders else None
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Conv2d):
            init.trunc_normal_(module.weight, std=self.config.initializer_range)
            if module.bias is not None:
                init.zeros_(module.bias)
        if isinstance(module, TiledLinear):
            init.zeros_(module.tile_a)
            init.zeros_(module.tile_b)
        if isinstance(module, nn.LayerNorm):
            init.ones_(module.weight)
            init.zeros_(module.bias)
        if isinstance(module, Backbone):
            init.trunc_normal_(module.class_embedding, std=self.config.initializer_range)
            init.trunc_normal_(module.position_embedding, std=self.config.initializer_range)
        if isinstance(module, Tile | Tiles):
            for tensor in module.buffers(recurse=False):
                init.zeros_(tensor)

    def forward(self, pixel_values: Tensor, **_: Any) -> ImageClassifierOutput:
        features = self.vit(pixel_values).view(self.config.shards, len(pixel_values), -1)
        return ImageClassifierOutput(logits=self.classifier(features.transpose(0, 1).flatten(1)))

    def block(self, stage: int) -> list[Attention]:
        """The attention of the layers whose tiles a stage trains: the topmost ones first."""
        each = self.config.num_hidden_layers // self.config.slices
        end = self.config.num_hidden_layers - each * stage
        return [layer.attention for layer in self.vit.layers[end - each : end]]  # type: ignore[misc]

    @torch.no_grad()
    def delete(self, slices: Sequence[Slice], orders: int) -> tuple[int, list[tuple[int, int]]]:
        """Put out, in each order, the stages that saw one of these slices, and every order but the first few; then serve.

        Returns:
            how many tiles went dark, and what is served: (order, stages) of each shard.

        Raises:
            LookupError: nothing would be left; nothing was changed then.
        """
        tiles = self.tiles
        assert tiles is not None
        left = [self._left(shard, slices, orders) for shard in range(self.config.shards)]
        if not any(map(max, left)):
            raise LookupError
        dark = sum(
            tiles.put_out(shard, order, stages) for shard, each in enumerate(left) for order, stages in enumerate(each)
        )
        return dark, self.serve()

    def _left(self, shard: int, slices: Sequence[Slice], orders: int) -> list[int]:
        """How many stages of each order of a shard are left after a deletion."""
        assert self.tiles is not None
        deleted = {number for other, number in slices if other == shard}
        each = self.tiles.orders(shard)
        return [tile_sequences.surviving(one, deleted) if place < orders else 0 for place, one in enumerate(each)]

    @torch.no_grad()
    def serve(self) -> list[tuple[int, int]]:
        """Put the longest prefix of each shard in place, with the head of its last stage; (order, stages) of each shard.

        A shard that has nothing left adds nothing to the logits, and is not counted in their average.

        Raises:
            LookupError: no shard has anything left.
        """
        assert self.tiles is not None
        chosen = [tile_sequences.served(self.tiles.orders(shard), ()) for shard in range(self.config.shards)]
        living = sum(stages > 0 for _, stages in chosen)
        if not living:
            raise LookupError
        self.classifier.weight.zero_()
        self.classifier.bias.zero_()
        for shard, (order, stages) in enumerate(chosen):
            self.place(shard, [self.tiles.at(shard, order, stage).state_dict() for stage in range(stages)], 1 / living)
        return chosen

    @torch.no_grad()
    def place(self, shard: int, stages: Sequence[dict[str, Tensor]], share: float = 1.0) -> None:
        """Put these stages in the place of a shard, and add its head to the average with this share; layers without a stage get none."""
        for stage in range(self.config.slices):
            for at, attention in enumerate(self.block(stage)):
                for name in FACTORS:
                    kind, _, factor = name.partition("_")
                    served = getattr(getattr(attention, kind), f"tile_{factor}")
                    served[shard] = stages[stage][name][at] if stage < len(stages) else 0
        if stages:
            width = self.config.hidden_size
            self.classifier.weight[:, shard * width : (shard + 1) * width] = share * stages[-1]["head"]
            self.classifier.bias.add_(stages[-1]["head_bias"], alpha=share)

    @torch.no_grad()
    def tile_of(self, stage: int) -> dict[str, Tensor]:
        """What a stage of a model of one shard has learned, as a tile holds it."""
        each = self.block(stage)
        factors = {
            name: torch.stack([getattr(getattr(one, name[:-2]), f"tile_{name[-1]}")[0] for one in each]).clone()
            for name in FACTORS
        }
        return factors | {"head": self.classifier.weight.clone(), "head_bias": self.classifier.bias.clone()}


AutoConfig.register(MODEL_TYPE, TiledViTConfig, exist_ok=True)
AutoModelForImageClassification.register(TiledViTConfig, TiledViTForImageClassification, exist_ok=True)
