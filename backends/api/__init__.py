"""The contract between what computes and what shows: the only part of `backends` the interface may import.

It imports no model library, directly or through others, so a web process that uses all of it stays small.
"""

__version__ = "0.1.0"
