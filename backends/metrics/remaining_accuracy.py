"""Remaining accuracy (RA): accuracy on the retain set."""

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..core.task import ClassifierTask
from ._common import CARD_0, accuracy


@metric(
    id="remaining_accuracy",
    title="Remaining accuracy (RA)",
    short="RA",
    summary="How often it is right on the retain set; a drop is damage.",
    source=CARD_0,
    needs=("classes",),
    unit="%",
    direction="higher",
    measures="keeping",
    order=2,
)
def remaining_accuracy(evidence: Evidence[ClassifierTask]) -> Score:
    """Accuracy on the retain set, in percent. Items: 1 where right.

    It looks at every training image that is not to be forgotten, also where the method could rehearse only a keep list.
    An empty retain set is not measured.
    """
    return accuracy(evidence, "retain")
