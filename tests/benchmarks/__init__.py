"""How fast and how small Lethe is, printed and never asserted: `python -m tests.benchmarks`."""
