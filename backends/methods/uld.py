"""Unlearning from logit difference (ULD): a small assistant learns the forget set; its logits are subtracted."""

import copy
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import AdamW

from ..api.errors import BadInput
from ..core.registry import Params, method
from ..core.run import Run
from ..families.language.caches import CallInputs, cache_in, handing, inputs_by_name
from ..families.language.guards import Guard, attach
from ..families.language.task import LanguageModel
from ..families.language.tokens import IGNORED, Texts
from ._language import CLIP, autocast

FAR = -1e3  # logit of a word that may not be said


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
    kind="hide",
    departures=(
        "All weights of the assistant's layers are trained, not a low-rank change of them. It is to be uniform over the answers' tokens, "
        "not over prompts and padding too. The paraphrases are those of the data set, which measures use as well. So small a model is surer "
        "of what it knows, so alpha is 1.5 by default, and the rest weighs 1, not 5."
    ),
    guard=True,
    needs=("answers",),
    order=76,
)
def uld(run: Run[LanguageModel], params: Uld) -> None:
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
        (forget_loss + params.keep_weight * retain_loss).backward()
        nn.utils.clip_grad_norm_(assistant.parameters(), CLIP)
        optimizer.step()
        run.model.get_submodule("guard_uld.body").load_state_dict(assistant.state_dict())
        run.log(forget=forget_loss.detach(), keep=retain_loss.detach())


def augmented(run: Run[LanguageModel]) -> tuple[Texts, Texts, Texts]:
    """(forget pairs with paraphrases of question and answer, wrong answers to them, retain pairs)."""
    task = run.task
    pairs = task.questions.forget
    ways = [(pair.question, pair.answer) for pair in pairs]
    ways += [(pair.rephrased_question, pair.answer) for pair in pairs if pair.rephrased_question]
    ways += [(pair.question, pair.rephrased_answer) for pair in pairs if pair.rephrased_answer]
    wrong = [(pair.question, text) for pair in pairs for text in task.questions.false(pair)]
    remembered, others = (task.reader.pairs(*map(list, zip(*rows, strict=True))) for rows in (ways, wrong))
    return remembered, others, task.keep


def assistant_outputs(run: Run[LanguageModel], assistant: nn.Module, texts: Texts) -> tuple[Tensor, Tensor]:
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


class Subtracted(Guard):
    """ULD: the logits of an assistant, which knows what is to be forgotten and little else, are taken off.

    Buffers: `weight` [] that its logits are multiplied with (alpha), `top` [] (the filter's r), `body.*`: its layers and norm.
    Embeddings and head are the model's own.
    """

    kind = "uld"
    weight: Tensor
    top: Tensor

    def __init__(self, model: Any, tensors: dict[str, Tensor]) -> None:
        own = {name: tensor for name, tensor in tensors.items() if not name.startswith("body.")}
        super().__init__(model, own)
        states = {name.removeprefix("body."): tensor for name, tensor in tensors.items() if name.startswith("body.")}
        start = f"{layer_list(model)}."
        layers = {name.removeprefix(start).split(".")[0] for name in states if name.startswith(start)}
        self.body = body(model, len(layers))
        self.body.load_state_dict(states)
        _as_buffers(self.body)

    def hook(self, model: Any) -> None:
        model.register_forward_hook(self.subtract, with_kwargs=True)

    def subtract(self, model: Any, args: tuple[Any, ...], kwargs: CallInputs, output: Any) -> Any:
        """Base logits minus alpha times those of the assistant, of the words that the base holds likely enough.

        In `generate`, which hands over a cache, the other words cannot be said; where a text is only weighed they keep the
        base's logit.
        """
        inputs = inputs_by_name(model, args, kwargs)
        if inputs.get("input_ids") is None:
            return output
        owner = cache_in(output)
        cache = getattr(owner, "assistant", None)
        assistant = assistant_logits(model, self.body, inputs, output.logits.shape[1], cache, owner)
        likely = (
            allowed(output.logits, float(self.top)) if self.top > 0 else torch.ones_like(assistant, dtype=torch.bool)
        )
        logits = output.logits - self.weight * assistant.where(likely, torch.zeros_like(assistant))
        if cache_in(inputs) is not None and self.weight > 0:
            logits = logits.where(likely, torch.full_like(logits, FAR))
        output.logits = logits
        return output


def body(model: Any, layers: int) -> Any:
    """The first layers of a model and its last norm, copied, without embeddings.

    Raises:
        BadInput: its layers stand in no list.
    """
    name, shortened = layer_list(model), copy.deepcopy(model.base_model)
    shortened.set_submodule(name, shortened.get_submodule(name)[:layers])
    shortened.config.num_hidden_layers = min(layers, shortened.config.num_hidden_layers)
    if (
        "layer_types" in vars(shortened.config) and shortened.config.layer_types
    ):  # elsewhere it follows from their number
        shortened.config.layer_types = shortened.config.layer_types[:layers]
    shortened.set_input_embeddings(nn.Identity())
    return shortened


def layer_list(model: Any) -> str:
    """The name of the list of layers inside a model's base: `layers` of a Llama, `h` of a GPT-2, `decoder.layers` of an OPT.

    Raises:
        BadInput: its layers stand in no list.
    """
    count = model.config.get_text_config().num_hidden_layers
    for name, part in model.base_model.named_modules():
        if isinstance(part, nn.ModuleList) and len(part) == count:
            return str(name)
    raise BadInput(f"The layers of a {type(model).__name__} stand in no list, so none can be copied for an assistant.")


def assistant_logits(
    model: Any, body: Any, inputs: CallInputs, last: int = 0, cache: Any = None, owner: Any = None
) -> Tensor:
    """Logits of an assistant made by `body` [n, length, words], of the `last` places only (0: all).

    Its own cache lies on `owner`, the cache of the model, as the attribute `assistant`.
    """
    output = body(
        inputs_embeds=model.get_input_embeddings()(inputs["input_ids"]),
        attention_mask=inputs.get("attention_mask"),
        position_ids=inputs.get("position_ids"),
        use_cache=owner is not None,
        **handing(body, cache),
    )
    if owner is not None:
        owner.assistant = cache_in(output)
    predictions: Tensor = model.get_output_embeddings()(output.last_hidden_state[:, -last:])
    return predictions


def allowed(logits: Tensor, top: float) -> Tensor:
    """Words that are at least `top` times as likely as the likeliest, and the top * |words| likeliest anyhow; bool."""
    log_probs = logits.log_softmax(-1)
    rank = max(1, int(top * logits.shape[-1]))
    ranked = log_probs.topk(rank, -1).values[..., -1:]
    best = log_probs.amax(-1, keepdim=True)
    return log_probs >= torch.minimum(ranked, best + torch.tensor(top).log())


def _as_buffers(module: nn.Module) -> None:
    """Turn the parameters of a module into buffers: they are no weights of the model that holds it."""
    for part in module.modules():
        for name, weight in list(part.named_parameters(recurse=False)):
            del part._parameters[name]
            part.register_buffer(name, weight.detach())
