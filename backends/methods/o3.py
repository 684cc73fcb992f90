"""O3: continual unlearning by an orthogonal LoRA that a gate (an out-of-distribution detector) lets act on forget questions only."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import AdamW

from ..api.errors import BadInput
from ..core.registry import method
from ..core.run import Run
from ..families.language import gate
from ..families.language.caches import CallInputs, cache_in, inputs_by_name
from ..families.language.guards import Guard, attach, opening, question_mask
from ..families.language.task import LanguageModel
from ..families.language.tokens import Texts, mean_nll
from ..models.low_rank import thin_layers
from ._guarding import extract_features
from ._language import STEADY, UnlearnLoop, autocast
from ._refusals import RefusalParams, refusal_batch

SCALE = 2.0  # of the factors' product; O3's alpha is twice the rank

NU = 0.1  # share of a request's questions that its one-class SVM may leave outside


class O3(RefusalParams):
    """The change, and the gate before it."""

    epochs: int = Field(default=20, ge=1, le=200, description="Passes over what is to be forgotten.")
    learning_rate: float = Field(default=1e-2, gt=0, le=0.1, description="Step size; it rises over the first pass.")
    batch_size: int = Field(default=8, ge=1, le=256, description="Pairs to forget in one step.")
    weights: Literal["all"] = Field(default="all", description="The change stands beside every linear layer.")
    rank: int = Field(default=4, ge=1, le=256, description="Width of the two factors of a layer.")
    answers: Literal["refusals", "wrong answers"] = Field(
        default="refusals", description="What is learned instead: ways to say “I don't know”, or false answers."
    )
    apart: float = Field(
        default=0.1,
        ge=0,
        le=1000,
        description="Lambda: how much a request's change is kept at right angles to earlier ones.",
    )
    zeta: float = Field(
        default=10.0, ge=0, le=1000, description="How steeply the change sets in where a question fits."
    )
    gate: Literal["soft", "steps"] = Field(
        default="soft",
        description="soft: as much of the change as the question fits, as in the paper. steps: all, little or nothing, as in "
        "the released evaluation.",
    )
    probes: int = Field(
        default=400, ge=2, le=10_000, description="The gate learns from at most so many questions of a request."
    )


@method(
    id="o3",
    title="O3",
    short="O3",
    summary="Learns to refuse in thin factors that a gate lets act on such questions only; request after request.",
    school="A second pair of glasses, put on only when a certain name comes up; underneath, everything is still there to see.",
    student=(
        "For requests that come one after another, without any data to keep. A LoRA learns refusals on the forget set; its A "
        "is kept orthogonal to those of earlier requests, so that a later request undoes no earlier one. A detector for each "
        "request compares a question with its own (Mahalanobis distance and cosine in every layer, then a one-class SVM), and "
        "the LoRA is scaled by how surely one of them knows the question. Whoever has the weights leaves the LoRA out; a "
        "question in other words may walk past the gate."
    ),
    source={
        "title": "Gao et al., On Large Language Model Continual Unlearning (O3), ICLR 2025",
        "url": "https://arxiv.org/abs/2407.10223",
        "code": "https://github.com/GCYZSL/O3-LLM-UNLEARNING",
    },
    label="same algorithm, smaller model",
    kind="hide",
    departures=(
        "The detector looks at the model's own averaged states, with a shrunk covariance, instead of a RoBERTa of its own that is "
        "trained with masked words and a contrastive entropy. A layer's score is the largest cosine minus half the squared "
        "distance over 1000, as the paper means it; in the released code the cosine counts with the opposite sign. Held-out questions are the paraphrases of the data set, which measures use as "
        "well. A smaller rank than 8, a larger step size, and no dropout. One job is one request; the next begins after it, "
        "and all requests share the latest change, as in the released code." + STEADY
    ),
    guard=True,
    needs=("answers", "dense columns"),
    order=80,
)
def o3(run: Run[LanguageModel], params: O3) -> None:
    """Minimise CE on other answers + lambda ||A_i A_t^T||^2, which is summed over a layer's modules and averaged over layers; in the
    paper rank 8, 3e-4, lambda 0.1, 10 to 20 epochs, zeta 10."""
    detector = run.cached("the gate", lambda: _detector(run, params))
    run.cached("attach", lambda: _attach(run, params, detector))
    guard: Any = run.model.guard_o3
    loop = UnlearnLoop(run, params)
    run.model.requires_grad_(False)
    loop.trainable = [factor.requires_grad_(True) for factor in guard.factors]
    loop.optimizer = AdamW(loop.trainable, params.learning_rate, weight_decay=params.weight_decay)
    half = len(loop.trainable) // 2
    earlier = [guard.get_buffer(f"before_{number}") for number in range(half)]
    layers = decoder_layers(thin_layers(run.model))
    for forget_rows, _ in loop:
        with autocast(run), gate_open(guard):
            forget_loss = mean_nll(run.model, _target_batch(run, params, forget_rows))
        overlap = sum(
            (
                gate.drawn_apart([module[request] for module in earlier], loop.trainable[:half], layers)
                for request in range(len(earlier[0]))
            ),
            torch.zeros((), device=run.device),
        )
        loop.step(forget_loss + params.apart * overlap)
        run.log(forget=forget_loss.detach(), together=overlap.detach())
    for factor in loop.trainable:
        factor.requires_grad_(False)


def decoder_layers(names: Iterable[str]) -> int:
    """How many decoder layers some modules belong to, told by the first number in their names."""
    return len({next((part for part in name.split(".") if part.isdigit()), "") for name in names})


@contextlib.contextmanager
def gate_open(guard: "Gated") -> Iterator[None]:
    """A context in which the LoRA acts fully on every question."""
    guard.always = True
    try:
        yield
    finally:
        guard.always = False


def _target_batch(run: Run[LanguageModel], params: O3, forget_rows: Tensor) -> Texts:
    """Forget questions with the answers to learn instead: refusals or wrong answers."""
    if params.answers == "refusals":
        return refusal_batch(run, forget_rows, params.instead)
    pairs = [run.task.questions.forget[row] for row in forget_rows.tolist()]
    answers = [pair.wrong[int(torch.randint(len(pair.wrong), ()))] for pair in pairs]
    return run.task.reader.pairs([pair.question for pair in pairs], answers).to(run.device)


def _detector(run: Run[LanguageModel], params: O3) -> gate.Detector:
    """Fit the detector of a request on its questions, its paraphrases held out; without paraphrases, every third question."""
    task = run.task
    words = opening(task.reader).to(run.device)

    def extract(texts: Texts) -> Tensor:
        return every_layer(run.original, texts.ids, texts.mask, words)

    pairs = task.questions.forget
    rephrased = [pair for pair in pairs if pair.rephrased_question]
    features = extract_features(run, "what to forget", task.forget, extract, params.probes).cpu()
    if not rephrased:
        held_out = torch.arange(len(features)) % 3 == 2
        return gate.fit(features[~held_out], features[held_out] if held_out.any() else features, NU)
    paraphrases = task.reader.pairs(
        [pair.rephrased_question for pair in rephrased], [pair.answer for pair in rephrased]
    )
    return gate.fit(
        features, extract_features(run, "the same in other words", paraphrases, extract, params.probes).cpu(), NU
    )


def _attach(run: Run[LanguageModel], params: O3, detector: gate.Detector) -> None:
    """Attach the LoRA and its detector, or add a detector where an earlier request attached them.

    Raises:
        BadInput: the earlier change has another rank.
    """
    shapes = thin_layers(run.model)
    guard: Any = getattr(run.model, "guard_o3", None)
    if guard is None:
        tensors = _initial_change(run, shapes, params.rank)
        detectors = []
    else:
        tensors = {
            f"before_{at}": torch.cat([guard.get_buffer(f"before_{at}"), guard.get_buffer(f"down_{at}")[None]])
            for at in range(len(shapes))
        }
        rank = len(guard.get_buffer("down_0"))
        if rank != params.rank:
            raise BadInput(
                f"rank was {params.rank}, but the request before has a change of rank {rank}; choose {rank}."
            )
        detectors = [{name: part.cpu() for name, part in one.items()} for one in gate.unstacked(guard.detectors)]
    tensors |= gate.stacked([*detectors, detector])
    tensors |= {
        "zeta": torch.tensor(params.zeta), "steps": torch.tensor(params.gate == "steps"), "strength": torch.tensor(1.0),
        "opening": opening(run.task.reader),
    }  # fmt: skip
    tensors = {name: tensor.to(run.device) for name, tensor in tensors.items()}
    if guard is None:
        attach(run.model, "o3", tensors)
    else:
        guard.take(tensors)


def _initial_change(run: Run[LanguageModel], shapes: Mapping[str, tuple[int, int]], rank: int) -> dict[str, Tensor]:
    """A LoRA that changes nothing yet: `down` random, `up` zero.

    Raises:
        BadInput: the model has no linear layers.
    """
    if not shapes:
        raise BadInput(
            f"O3 puts factors beside linear layers, and {run.task.id} has none; choose a model of the Llama kind."
        )
    tensors = {}
    for at, (outputs, inputs) in enumerate(shapes.values()):
        tensors[f"down_{at}"] = (torch.rand(rank, inputs) * 2 - 1) / inputs**0.5
        tensors[f"up_{at}"] = torch.zeros(outputs, rank)
        tensors[f"before_{at}"] = torch.zeros(0, rank, inputs)
    return tensors


class Gated(Guard):
    """O3: a thin change beside every linear layer, which acts as far as a question belongs to a request to forget.

    Buffers: `down_<i>` [rank, inputs] and `up_<i>` [outputs, rank] of each linear layer, numbered as `thin_layers` lists
    them; `before_<i>` [requests - 1, rank, inputs], the `down` of earlier requests; the detectors of all requests, stacked,
    by their names in gate.py; `zeta` [], `steps` [] (whether the gate is that of the released evaluation), `opening`.
    `strength` [] is 1: a share of the change scales all tensors alike, so they are divided by it.

    The layers of peft scale what they add alike for every text of a batch and stand in the place of a model's own. Here each question
    has a scale, and the model's weights keep their names, so that a later request finds them; hooks do both.
    """

    kind = "o3"
    grows = True
    zeta: Tensor
    steps: Tensor
    strength: Tensor
    opening: Tensor

    def __init__(self, model: Any, tensors: dict[str, Tensor]) -> None:
        super().__init__(model, tensors)
        self.open: Tensor | None = None  # how much of the change acts, by question [n]; None: nothing
        self.always = False  # act in full, whatever is asked: while the change learns

    def hook(self, model: Any) -> None:
        model.register_forward_pre_hook(self.look, with_kwargs=True)
        model.register_forward_hook(self.keep, with_kwargs=True)
        for number, name in enumerate(thin_layers(model)):
            model.get_submodule(name).register_forward_hook(Beside(self, number))

    @property
    def detectors(self) -> gate.Detector:
        """Of all requests, stacked."""
        return {name: self.get_buffer(name) / self.strength for name in gate.NAMES}

    @property
    def factors(self) -> list[Tensor]:
        """Every `down`, then every `up`."""
        return [part for kind in ("down_", "up_") for name, part in self.named_buffers() if name.startswith(kind)]

    def weights(self, features: Tensor) -> Tensor:
        """How much of the change acts on questions, from their features [n, layers, d]: [n], the most of all requests."""
        zeta = float(self.zeta / self.strength)
        by_request = []
        for one in gate.unstacked(self.detectors):
            sure = gate.confidence(gate.score(features, one), one["centres"], one["spread"])
            by_request.append(gate.weight(sure, zeta))
        most = torch.stack(by_request).amax(0)
        return gate.stepped(most) if self.steps else most

    def look(self, model: Any, args: tuple[Any, ...], kwargs: CallInputs) -> None:
        """Decide how much acts where a text begins; while an answer is written it stays so."""
        self.open = None
        inputs = inputs_by_name(model, args, kwargs)
        if inputs.get("input_ids") is None or not self.strength:
            return
        if not self.starts(inputs):
            self.open = getattr(cache_in(inputs), "open", None)
            return
        ids, mask = inputs["input_ids"], inputs.get("attention_mask")
        mask = torch.ones_like(ids) if mask is None else mask
        if self.always:
            self.open = self.strength.expand(len(ids))
            return
        with torch.no_grad():
            self.open = self.weights(every_layer(model, ids, mask, self.opening, inputs.get("position_ids")))

    def keep(self, model: Any, args: tuple[Any, ...], kwargs: CallInputs, output: Any) -> Any:
        """Remember it on the cache of the answer."""
        cache = cache_in(output)
        if cache is not None:
            cache.open = self.open
        self.open = None
        return output

    def beside(self, number: int, x: Tensor, output: Tensor) -> Tensor:
        """What a linear layer says [n, length, outputs], with the change; [n * length, outputs] where the architecture hands the
        places of all questions in one row."""
        if self.open is None or len(x) % len(self.open) or (x.dim() > 2 and len(x) != len(self.open)):
            return output
        weight = self.open.repeat_interleave(len(x) // len(self.open)).view(-1, *[1] * (x.dim() - 1))
        down, up = self.get_buffer(f"down_{number}"), self.get_buffer(f"up_{number}")
        change = F.linear(F.linear(x, down), up) / self.strength**2
        return output + SCALE * weight.to(output.dtype) * change.to(output.dtype)


class Beside:
    """A hook that knows its linear layer; it is copied with its guard."""

    def __init__(self, guard: Gated, number: int) -> None:
        self.guard, self.number = guard, number

    def __call__(self, module: nn.Module, args: tuple[Any, ...], output: Tensor) -> Tensor:
        return self.guard.beside(self.number, args[0], output)


def every_layer(model: Any, ids: Tensor, mask: Tensor, words: Tensor, positions: Tensor | None = None) -> Tensor:
    """The states of the tokens of each question after every layer, averaged [n, layers, d]; those that the model makes narrower
    or wider at its end (OPT's projection) are left out."""
    hidden = model.base_model(
        input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False, output_hidden_states=True
    )
    where = question_mask(ids, mask, words)[..., None]
    count = where.sum(1).clamp(min=1)
    after = [states for states in hidden.hidden_states[1:] if states.shape[-1] == hidden.hidden_states[0].shape[-1]]
    return torch.stack([(states.float() * where).sum(1) / count for states in after], 1)
