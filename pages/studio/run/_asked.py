"""What was asked in the tab Ask, as settings of the look inside that "why?" leads to: the address names inspector and setting."""

from typing import Any

import gradio as gr

from app import forms
from backends.api import catalog
from pages.studio.run._page import Place


def settings(at: str) -> list[Any]:
    """Updates of the settings of every inspector, in the order of the page: texts that the address names for the chosen one."""
    query = Place.read(at).query
    updates: list[Any] = []
    for entry in catalog.load().looks:
        for name, schema in forms.properties(entry.params).items():
            text = query.get(name, "")
            fits = schema.get("type") == "string" and 0 < len(text) <= schema.get("maxLength", 0)
            updates.append(text if fits and entry.id == query.get("inspector") else gr.skip())
    return updates
