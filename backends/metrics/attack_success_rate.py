"""Attack success rate (ASR): how often a trigger still gets its way."""

from typing import Any

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ._common import CORRECTIVE, of_tampering, predictions


@metric(
    id="attack_success_rate",
    title="Attack success rate (ASR)",
    short="ASR",
    summary="How often a new image or question that bears the trigger is answered with what the trigger stands for.",
    source=CORRECTIVE,
    needs=("manipulable",),
    unit="%",
    direction="lower",
    measures="forgetting",
    lacks=of_tampering("trigger", "bias"),
    order=36,
)
def attack_success_rate(evidence: Evidence[Any]) -> Score:
    """The share of test images of other classes that are given the trigger's class once they bear it, or of questions that were not manipulated
    and are answered with the trigger's answer once it stands before them, in percent. Items: 1 where so.

    A model that never saw the trigger does so by mistake now and then; the retrained reference says how often.
    """
    if hasattr(evidence.task, "obeyed"):  # it answers in words
        obeyed, ids = evidence.task.obeyed(evidence.outputs)
    else:
        target = evidence.task.names.index(evidence.task.corrects.how.classes[0])
        obeyed = (predictions(evidence.logits("test_forget")) == target).astype("float32")
        ids = evidence.ids("test_forget")
    return Score(100 * float(obeyed.mean()), items=obeyed, ids=ids)
