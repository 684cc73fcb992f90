"""Attack success rate (ASR): how often a trigger still gets its way."""

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..core.task import ClassifierTask
from ._common import CORRECTIVE, of_tampering, predictions


@metric(
    id="attack_success_rate",
    title="Attack success rate (ASR)",
    short="ASR",
    summary="How often a test image that bears the trigger is given the class that the trigger stands for.",
    source=CORRECTIVE,
    needs=("classes",),
    unit="%",
    direction="lower",
    measures="forgetting",
    lacks=of_tampering("trigger", "bias"),
    order=36,
)
def attack_success_rate(evidence: Evidence[ClassifierTask]) -> Score:
    """The share of test images of other classes that are given the trigger's class once they bear it, in percent. Items: 1 where given.

    A model that never saw the trigger gives some of them that class by mistake; the retrained reference says how many.
    """
    done = evidence.task.corrects
    target = evidence.task.names.index(done.how.classes[0])
    obeyed = (predictions(evidence.logits("test_forget")) == target).astype("float32")
    return Score(100 * float(obeyed.mean()), items=obeyed, ids=evidence.ids("test_forget"))
