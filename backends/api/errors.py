"""Errors that reach a person. Each message is one sentence: what was given, and what is allowed."""

import os
import re

SECRETS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACEHUB_API_TOKEN")  # variables that hold a token of the Hub
TOKEN = re.compile(r"\bhf_[A-Za-z0-9]{8,}")
HIDDEN = "hf_…"


class LetheError(Exception):
    """Something a person can act on. `str(error)` is shown as it is, without a traceback."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*(one_line(text) if isinstance(text, str) else text for text in arguments))


def one_line(text: str) -> str:
    """The text with every line break and run of spaces as one space: a name may hold them, a sentence must not. No token is in it."""
    return " ".join(without_tokens(text).split())


def without_tokens(text: str) -> str:
    """The text without any token of the Hugging Face Hub: neither this process's nor what looks like one."""
    for value in filter(None, map(os.environ.get, SECRETS)):
        text = text.replace(value, HIDDEN) if len(value) >= 8 else text
    return TOKEN.sub(HIDDEN, text)


class BadInput(LetheError):
    """What was asked for cannot be done as asked; nothing was written. The command line exits with 2."""


class Unreadable(BadInput):
    """A run's folder that cannot be read: damaged, or written by a version of Lethe that writes something else."""


class Busy(LetheError):
    """Somebody else holds what is needed: a port, a home, a run."""


class OutOfReach(LetheError):
    """A scheduler, a file or a disk could not be reached or written."""


# What reading a run's folder can raise that is damaged, deleted meanwhile, or was never there.
DAMAGED = (LetheError, OSError, ValueError, LookupError, TypeError)
