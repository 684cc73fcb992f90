"""How a step is made to fit into the memory, without changing what is learned: rows in parts, layers computed again, bodies at rest.

A method computes the loss of a whole batch. Where that does not fit, its passes are taken some rows at a time, each part computed
again when its gradient is due (`in_parts`): the gradient is that of the whole batch, whatever the loss, as with gradient
accumulation. Within a pass each layer can be computed again too (gradient checkpointing). What no step needs, as the copy of the
model before, waits in the machine's memory (`Rest`).

The engine decides, by what was measured (backends/engine/fitting.py); outside of `active` nothing here does anything.
"""

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


class Guard(Protocol):
    """Who watches the memory of passes where running out of it raises nothing by itself, as on a processor."""

    def look(self, bytes_saved: int, model: nn.Module) -> None:
        """Called in a pass with the bytes that it keeps for its gradient so far; raises torch.OutOfMemoryError above what there is."""
        ...


@dataclass
class Fit:
    """What a job does to fit.

    Attributes:
        rows: most rows of a pass with gradients; 0 for all.
        again: layers are computed again instead of kept.
        rests: what a step does not need is kept in the machine's memory.
        guard: watches passes; none where the device says itself that it is full.
        most: rows of the largest pass so far.
        well: rows of the largest pass that went well.
        layers: whether a model was seen whose layers can be computed again.
        divisible: whether a pass was seen whose rows do not depend on each other.
        inside: whether a pass is made now.
        tried: whether a part of `rows` was tried for its memory.
    """

    rows: int = 0
    again: bool = False
    rests: bool = False
    guard: Guard | None = None
    most: int = 0
    well: int = 0
    layers: bool = False
    divisible: bool = False
    inside: bool = field(default=False, repr=False)
    tried: bool = False


_active: Fit | None = None


@contextlib.contextmanager
def active(fit: Fit) -> Iterator[Fit]:
    """Within it, passes are made as `fit` says; one job of this process at a time."""
    global _active
    before, _active = _active, fit
    try:
        yield fit
    finally:
        _active = before


def computes_again() -> bool:
    """Whether layers are computed again now, so that nothing may be kept from one pass for the next (keys and values)."""
    return _active is not None and _active.again and torch.is_grad_enabled()


def watched() -> bool:
    """Whether the engine sees to it that the job fits: it may take up a phase again from its beginning."""
    return _active is not None


def rests() -> bool:
    """Whether what a step does not need is to wait in the machine's memory."""
    return _active is not None and _active.rests


def in_parts(model: nn.Module, count: int, call: Callable[[slice], Tensor]) -> Tensor:
    """What `call` gives for rows 0 to `count`: at once, or in parts whose results are joined along the first dimension.

    Args:
        model: computed with; where it has batch normalisation in training mode, its rows belong together and are never parted.
        count: rows.
        call: gives, of a slice of the rows, a tensor with as many rows.
    """
    fit = _active
    if fit is None or fit.inside or not torch.is_grad_enabled():
        return call(slice(0, count))
    divisible = not any(isinstance(part, nn.modules.batchnorm._BatchNorm) and part.training for part in model.modules())
    fit.divisible |= divisible and count > 1
    fit.layers |= bool(_layers(model))
    new, fit.most = count > fit.well, max(fit.most, count)
    if not divisible or not 0 < fit.rows < count:
        with _watched(fit, model, new):
            result = _pass(fit, model, call, slice(0, count))
        fit.well = max(fit.well, count)
        return result
    if fit.guard is not None and not fit.tried:
        _try(fit, model, call)
    with _watched(fit, model, new):
        parts = [
            checkpoint(partial(_pass, fit, model, call), slice(at, min(at + fit.rows, count)), use_reentrant=False)
            for at in range(0, count, fit.rows)
        ]
    fit.well = max(fit.well, count)
    return torch.cat(parts)


def _try(fit: Fit, model: nn.Module, call: Callable[[slice], Tensor]) -> None:
    """Make a pass of one part for its memory alone: when it is due, nobody watches. No random numbers are drawn."""
    with torch.random.fork_rng(devices=[]), _watched(fit, model, True):
        _pass(fit, model, call, slice(0, fit.rows))
    fit.tried = True


