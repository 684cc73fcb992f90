"""Every expert of a mixture switched off, one after the other: what each brings, and which one holds answers back."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...data.authors import QAPair
from .experts import moe_layers, switched_off
from .tokens import PromptTokenizer, Texts, answers, nll

FACTS = 20  # forget-set questions whose facts are counted with an expert switched off
SWEPT = 640_000_000  # weights times experts, so that the passes take no longer than the answers do


@torch.no_grad()
def gains(
    model: Any, texts: Texts, steps: Callable[[list[tuple[Any, int]]], Iterable[tuple[Any, int]]] = iter
) -> NDArray[np.float64]:
    """Points of probability of each answer, exp(-NLL a token), with each expert of each layer adding nothing, less that with all
    of them [layers, experts, texts]: negative where the expert is missed, positive where it held the answer back. `steps` gives
    the experts back one by one, and may tell how far it is."""
    texts = texts.to(next(model.parameters()).device)

    def share() -> NDArray[np.float64]:
        lost, count = nll(model, texts)
        return (100 * (-lost / count).exp()).double().cpu().numpy()

    baseline, rows, layers, below = share(), [], moe_layers(model), Below(model)
    with below.recorded():
        share()
    for layer, expert in steps([(one, number) for one in layers for number in range(one.count)]):
        with below.skipped(layer.number), switched_off(model, [(layer.number, expert)]):
            rows.append(share() - baseline)
    return np.stack(rows).reshape(len(layers), -1, len(baseline))


class Below:
    """What the decoder layers of a model say to one batch, so that the layers below a change need not say it again."""

    def __init__(self, model: Any) -> None:
        self._layers = list(model.base_model.layers)
        self._outputs: list[Any] = []

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Within this, the batch is to be read once."""
        hooks = [layer.register_forward_hook(self._keep) for layer in self._layers]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    @contextmanager
    def skipped(self, number: int) -> Iterator[None]:
        """Within this, the layers below layer `number` give back what they said, and do nothing."""
        for layer, output in zip(self._layers[:number], self._outputs, strict=False):
            layer.forward = lambda *_, output=output, **__: output
        try:
            yield
        finally:
            for layer in self._layers[:number]:
                del layer.forward

    def _keep(self, layer: Any, arguments: Any, output: Any) -> None:
        self._outputs.append(output)


def highest(mean: NDArray[np.float64], model: Any) -> tuple[int, int, float]:
    """(layer as numbered in the model, expert, points) of the one expert without which most comes back; `mean` is `gains` over
    the texts, [layers, experts]."""
    at, expert = np.unravel_index(int(np.nan_to_num(mean, nan=-np.inf).argmax()), mean.shape)
    return moe_layers(model)[int(at)].number, int(expert), float(mean[at, expert])


def few_enough(model: Any) -> bool:
    """Whether a mixture is small enough to be swept while a job is measured."""
    experts = sum(layer.count for layer in moe_layers(model))
    return bool(sum(weight.numel() for weight in model.parameters()) * experts <= SWEPT)


def without_best(
    model: Any, reader: PromptTokenizer, texts: Texts, questions: Sequence[str], most: int
) -> dict[str, NDArray[Any]]:
    """For a run's outputs: `one_off`, layer and expert, both from 0, without which the answers come back most, and
    `said_one_off`, what the model says to the questions with that one switched off."""
    layer, expert, _ = highest(gains(model, texts).mean(-1), model)
    with switched_off(model, [(layer, expert)]):
        responses = answers(model, reader, questions, most)
    return {"one_off": np.array([layer, expert]), "said_one_off": np.array(responses, np.str_)}


def asked_for_facts(task: Any) -> list[int]:
    """Places in the suite of a language task: the first questions of the forget set that ask for a fact."""
    suite = task.questions.suite
    return [int(place) for place in task.parts["forget"] if suite[place].pair.value][:FACTS]


def names_fact(pair: QAPair, response: str) -> bool:
    """Whether an answer names the fact that its question asks for."""
    return bool(pair.value) and pair.value.casefold() in response.casefold()


def facts_changed(pairs: Sequence[QAPair], own: Sequence[str], others: Sequence[str]) -> tuple[int, int]:
    """(facts that only `others` name, facts that only the `own` answers name) of responses to the same questions."""
    both = [
        (names_fact(pair, mine), names_fact(pair, other)) for pair, mine, other in zip(pairs, own, others, strict=True)
    ]
    return sum(other and not mine for mine, other in both), sum(mine and not other for mine, other in both)
