"""Whether what seems forgotten comes back when one single expert is switched off."""

import numpy as np

from ..engine.evidence import Evidence, Score
from ..registry import metric
from ._answers import DENSE, SEUF


@metric(
    id="one_expert_off",
    title="Names the fact, with one expert off",
    short="one expert off",
    summary="How many questions on what was to be forgotten are answered with the fact again once the one expert that holds back most adds nothing.",
    source=SEUF,
    works_with={"moe": True, "llm": DENSE},
    unit="%",
    direction="lower",
    measures="forgetting",
    enough=25,
    order=13,
)
def one_expert_off(evidence: Evidence) -> Score:
    """Percent of the first questions to be forgotten (at most 40) whose greedy answer holds the value asked for, with one expert of
    one layer adding nothing: of all experts the one without which the true answers become likeliest. Our test; the paper has none.

    Parts: the same questions with all experts, which one it is, layer and expert from 1, and how many questions there are. Of no other model than the one after;
    not measured of mixtures too large to try every expert.
    """
    said = evidence.outputs.get("said_one_off")
    if evidence.when != "after" or said is None:
        return Score(float("nan"))
    places = [at for at, item in enumerate(evidence.task.questions.suite) if item.role == "forget"][: len(said)]
    values = [evidence.task.questions.suite[at].pair.value.casefold() for at in places]
    asked = [at for at, value in enumerate(values) if value]
    if not asked:
        return Score(float("nan"))

    def named(texts: list[str]) -> np.ndarray:
        return 100 * np.array([values[at] in texts[at].casefold() for at in asked], np.float32)

    found = named([str(text) for text in said])
    plain = named([str(evidence.outputs["said"][at]) for at in places])
    layer, expert = (float(number) + 1 for number in evidence.outputs["one_off"])
    parts = {"with all experts": float(plain.mean()), "layer": layer, "expert": expert, "questions": float(len(asked))}
    return Score(float(found.mean()), parts=parts, items=found)
