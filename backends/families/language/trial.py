"""Whether the quick ways of text_fast.py give the numbers of the plain one: tried once with every model that is opened.

Architectures differ in what they take: ALiBi (Bloom, MPT, Falcon) reads no mask of four dimensions and no positions. A model
with which a quick way fails, or differs, is read the plain way.
"""

from typing import Any

import torch

from . import prefix_sharing
from .tokens import IGNORED, Texts, every_logit

FAR = 1e-4  # of the largest, by which logits may differ
SHARED, LONGEST, ROWS = 10, 40, 4  # so many that a tree has its last words far behind the first


@torch.no_grad()
def reads_quickly(model: Any, words: int) -> bool:
    """Whether trees, shared beginnings and greedy answers of `text_fast` agree with reading row by row.

    Args:
        model: in eval mode.
        words: tokens that it knows.
    """
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(words, (ROWS, LONGEST), generator=generator).to(model.device)
    ids[:, :SHARED] = ids[0, :SHARED]
    try:
        return _trees(model, ids) and _tail(model, ids) and _greedy(model, ids)
    except Exception:  # whatever an architecture raises at what it does not know
        return False


def _trees(model: Any, ids: torch.Tensor) -> bool:
    texts = _texts(ids)
    predictions, labels = every_logit(model, texts)
    plain = torch.nn.functional.cross_entropy(
        predictions.transpose(1, 2), labels, ignore_index=IGNORED, reduction="none"
    ).sum(1)
    trees = prefix_sharing.grown(ids.tolist(), [SHARED] * len(ids))
    nll = prefix_sharing.nll_and_greedy(model, trees, len(ids))[0].to(plain.device)
    return bool((nll - plain).abs().max() < prefix_sharing.CLOSE)


def _tail(model: Any, ids: torch.Tensor) -> bool:
    plain = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
    tail_logits = prefix_sharing.tail(model, ids, torch.ones_like(ids), SHARED)
    return bool((tail_logits - plain[:, SHARED:]).abs().max() < FAR * plain.abs().max())


def _greedy(model: Any, ids: torch.Tensor) -> bool:
    """Of rows of several lengths the likeliest next tokens, or others that are as likely."""
    mask = torch.ones_like(ids)
    ids, mask = ids[:, : LONGEST - 4], mask[:, : LONGEST - 4]
    mask[1, :4] = mask[2, :7] = 0
    ids = ids.masked_fill(mask == 0, 0)
    next_ids = prefix_sharing.greedy(model, ids, mask, 2, -1, 0)
    for row, attended, next_id in zip(ids, mask, next_ids, strict=True):
        sequence = torch.cat((row[attended.bool()], next_id))[None]
        logits = model(input_ids=sequence, attention_mask=torch.ones_like(sequence)).logits[0, -3:-1]
        if not (logits.amax(-1) - logits.gather(-1, next_id[:, None])[:, 0] < FAR * logits.abs().max()).all():
            return False
    return True


def _texts(ids: torch.Tensor) -> Texts:
    labels = ids.clone()
    labels[:, :SHARED] = IGNORED
    return Texts(ids, labels, torch.ones_like(ids))
