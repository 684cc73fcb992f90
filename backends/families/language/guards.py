"""Guards of causal language models: what changes what a model says while its weights stay as they were.

The guard of a method stands in the method's file. It is a small module inside the model, `guard_<kind>`, whose tensors are all buffers: they are saved with what a method
changed, and `attach_found` builds the guard again from them. It acts through hooks, so in `forward` and in `generate` alike.
Hooks are methods of the guard: a deep copy of the model then has hooks that belong to the copy.

What a guard has to remember while an answer is written lies on the cache of that answer. A beam search, which reorders
caches, is not followed; and who hands embeddings instead of tokens to the model walks around the guards that read tokens.
"""

import importlib
import re
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...api.errors import BadInput
from .caches import CallInputs, cache_in, length
from .tokens import PromptTokenizer

PREFIX = "guard_"
KINDS: dict[str, type["Guard"]] = {}  # of the methods that were imported


class Guard(nn.Module):
    """Tensors by name, kept as buffers, and the hooks that use them."""

    kind: ClassVar[str] = ""  # the id of its method
    grows: ClassVar[bool] = False  # whether a later job may put more into it

    def __init_subclass__(cls) -> None:
        KINDS[cls.kind] = cls

    def __init__(self, model: Any, tensors: dict[str, Tensor]) -> None:
        super().__init__()
        self.take({name: tensor.to(model.device) for name, tensor in tensors.items()})

    def take(self, tensors: dict[str, Tensor]) -> None:
        """Keep a copy of tensors, in place of what was kept under their names."""
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor.detach().clone())

    def hook(self, model: Any) -> None:
        """Begin to act on the model that holds this guard."""
        raise NotImplementedError

    def starts(self, inputs: CallInputs, done: bool = False) -> bool:
        """Whether a text begins here, and not a further word of an answer whose beginning lies in a cache.

        `done`: asked after the model has run, so that the cache holds this text too.
        """
        cache, ids = cache_in(inputs), inputs.get("input_ids")
        return ids is not None and (cache is None or length(cache) == done * ids.shape[1])


def attach(model: Any, kind: str, tensors: dict[str, Tensor]) -> Any:
    """Put a guard of some kind into the model and return it.

    Raises:
        BadInput: the model has one of that kind.
    """
    if hasattr(model, PREFIX + kind):
        raise BadInput(
            f"The model has a guard of the kind {kind} already, from the run that this one starts from; choose another method, or "
            "forget all of it in one run."
        )
    guard = of_kind(kind)(model, tensors)
    model.add_module(PREFIX + kind, guard)
    guard.hook(model)
    return guard


def of_kind(kind: str) -> type[Guard]:
    """The class of a guard: its kind is the id of its method, in whose file it stands."""
    if kind not in KINDS:
        importlib.import_module(f"backends.methods.{kind}")
    return KINDS[kind]


def attach_found(model: Any, tensors: dict[str, Tensor]) -> None:
    """Build the guards that saved tensors belong to, where the model lacks them."""
    matches = (re.match(rf"{PREFIX}([a-z0-9_]+)\.", name) for name in tensors)
    for kind in dict.fromkeys(match[1] for match in matches if match):
        start = f"{PREFIX}{kind}."
        own = {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
        if not hasattr(model, PREFIX + kind):
            attach(model, kind, own)
        elif of_kind(kind).grows:
            getattr(model, PREFIX + kind).take(own)


def opening(reader: PromptTokenizer) -> Tensor:
    """The tokens between a question and its answer [k]: what all prompts end with."""
    prompts = [reader.prompt_ids(question) for question in ("Who?", "Say 7", "No.")]
    last = [row[::-1] for row in prompts]
    count = next(
        (at for at, alternatives in enumerate(zip(*last, strict=False)) if len(set(alternatives)) > 1),
        len(min(last, key=len)),
    )
    return torch.tensor(prompts[0][len(prompts[0]) - count :])


def ends(ids: Tensor, words: Tensor) -> Tensor:
    """Where some tokens in a row have just been said: bool [n, length] for ids [n, length] and words [k]."""
    after_words = torch.zeros_like(ids, dtype=torch.bool)
    if 0 < len(words) <= ids.shape[1]:
        after_words[:, len(words) - 1 :] = (ids.unfold(1, len(words), 1) == words).all(-1)
    return after_words


def question_mask(ids: Tensor, mask: Tensor, words: Tensor) -> Tensor:
    """The tokens of the question, up to the last place where `words` lead over to the answer: bool [n, length].

    A row without them is a question from end to end.
    """
    here = ends(ids, words)
    later = here.flip(1).cumsum(1).flip(1) > 0
    return (later | ~here.any(1, keepdim=True)) & mask.bool()
