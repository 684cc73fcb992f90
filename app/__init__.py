"""The shell of the web program; never imports torch."""

from app.quick import without_stubs

without_stubs()
