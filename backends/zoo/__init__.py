"""How the embedded models and data were made: scripts that make them again."""
