"""A language model that reads something more with every question: vectors in place of words."""

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..families.language.guards import opening
from ..families.language.tokens import IGNORED, PromptTokenizer, Texts

Place = Literal["before", "after"]  # the question


class Inserted(nn.Module):
    """A model with vectors [k, width] read in every prompt: before all of it, or after the question, just before the tokens that lead
    over to the answer.

    It is asked as the model itself is, by `generate`; gradients reach the vectors through `loss`. Nothing of the model changes.
    """

    def __init__(self, model: Any, reader: PromptTokenizer, vectors: Tensor, place: Place = "after") -> None:
        super().__init__()
        self.model, self.vectors = model, vectors
        self.tail = len(opening(reader)) if place == "after" else None

    @property
    def device(self) -> torch.device:
        """Where the model works."""
        return torch.device(self.model.device)

    def generate(self, input_ids: Tensor, attention_mask: Tensor, **settings: Any) -> Tensor:
        """The tokens given [n, length], prompts padded on the left, and after them those written, as `generate` of transformers."""
        length = input_ids.shape[1]
        padding = length - attention_mask.sum(1)
        at = padding if self.tail is None else torch.full_like(padding, length - self.tail)
        vectors = self.vectors.expand(len(input_ids), -1, -1)
        written: Tensor = self.model.generate(
            inputs_embeds=woven(self._embedded(input_ids), at, vectors),
            attention_mask=woven(attention_mask, at, attention_mask.new_ones(vectors.shape[:2])),
            **settings,
        )
        return torch.cat((input_ids, written), 1)

    def loss(self, texts: Texts, vectors: Tensor | None = None) -> Tensor:
        """Nats a token of the answers, mean over the tokens of each text [n]; `vectors` [n, k, width] in place of its own."""
        vectors = self.vectors.expand(len(texts), -1, -1) if vectors is None else vectors
        first = (texts.labels != IGNORED).int().argmax(1)
        at = torch.zeros_like(first) if self.tail is None else first - self.tail
        ones = texts.mask.new_ones(vectors.shape[:2])
        labels = woven(texts.labels, at, ones * IGNORED)[:, 1:]
        output = self.model(
            inputs_embeds=woven(self._embedded(texts.ids), at, vectors), attention_mask=woven(texts.mask, at, ones)
        )
        lost = F.cross_entropy(
            output.logits[:, :-1].float().flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="none"
        ).view(labels.shape)
        nats: Tensor = lost.sum(1) / (labels != IGNORED).sum(1)
        return nats

    def _embedded(self, ids: Tensor) -> Tensor:
        embedded: Tensor = self.model.get_input_embeddings()(ids)
        return embedded


def woven(rows: Tensor, at: Tensor, more: Tensor) -> Tensor:
    """Rows [n, length, ...] with those of `more` [n, k, ...] put into each before its place `at` [n]."""
    pieces = zip(rows, at.tolist(), more.to(rows), strict=True)
    return torch.stack([torch.cat((row[:place], new, row[place:])) for row, place, new in pieces])
