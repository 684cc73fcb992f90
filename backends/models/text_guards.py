"""Guards of causal language models: what changes what a model says while its weights stay as they were.

A guard is a small module inside the model, `guard_<kind>`, whose tensors are all buffers: they are saved with what a method
changed, and `attach_found` builds the guard again from them. It acts through hooks, so in `forward` and in `generate` alike.
Hooks are methods of the guard: a deep copy of the model then has hooks that belong to the copy.

What a guard has to remember while an answer is written lies on the cache of that answer. A beam search, which reorders
caches, is not followed; and who hands embeddings instead of tokens to the model walks around the guards that read tokens.
"""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..api.errors import BadInput
from . import gate
from .caches import CallInputs, cache_in, handing, inputs_by_name, length
from .concept_vectors import feed_forwards, writers
from .low_rank import thin_layers
from .texts import PromptTokenizer

PREFIX = "guard_"
FAR = -1e3  # logit of a word that may not be said
SURE = 0.99  # probability of each word of a refusal
SCALE = 2.0  # of the factors' product; O3's alpha is twice the rank


class Guard(nn.Module):
    """Tensors by name, kept as buffers, and the hooks that use them."""

    kind = ""
    grows = False  # whether a later job may put more into it

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
    guard = KINDS[kind](model, tensors)
    model.add_module(PREFIX + kind, guard)
    guard.hook(model)
    return guard


