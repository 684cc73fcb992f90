"""The models of a run as torch modules: the one module of this package that loads a model library."""

from torch import nn

from backends.core.evidence import When
from backends.engine.session import Desk


def load(run_id: str, when: When) -> nn.Module | None:
    """A model of a finished run, on this machine's device, in eval mode; None where it has no retrained reference.

    Raises:
        BadInput: the run is not done.
    """
    return Desk().run(run_id).model(when)
