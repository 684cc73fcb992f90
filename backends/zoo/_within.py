"""Findings that were made outside of a run's folder, as they lie within it."""

from typing import Any


def within(node: Any, begins: str, kind: str) -> Any:
    """What was found outside the run's folder, with its pictures named relative to that folder.

    Args:
        node: the findings as JSON.
        begins: how the paths of its pictures begin: the name of the look and a slash.
        kind: the folder that looks of its kind lie in.
    """
    if isinstance(node, dict):
        return {key: within(value, begins, kind) for key, value in node.items()}
    if isinstance(node, list):
        return [within(value, begins, kind) for value in node]
    return f"{kind}/{node}" if isinstance(node, str) and node.startswith(begins) else node
