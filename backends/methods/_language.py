"""What the methods for language models share: which weights move, the walk over what is to be forgotten, and the losses."""

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
from ..engine import machine
from ..engine.run import Run
from ..models.experts import tensors_of
from ..models.low_rank import thin_layers
from ..models.texts import Texts, logits, mean_nll, nll
from ..registry import Params

Weights = Literal["all", "feed-forward", "attention", "experts", "routers", "all but routers"]
PARTS: dict[Weights, tuple[str, ...]] = {  # architectures call their parts differently; for the others see experts.py
    "all": ("",),
    "feed-forward": (".mlp.", ".feed_forward.", ".ffn.", ".fc1.", ".fc2.", ".block_sparse_moe."),
    "attention": (".self_attn.", ".attn.", ".attention.", ".self_attention."),
}
CLIP = 1.0  # greatest norm of a gradient
WHOLE = 60_000_000  # weights of a model that is trained whole
BYTES = 24  # a weight: before, now, its gradient, two moments of the optimiser, and as much again to compute with

# a departure of every method whose authors train with the schedule of Hugging Face's Trainer
STEADY = (
    " The step size rises over the first pass and then stays; in the authors' runs it falls in a straight line to 0."
)


class WalkParams(Params):
    """How long, how far, how much at a time."""

    epochs: int = Field(default=5, ge=1, le=200, description="Passes over what is to be forgotten.")
    learning_rate: float = Field(default=1e-4, gt=0, le=0.1, description="Step size; it rises over the first pass.")
    batch_size: int = Field(
        default=16, ge=1, le=256, description="Pairs to forget in one step; of what is kept, as many again."
    )


class LanguageParams(WalkParams):
    """What every method that trains a language model can be told."""

    weight_decay: float = Field(default=0.01, ge=0, le=1, description="How much the weights are pulled to zero.")
    weights: Weights = Field(
        default="all",
        description="Which weights may move. experts, routers, all but routers: of a mixture of experts.",
    )


def may_move(model: nn.Module, weights: Weights) -> list[nn.Parameter]:
    """The parameters that a choice names.

    Raises:
        BadInput: it speaks of experts or routers, and the model has no router.
    """
    every = [(name, weight) for name, weight in model.named_parameters() if weight.ndim]
    if weights in PARTS:
        return [weight for name, weight in every if any(part in f"{name}." for part in PARTS[weights])]
    own = tensors_of(model, "experts" if weights == "experts" else "routers")
    return [weight for _, weight in every if (id(weight) in own) != (weights == "all but routers")]


def layers_in(model: nn.Module, names: Iterable[str], weights: Weights) -> list[str]:
    """Those layers of these names whose weight may move."""
    allowed = {id(weight) for weight in may_move(model, weights)}
    return [name for name in names if id(model.get_submodule(name).weight) in allowed]


class Trained(LanguageParams):
    """What a method can be told that lets all weights move, and could as well move thin layers beside them."""

    train: Literal["automatic", "all weights", "low-rank layers"] = Field(
        default="automatic",
        description="What learns. low-rank layers: two thin factors beside each layer (LoRA), a fraction of the memory and of "
        "what is saved. automatic: that for models over 60 million weights, or too large for the memory.",
    )
    rank: int = Field(default=16, ge=1, le=512, description="Width of the factors, where low-rank layers learn.")


class Walk:
    """Steps over the forget set in shuffled passes, each with as many random pairs to keep; the loop a method trains in."""

    def __init__(
        self,
        run: Run,
        params: WalkParams,
        name: str = "forget",
        moving: Sequence[nn.Parameter] | None = None,
    ) -> None:
        """Choose the weights that may move and make their optimiser: AdamW, its step size rising over the first pass.

        `moving`: these weights instead of those that `params` name, and without decay.
        """
        self.run, self.params, self.name = run, params, name
        decay = getattr(params, "weight_decay", 0.0) if moving is None else 0.0
        if moving is not None:
            self.moving = _freed(run, moving)
        else:
            self.moving = _whole(run, params) if _trains_whole(run, params) else _thin(run, params)
        self.optimizer = AdamW(self.moving, params.learning_rate, weight_decay=decay)
        self.a_pass = -(-len(run.task.forget) // params.batch_size)  # type: ignore[attr-defined]

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """(rows of the forget set, rows of what is kept), as indices."""
        forget, keep = len(self.run.task.forget), len(self.run.task.keep)  # type: ignore[attr-defined]
        count = self.a_pass * self.params.epochs
        for step in self.run.steps(self.name, count, {"optimizer": self.optimizer}):
            turn, place = divmod(step.step, self.a_pass)
            order = np.random.default_rng([self.run.seed, turn]).permutation(forget)
            rows = torch.from_numpy(np.array_split(order, self.a_pass)[place])
            for group in self.optimizer.param_groups:
                group["lr"] = self.params.learning_rate * min(1.0, (step.step + 1) / self.a_pass)
            yield rows, torch.randint(keep, (len(rows),))

    def step(self, loss: Tensor) -> None:
        """Move the weights down a loss."""
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.moving, CLIP)
        self.optimizer.step()
        self.run.log(loss=loss.detach())


