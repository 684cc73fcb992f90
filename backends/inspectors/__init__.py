"""One inspector per file: a look inside a finished run."""
