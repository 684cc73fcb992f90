"""Everything that computes. Imports nothing of the interface."""

import os

# Threads that wait for each other must sleep, not spin: beside a page or a second job on the same cores, spinning made a
# training step four to sixteen times slower. A short spin first (GNU OpenMP counts its turns) costs little beside others and
# makes the step of a small model a fifth quicker where the cores are free. OpenMP reads this when torch is first loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
