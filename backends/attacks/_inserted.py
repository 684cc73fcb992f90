"""A language model that reads something more before its answer: vectors in place of words, after every question."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..families.language.guards import opening
from ..families.language.tokens import IGNORED, PromptTokenizer, Texts


class Inserted(nn.Module):
    """A model with vectors [k, width] read in every prompt, just before the tokens that lead over to the answer.

    It is asked as the model itself is, by `generate`; gradients reach the vectors through `loss`. Nothing of the model changes.
    """

    def __init__(self, model: Any, reader: PromptTokenizer, vectors: Tensor) -> None:
        super().__init__()
        self.model, self.vectors = model, vectors
        self.tail = len(opening(reader))

    @property
    def device(self) -> torch.device:
        """Where the model works."""
        return torch.device(self.model.device)

    def generate(self, input_ids: Tensor, attention_mask: Tensor, **settings: Any) -> Tensor:
        """The tokens given [n, length], prompts padded on the left, and after them those written, as `generate` of transformers."""
        at = input_ids.shape[1] - self.tail
        embedded = self.model.get_input_embeddings()(input_ids)
        more = self.vectors.to(embedded).expand(len(embedded), -1, -1)
        ones = attention_mask.new_ones(len(more), more.shape[1])
        written: Tensor = self.model.generate(
            inputs_embeds=torch.cat((embedded[:, :at], more, embedded[:, at:]), 1),
            attention_mask=torch.cat((attention_mask[:, :at], ones, attention_mask[:, at:]), 1),
            **settings,
        )
        return torch.cat((input_ids, written), 1)

    def loss(self, texts: Texts, vectors: Tensor | None = None) -> Tensor:
        """Nats a token of the answers, mean over the tokens of each text [n]; `vectors` [n, k, width] in place of its own."""
        vectors = self.vectors.expand(len(texts), -1, -1) if vectors is None else vectors
        embedded = self.model.get_input_embeddings()(texts.ids)
        first = (texts.labels != IGNORED).int().argmax(1) - self.tail
        rows, labels, masks = [], [], []
        for row, (at, more) in enumerate(zip(first.tolist(), vectors, strict=True)):
            rows.append(torch.cat((embedded[row, :at], more, embedded[row, at:])))
            quiet = texts.labels.new_full((len(more),), IGNORED)
            labels.append(torch.cat((texts.labels[row, :at], quiet, texts.labels[row, at:])))
            masks.append(torch.cat((texts.mask[row, :at], texts.mask.new_ones(len(more)), texts.mask[row, at:])))
        label = torch.stack(labels)[:, 1:]
        logits = self.model(inputs_embeds=torch.stack(rows), attention_mask=torch.stack(masks)).logits[:, :-1].float()
        lost = F.cross_entropy(logits.flatten(0, 1), label.flatten(), ignore_index=IGNORED, reduction="none").view(
            label.shape
        )
        answer: Tensor = lost.sum(1) / (label != IGNORED).sum(1)
        return answer
