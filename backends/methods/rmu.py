"""Representation misdirection (RMU): steer hidden states of the forget set to a random direction."""

from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import AdamW

from ..api.errors import BadInput
from ..core.registry import Params, method
from ..core.run import Run
from ..families.language.inside import decoder_layers
from ..families.language.task import LanguageModel
from ..families.language.tokens import IGNORED, Texts
from ._language import autocast, retain_batch
from ._steering import hidden_size, hidden_states, random_direction, state_distance

DOWN = ("down_proj", "c_proj", "fc2", "dense_4h_to_h")  # names of the last matrix of a feed-forward layer


class Rmu(Params):
    """Representation misdirection for unlearning."""

    steps: int = Field(
        default=50, ge=1, le=10_000, description="Steps; each takes some texts to forget and some to keep."
    )
    learning_rate: float = Field(default=3e-3, gt=0, le=0.1, description="Step size.")
    batch_size: int = Field(default=4, ge=1, le=256, description="Texts to forget in one step, and as many to keep.")
    layer: int = Field(
        default=2,
        ge=0,
        le=200,
        description="After which layer, from 0, the states are steered; it and two before move.",
    )
    length: float = Field(
        default=2.0,
        gt=0,
        le=1000,
        description="How far the states are steered, in mean lengths of a state there; it has to be above 1 to stand out.",
    )
    keep_weight: float = Field(
        default=10.0, ge=0, le=1e5, description="Weight of leaving the states of the rest alone."
    )


@method(
    id="rmu",
    title="Representation Misdirection (RMU)",
    short="RMU",
    summary="Pushes what it has in mind halfway in one random direction, on the forget set only.",
    school="When the topic comes up, think of noise; for all else, think as before.",
    student=(
        "Hidden states after one decoder layer, of texts to be forgotten, are drawn to c u, a random unit vector with entries "
        "from 0 to 1 before scaling, fixed once; those of texts to keep are drawn to what the model before had there. Only the "
        "down-projections of that layer and the two before it learn. Layers above get noise and cannot answer; asked about "
        "the topic, the model often writes gibberish, so this is easily seen from outside."
    ),
    source={
        "title": "Li et al., The WMDP Benchmark: Measuring and Reducing Malicious Use With Unlearning, ICML 2024",
        "url": "https://arxiv.org/abs/2403.03218",
        "code": "https://github.com/centerforaisafety/wmdp",
    },
    label="same algorithm, smaller model",
    kind="push",
    departures=(
        "A smaller model, so another layer, step size and weights. c is told as a multiple of the mean length of the states, "
        "which the authors measure by hand. Texts are questions with their answers, and the authors' pages; what is kept is "
        "pairs instead of Wikipedia. Means are over tokens, not over padding too; one direction serves all that is forgotten."
    ),
    needs=("answers",),
    order=50,
)
def rmu(run: Run[LanguageModel], params: Rmu) -> None:
    """MSE(h, c u) on forget texts + alpha MSE(h, original h) on retain texts; on a 7B model layer 7 of 32, 150 steps of 4."""
    task = run.task
    run.model.requires_grad_(False)
    trainable = [weight.requires_grad_(True) for weight in down_projections(run.model, params.layer)]
    texts = forget_texts(task)
    target = run.cached("direction", lambda: _steering_target(run, texts, params)).to(run.device)
    optimizer = AdamW(trainable, params.learning_rate)
    for _ in run.steps("steering", params.steps, {"optimizer": optimizer}):
        batch = texts[torch.randint(len(texts), (params.batch_size,))].to(run.device)
        retain_texts = retain_batch(run, torch.randint(len(task.keep), (params.batch_size,)))
        with autocast(run):
            with torch.no_grad():
                reference = hidden_states(run.original, retain_texts, params.layer)
            forget_loss = state_distance(hidden_states(run.model, batch, params.layer), target, batch.mask)
            retain_loss = state_distance(
                hidden_states(run.model, retain_texts, params.layer), reference, retain_texts.mask
            )
        optimizer.zero_grad()
        (forget_loss + params.keep_weight * retain_loss).backward()
        optimizer.step()
        run.log(forget=forget_loss.detach(), keep=retain_loss.detach())


def down_projections(model: Any, layer: int) -> list[nn.Parameter]:
    """The last feed-forward weight of a layer and of the two before it, the lowest first.

    Raises:
        BadInput: there is no such layer, or it has no such weight.
    """
    every = decoder_layers(model)
    if layer >= len(every):
        raise BadInput(f"rmu: layer was {layer}, but the model's layers are 0 to {len(every) - 1}.")
    weights = [
        weight
        for one in every[max(0, layer - 2) : layer + 1]
        for name, weight in one.named_parameters()
        if "mlp" in name and name.removesuffix(".weight").rpartition(".")[2] in DOWN
    ]
    if not weights:
        raise BadInput(
            f"RMU moves feed-forward weights called {', '.join(DOWN)}; this {type(model).__name__} has none."
        )
    return weights


def forget_texts(task: LanguageModel) -> Texts:
    """Texts of the forget set: questions with their answers, and the authors' pages where there are any."""
    pages = [person.page for person in getattr(task.questions, "forgotten", ()) if getattr(person, "page", "")]
    return joined(task.forget, task.reader.passages(pages), task.reader.pad) if pages else task.forget


def joined(first: Texts, second: Texts, pad: int) -> Texts:
    """Two sets of texts as one, padded on the right to the longest."""
    length = max(first.ids.shape[1], second.ids.shape[1])

    def both(name: str, filling: int) -> Tensor:
        parts = (getattr(texts, name) for texts in (first, second))
        return torch.cat([F.pad(part, (0, length - part.shape[1]), value=filling) for part in parts])

    return Texts(both("ids", pad), both("labels", IGNORED), both("mask", 0))


@torch.no_grad()
def _steering_target(run: Run[LanguageModel], texts: Texts, params: Rmu) -> Tensor:
    """c u [d], with c in mean lengths of the original hidden states of these texts."""
    lengths = []
    for rows in torch.arange(len(texts)).split(32):
        batch = texts[rows].to(run.device)
        lengths.append(hidden_states(run.original, batch, params.layer)[batch.mask.bool()].norm(dim=-1).cpu())
    return params.length * torch.cat(lengths).mean() * random_direction(hidden_size(run.original))