def _trains_whole(run: Run, params: WalkParams) -> bool:
    if not isinstance(params, Trained):
        return True
    if params.train != "automatic":
        return params.train == "all weights"
    if run.thin is not None:
        return not run.thin
    count = sum(weight.numel() for weight in run.original.parameters())
    return count <= WHOLE and BYTES * count <= _free(run.device)


def _free(device: torch.device) -> int:
    """Bytes that a job may still take."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return min(machine.memory_limit(), int(psutil.virtual_memory().available))


def _freed(run: Run, moving: Sequence[nn.Parameter]) -> list[nn.Parameter]:
    """These weights, and no others, may move."""
    run.model.requires_grad_(False)
    for weight in moving:
        weight.requires_grad_(True)
    return list(moving)


def _whole(run: Run, params: WalkParams) -> list[nn.Parameter]:
    """The model's own weights that may move."""
    weights = getattr(params, "weights", "all")
    return _freed(run, may_move(run.model, weights)) or _none(run, weights)


def _thin(run: Run, params: WalkParams) -> list[nn.Parameter]:
    """The factors that may move, of layers in the chosen part. Experts that are no layers of their own have none."""
    assert isinstance(params, Trained)
    shapes = thin_layers(run.original)
    chosen = {name: shapes[name] for name in layers_in(run.original, shapes, params.weights)}
    if not chosen:
        _none(run, params.weights)
    run.learn_thin(chosen, params.rank)
    return [weight for weight in run.model.parameters() if weight.requires_grad]


def _none(run: Run, weights: Weights) -> NoReturn:
    raise BadInput(f"{run.task.id} has no layers that count as {weights}; choose all weights.")


def forget(run: Run, rows: Tensor) -> Texts:
    """Rows of the forget set, on the device."""
    return run.task.forget[rows].to(run.device)  # type: ignore[attr-defined,no-any-return]


def keep(run: Run, rows: Tensor) -> Texts:
    """Rows of what is kept, on the device."""
    return run.task.keep[rows].to(run.device)  # type: ignore[attr-defined,no-any-return]


def autocast(run: Run) -> contextlib.AbstractContextManager[object]:
    """The precision of the job."""
    if run.task.precision == torch.float32:
        return contextlib.nullcontext()
    return torch.autocast(run.device.type, run.task.precision)


def frozen(run: Run, name: str, texts: Texts, rows: int = 64) -> Tensor:
    """NLL of every answer by the frozen model [n], summed over its tokens: made once in a job, and never asked again."""

    def make() -> Tensor:
        found = torch.zeros(len(texts))
        with torch.no_grad(), autocast(run):
            for part in torch.arange(len(texts)).split(rows):
                found[part] = nll(run.original, texts[part].to(run.device))[0].cpu()
        return found

    return run.once(name, make).to(run.device)  # type: ignore[no-any-return]


def kept_loss(run: Run, how: Literal["none", "likelihood", "divergence"], rows: Tensor) -> Tensor:
    """What holds the rest: the usual loss on pairs to keep, the divergence from the frozen model there, or nothing."""
    if how == "none":
        return torch.zeros((), device=run.device)
    texts = keep(run, rows)
    if how == "likelihood":
        return mean_nll(run.model, texts)
    with torch.no_grad():
        before, _ = logits(run.original, texts)
    after, labels = logits(run.model, texts)
    return divergence(before, after, labels != -100)


def divergence(before: Tensor, after: Tensor, where: Tensor) -> Tensor:
    """KL(before || after) in nats, mean over the marked positions. Logits [n, length, words], `where` bool [n, length].

    The released code averages over all positions, prompts and padding too.
    """
    each = F.kl_div(after.log_softmax(-1), before.log_softmax(-1), log_target=True, reduction="none").sum(-1)
    return each[where].mean()


def npo_loss(now: Tensor, before: Tensor, beta: float) -> Tensor:
    """-(2 / beta) mean log sigma(beta (NLL - NLL before)); NLL summed over tokens [n]."""
    return -2 / beta * F.logsigmoid(beta * (now - before)).mean()


def simnpo_loss(now: Tensor, beta: float, margin: float) -> Tensor:
    """-(2 / beta) mean log sigma(beta (CE - margin)); CE in nats a token [n], without a reference."""
    return -2 / beta * F.logsigmoid(beta * (now - margin)).mean()


def dpo_loss(chosen: Tensor, chosen_before: Tensor, rejected: Tensor, rejected_before: Tensor, beta: float) -> Tensor:
    """-(2 / beta) mean log sigma(beta [(chosen before - chosen) - (rejected before - rejected)]); all are summed NLL [n]."""
    return -2 / beta * F.logsigmoid(beta * ((chosen_before - chosen) - (rejected_before - rejected))).mean()


Loss = Callable[[Tensor], Tensor]


def inverted_hinge(said: Tensor, labels: Tensor) -> Tensor:
    """1 + p(true token) - p(likeliest other token), mean over the answers' tokens; from 0 to 2, and 1 where the two tie.

    Logits [n, length, words], labels [n, length] with -100 where nothing has to be predicted. The paper's max(0, .) is left
    out: it never acts, as no probability is above 1.
    """
    marked = labels != -100
    shares, true = said[marked].softmax(-1), labels[marked][:, None]
    other = shares.scatter(1, true, 0.0).max(-1).values
    return (1 + shares.gather(1, true)[:, 0] - other).mean()
