"""Corrected accuracy: right again where manipulated images had led the model astray."""

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..core.task import ClassifierTask
from ._common import CORRECTIVE, accuracy, of_tampering


@metric(
    id="corrected_accuracy",
    title="Corrected accuracy (Acc_corr)",
    short="Acc_corr",
    summary="How often it is right, by the true labels, on the test images that the manipulation concerns.",
    source=CORRECTIVE,
    needs=("classes",),
    unit="%",
    direction="higher",
    measures="forgetting",
    forgets="higher",
    lacks=of_tampering(),
    order=37,
)
def corrected_accuracy(evidence: Evidence[ClassifierTask]) -> Score:
    """Accuracy by the true labels on test images that bear the trigger, or of the classes whose labels were swapped, in percent. Items: 1
    where right. `testing_accuracy` is the paper's Acc_retain beside it."""
    return accuracy(evidence, "test_forget")
