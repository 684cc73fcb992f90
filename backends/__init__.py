"""Everything that computes. Imports nothing of the interface."""
