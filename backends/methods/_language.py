"""Shared by the methods for language models: trainable weights, the unlearning loop, and the losses."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, NoReturn

import numpy as np
import psutil
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import AdamW

from ..api.errors import BadInput
from ..api.memory import memory_limit
from ..core.registry import Params
from ..core.run import Run
from ..families.language.experts import tensors_of
from ..families.language.task import LanguageModel
from ..families.language.tokens import Texts, logits, mean_nll, nll
from ..models.low_rank import thin_layers

Weights = Literal["all", "feed-forward", "attention", "experts", "routers", "all but routers"]
PARTS: dict[Weights, tuple[str, ...]] = {  # architectures call their parts differently; for the others see experts.py
    "all": ("",),
    "feed-forward": (".mlp.", ".feed_forward.", ".ffn.", ".fc1.", ".fc2.", ".block_sparse_moe."),
    "attention": (".self_attn.", ".attn.", ".attention.", ".self_attention."),
}
CLIP = 1.0  # greatest norm of a gradient
FULL_TRAINING_LIMIT = 60_000_000  # weights up to which "automatic" trains all of them
BYTES_PER_WEIGHT = (
    24  # a weight: before, now, its gradient, two moments of the optimiser, and as much again to compute with
)

# a departure of every method whose authors train with the schedule of Hugging Face's Trainer
STEADY = (
    " The step size rises over the first pass and then stays; in the authors' runs it falls in a straight line to 0."
)


class LoopParams(Params):
    """Length of the unlearning loop, step size, batch size."""

    epochs: int = Field(default=5, ge=1, le=200, description="Passes over what is to be forgotten.")
    learning_rate: float = Field(default=1e-4, gt=0, le=0.1, description="Step size; it rises over the first pass.")
    batch_size: int = Field(
        default=16, ge=1, le=256, description="Pairs to forget in one step; of what is kept, as many again."
    )


class LanguageParams(LoopParams):
    """Settings of every method that trains a language model."""

    weight_decay: float = Field(default=0.01, ge=0, le=1, description="How much the weights are pulled to zero.")
    weights: Weights = Field(
        default="all",
        description="Which weights may move. experts, routers, all but routers: of a mixture of experts.",
    )


def trainable_parameters(model: nn.Module, weights: Weights) -> list[nn.Parameter]:
    """The parameters that `weights` names.

    Raises:
        BadInput: it names experts or routers, and the model has no router.
    """
    every = [(name, weight) for name, weight in model.named_parameters() if weight.ndim]
    if weights in PARTS:
        return [weight for name, weight in every if any(part in f"{name}." for part in PARTS[weights])]
    own = tensors_of(model, "experts" if weights == "experts" else "routers")
    return [weight for _, weight in every if (id(weight) in own) != (weights == "all but routers")]


def layers_in(model: nn.Module, names: Iterable[str], weights: Weights) -> list[str]:
    """The names, among `names`, of layers whose weight `weights` lets train."""
    allowed = {id(weight) for weight in trainable_parameters(model, weights)}
    return [name for name in names if id(model.get_submodule(name).weight) in allowed]


class LoraParams(LanguageParams):
    """Settings of the methods that train either all weights or low-rank layers beside them (LoRA)."""

    train: Literal["automatic", "all weights", "low-rank layers"] = Field(
        default="automatic",
        description="What learns. low-rank layers: two thin factors beside each layer (LoRA), a fraction of the memory and of "
        "what is saved. automatic: that for models over 60 million weights, or too large for the memory.",
    )
    rank: int = Field(default=16, ge=1, le=512, description="Width of the factors, where low-rank layers learn.")


class UnlearnLoop:
    """The training loop of an unlearning method: shuffled epochs over the forget set, and for each batch as many random retain pairs."""

    def __init__(
        self,
        run: Run[LanguageModel],
        params: LoopParams,
        name: str = "forget",
        trainable: Sequence[nn.Parameter] | None = None,
    ) -> None:
        """Choose the trainable weights and create their optimiser: AdamW, its step size rising over the first epoch.

        Args:
            run: the job.
            params: settings of the loop.
            name: of the phase, in the job's record.
            trainable: weights to train, without decay, in place of those that `params` name.
        """
        self.run, self.params, self.name = run, params, name
        decay = getattr(params, "weight_decay", 0.0) if trainable is None else 0.0
        if trainable is not None:
            self.trainable = _unfreeze(run, trainable)
        else:
            self.trainable = (
                _own_weights(run, params) if _trains_all_weights(run, params) else _lora_factors(run, params)
            )
        self.optimizer = AdamW(self.trainable, params.learning_rate, weight_decay=decay)
        self.steps_per_epoch = -(-len(run.task.forget) // params.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """(rows of the forget set, rows of the retain set) of each step, as indices."""
        forget_size, retain_size = len(self.run.task.forget), len(self.run.task.keep)
        count = self.steps_per_epoch * self.params.epochs
        for step in self.run.steps(self.name, count, {"optimizer": self.optimizer}):
            epoch, position = divmod(step.step, self.steps_per_epoch)
            order = np.random.default_rng([self.run.seed, epoch]).permutation(forget_size)
            forget_rows = torch.from_numpy(np.array_split(order, self.steps_per_epoch)[position])
            for group in self.optimizer.param_groups:
                group["lr"] = self.params.learning_rate * min(1.0, (step.step + 1) / self.steps_per_epoch)
            yield forget_rows, torch.randint(retain_size, (len(forget_rows),))

    def step(self, loss: Tensor) -> None:
        """Take one step of the optimiser down a loss, its gradient clipped."""
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.trainable, CLIP)
        self.optimizer.step()
        self.run.log(loss=loss.detach())


def _trains_all_weights(run: Run[LanguageModel], params: LoopParams) -> bool:
    if not isinstance(params, LoraParams):
        return True
    if params.train != "automatic":
        return params.train == "all weights"
    if run.trains_lora is not None:
        return not run.trains_lora
    count = sum(weight.numel() for weight in run.original.parameters())
    return count <= FULL_TRAINING_LIMIT and BYTES_PER_WEIGHT * count <= _free_bytes(run.device)


def _free_bytes(device: torch.device) -> int:
    """Bytes of memory that a job may still take."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return min(memory_limit(), int(psutil.virtual_memory().available))