def _pass(fit: Fit, model: nn.Module, call: Callable[[slice], Tensor], rows: slice) -> Tensor:
    """One pass, in which no other is parted."""
    was, fit.inside = fit.inside, True
    try:
        with _layers_again(model) if fit.again else contextlib.nullcontext():
            return call(rows)
    finally:
        fit.inside = was


# --- layers


def _layers(model: nn.Module) -> list[Any]:
    """The layers that transformers can compute again, and the parts of diffusers that can."""
    return [
        part
        for part in model.modules()
        if isinstance(getattr(part, "gradient_checkpointing", None), bool)
        and (_of_transformers(part) or type(part).__module__.startswith("diffusers."))
    ]


def _of_transformers(part: nn.Module) -> bool:
    layers = sys.modules.get("transformers.modeling_layers")  # asked without importing it
    return layers is not None and isinstance(part, layers.GradientCheckpointingLayer)


@contextlib.contextmanager
def _layers_again(model: nn.Module) -> Iterator[None]:
    """Within it, the layers of a model keep their inputs alone, and are computed again for their gradient.

    transformers does so only in training mode; here a layer computes in the mode that it has.
    """
    names = ("gradient_checkpointing", "_gradient_checkpointing_func", "training")
    layers = _layers(model)
    before = [{name: vars(layer).get(name) for name in names if name in vars(layer)} for layer in layers]
    try:
        for layer in layers:
            transformers = _of_transformers(layer)
            layer._gradient_checkpointing_func = partial(_layer, layer.training) if transformers else _block
            layer.gradient_checkpointing, layer.training = True, True if transformers else layer.training
        yield
    finally:
        for layer, was in zip(layers, before, strict=True):
            for name in names:
                vars(layer).pop(name, None)
            vars(layer).update(was)


def _layer(mode: bool, call: Any, *args: Any) -> Any:
    """A layer of transformers, handed over as partial(forward, layer, ...); keys and values are kept for nobody."""
    layer, caches = call.args[0], ("past_key_values", "past_key_value")
    without = partial(call.func, *call.args, **{k: None if k in caches else v for k, v in call.keywords.items()})

    def in_its_mode(*inputs: Any) -> Any:
        was, layer.training = layer.training, mode
        try:
            return without(*inputs)
        finally:
            layer.training = was

    return checkpoint(in_its_mode, *args, use_reentrant=False)


def _block(call: Any, *args: Any, **more: Any) -> Any:
    return checkpoint(call, *args, use_reentrant=False, **more)


# --- watching


@contextlib.contextmanager
def _watched(fit: Fit, model: nn.Module, new: bool) -> Iterator[None]:
    """Within it, the guard hears of what is kept for gradients; where passes as large went well before, it is not asked."""
    guard = fit.guard
    if guard is None or not new:
        yield
        return
    storages: set[int] = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    bytes_saved = 0

    def keep(tensor: Tensor) -> Tensor:
        nonlocal bytes_saved
        place = tensor.untyped_storage().data_ptr()
        if place not in storages:
            storages.add(place)
            bytes_saved += tensor.untyped_storage().nbytes()
            guard.look(bytes_saved, model)
        return tensor.detach()

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield


# --- rest


class Rest:
    """Bodies that wait in the machine's memory until one of their parts is called; then a whole body comes back by itself."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._hooks: dict[int, list[Any]] = {}  # by id of a body that is away
        self._bodies: dict[int, nn.Module] = {}

    def send(self, bodies: Iterable[nn.Module]) -> None:
        """Send bodies away; those that share a weight with none that stay. One that is away stays so."""
        for body in bodies:
            if id(body) in self._hooks:
                continue
            body.to("cpu")
            wake = partial(self._wake, body)
            self._bodies[id(body)] = body
            self._hooks[id(body)] = [part.register_forward_pre_hook(wake) for part in body.modules()]

    def end(self) -> None:
        """Bring all of them back."""
        for body in [*self._bodies.values()]:
            self._wake(body)

    def _wake(self, body: nn.Module, *_: Any) -> None:
        for hook in self._hooks.pop(id(body), ()):
            hook.remove()
        if self._bodies.pop(id(body), None) is not None:
            body.to(self._device)
