"""Corrected accuracy: right again where manipulated images had led the model astray."""

from typing import Any

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ._common import CORRECTIVE, accuracy, of_tampering


@metric(
    id="corrected_accuracy",
    title="Corrected accuracy (Acc_corr)",
    short="Acc_corr",
    summary="How often it is right, by the true labels or answers, on new ones that the manipulation concerns.",
    source=CORRECTIVE,
    needs=("manipulable",),
    unit="%",
    direction="higher",
    measures="forgetting",
    forgets="higher",
    lacks=of_tampering(),
    order=37,
)
def corrected_accuracy(evidence: Evidence[Any]) -> Score:
    """Accuracy by the true labels on test images that bear the trigger, or of the classes whose labels were swapped, or the share of questions with
    the trigger before them whose answer holds the fact asked for, in percent. Items: 1 where right. `testing_accuracy` and `fact_recall` are the
    paper's Acc_retain beside it."""
    if not hasattr(evidence.task, "right_again"):
        return accuracy(evidence, "test_forget")
    right, ids = evidence.task.right_again(evidence.outputs)  # it answers in words
    return Score(100 * float(right.mean()), items=right, ids=ids)
