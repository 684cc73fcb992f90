"""Testing accuracy on the forgotten classes."""

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..core.task import ClassifierTask
from ._common import CARD_0, accuracy


@metric(
    id="forgotten_test_accuracy",
    title="Testing accuracy on forgotten classes",
    short="TA of forgotten classes",
    summary="How often it is still right on new images of the forgotten classes.",
    source=CARD_0,
    needs=("classes",),
    unit="%",
    direction="reference",
    measures="forgetting",
    forgets="lower",
    lacks=lambda task: "" if task.corrects is None else "No class is to be forgotten.",
    order=4,
)
def forgotten_test_accuracy(evidence: Evidence[ClassifierTask]) -> Score:
    """Accuracy on the test images of the forgotten classes, in percent. Items: 1 where right.

    Not measured where single images were forgotten, because then no class is: their classes live on in other images.
    """
    return accuracy(evidence, "test_forget")
