"""Key space detection: a guard that refuses where the model's inner keys lie in the box of the forget set."""

from collections.abc import Callable
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from ..api.errors import BadInput
from ..core.registry import Params, method
from ..core.run import Run
from ..families.language.caches import CallInputs, cache_in, inputs_by_name
from ..families.language.concept_vectors import writers
from ..families.language.guards import Guard, attach, ends, opening
from ..families.language.task import LanguageModel
from ..families.language.tokens import Texts
from ._guarding import extract_features

SURE = 0.99  # probability of each word of a refusal


class KeySpaceDetection(Params):
    """Where the box stands, how large it is, and what is said in it."""

    layer: int = Field(default=-1, ge=-200, le=200, description="Layer whose keys are looked at; -1 is the last.")
    size: float | None = Field(
        default=None,
        gt=0,
        le=100,
        description="Size of the box, in that which holds all questions to forget. Empty: as large as false alarms allow.",
    )
    alarms: float = Field(
        default=1.0,
        ge=0,
        le=100,
        description="Percent of questions to keep that may be declined where the size is empty.",
    )
    probes: int = Field(
        default=500, ge=2, le=10_000, description="At most so many questions of each kind are looked at."
    )
    refusal: str = Field(default="I don't know.", min_length=1, max_length=200, description="What is said instead.")


@method(
    id="key_space_detection",
    title="Key Space Detection (KSD)",
    short="KSD",
    summary="Leaves the weights; notices from the inside what a question is about, and declines.",
    school="When a forbidden topic comes to mind, the answer is: I don't know.",
    student=(
        "The key of a question is what enters down_proj of one layer at its last token. The keys of all questions to forget, with "
        "mean mu and spread s, lie in the box mu +- k s for some least k; at every word, a key inside mu +- h k s, in all "
        "coordinates at once, stops the answer. One coordinate outside is enough to pass, so the box is brittle, and "
        "it declines rather than forgets. It was made for whole skills; questions on two authors have keys much alike."
    ),
    source={
        "title": "Li et al., Effective Skill Unlearning through Intervention and Abstention, NAACL 2025",
        "url": "https://arxiv.org/abs/2503.21730",
        "code": "https://github.com/Trustworthy-ML-Lab/effective_skill_unlearning",
    },
    label="same algorithm, smaller model",
    kind="hide",
    departures=(
        "The least k is the largest standardised distance, taken directly instead of by bisection. h, tuned by hand in the paper (2, or "
        "0.06), is by default the largest that declines 1 % of the questions to keep. A refusal begins at the word that "
        "sets it off; what was said before stands."
    ),
    guard=True,
    needs=("answers", "dense columns"),
    order=74,
)
def key_space_detection(run: Run[LanguageModel], params: KeySpaceDetection) -> None:
    """Attach the guard with the box of the keys at the last token of each question, of the last layer by default."""
    count = len(writers(run.original))
    if not -count <= params.layer < count:
        raise BadInput(
            f"key_space_detection: layer was {params.layer}, but the model has {count}: -{count} to {count - 1}."
        )
    layer = params.layer % count
    forget, keep = (
        extract_features(run, f"what to {name}", getattr(run.task, name), keys(run, layer), params.probes)
        for name in ("forget", "keep")
    )
    low, high, size = box(forget, keep, params.size, params.alarms / 100)
    fired = [100 * float(inside(part, low, high).float().mean()) for part in (forget, keep)]

    reader = run.task.reader
    refusal = torch.tensor(reader.answer_ids(params.refusal))
    for _ in run.steps("attach", 1):
        tensors = {
            "layer": torch.tensor(layer),
            "low": low,
            "high": high,
            "refusal": refusal,
            "opening": opening(reader),
        }
        attach(run.model, "key_space_detection", tensors)
        run.log(size=size, declined=fired[0], false_alarms=fired[1])


def keys(run: Run[LanguageModel], layer: int) -> Callable[[Texts], Tensor]:
    """A function that extracts the keys [n, units] of questions at their last token."""
    opening_tokens = opening(run.task.reader).to(run.device)

    def extract(texts: Texts) -> Tensor:
        inputs: list[Tensor] = []
        hook = writers(run.original)[layer].register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
        try:
            run.original(input_ids=texts.ids, attention_mask=texts.mask)
        finally:
            hook.remove()
        last = ends(texts.ids, opening_tokens).long().argmax(1)
        every = inputs[0].reshape(*texts.ids.shape, -1)  # some architectures hand the places of all texts in one row
        return every[torch.arange(len(texts), device=last.device), last].float()

    return extract


