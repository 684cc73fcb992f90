"""Unlearning from logit difference (ULD): a small assistant learns the forget set; its logits are subtracted."""

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import AdamW

from ..core.registry import Params, method
from ..core.run import Run
from ..models.text_guards import assistant_logits, attach, body
from ..models.texts import IGNORED, Texts
from ._language import CLIP, autocast


class Uld(Params):
    """The assistant, how it is trained, and how much it counts."""

    layers: int = Field(default=1, ge=1, le=64, description="Layers of the assistant: the first ones of the model.")
    epochs: int = Field(default=20, ge=1, le=500, description="Passes over what is to be forgotten.")
    learning_rate: float = Field(default=4e-3, gt=0, le=0.1, description="Step size.")
    batch_size: int = Field(
        default=16, ge=1, le=256, description="Pairs in one step; as many again to know nothing of."
    )
    keep_weight: float = Field(default=1.0, ge=0, le=100, description="Weight of knowing nothing of the rest.")
    weight: float = Field(default=1.5, ge=0, le=10, description="Alpha: how much of the assistant is taken off.")
    top: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="Only words that the model holds at least this likely, against its likeliest, are touched and said. 0: all.",
    )


@method(
    id="uld",
    title="Unlearning from Logit Difference (ULD)",
    short="ULD",
    summary="Leaves the weights; subtracts the say of an assistant that knows only the forget set.",
    school="Somebody whispers what must not be said, and you say everything but that.",
    student=(
        "Training a model to forget needs a loss without bottom and harms the rest. Here the goals are reversed: an assistant "
        "made of the first layers learns to remember the forget set and to be uniform on everything else, both bounded. Its "
        "logits, times alpha, are subtracted from the model's, whose weights stay: who has them leaves the subtraction out."
    ),
    source={
        "title": "Ji et al., Reversing the Forget-Retain Objectives, NeurIPS 2024",
        "url": "https://arxiv.org/abs/2406.08607",
        "code": "https://github.com/UCSB-NLP-Chang/ULD",
    },
    label="same algorithm, smaller model",
    departures=(
        "All weights of the assistant's layers are trained, not a low-rank change of them. It is to be uniform over the answers' tokens, "
        "not over prompts and padding too. The paraphrases are those of the data set, which measures use as well. So small a model is surer "
        "of what it knows, so alpha is 1.5 by default, and the rest weighs 1, not 5."
    ),
    guard=True,
    needs=("answers",),
    order=76,
)
def uld(run: Run, params: Uld) -> None:
    """Train the assistant: CE on the forget set and its paraphrases + 5 KL(uniform || p) on the retain set and on wrong answers."""
    assistant = body(run.original, params.layers).requires_grad_(True)
    optimizer = AdamW(assistant.parameters(), params.learning_rate)

    def attach_guard() -> None:
        states = {f"body.{name}": tensor for name, tensor in assistant.state_dict().items()}
        attach(run.model, "uld", {"weight": torch.tensor(params.weight), "top": torch.tensor(params.top), **states})

    run.cached("attach", attach_guard)
    remembered, wrong, keep = augmented(run)
    count = -(-len(remembered) // params.batch_size)
    for step in run.steps("teaching the assistant", count * params.epochs, {"body": assistant, "optimizer": optimizer}):
        epoch, position = divmod(step.step, count)
        order = np.random.default_rng([run.seed, epoch]).permutation(len(remembered))
        rows = torch.from_numpy(np.array_split(order, count)[position])
        others = [part[torch.randint(len(part), (-(-len(rows) // 2),))] for part in (wrong, keep)]
        with autocast(run):
            forget_loss = mean_token_nll(*assistant_outputs(run, assistant, remembered[rows]))
            retain_loss = torch.stack([uniform_kl(*assistant_outputs(run, assistant, part)) for part in others]).mean()
        optimizer.zero_grad()
        (forget_loss + params.keep_weight * retain_loss).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(assistant.parameters(), CLIP)
        optimizer.step()
        run.model.guard_uld.body.load_state_dict(assistant.state_dict())  # type: ignore[union-attr]
        run.log(forget=forget_loss.detach(), keep=retain_loss.detach())


def augmented(run: Run) -> tuple[Texts, Texts, Texts]:
    """(forget pairs with paraphrases of question and answer, wrong answers to them, retain pairs)."""
    task = run.task
    pairs = task.questions.forget  # type: ignore[attr-defined]
    ways = [(pair.question, pair.answer) for pair in pairs]
    ways += [(pair.rephrased_question, pair.answer) for pair in pairs if pair.rephrased_question]
    ways += [(pair.question, pair.rephrased_answer) for pair in pairs if pair.rephrased_answer]
    wrong = [(pair.question, text) for pair in pairs for text in task.questions.false(pair)]  # type: ignore[attr-defined]
    remembered, others = (task.reader.pairs(*map(list, zip(*rows, strict=True))) for rows in (ways, wrong))  # type: ignore[attr-defined]
    return remembered, others, task.keep  # type: ignore[attr-defined]


def assistant_outputs(run: Run, assistant: nn.Module, texts: Texts) -> tuple[Tensor, Tensor]:
    """(logits of the assistant [n, length - 1, words], labels [n, length - 1])."""
    texts = texts.to(run.device)
    logits = assistant_logits(run.original, assistant, {"input_ids": texts.ids, "attention_mask": texts.mask})
    return logits[:, :-1].float(), texts.labels[:, 1:]


def mean_token_nll(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy in nats a token."""
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED)


def uniform_kl(logits: Tensor, labels: Tensor) -> Tensor:
    """KL(uniform || p) in nats, mean over the tokens of the answers."""
    words = torch.tensor(logits.shape[-1], device=logits.device)
    each = -words.log() - logits.log_softmax(-1).mean(-1)
    return each[labels != IGNORED].mean()