def _unfreeze(run: Run[LanguageModel], trainable: Sequence[nn.Parameter]) -> list[nn.Parameter]:
    """Let these weights train, and no others."""
    run.model.requires_grad_(False)
    for weight in trainable:
        weight.requires_grad_(True)
    return list(trainable)


def _own_weights(run: Run[LanguageModel], params: LoopParams) -> list[nn.Parameter]:
    """The model's own weights, as far as `params` let them train."""
    weights: Weights = getattr(params, "weights", "all")
    run.may_rest(run.original)  # it has a copy of its own
    return _unfreeze(run, trainable_parameters(run.model, weights)) or _no_such_layers(run, weights)


def _lora_factors(run: Run[LanguageModel], params: LoopParams) -> list[nn.Parameter]:
    """LoRA factors beside the layers that `params` choose. Experts that are no layers of their own get none."""
    assert isinstance(params, LoraParams)
    shapes = thin_layers(run.original)
    chosen = {name: shapes[name] for name in layers_in(run.original, shapes, params.weights)}
    if not chosen:
        _no_such_layers(run, params.weights)
    run.train_lora(chosen, params.rank)
    return [weight for weight in run.model.parameters() if weight.requires_grad]


def _no_such_layers(run: Run[LanguageModel], weights: Weights) -> NoReturn:
    raise BadInput(f"{run.task.id} has no layers that count as {weights}; choose all weights.")


