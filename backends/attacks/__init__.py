"""One attack per file: a try to bring back what was forgotten."""