def reach(keys: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Distance of each key from the mean, in standard deviations of its farthest coordinate [n]."""
    return ((keys - mean).abs() / std).amax(1)


def inside(keys: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Whether all coordinates lie in the box [n]."""
    return ((keys >= low) & (keys <= high)).all(1)


def box(forget: Tensor, keep: Tensor, size: float | None, alarms: float) -> tuple[Tensor, Tensor, float]:
    """(low [units], high [units], h) with the box mean +- h k std of the keys to forget [n, units].

    k is the least number that holds them all. Without a size, h is the largest up to 2 at which no more than the share `alarms`
    of the keys to keep lie inside.
    """
    mean, std = forget.mean(0), forget.std(0, correction=0).clamp(min=1e-8)
    most = float(reach(forget, mean, std).max())
    if not most:
        raise BadInput(
            "key_space_detection needs at least two different questions to forget, to tell how far they lie apart."
        )
    if size is None:
        near = reach(keep, mean, std).sort().values
        allowed = int(alarms * len(near))
        first = float(near[allowed]) if allowed < len(near) else float("inf")  # the first that must stay outside
        size = min(2.0, first / most * (1 - 1e-6))
    half = size * most * std
    return mean - half, mean + half, size


class Abstaining(Guard):
    """Key space detection: where the keys of a layer lie in the box of what is to be forgotten, the answer is a refusal.

    Buffers: `layer` [], `low` and `high` [units], `refusal` [words], the tokens said instead; `opening`.
    """

    kind = "key_space_detection"
    layer: Tensor
    low: Tensor
    high: Tensor
    refusal: Tensor
    opening: Tensor
    inside: Tensor

    def hook(self, model: Any) -> None:
        writers(model)[int(self.layer)].register_forward_pre_hook(self.look)
        model.register_forward_hook(self.refuse, with_kwargs=True)

    def look(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        """Note for every place whether all keys lie in the box; some architectures hand the places of all texts in one row."""
        self.inside = ((args[0] >= self.low) & (args[0] <= self.high)).all(-1)

    def refuse(self, model: Any, args: tuple[Any, ...], kwargs: CallInputs, output: Any) -> Any:
        """From the first place on that lies in the box, of those from which a word of the answer is said, refuse."""
        inputs = inputs_by_name(model, args, kwargs)
        fired = self.inside.reshape(len(output.logits), -1)
        if self.starts(inputs, done=True):
            fired = fired & self.answering(inputs)
        cache = cache_in(output)
        before = getattr(cache, "refused", None)
        before = fired.new_zeros(len(fired), dtype=torch.long) if before is None else before
        started = (fired.cumsum(1) > 0) | (before[:, None] > 0)
        at = before[:, None] + started.cumsum(1)  # how many words of the refusal are said with this one
        if cache is not None:
            cache.refused = at[:, -1]
        output.logits = self.instead(output.logits, at[:, -output.logits.shape[1] :])
        return output

    def answering(self, inputs: CallInputs) -> Tensor:
        """From where a word of the answer is said: the end of the question and what follows; bool [n, length]."""
        ids = inputs["input_ids"]
        here = ends(ids, self.opening)
        later = here.flip(1).cumsum(1).flip(1) - here.long() > 0  # a later end of a question follows
        return ~later

    def instead(self, logits: Tensor, at: Tensor) -> Tensor:
        """Logits [n, length, words] with the word number `at` (from 1; 0: none) of the refusal almost sure."""
        word = self.refusal[(at - 1).clamp(0, len(self.refusal) - 1)]
        other_log_prob = torch.tensor((1 - SURE) / (logits.shape[-1] - 1)).log()
        refusal_logits = torch.full_like(logits, float(other_log_prob)).scatter(
            -1, word[..., None], float(torch.tensor(SURE).log())
        )
        return torch.where((at > 0)[..., None], refusal_logits, logits)
