"""The shell of the web program; never imports torch."""

from app.gradio_patches import without_stubs

without_stubs()
