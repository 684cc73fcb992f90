"""What was asked in the tab Ask, as settings of the look inside that "why?" leads to: the address names inspector and setting."""

from typing import Any

import gradio as gr

from app import forms
from backends.api import catalog
from pages.studio.run._page import Place


def settings(at: str) -> list[Any]:
    """Updates of the forms of all inspectors, then of the settings in them: texts that the address names for the chosen one, whose form opens."""
    query = Place.read(at).query
    groups: list[Any] = []
    updates: list[Any] = []
    for entry in catalog.load().looks:
        count = sum(isinstance(update, str) for update in updates)
        for name, schema in forms.properties(entry.params).items():
            text = query.get(name, "")
            fits = schema.get("type") == "string" and 0 < len(text) <= schema.get("maxLength", 0)
            updates.append(text if fits and entry.id == query.get("inspector") else gr.skip())
        opens = sum(isinstance(update, str) for update in updates) > count
        groups.append(gr.Accordion(open=True) if opens else gr.skip())
    return [*groups, *updates]
