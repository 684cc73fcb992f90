"""Everything that computes. Imports nothing of the interface."""

import os

# Threads that wait for each other must sleep, not spin: beside a page or a second job on the same cores, spinning made a
# training step four to sixteen times slower. OpenMP reads this when torch is first loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
