"""Exported guards of earlier versions name this module; what they need of it stands in `backends.core.run`."""

from ..core.run import restore

__all__ = ["restore"]
