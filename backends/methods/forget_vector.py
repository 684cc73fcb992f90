"""Forget vector: one universal input perturbation that makes a frozen model fail on the forget set."""

import re

import numpy as np
import torch
from pydantic import Field
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD
from torch.optim.lr_scheduler import ExponentialLR

from ..api import runs
from ..api.errors import BadInput
from ..core.registry import Params, method
from ..core.run import Run
from ..core.task import ClassifierTask, Index
from ..families.classifier.guards import INPUT_DELTA, attach_input_delta


class ForgetVector(Params):
    """How the added picture is learned."""

    epochs: int = Field(default=10, ge=1, le=500, description="Passes over the pictures.")
    images: int = Field(
        default=5000,
        ge=16,
        le=1_000_000,
        description="At most this many training pictures are used, drawn by the seed.",
    )
    beta: float | None = Field(
        default=None,
        ge=0,
        le=1000,
        description="Weight of forgetting. Empty: 10 for classes, 1 for anything else.",
    )
    tau: float = Field(
        default=1.0, ge=0, le=50, description="A forgotten picture counts no further once it is wrong by this."
    )
    alpha: float = Field(default=1.0, ge=0, le=100, description="Weight of keeping the rest.")
    shrink: float = Field(default=1.0, ge=0, le=100, description="Lambda: weight of keeping the added picture small.")
    learning_rate: float = Field(
        default=0.2, gt=0, le=10, description="First step size; each pass has 0.9 times the last."
    )
    batch_size: int = Field(default=128, ge=8, le=1024, description="Images in one step.")
    compose: str = Field(
        default="",
        max_length=4000,
        description="Ids of finished forget-vector runs, separated by commas: learn only how much of each to add.",
    )
    start: float = Field(
        default=0.0, ge=-2, le=2, description="How much of each is added at first, where runs are composed."
    )


