"""Fact recall with a single expert switched off."""

import numpy as np

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..families.language.task import LanguageModel
from ._answers import SEUF


@metric(
    id="one_expert_off",
    title="Fact recall with one expert off",
    short="one expert off",
    summary="How often the fact comes back once the one expert that holds back most adds nothing.",
    source=SEUF,
    departures="It is our test; the paper has none.",
    needs=("answers", "router"),
    unit="%",
    direction="lower",
    measures="forgetting",
    enough=25,
    order=13,
)
def one_expert_off(evidence: Evidence[LanguageModel]) -> Score:
    """Percent of the first questions to be forgotten (at most 40) whose greedy answer holds the value asked for, with one expert of
    one layer adding nothing: of all experts the one without which the true answers become likeliest.

    Parts: the same questions with all experts, which one it is, layer and expert from 1, and how many questions there are. Of no other model than the one after;
    not measured of mixtures too large to try every expert.
    """
    responses = evidence.outputs.get("said_one_off")
    if evidence.when != "after" or responses is None:
        return Score(float("nan"))
    indices = [index for index, item in enumerate(evidence.task.questions.suite) if item.role == "forget"][
        : len(responses)
    ]
    values = [evidence.task.questions.suite[index].pair.value.casefold() for index in indices]
    with_value = [index for index, value in enumerate(values) if value]
    if not with_value:
        return Score(float("nan"))

    def recalls(texts: list[str]) -> np.ndarray:
        return 100 * np.array([values[index] in texts[index].casefold() for index in with_value], np.float32)

    ablated = recalls([str(text) for text in responses])
    plain = recalls([str(evidence.outputs["said"][index]) for index in indices])
    layer, expert = (float(number) + 1 for number in evidence.outputs["one_off"])
    parts = {
        "with all experts": float(plain.mean()),
        "layer": layer,
        "expert": expert,
        "questions": float(len(with_value)),
    }
    return Score(float(ablated.mean()), parts=parts, items=ablated)
