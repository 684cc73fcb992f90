"""What families of models share: weights that belong together, low-rank factors, the training recipe, retrained references."""
