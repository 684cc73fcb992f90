"""How the embedded models and data were made: one command per file, run as `python -m backends.zoo COMMAND`."""
