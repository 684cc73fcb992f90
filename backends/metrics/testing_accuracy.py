"""Testing accuracy (TA), without the forgotten classes."""

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..core.task import ClassifierTask
from ._common import CARD_0, accuracy


@metric(
    id="testing_accuracy",
    title="Testing accuracy (TA)",
    short="TA",
    summary="How often it is right on test images, the forgotten classes left out.",
    source=CARD_0,
    needs=("classes",),
    unit="%",
    direction="higher",
    measures="keeping",
    order=3,
)
def testing_accuracy(evidence: Evidence[ClassifierTask]) -> Score:
    """Accuracy on the test set without the forgotten classes, in percent. Items: 1 where right.

    Where single images were forgotten no class is left out. A data set without test images is not measured.
    """
    return accuracy(evidence, "test")
