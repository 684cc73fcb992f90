"""Which family of models a run is of, and what the family can do, said without opening the model."""

from backends.api.families import every, get, has, of_model, of_run

__all__ = ["every", "get", "has", "of_model", "of_run"]
