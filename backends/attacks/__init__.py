"""One attack per file: a try to bring back what was forgotten, made on the original, the unlearned and the retrained models alike."""
