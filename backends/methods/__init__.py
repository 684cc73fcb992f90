"""One unlearning method per file. Shared mathematics stands in files whose name starts with an underscore."""
