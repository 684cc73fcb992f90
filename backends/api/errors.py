"""Errors that reach a person. Each message is one sentence: what was given, and what is allowed."""


class LetheError(Exception):
    """Something a person can act on. `str(error)` is shown as it is, without a traceback."""


class BadInput(LetheError):
    """What was asked for cannot be done as asked; nothing was written. The command line exits with 2."""


class Busy(LetheError):
    """Somebody else holds what is needed: a port, a home, a run."""


class OutOfReach(LetheError):
    """A scheduler, a file or a disk could not be reached or written."""
