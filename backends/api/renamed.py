"""Ids that an entry of the catalog had before: old runs, links and measured rows go on naming them.

The file of an entry says so itself, `@method(id="random_label_llm", was=("random_labels_text",), ...)`. It is read here without
being run, as a job's spec is opened where no library of models is.
"""

import ast
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator

BACKENDS = Path(__file__).parents[1]


@cache
def renamed(kind: str) -> dict[str, str]:
    """Old id -> id, of the entries in backends/<kind>."""
    ids: dict[str, str] = {}
    for path in sorted((BACKENDS / kind).glob("[a-z]*.py")):
        text = path.read_text("utf-8")
        if "was=(" not in text:
            continue
        for call in (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)):
            words = {word.arg: word.value for word in call.keywords}
            if {"id", "was"} <= words.keys():
                ids |= dict.fromkeys(ast.literal_eval(words["was"]), ast.literal_eval(words["id"]))
    return ids


def current(kind: str, entry_id: str) -> str:
    """The id that an entry has now, for any that it ever had; what is no old id stays as it is."""
    return renamed(kind).get(entry_id, entry_id)


def _current_method(value: object) -> object:
    return current("methods", value) if isinstance(value, str) else value


MethodId = Annotated[str, BeforeValidator(_current_method)]
