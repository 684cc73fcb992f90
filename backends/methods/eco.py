"""Embedding-corrupted prompts (ECO): a guard that flags forget questions and adds noise to their embeddings."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import LBFGS

from ..api.errors import BadInput
from ..core.registry import Params, method
from ..core.run import Run
from ..families.language.caches import CallInputs, inputs_by_name
from ..families.language.guards import Guard, attach, ends, opening, question_mask
from ..families.language.task import LanguageModel
from ..families.language.tokens import Texts, likelihoods
from ._guarding import extract_features

MIN_SIGMA = 1e-8  # no smaller sigma is tried


class Eco(Params):
    """The classifier, and how strongly flagged questions are disturbed."""

    threshold: float = Field(
        default=0.9, ge=0.01, le=0.99999, description="A question is flagged where the classifier is surer than this."
    )
    decay: float = Field(default=1.0, ge=1e-6, le=100, description="How much the classifier's weights are held small.")
    dims: int = Field(
        default=16, ge=1, le=8192, description="How many of the first numbers of an embedding are disturbed."
    )
    probes: int = Field(
        default=500, ge=2, le=10_000, description="The classifier learns from at most so many questions of each kind."
    )
    noise: float = Field(default=0.5, ge=1e-4, le=10_000, description="Spread of the disturbance at first.")
    steps: int = Field(default=5, ge=0, le=100, description="Steps of tuning the spread.")
    rate: float = Field(default=1.0, gt=0, le=1000, description="Step size of that tuning.")
    close: float = Field(
        default=0.1,
        ge=0,
        le=5,
        description="Near enough to a model that never knew, in nats a token: the tuning rests.",
    )


@method(
    id="eco",
    title="Embedding-Corrupted Prompts (ECO)",
    short="ECO",
    summary="Leaves the weights; blurs questions about the forget set before the model reads them.",
    school="A doorkeeper who smudges the letter when it asks for the secret. The one inside still knows it.",
    student=(
        "A prompt classifier flags questions; in those, noise of spread sigma is added to the embeddings of the name, or of "
        "all tokens but the last where no name is found. Sigma is tuned without gradients through the model: the score at "
        "sigma + eps against that at sigma - eps says where to go. All security rests on the classifier, so an indirect "
        "question walks past it; without the guard the model knows everything."
    ),
    source={
        "title": "Liu et al., Large Language Model Unlearning via Embedding-Corrupted Prompts, NeurIPS 2024",
        "url": "https://arxiv.org/abs/2406.07933",
        "code": "https://github.com/chrisliu298/llm-unlearn-eco",
    },
    label="same algorithm, smaller model",
    kind="hide",
    departures=(
        "The classifier is a logistic regression on the model's own averaged last states instead of a RoBERTa of its own; names come "
        "from a list of the targets instead of a name tagger. The noise is drawn once, for each place of a question, so that "
        "answers repeat, and added to the first 16 dims, not to one. Sigma is tuned until true answers are as likely as wrong ones "
        "are to the model before; as that is told in nats a token and not as an accuracy, the step size is 1 and not 100, and 5 "
        "steps are taken, not 10."
    ),
    guard=True,
    needs=("answers",),
    order=70,
)
def eco(run: Run[LanguageModel], params: Eco) -> None:
    """Fit the classifier, attach the guard, then tune sigma; threshold 0.99 for TOFU and sigma of 5 to 50 in the paper."""
    task, opening_tokens = run.task, opening(run.task.reader).to(run.device)
    original: Any = run.original  # a model of transformers
    width = int(original.get_input_embeddings().weight.shape[1])
    if params.dims > width:
        raise BadInput(f"eco: dims was {params.dims}, but an embedding of {task.id} has {width} numbers; take no more.")

    def extract(texts: Texts) -> Tensor:
        return pooled(run.original, texts.ids, texts.mask, opening_tokens)

    features = [
        extract_features(run, f"what to {name}", getattr(task, name), extract, params.probes)
        for name in ("forget", "keep")
    ]
    weight, bias = run.cached("classifier", lambda: fit(features[0].cpu(), features[1].cpu(), params.decay))
    limit = torch.tensor(params.threshold).logit()
    flagged = [float((part.cpu() @ weight + bias > limit).float().mean()) for part in features]
    run.log(caught=100 * flagged[0], false_alarms=100 * flagged[1])
    pattern = run.cached("noise", lambda: torch.randn(task.reader.longest, params.dims)).to(run.device)
    run.cached("attach", lambda: attach_guard(run, params, weight, bias, limit, pattern))
    tune(run, params, pattern)


def attach_guard(
    run: Run[LanguageModel], params: Eco, weight: Tensor, bias: Tensor, limit: Tensor, pattern: Tensor
) -> None:
    """Attach the guard."""
    reader = run.task.reader
    attach(
        run.model,
        "eco",
        {
            "weight": weight, "bias": bias, "threshold": limit, "noise": params.noise * pattern,
            "names": padded(names(run)), "opening": opening(reader),
        },
    )  # fmt: skip


def names(run: Run[LanguageModel]) -> list[list[int]]:
    """The tokens of the targets' names and of each part of them, as they stand inside a sentence."""
    tokenizer = run.task.reader.tokenizer
    full_names = [person.name for person in run.task.questions.forgotten]
    parts = {part for name in full_names for part in (name, *name.split()) if len(part) > 2}
    return [list(tokenizer(f" {part}", add_special_tokens=False).input_ids) for part in sorted(parts)]


