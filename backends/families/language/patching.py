"""States of one language model put into another: what an answer's fact is worth to a model that goes on from there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...data.authors import QAPair
from .inside import decoder_layers
from .task import LanguageModel
from .tokens import IGNORED, Texts, every_logit

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FactPlaces:
    """Questions with their true answers, and where the tokens of the facts are predicted.

    Attributes:
        texts: questions with answers as tokens.
        rows: the text of each token of a fact, [tokens].
        places: the position that predicts it, [tokens].
    """

    texts: Texts
    rows: Tensor
    places: Tensor


def fact_places(task: LanguageModel, pairs: Sequence[QAPair]) -> FactPlaces:
    """Every token of the fact of each pair; of an answer that does not hold its value word for word, every token."""
    texts = task.texts(pairs)
    begins = (texts.labels != IGNORED).int().argmax(1).tolist()
    lengths = texts.mask.sum(1).tolist()
    rows, places = [], []
    for row, (pair, begin, length) in enumerate(zip(pairs, begins, lengths, strict=True)):
        for at in fact_span(task, pair):
            if begin + at < length:
                rows.append(row)
                places.append(begin + at - 1)
    return FactPlaces(texts, torch.tensor(rows, dtype=torch.long), torch.tensor(places, dtype=torch.long))


def fact_span(task: LanguageModel, pair: QAPair) -> range:
    """Which tokens of the answer, counted from 0, hold its value; all of them where it stands nowhere word for word."""
    reader = task.reader
    read = reader.tokenizer(f"{reader.space}{pair.answer}", add_special_tokens=False, return_offsets_mapping=True)
    start = pair.answer.rfind(pair.value) if pair.value else -1
    if start < 0:
        return range(len(read.input_ids))
    start += len(reader.space)
    inside = [
        at for at, (low, high) in enumerate(read.offset_mapping) if high > start and low < start + len(pair.value)
    ]
    return range(inside[0], inside[-1] + 1) if inside else range(len(read.input_ids))


@torch.no_grad()
def outputs(model: Any, about: FactPlaces) -> Tensor:
    """What every decoder layer puts out where a fact's tokens are predicted, float32 [layers, tokens, width], on the CPU."""
    layers = decoder_layers(model)
    caught: list[Tensor] = []

    def catch(_module: nn.Module, _arguments: Any, output: Any) -> None:
        states = output[0] if isinstance(output, tuple) else output
        caught.append(states[about.rows.to(states.device), about.places.to(states.device)].float().cpu())

    handles = [layer.register_forward_hook(catch) for layer in layers]
    try:
        texts = about.texts.to(model.device)
        model.base_model(input_ids=texts.ids, attention_mask=texts.mask, use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    return torch.stack(caught)


@torch.no_grad()
def log_likelihoods(model: Any, about: FactPlaces, layer: int = 0, states: Tensor | None = None) -> Floats:
    """The mean log-probability of a fact's tokens in nats, the answer up to each given, [texts]. With `states` [tokens, width] these take
    the place of what `layer`, counted from 0, puts out there."""

    def replace(_module: nn.Module, _arguments: Any, output: Any) -> Any:
        own = (output[0] if isinstance(output, tuple) else output).clone()
        assert states is not None
        own[about.rows.to(own.device), about.places.to(own.device)] = states.to(own)
        return (own, *output[1:]) if isinstance(output, tuple) else own

    handle = decoder_layers(model)[layer].register_forward_hook(replace) if states is not None else None
    try:
        predictions, labels = every_logit(model, about.texts.to(model.device))
    finally:
        if handle is not None:
            handle.remove()
    rows, places = about.rows.to(labels.device), about.places.to(labels.device)
    logs = predictions[rows, places].log_softmax(-1).gather(-1, labels[rows, places, None])[:, 0].double().cpu().numpy()
    counts = np.bincount(about.rows.numpy(), minlength=len(about.texts))
    sums = np.bincount(about.rows.numpy(), logs, minlength=len(about.texts))
    with np.errstate(invalid="ignore", divide="ignore"):
        means: Floats = sums / counts
    return means


def drops(model: Any, about: FactPlaces, states: Tensor) -> Floats:
    """By how many nats a token a fact gets less likely, layer by layer, with other states [layers, tokens, width] in the place of the
    model's own, [layers, texts]."""
    whole = log_likelihoods(model, about)
    return np.stack([whole - log_likelihoods(model, about, layer, each) for layer, each in enumerate(states)])
