"""The cache of keys and values that a call of a language model takes or gives back, whatever transformers calls it.

Releases up to 5.23 call it `past_key_values` (Mamba: `cache_params`), later ones `cache`, and its place among the arguments
differs by architecture. So it is told by its type where it is read, and by the model's own signature where it is handed over.
"""

import inspect
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

CallInputs = dict[str, Any]
NAMES = ("cache", "past_key_values", "cache_params")  # the newest name first


@lru_cache(maxsize=64)
def parameters(forward: Callable[..., Any]) -> tuple[str, ...]:
    """The names of what a class's forward takes, `self` left out, in their order."""
    return tuple(inspect.signature(forward).parameters)[1:]


def inputs_by_name(model: Any, args: tuple[Any, ...], kwargs: CallInputs) -> CallInputs:
    """The inputs of a model's call by name, as a hook of the model is handed them."""
    return dict(zip(parameters(type(model).forward), args, strict=False)) | kwargs


def cache_in(values: Mapping[str, Any]) -> Any:
    """The cache among a call's arguments by name, or in what the call gave back; None where there is none."""
    from transformers import Cache

    return next((value for value in values.values() if isinstance(value, Cache)), None)


def length(cache: Any) -> int:
    """How many tokens a cache holds; of one that holds states and no tokens, as Mamba's, 1 once it holds any."""
    try:
        return int(cache.get_seq_length())
    except ValueError:  # it has no layer that keeps tokens
        return int(cache.has_previous_state())


def handing(model: Any, cache: Any) -> CallInputs:
    """The cache as the keyword argument that this model's forward takes it by."""
    takes = parameters(type(model).forward)
    return {next((name for name in NAMES if name in takes), NAMES[0]): cache}
