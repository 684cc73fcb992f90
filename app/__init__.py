"""The shell of the web program; never imports torch."""
