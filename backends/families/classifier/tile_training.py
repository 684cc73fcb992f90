"""Training of tiles: stage i of an order trains the factors of the i-th block from the top, and the head, on its first i slices."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ...core.run import Run
from ...models.recipe import optimizer_and_schedule
from . import tile_sequences
from .tile_sequences import MODEL_TYPE

if TYPE_CHECKING:  # the architecture loads transformers, which takes seconds
    from .task import Classifier
    from .tiled_vit import TiledViTForImageClassification


def parts(task: Any) -> list[list[np.ndarray]]:
    """Training ids of each slice of each shard of a model with tiles."""
    config = task.config
    return tile_sequences.partition(len(task.data.train), config.shards, config.slices, config.slice_seed)


def train(run: "Run[Classifier]", epochs: int | None = None, orders: Sequence[int] = (0,)) -> None:
    """Train tiles anew on what is kept, from the backbone as it came, and serve them; all others go dark.

    A slice of which nothing is kept is left out of the orders of its shard. What a stage learns depends on the run's seed, its shard, order and
    place, and on the images of its own slices, and on nothing else.

    Args:
        run: the job; `run.model` is changed.
        epochs: passes of each stage; left out, as many as the recipe says.
        orders: which orders of each shard.
    """
    recipe, config = run.task.recipe, run.task.config
    passes, size = int(recipe["epochs"]) if epochs is None else epochs, int(recipe["batch_size"])
    rotations = tile_sequences.rotations(config.slices, config.orders)
    pristine = type(run.task).load(run.task)  # an earlier run may have changed the backbone
    one = alone(pristine)
    learned: list[tuple[int, int, int, int, dict[str, Tensor]]] = []
    for shard, slices in enumerate(parts(run.task)):
        retained = [np.intersect1d(ids, run.task.parts["keep"]) for ids in slices]
        for order in orders:
            sequence = [number for number in rotations[order] if len(retained[number])]
            tiles: list[dict[str, Tensor]] = []
            for stage, number in enumerate(sequence):
                name = f"shard {shard + 1}, order {order + 1}, stage {stage + 1}"
                begin(one, tiles, [stage], np.random.default_rng([run.seed, shard, order, stage]))
                run.task.parts[name] = np.sort(np.concatenate([retained[other] for other in sequence[: stage + 1]]))
                fit(run, name, one, learning(one, [stage]), recipe, passes, size)
                del run.task.parts[name]
                tiles.append(run.cached(f"{name}: tile", lambda stage=stage: one.tile_of(stage)))  # type: ignore[misc]
                learned.append((shard, order, stage, number, tiles[-1]))

    def put() -> None:
        model: Any = run.model
        restore_backbone(model, pristine)
        for shard in range(config.shards):
            for order in range(config.orders):
                model.tiles.put_out(shard, order, 0)
        for shard, order, stage, number, tile in learned:
            model.tiles.put(shard, order, stage, number, tile)
        model.serve()

    run.cached("serve", put)


def fit(
    run: "Run[Classifier]",
    name: str,
    one: "TiledViTForImageClassification",
    learns: list[nn.Parameter],
    recipe: Any,
    passes: int,
    size: int,
) -> None:
    """Lower the cross-entropy on the part of that name, over these parameters alone."""
    one.train()
    steps = passes * -(-len(run.task.parts[name]) // size)
    optimizer, schedule = optimizer_and_schedule(nn.ParameterList(learns), recipe, steps)
    for batch in run.epochs(name, [name] * passes, size, {"one": one, "optimizer": optimizer, "schedule": schedule}):
        loss = run.loss(run.forward(one, batch.x), batch.y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        run.log(loss=loss.detach())


def learning(one: "TiledViTForImageClassification", stages: Sequence[int]) -> list[nn.Parameter]:
    """What these stages train: the factors of their blocks, and the head. Everything else is frozen."""
    one.requires_grad_(False)
    layers = [layer for stage in stages for block in one.block(stage) for layer in (block.query, block.value)]
    each: list[Any] = [factor for layer in layers for factor in (layer.tile_a, layer.tile_b)]
    each += [*one.classifier.parameters()]
    return [parameter.requires_grad_(True) for parameter in each]


def alone(model: Any) -> "TiledViTForImageClassification":
    """A model of one shard without tiles over a copy of the same backbone: the one that is trained."""
    from .tiled_vit import TiledViTConfig, TiledViTForImageClassification

    fields = model.config.to_dict() | {"shards": 1, "orders": 0}
    one = TiledViTForImageClassification(TiledViTConfig(**fields))
    restore_backbone(one, model)
    one.to(next(model.parameters()).device)
    return one


@torch.no_grad()
def begin(
    one: "TiledViTForImageClassification",
    tiles: Sequence[dict[str, Tensor]],
    stages: Sequence[int],
    rng: np.random.Generator,
) -> None:
    """The state that these stages start in, after the tiles of earlier ones: new factors as LoRA begins, the head of the stage before."""
    config = one.config
    put_alone(one, tiles)
    layers = [layer for stage in stages for block in one.block(stage) for layer in (block.query, block.value)]
    for layer in layers:
        factors = rng.uniform(-1, 1, layer.tile_a.shape) / config.hidden_size**0.5
        layer.tile_a.copy_(torch.from_numpy(factors))


@torch.no_grad()
def put_alone(one: "TiledViTForImageClassification", tiles: Sequence[dict[str, Tensor]]) -> None:
    """Make a model of one shard what these stages in a row make it, with the head of the last; without any, its head is zero."""
    for parameter in one.classifier.parameters():
        parameter.zero_()
    one.place(0, tiles)


@torch.no_grad()
def restore_backbone(model: Any, pristine: Any) -> bool:
    """Give a model the backbone of another; whether it had another one."""
    state, other = model.state_dict(), pristine.state_dict()
    names = [name for name in other if name.startswith("vit.") and ".tile_" not in name]
    differs = any(not torch.equal(state[name], other[name].to(state[name].device)) for name in names)
    for name in names:
        state[name].copy_(other[name])
    return differs


def holds_tiles(task: Any) -> bool:
    """Whether a task's model holds tiles."""
    return bool(getattr(task.config, "model_type", "") == MODEL_TYPE and task.config.orders)
