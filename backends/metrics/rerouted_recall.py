"""Fact recall with the original model's routing forced on the unlearned one."""

import numpy as np

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..families.language.task import LanguageModel
from ._answers import SEUF


@metric(
    id="rerouted_recall",
    title="Fact recall with the original routing",
    short="rerouted",
    summary="How often the fact comes back when the original model chooses the experts.",
    source=SEUF,
    departures="It is our test; the paper has none.",
    needs=("answers", "router"),
    unit="%",
    direction="lower",
    measures="forgetting",
    enough=25,
    order=12,
)
def rerouted_recall(evidence: Evidence[LanguageModel]) -> Score:
    """Percent of the first questions to be forgotten (at most 40) whose greedy answer holds the value asked for, by the unlearned
    weights with the experts and gate scores that the model before has for the same words.

    Parts: the same questions without it. Of no other model than the one after.
    """
    responses = evidence.outputs.get("said_rerouted")
    if evidence.when != "after" or responses is None:
        return Score(float("nan"))
    indices = [index for index, item in enumerate(evidence.task.questions.suite) if item.role == "forget"][
        : len(responses)
    ]
    values = [evidence.task.questions.suite[index].pair.value.casefold() for index in indices]
    with_value = [index for index, value in enumerate(values) if value]

    def recalls(texts: list[str]) -> np.ndarray:
        return 100 * np.array([values[index] in texts[index].casefold() for index in with_value], np.float32)

    forced = recalls([str(text) for text in responses])
    plain = recalls([str(evidence.outputs["said"][index]) for index in indices])
    if not len(forced):
        return Score(float("nan"))
    return Score(float(forced.mean()), parts={"with its own routing": float(plain.mean())}, items=forced)
