"""Run: one page per run, while it works and after: what it made, what it answers, what is inside, whether it comes back, its numbers.

The address says which run: ?id=RUN, with &with= a second run beside it and &tab= the open tab. One module a tab.
"""

from types import ModuleType

import gradio as gr
from gradio.context import Context

from pages.studio._shared import alone, identity, nav
from pages.studio.run import _ask, _comeback, _head, _inside, _numbers, _see
from pages.studio.run._page import RunPage

TITLE, PATH, ORDER, IN_BAR = "Run", "run", 10, False

TABS: dict[str, tuple[str, ModuleType]] = {
    "see": ("See", _see),
    "ask": ("Ask", _ask),
    "inside": ("Inside", _inside),
    "back": ("Does it come back?", _comeback),
    "numbers": ("Numbers", _numbers),
}


def build() -> None:
    """The page."""
    nav()
    page = RunPage(identity(), list(TABS))
    _head.build(page)
    with gr.Tabs(elem_id="run-tabs"):
        for name, (title, module) in TABS.items():
            with gr.Tab(title, id=name, elem_id=f"run-tab-{name}"):
                module.build(page)
    assert Context.root_block is not None
    Context.root_block.load(None, None, None, js="() => window.letheOpenTab()")


if __name__ == "__main__":
    alone(build)
