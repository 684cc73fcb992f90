"""WAGLE: attribute forget and retain loss to the weights, and train only those that matter to forgetting."""

from collections.abc import Callable
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ..core.registry import method
from ..core.run import Run
from ..families.language.task import LanguageModel
from ..families.language.tokens import Texts, mean_nll, nll
from ._common import largest, masked_step
from ._language import (
    CLIP,
    STEADY,
    UnlearnLoop,
    autocast,
    dpo_loss,
    forget_batch,
    npo_loss,
    reference_nll,
    retain_batch,
)
from ._refusals import RefusalParams, refusal_batch

BATCH = 16  # pairs in a pass of the attribution


class Wagle(RefusalParams):
    """Weight attribution."""

    epochs: int = Field(default=5, ge=1, le=200, description="Passes over what is to be forgotten.")
    learning_rate: float = Field(default=5e-4, gt=0, le=0.1, description="Step size; it rises over the first pass.")
    objective: Literal["npo", "grad_diff", "dpo"] = Field(
        default="npo",
        description="What the chosen weights learn: answers to become unlikely (npo), worse (grad_diff) or refused (dpo).",
    )
    share: float = Field(
        default=0.95,
        gt=0,
        le=1,
        description="Share of all weights that may move: those with most to do with it.",
        json_schema_extra={"mask": True},
    )
    mu: float = Field(
        default=1e-6,
        gt=0,
        le=1e6,
        description="How stiff the rest is taken to be (gamma): the smaller, the more a weight's pull on what is kept counts.",
    )
    looked_at: int = Field(
        default=200,
        ge=1,
        le=100_000,
        description="At most so many pairs to keep are asked for their pull on the weights.",
    )
    beta: float = Field(
        default=0.1,
        gt=0,
        le=10,
        description="Of npo and dpo: how soon an answer counts as unlikely enough; npo meets nats a token here, dpo summed "
        "ones. In the few runs tried (one author, one seed, ten passes) dpo at 0.1 left a third to half of the facts.",
    )
    keep_weight: float = Field(default=1.0, ge=0, le=100, description="Weight of the usual loss on pairs to keep.")


class MaskedLoop(UnlearnLoop):
    """An unlearning loop in which only weights of a mask move; weight decay and momentum do not reach the others either."""

    mask: dict[str, Tensor]
    before: dict[str, Tensor]  # weights that the mask holds where they were

    def step(self, loss: Tensor) -> None:
        """Move the weights of the mask down a loss; the gradient is clipped before it is masked, as the authors do."""
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.trainable, CLIP)
        parameters = {name: weight for name, weight in self.run.model.named_parameters() if weight.requires_grad}
        masked_step(parameters, self.optimizer, self.mask, self.before)
        self.run.log(loss=loss.detach())


@method(
    id="wagle",
    title="Weight Attribution-Guided Unlearning (WAGLE)",
    short="WAGLE",
    summary="Asks each weight what it does for both sets, and lets only the fitting ones unlearn.",
    school="Before you erase, find out which pages the story is on.",
    student=(
        "A weight's score is |(w - g_r / mu) g_f|, with g_f and g_r the summed gradients of the loss on the forget and the "
        "retain set at the model before: what removing the weight does to the forget loss, corrected for how the retain set "
        "would pull it back, with the Hessian taken as mu times the identity. The largest scores over all tensors form a "
        "mask, and any unlearning loss is trained in it. At 95 % the mask protects a few weights; at the authors' mu the "
        "second term is nearly all there is."
    ),
    source={
        "title": "Jia et al., WAGLE: Strategic Weight Attribution for Effective and Modular Unlearning in LLMs, NeurIPS 2024",
        "url": "https://arxiv.org/abs/2410.17509",
        "code": "https://github.com/OPTML-Group/WAGLE",
    },
    label="same algorithm, smaller model",
    kind="push",
    departures=(
        "A smaller model, so a larger step size. The attribution's gradients are summed over batches of 16 pairs, not of one, so "
        "long answers count more; that of the retain set is taken on a sample and scaled up to all of it, where the authors "
        "pair each item to forget with one drawn to keep. Weights "
        "outside the mask are put back after each step, where weight decay moves them in the authors' code. Refusals are "
        "learned by DPO; the authors learn them by the usual loss." + STEADY
    ),
    needs=("answers",),
    order=61,
)
def wagle(run: Run[LanguageModel], params: Wagle) -> None:
    """Minimise any of three losses + CE on the retain set, in the mask; on TOFU 95 % of the weights (80 % for refusals), mu 1e-6, 5 epochs."""
    mask = run.cached("attribution", lambda: largest(_attribution(run, params), params.share))
    loop = MaskedLoop(run, params)
    loop.before = {name: weight.detach() for name, weight in run.original.named_parameters()}
    loop.mask = {name: chosen.to(run.device) for name, chosen in mask.items()}
    objective = _objective(run, params)
    for forget_rows, retain_rows in loop:
        with autocast(run):
            forget_loss = objective(forget_rows)
            retain_loss = mean_nll(run.model, retain_batch(run, retain_rows))
        loop.step(forget_loss + params.keep_weight * retain_loss)
        run.log(forget=forget_loss.detach(), keep=retain_loss.detach())


