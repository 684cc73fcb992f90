"""Home: the front door, always the same: what Lethe does, in pictures, and the ways in."""

import gradio as gr

from app import markup
from pages.studio._shared import alone, nav

TITLE, PATH, ORDER, IN_BAR = "Home", "", 0, True


def build() -> None:
    """The page."""
    nav()
    gr.HTML(
        markup.head(
            "Make a model forget. See what is left.",
            "Machine unlearning you can watch: pick a model, say what it should forget, and test whether the knowledge is erased or only hidden.",
        )
    )


if __name__ == "__main__":
    alone(build)