def attach_found(model: Any, tensors: dict[str, Tensor]) -> None:
    """Build the guards that saved tensors belong to, where the model lacks them."""
    for kind in KINDS:
        start = f"{PREFIX}{kind}."
        own = {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
        if own and not hasattr(model, PREFIX + kind):
            attach(model, kind, own)
        elif own and KINDS[kind].grows:
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


def pooled(model: Any, ids: Tensor, mask: Tensor, words: Tensor, positions: Tensor | None = None) -> Tensor:
    """The last hidden states of the tokens of each question, averaged [n, d]."""
    hidden = model.base_model(input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False)
    where = question_mask(ids, mask, words)[..., None]
    states = hidden.last_hidden_state.float()
    return (states * where).sum(1) / where.sum(1).clamp(min=1)  # type: ignore[no-any-return]


class Corrupted(Guard):
    """ECO: questions that a classifier flags have the embeddings of some tokens disturbed.

    Buffers: `weight` [d], `bias` [], `threshold` [] (a logit) of the classifier on `pooled`; `noise` [places, dims], added to the
    first dims of a chosen token by its place in the question; `names` [k, tokens], padded with -1, the tokens to choose; `opening`.
    """

    kind = "eco"
    weight: Tensor
    bias: Tensor
    threshold: Tensor
    noise: Tensor
    names: Tensor
    opening: Tensor

    def hook(self, model: Any) -> None:
        model.register_forward_pre_hook(self.disturb, with_kwargs=True)

    def score(self, features: Tensor) -> Tensor:
        """How surely each question is to be forgotten, as a logit [n]."""
        return features @ self.weight + self.bias

    def chosen(self, ids: Tensor, where: Tensor) -> Tensor:
        """The tokens to disturb, bool [n, length]: those of names, or in a question without one all but the last."""
        disturbed = torch.zeros_like(where)
        for name in self.names:
            words = name[name >= 0]
            here = ends(ids, words)
            for back in range(len(words)):
                disturbed[:, : ids.shape[1] - back] |= here[:, back:]
        disturbed &= where
        last = where & (where.flip(1).cumsum(1).flip(1) == 1)
        return torch.where(disturbed.any(1, keepdim=True), disturbed, where & ~last)

    def disturb(
        self, model: Any, args: tuple[Any, ...], kwargs: CallInputs
    ) -> tuple[tuple[Any, ...], CallInputs] | None:
        """Hand the model embeddings instead of tokens."""
        inputs = inputs_by_name(model, args, kwargs)
        if not self.starts(inputs):
            return None
        ids = inputs["input_ids"]
        mask = inputs.get("attention_mask")
        mask = torch.ones_like(ids) if mask is None else mask
        with torch.no_grad():
            flagged = self.score(pooled(model, ids, mask, self.opening, inputs.get("position_ids"))) > self.threshold
        if not flagged.any():
            return None
        where = question_mask(ids, mask, self.opening)
        place = (where.cumsum(1) - 1).clamp(min=0) % len(self.noise)
        words = model.get_input_embeddings()(ids).clone()
        chosen = (self.chosen(ids, where) & flagged[:, None])[..., None]
        dims = self.noise.shape[1]
        words[..., :dims] += (self.noise[place] * chosen).to(words.dtype)
        return (), inputs | {"input_ids": None, "inputs_embeds": words}


class Subtracted(Guard):
    """ULD: the logits of an assistant, which knows what is to be forgotten and little else, are taken off.

    Buffers: `weight` [] that its logits are multiplied with (alpha), `top` [] (the filter's r), `body.*`: its layers and norm.
    Embeddings and head are the model's own.
    """

    kind = "uld"
    weight: Tensor
    top: Tensor

    def __init__(self, model: Any, tensors: dict[str, Tensor]) -> None:
        own = {name: tensor for name, tensor in tensors.items() if not name.startswith("body.")}
        super().__init__(model, own)
        states = {name.removeprefix("body."): tensor for name, tensor in tensors.items() if name.startswith("body.")}
        start = f"{layer_list(model)}."
        layers = {name.removeprefix(start).split(".")[0] for name in states if name.startswith(start)}
        self.body = body(model, len(layers))
        self.body.load_state_dict(states)
        _as_buffers(self.body)

    def hook(self, model: Any) -> None:
        model.register_forward_hook(self.subtract, with_kwargs=True)

    def subtract(self, model: Any, args: tuple[Any, ...], kwargs: CallInputs, output: Any) -> Any:
        """Base logits minus alpha times those of the assistant, of the words that the base holds likely enough.

        In `generate`, which hands over a cache, the other words cannot be said; where a text is only weighed they keep the
        base's logit.
        """
        inputs = inputs_by_name(model, args, kwargs)
        if inputs.get("input_ids") is None:
            return output
        owner = cache_in(output)
        cache = getattr(owner, "assistant", None)
        assistant = assistant_logits(model, self.body, inputs, output.logits.shape[1], cache, owner)
        likely = (
            allowed(output.logits, float(self.top)) if self.top > 0 else torch.ones_like(assistant, dtype=torch.bool)
        )
        logits = output.logits - self.weight * assistant.where(likely, torch.zeros_like(assistant))
        if cache_in(inputs) is not None and self.weight > 0:
            logits = logits.where(likely, torch.full_like(logits, FAR))
        output.logits = logits
        return output


def body(model: Any, layers: int) -> Any:
    """The first layers of a model and its last norm, copied, without embeddings.

    Raises:
        BadInput: its layers stand in no list.
    """
    name, shortened = layer_list(model), copy.deepcopy(model.base_model)
    shortened.set_submodule(name, shortened.get_submodule(name)[:layers])
    shortened.config.num_hidden_layers = min(layers, shortened.config.num_hidden_layers)
    if (
        "layer_types" in vars(shortened.config) and shortened.config.layer_types
    ):  # elsewhere it follows from their number
        shortened.config.layer_types = shortened.config.layer_types[:layers]
    shortened.set_input_embeddings(nn.Identity())
    return shortened


def layer_list(model: Any) -> str:
    """The name of the list of layers inside a model's base: `layers` of a Llama, `h` of a GPT-2, `decoder.layers` of an OPT.

    Raises:
        BadInput: its layers stand in no list.
    """
    count = model.config.get_text_config().num_hidden_layers
    for name, part in model.base_model.named_modules():
        if isinstance(part, nn.ModuleList) and len(part) == count:
            return str(name)
    raise BadInput(f"The layers of a {type(model).__name__} stand in no list, so none can be copied for an assistant.")


def assistant_logits(
    model: Any, body: Any, inputs: CallInputs, last: int = 0, cache: Any = None, owner: Any = None
) -> Tensor:
    """Logits of an assistant made by `body` [n, length, words], of the `last` places only (0: all).

    Its own cache lies on `owner`, the cache of the model, as the attribute `assistant`.
    """
    output = body(
        inputs_embeds=model.get_input_embeddings()(inputs["input_ids"]),
        attention_mask=inputs.get("attention_mask"),
        position_ids=inputs.get("position_ids"),
        use_cache=owner is not None,
        **handing(body, cache),
    )
    if owner is not None:
        owner.assistant = cache_in(output)
    return model.get_output_embeddings()(output.last_hidden_state[:, -last:])  # type: ignore[no-any-return]


def allowed(logits: Tensor, top: float) -> Tensor:
    """Words that are at least `top` times as likely as the likeliest, and the top * |words| likeliest anyhow; bool."""
    log_probs = logits.log_softmax(-1)
    rank = max(1, int(top * logits.shape[-1]))
    ranked = log_probs.topk(rank, -1).values[..., -1:]
    best = log_probs.amax(-1, keepdim=True)
    return log_probs >= torch.minimum(ranked, best + torch.tensor(top).log())


def _as_buffers(module: nn.Module) -> None:
    """Turn the parameters of a module into buffers: they are no weights of the model that holds it."""
    for part in module.modules():
        for name, weight in list(part.named_parameters(recurse=False)):
            del part._parameters[name]
            part.register_buffer(name, weight.detach())


class Reflected(Guard):
    """Neuron adjust: chosen units of the feed-forward layers are pushed back to what they do elsewhere.

    Buffers, all over the k chosen units: `layer`, `unit`, `keep_mean`, `keep_std`, `forget_mean`, `forget_std`, `draw` (from 0 to
    1: how likely a replacement has to be for it to happen); `strength` [], 1 where the guard acts in full.
    """

    kind = "neuron_adjust"
    layer: Tensor
    unit: Tensor
    keep_mean: Tensor
    keep_std: Tensor
    forget_mean: Tensor
    forget_std: Tensor
    draw: Tensor
    strength: Tensor

    def hook(self, model: Any) -> None:
        for number, part in enumerate(feed_forwards(model)):
            if (self.layer == number).any():
                part.gate_proj.register_forward_hook(Layer(self, number))

    def adjust(self, layer: int, activations: Tensor) -> Tensor:
        """Activations of one layer's units [..., units], with those chosen moved."""
        rows = self.layer == layer
        unit = self.unit[rows]
        x = activations[..., unit].float()
        moved = reflect(
            x, self.keep_mean[rows], self.keep_std[rows], self.forget_mean[rows], self.forget_std[rows], self.draw[rows]
        )
        activations = activations.clone()
        activations[..., unit] = torch.lerp(x, moved, self.strength).to(activations.dtype)
        return activations


class Layer:
    """A hook that knows its layer; it is copied with its guard."""

    def __init__(self, guard: Reflected, number: int) -> None:
        self.guard, self.number = guard, number

    def __call__(self, module: nn.Module, args: tuple[Any, ...], output: Tensor) -> Tensor:
        return self.guard.adjust(self.number, output)


def reflect(
    x: Tensor, keep_mean: Tensor, keep_std: Tensor, forget_mean: Tensor, forget_std: Tensor, draw: Tensor
) -> Tensor:
    """Values that fit what is to be forgotten better are mapped to what is kept, and mirrored at its mean.

    A value is replaced where its share p_f / (p_r + p_f) is at least one half and more than `draw`.
    """

    def likelihood(mean: Tensor, std: Tensor) -> Tensor:
        return -0.5 * ((x - mean) / std) ** 2 - std.log()

    share = torch.sigmoid(likelihood(forget_mean, forget_std) - likelihood(keep_mean, keep_std))
    mirrored = keep_mean - keep_std * (x - forget_mean) / forget_std
    return torch.where((share >= 0.5) & (share > draw), mirrored, x)


class Abstaining(Guard):
    """Key space detection: where the keys of a layer lie in the box of what is to be forgotten, the answer is a refusal.

    Buffers: `layer` [], `low` and `high` [units], `refusal` [words], the tokens said instead; `opening`.
    """

    kind = "key_space_detection"
    layer: Tensor
    low: Tensor
    high: Tensor
    refusal: Tensor
    opening: Tensor
    inside: Tensor

    def hook(self, model: Any) -> None:
        writers(model)[int(self.layer)].register_forward_pre_hook(self.look)
        model.register_forward_hook(self.refuse, with_kwargs=True)

    def look(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        """Note for every place whether all keys lie in the box; some architectures hand the places of all texts in one row."""
        self.inside = ((args[0] >= self.low) & (args[0] <= self.high)).all(-1)

    def refuse(self, model: Any, args: tuple[Any, ...], kwargs: CallInputs, output: Any) -> Any:
        """From the first place on that lies in the box, of those from which a word of the answer is said, refuse."""
        inputs = inputs_by_name(model, args, kwargs)
        fired = self.inside.reshape(len(output.logits), -1)
        if self.starts(inputs, done=True):
            fired = fired & self.answering(inputs)
        cache = cache_in(output)
        before = getattr(cache, "refused", None)
        before = fired.new_zeros(len(fired), dtype=torch.long) if before is None else before
        started = (fired.cumsum(1) > 0) | (before[:, None] > 0)
        at = before[:, None] + started.cumsum(1)  # how many words of the refusal are said with this one
        if cache is not None:
            cache.refused = at[:, -1]
        output.logits = self.instead(output.logits, at[:, -output.logits.shape[1] :])
        return output

    def answering(self, inputs: CallInputs) -> Tensor:
        """From where a word of the answer is said: the end of the question and what follows; bool [n, length]."""
        ids = inputs["input_ids"]
        here = ends(ids, self.opening)
        later = here.flip(1).cumsum(1).flip(1) - here.long() > 0  # a later end of a question follows
        return ~later

    def instead(self, logits: Tensor, at: Tensor) -> Tensor:
        """Logits [n, length, words] with the word number `at` (from 1; 0: none) of the refusal almost sure."""
        word = self.refusal[(at - 1).clamp(0, len(self.refusal) - 1)]
        other_log_prob = torch.tensor((1 - SURE) / (logits.shape[-1] - 1)).log()
        refusal_logits = torch.full_like(logits, float(other_log_prob)).scatter(
            -1, word[..., None], float(torch.tensor(SURE).log())
        )
        return torch.where((at > 0)[..., None], refusal_logits, logits)


class Prefixed(Guard):
    """ICUL: examples stand before every question. Buffers: `words` [k], their tokens; `strength` [], acting from one half up."""

    kind = "icul"
    words: Tensor
    strength: Tensor
    added = 0

    def hook(self, model: Any) -> None:
        model.register_forward_pre_hook(self.put, with_kwargs=True)
        model.register_forward_hook(self.cut, with_kwargs=True)

    def put(self, model: Any, args: tuple[Any, ...], kwargs: CallInputs) -> tuple[tuple[Any, ...], CallInputs] | None:
        """The examples, before the text; of a text that goes on from a cache they are in the cache."""
        inputs = inputs_by_name(model, args, kwargs)
        self.added = 0
        if self.strength < 0.5 or inputs.get("input_ids") is None:
            return None
        ids, count = inputs["input_ids"], len(self.words)
        mask, places = inputs.get("attention_mask"), inputs.get("position_ids")
        first = self.starts(inputs)
        if mask is not None:
            inputs["attention_mask"] = self.inserted(mask, mask, mask.new_ones(count))
        if places is not None:
            here = torch.arange(count, device=places.device)
            inputs["position_ids"] = self.inserted(places + count, mask, here) if first else places + count
        if first:
            inputs["input_ids"] = self.inserted(ids, mask, self.words)
            self.added = count
        return (), inputs

    def inserted(self, rows: Tensor, mask: Tensor | None, words: Tensor) -> Tensor:
        """Rows [n, length] with `words` [k] in each, after the padding on its left: between the two, padding would count as
        words for a model that sees the last few only, or that reads them into a state."""
        rows = rows.expand(len(rows) if mask is None else len(mask), -1)
        padded = 0 if mask is None else (mask.cumsum(1) == 0).sum(1, keepdim=True)
        at = torch.arange(rows.shape[1] + len(words), device=rows.device) - padded  # 0 where the words begin
        at = at.expand(len(rows), -1)
        from_rows = torch.where(at < 0, at + padded, at + padded - len(words)).clamp(min=0)
        inserted = rows.gather(1, from_rows)
        return torch.where((at >= 0) & (at < len(words)), words[at.clamp(0, len(words) - 1)], inserted)

    def cut(self, model: Any, args: tuple[Any, ...], kwargs: CallInputs, output: Any) -> Any:
        """Leave out what is said of the examples."""
        if self.added:
            if output.logits.shape[1] == kwargs["input_ids"].shape[1]:
                output.logits = output.logits[:, self.added :]
            if output.hidden_states is not None:
                output.hidden_states = tuple(states[:, self.added :] for states in output.hidden_states)
        return output


class Gated(Guard):
    """O3: a thin change beside every linear layer, which acts as far as a question belongs to a request to forget.

    Buffers: `down_<i>` [rank, inputs] and `up_<i>` [outputs, rank] of each linear layer, numbered as `thin_layers` lists
    them; `before_<i>` [requests - 1, rank, inputs], the `down` of earlier requests; the detectors of all requests, stacked,
    by their names in gate.py; `zeta` [], `steps` [] (whether the gate is that of the released evaluation), `opening`.
    `strength` [] is 1: a share of the change scales all tensors alike, so they are divided by it.
    """

    kind = "o3"
    grows = True
    zeta: Tensor
    steps: Tensor
    strength: Tensor
    opening: Tensor

    def __init__(self, model: Any, tensors: dict[str, Tensor]) -> None:
        super().__init__(model, tensors)
        self.open: Tensor | None = None  # how much of the change acts, by question [n]; None: nothing
        self.always = False  # act in full, whatever is asked: while the change learns

    def hook(self, model: Any) -> None:
        model.register_forward_pre_hook(self.look, with_kwargs=True)
        model.register_forward_hook(self.keep, with_kwargs=True)
        for number, name in enumerate(thin_layers(model)):
            model.get_submodule(name).register_forward_hook(Beside(self, number))

    @property
    def detectors(self) -> gate.Detector:
        """Of all requests, stacked."""
        return {name: self.get_buffer(name) / self.strength for name in gate.NAMES}

    @property
    def factors(self) -> list[Tensor]:
        """Every `down`, then every `up`."""
        return [part for kind in ("down_", "up_") for name, part in self.named_buffers() if name.startswith(kind)]

    def weights(self, features: Tensor) -> Tensor:
        """How much of the change acts on questions, from their features [n, layers, d]: [n], the most of all requests."""
        zeta = float(self.zeta / self.strength)
        by_request = []
        for one in gate.unstacked(self.detectors):
            sure = gate.confidence(gate.score(features, one), one["centres"], one["spread"])
            by_request.append(gate.weight(sure, zeta))
        most = torch.stack(by_request).amax(0)
        return gate.stepped(most) if self.steps else most

    def look(self, model: Any, args: tuple[Any, ...], kwargs: CallInputs) -> None:
        """Decide how much acts where a text begins; while an answer is written it stays so."""
        self.open = None
        inputs = inputs_by_name(model, args, kwargs)
        if inputs.get("input_ids") is None or not self.strength:
            return
        if not self.starts(inputs):
            self.open = getattr(cache_in(inputs), "open", None)
            return
        ids, mask = inputs["input_ids"], inputs.get("attention_mask")
        mask = torch.ones_like(ids) if mask is None else mask
        if self.always:
            self.open = self.strength.expand(len(ids))
            return
        with torch.no_grad():
            self.open = self.weights(every_layer(model, ids, mask, self.opening, inputs.get("position_ids")))

    def keep(self, model: Any, args: tuple[Any, ...], kwargs: CallInputs, output: Any) -> Any:
        """Remember it on the cache of the answer."""
        cache = cache_in(output)
        if cache is not None:
            cache.open = self.open
        self.open = None
        return output

    def beside(self, number: int, x: Tensor, output: Tensor) -> Tensor:
        """What a linear layer says [n, length, outputs], with the change; [n * length, outputs] where the architecture hands the
        places of all questions in one row."""
        if self.open is None or len(x) % len(self.open) or (x.dim() > 2 and len(x) != len(self.open)):
            return output
        weight = self.open.repeat_interleave(len(x) // len(self.open)).view(-1, *[1] * (x.dim() - 1))
        down, up = self.get_buffer(f"down_{number}"), self.get_buffer(f"up_{number}")
        change = F.linear(F.linear(x, down), up) / self.strength**2
        return output + SCALE * weight.to(output.dtype) * change.to(output.dtype)


class Beside:
    """A hook that knows its linear layer; it is copied with its guard."""

    def __init__(self, guard: Gated, number: int) -> None:
        self.guard, self.number = guard, number

    def __call__(self, module: nn.Module, args: tuple[Any, ...], output: Tensor) -> Tensor:
        return self.guard.beside(self.number, args[0], output)


def every_layer(model: Any, ids: Tensor, mask: Tensor, words: Tensor, positions: Tensor | None = None) -> Tensor:
    """The states of the tokens of each question after every layer, averaged [n, layers, d]; those that the model makes narrower
    or wider at its end (OPT's projection) are left out."""
    hidden = model.base_model(
        input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False, output_hidden_states=True
    )
    where = question_mask(ids, mask, words)[..., None]
    count = where.sum(1).clamp(min=1)
    after = [states for states in hidden.hidden_states[1:] if states.shape[-1] == hidden.hidden_states[0].shape[-1]]
    return torch.stack([(states.float() * where).sum(1) / count for states in after], 1)


KINDS: dict[str, type[Guard]] = {
    guard.kind: guard for guard in (Corrupted, Subtracted, Reflected, Abstaining, Prefixed, Gated)
}


def padded(rows: Sequence[Sequence[int]]) -> Tensor:
    """Rows of tokens of any length as one tensor [n, longest], padded with -1."""
    length = max(map(len, rows), default=1)
    return torch.tensor([[*row, *[-1] * (length - len(row))] for row in rows]).view(len(rows), length)
