"""What a plug-in sees, and nothing of how jobs live: the registry, a run, evidence, tasks and tensors."""