def fit(forget: Tensor, keep: Tensor, decay: float) -> tuple[Tensor, Tensor]:
    """(weight [d], bias []) of a logistic regression, forget against retain set; both sides count the same.

    Args:
        forget: features of questions to forget [n, d].
        keep: of questions to keep [m, d].
        decay: weight of the squared length of the weights, in standardised features, over the number of features.
    """
    mean, std = keep.mean(0), keep.std(0).clamp(min=1e-6)
    sides = [((part - mean) / std).double() for part in (forget, keep)]
    weight = torch.zeros(forget.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros((), dtype=torch.float64, requires_grad=True)
    search = LBFGS([weight, bias], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        search.zero_grad()
        missed, alarms = (sign * (part @ weight + bias) for sign, part in zip((-1, 1), sides, strict=True))
        loss = F.softplus(missed).mean() + F.softplus(alarms).mean() + decay * weight.square().mean()
        loss.backward()
        return loss

    search.step(closure)
    scaled = weight.detach().float() / std
    return scaled, bias.detach().float() - scaled @ mean


class NoiseScale(nn.Module):
    """Sigma, as a module, so that a checkpoint holds it."""

    sigma: Tensor

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.register_buffer("sigma", torch.tensor(sigma))


def tune(run: Run[LanguageModel], params: Eco, pattern: Tensor) -> None:
    """Zeroth-order steps on sigma, each from two scores of the disturbed model."""
    task = run.task
    questions = task.questions
    wrong = [(pair.question, text) for pair in questions.forget for text in questions.false(pair)[:1]]
    wrong_answers = task.reader.pairs(*map(list, zip(*wrong, strict=True)))
    target = run.cached("how likely a wrong answer is", lambda: float(likelihoods(run.original, wrong_answers).mean()))
    guard = run.model.get_submodule("guard_eco")
    scale = NoiseScale(params.noise)

    def score(sigma: float) -> float:
        guard.get_buffer("noise").copy_(sigma * pattern)
        return abs(float(likelihoods(run.model, task.forget).mean() - target))

    eps = 0.999 * params.noise
    for _ in run.steps("tuning the noise", params.steps, {"spread": scale}):
        sigma = float(scale.sigma)
        gap = score(sigma)
        if gap > params.close:
            sigma = zeroth_order_step(sigma, eps, params.rate, params.noise, score)
            scale.sigma.fill_(sigma)
        guard.get_buffer("noise").copy_(sigma * pattern)
        run.log(sigma=sigma, score=gap)


def zeroth_order_step(sigma: float, eps: float, rate: float, least: float, score: Callable[[float], float]) -> float:
    """sigma - rate * [m(sigma + eps) - m(max(sigma - eps, 1e-8))] / (2 eps), and at least `least`."""
    return max(least, sigma - rate * (score(sigma + eps) - score(max(sigma - eps, MIN_SIGMA))) / (2 * eps))


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


def pooled(model: Any, ids: Tensor, mask: Tensor, words: Tensor, positions: Tensor | None = None) -> Tensor:
    """The last hidden states of the tokens of each question, averaged [n, d]."""
    hidden = model.base_model(input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False)
    where = question_mask(ids, mask, words)[..., None]
    states: Tensor = hidden.last_hidden_state.float()
    return (states * where).sum(1) / where.sum(1).clamp(min=1)


def padded(rows: Sequence[Sequence[int]]) -> Tensor:
    """Rows of tokens of any length as one tensor [n, longest], padded with -1."""
    length = max(map(len, rows), default=1)
    return torch.tensor([[*row, *[-1] * (length - len(row))] for row in rows]).view(len(rows), length)