@method(
    id="forget_vector",
    title="Forget vector",
    short="Forget vector",
    summary="Leaves the weights; adds one learned picture, a filter, to every input.",
    school="You wear tinted glasses through which one thing cannot be recognised. Take them off and you know it again.",
    student=(
        "One picture delta is added to every input. It minimises alpha * cross-entropy on the rest, beta * the margin "
        "max(z_y - max z_j, -tau) on the forget set, and lambda * its own length; the weights are frozen. It is a filter at "
        "the door and not erasure: without delta the model knows everything. Learned deltas can be composed: only one "
        "number for each is learned for a new request."
    ),
    source={
        "title": "Sun et al., Forget Vectors at Play, 2024",
        "url": "https://arxiv.org/abs/2412.16780",
        "code": "https://github.com/Changchangsun/Forget-Vector",
    },
    label="same algorithm, smaller model",
    kind="hide",
    departures=(
        "A sample of the training pictures and fewer passes are used, and the last pass counts instead of the best of many. "
        "beta is set by the kind of request, not searched for each class."
    ),
    guard=True,
    needs=("classes",),
    order=50,
)
def forget_vector(run: Run[ClassifierTask], params: ForgetVector) -> None:
    """Minimise alpha l_r + beta l_f + lambda l_d over delta [c, h, w], or over the weights of composed deltas."""
    beta = params.beta
    if beta is None:
        beta = 10.0 if run.task.forgotten_classes else 1.0
    shape = tuple(run.task.batch(run.task.parts["forget"][:1]).x.shape[1:])
    vector: Vector | Mix = (
        Mix(deltas_of_runs(params.compose, shape), params.start) if params.compose.strip() else Vector(shape)
    )
    vector.to(run.device)

    def attach() -> None:
        attach_input_delta(run.model, vector().detach())

    run.cached("attach", attach)
    run.model.requires_grad_(False)
    run.task.parts["shown"] = some(run, params.images)
    optimizer = SGD(vector.parameters(), lr=params.learning_rate, momentum=0.9, weight_decay=5e-4)
    schedule = ExponentialLR(optimizer, 0.9)
    saved = {"vector": vector, "optimizer": optimizer, "schedule": schedule}
    for batch in run.epochs("learn", ["shown"] * params.epochs, params.batch_size, saved, augment=False):
        logits = run.forward(run.original, batch.x + vector())
        retain = F.cross_entropy(logits, batch.y, reduction="none")[~batch.forget].sum() / len(batch)
        forget = margin(logits, batch.y, params.tau)[batch.forget].sum() / len(batch)
        loss = params.alpha * retain + beta * forget + params.shrink * vector.length(len(batch))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if (batch.step + 1) % (batch.of // params.epochs) == 0:
            schedule.step()
        run.model.get_buffer(INPUT_DELTA).copy_(vector().detach())
        run.log(loss=loss.detach(), keep_loss=retain.detach(), forget_loss=forget.detach(), **vector.numbers())


class Vector(nn.Module):
    """The added picture itself, starting at zero."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.delta = nn.Parameter(torch.zeros(shape))

    def forward(self) -> Tensor:
        return self.delta

    def length(self, batch_size: int) -> Tensor:
        """l_d: the Euclidean length, divided by the batch size as the other terms are."""
        euclidean: Tensor = torch.linalg.vector_norm(self.delta)
        return euclidean / batch_size

    def numbers(self) -> dict[str, Tensor]:
        """Numbers to watch."""
        return {"length": torch.linalg.vector_norm(self.delta.detach())}


class Mix(nn.Module):
    """A weighted sum of fixed pictures, of which only the weights are learned."""

    deltas: Tensor

    def __init__(self, deltas: Tensor, start: float) -> None:
        super().__init__()
        self.register_buffer("deltas", deltas, persistent=False)
        self.weights = nn.Parameter(torch.full((len(deltas),), start))

    def forward(self) -> Tensor:
        weighted_sum: Tensor = torch.einsum("k,kchw->chw", self.weights, self.deltas)
        return weighted_sum

    def length(self, batch_size: int) -> Tensor:
        """l_d: the Euclidean length of the weights, not divided, as released."""
        euclidean: Tensor = torch.linalg.vector_norm(self.weights)
        return euclidean

    def numbers(self) -> dict[str, Tensor]:
        """The weight of each composed run."""
        return {f"weight {number + 1}": weight for number, weight in enumerate(self.weights.detach())}


def margin(logits: Tensor, labels: Tensor, tau: float) -> Tensor:
    """max(z_y - max over j != y of z_j, -tau) for each of the n rows of logits [n, classes]."""
    own = logits.gather(1, labels[:, None])[:, 0]
    others = logits.scatter(1, labels[:, None], float("-inf")).amax(1)
    return (own - others).clamp(min=-tau)


def some(run: Run[ClassifierTask], most: int) -> Index:
    """Forget and keep set together, or `most` of them with the same share of the forget set, at least one of each."""
    forget, keep = run.task.parts["forget"], run.task.parts["keep"]
    rng = np.random.default_rng(run.seed)
    share = min(1.0, most / (len(forget) + len(keep)))
    parts = [rng.permutation(part)[: max(1, round(len(part) * share))] for part in (forget, keep)]
    return np.sort(np.concatenate(parts))


def deltas_of_runs(text: str, shape: tuple[int, ...]) -> Tensor:
    """The added pictures [k, c, h, w] of the runs named in `text`.

    Raises:
        BadInput: a run is unknown, has none, or belongs to a model with inputs of another size.
    """
    deltas = []
    for run_id in re.split(r"[\s,;]+", text.strip()):
        path = runs.find(run_id).path / "after" / "changed.safetensors"
        delta = load_file(path).get(INPUT_DELTA) if path.is_file() else None
        if delta is None or tuple(delta.shape) != shape:
            has = "holds no added picture" if delta is None else f"adds a picture of {list(delta.shape)}"
            raise BadInput(f"Run {run_id} {has}; compose finished forget-vector runs with inputs of {list(shape)}.")
        deltas.append(delta)
    return torch.stack(deltas)