def forget_batch(run: Run[LanguageModel], rows: Tensor) -> Texts:
    """Rows of the forget set as a batch, on the device."""
    return run.task.forget[rows].to(run.device)


def retain_batch(run: Run[LanguageModel], rows: Tensor) -> Texts:
    """Rows of the retain set as a batch, on the device."""
    return run.task.keep[rows].to(run.device)


def autocast(run: Run[LanguageModel]) -> contextlib.AbstractContextManager[object]:
    """A context in which the model runs at the precision of the job."""
    if run.task.precision == torch.float32:
        return contextlib.nullcontext()
    return torch.autocast(run.device.type, run.task.precision)


def reference_nll(run: Run[LanguageModel], name: str, texts: Texts, rows: int = 64) -> Tensor:
    """NLL of every answer under the frozen original model [n], summed over its tokens; computed once in a job."""

    def make() -> Tensor:
        total = torch.zeros(len(texts))
        with torch.no_grad(), autocast(run):
            for part in torch.arange(len(texts)).split(rows):
                total[part] = nll(run.original, texts[part].to(run.device))[0].cpu()
        return total

    total_nll: Tensor = run.cached(name, make)
    return total_nll.to(run.device)


def compute_retain_loss(
    run: Run[LanguageModel], how: Literal["none", "likelihood", "divergence"], rows: Tensor
) -> Tensor:
    """The retain loss: cross-entropy on retain pairs, KL divergence from the frozen model there, or 0."""
    if how == "none":
        return torch.zeros((), device=run.device)
    texts = retain_batch(run, rows)
    if how == "likelihood":
        return mean_nll(run.model, texts)
    with torch.no_grad():
        reference, _ = logits(run.original, texts)
    current, labels = logits(run.model, texts)
    return divergence(reference, current, labels != -100)


def divergence(reference: Tensor, current: Tensor, marked: Tensor) -> Tensor:
    """KL(reference || current) in nats, mean over the marked positions. Logits [n, length, words], `marked` bool [n, length].

    The released code averages over all positions, prompts and padding too.
    """
    each = F.kl_div(current.log_softmax(-1), reference.log_softmax(-1), log_target=True, reduction="none").sum(-1)
    return each[marked].mean()


def npo_loss(forget_nll: Tensor, reference_nll: Tensor, beta: float) -> Tensor:
    """NPO: -(2 / beta) mean log sigma(beta (NLL - reference NLL)), each summed over tokens [n]."""
    return -2 / beta * F.logsigmoid(beta * (forget_nll - reference_nll)).mean()


def simnpo_loss(token_nll: Tensor, beta: float, margin: float) -> Tensor:
    """SimNPO: -(2 / beta) mean log sigma(beta (NLL a token - margin)), [n], without a reference."""
    return -2 / beta * F.logsigmoid(beta * (token_nll - margin)).mean()


def dpo_loss(
    chosen: Tensor, chosen_reference: Tensor, rejected: Tensor, rejected_reference: Tensor, beta: float
) -> Tensor:
    """DPO: -(2 / beta) mean log sigma(beta [(reference - now) of chosen - (reference - now) of rejected]), summed NLLs [n]."""
    return -2 / beta * F.logsigmoid(beta * ((chosen_reference - chosen) - (rejected_reference - rejected))).mean()


Loss = Callable[[Tensor], Tensor]


def inverted_hinge(token_logits: Tensor, labels: Tensor) -> Tensor:
    """Inverted hinge loss: 1 + p(true token) - p(likeliest other token), mean over the answers' tokens; from 0 to 2, and 1 where the two tie.

    Logits [n, length, words], labels [n, length] with -100 where nothing has to be predicted. The paper's max(0, .) is left
    out: it never acts, as no probability is above 1.
    """
    marked = labels != -100
    shares, true = token_logits[marked].softmax(-1), labels[marked][:, None]
    other = shares.scatter(1, true, 0.0).max(-1).values
    return (1 + shares.gather(1, true)[:, 0] - other).mean()