def scores(
    model: nn.Module, forget_set: Texts, retain_set: Texts, mu: float, keep_times: float = 1.0
) -> dict[str, Tensor]:
    """|(w - g_r / mu) g_f| of each weight, by parameter name; model in eval mode, its parameters asking for gradients.

    Args:
        model: at the weights to be judged.
        forget_set: pairs with their answers or (for refusals) with those to learn instead.
        retain_set: pairs, or a sample of them.
        mu: the Hessian of the retain loss is taken as mu times the identity.
        keep_times: factor of the sample's gradient: retain pairs in all / pairs in the sample.

    Source: Jia et al., https://github.com/OPTML-Group/WAGLE.
    """
    forget_gradient, retain_gradient = summed_gradient(model, forget_set), summed_gradient(model, retain_set)
    weights = dict(model.named_parameters())
    return {
        name: score(weights[name].detach(), forget_gradient[name], keep_times * retain_gradient[name], mu)
        for name in weights
    }


def score(weight: Tensor, forget_gradient: Tensor, keep_gradient: Tensor, mu: float) -> Tensor:
    """|(w - g_r / mu) g_f|, entry by entry; all of one shape."""
    return ((weight - keep_gradient / mu) * forget_gradient).abs()


def summed_gradient(model: nn.Module, texts: Texts, batch_size: int = BATCH) -> dict[str, Tensor]:
    """The gradient of the loss (nats a token) by parameter name, summed over batches, not averaged, as in the released code."""
    names, weights = zip(*model.named_parameters(), strict=True)
    total = [torch.zeros_like(weight) for weight in weights]
    for rows in torch.arange(len(texts)).split(batch_size):
        loss = mean_nll(model, texts[rows].to(weights[0].device))
        gradients = torch.autograd.grad(loss, weights, allow_unused=True, materialize_grads=True)
        for summed, gradient in zip(total, gradients, strict=True):
            summed += gradient
    return dict(zip(names, total, strict=True))


def _attribution(run: Run[LanguageModel], params: Wagle) -> dict[str, Tensor]:
    task = run.task
    sample = torch.randperm(len(task.keep))[: params.looked_at]
    forget_set = task.forget
    if params.objective == "dpo":
        forget_set = refusal_batch(run, torch.arange(len(forget_set)), params.instead)
    return scores(run.model, forget_set, task.keep[sample], params.mu, len(task.keep) / len(sample))


def npo_a_token(forget_nll: Tensor, tokens: Tensor, reference: Tensor, beta: float) -> Tensor:
    """NPO on the mean NLL a token, as WAGLE's code has it, where NPO itself takes the sum.

    Args:
        forget_nll: summed NLL of each answer [n].
        tokens: its number of tokens [n].
        reference: summed NLL under the original model [n].
        beta: how soon an answer counts as unlikely enough.
    """
    return npo_loss(forget_nll / tokens, reference / tokens, beta)


def _objective(run: Run[LanguageModel], params: Wagle) -> Callable[[Tensor], Tensor]:
    """The forget loss, as a function of rows of the forget set."""
    if params.objective == "grad_diff":
        return lambda rows: -mean_nll(run.model, forget_batch(run, rows))
    reference = reference_nll(run, "asking the model before", run.task.forget)
    if params.objective == "npo":
        return lambda rows: npo_a_token(*nll(run.model, forget_batch(run, rows)), reference[rows], params.beta)

    def dpo(forget_rows: Tensor) -> Tensor:
        texts = refusal_batch(run, forget_rows, params.instead)
        with torch.no_grad():
            chosen_reference, _ = nll(run.original, texts)
        chosen, _ = nll(run.model, texts)
        return dpo_loss(
            chosen,
            chosen_reference,
            nll(run.model, forget_batch(run, forget_rows))[0],
            reference[forget_rows],
            params.beta,
        )

    return dpo
