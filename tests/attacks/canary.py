"""What an attack must never read."""

CANARY = "PLANTED-CANARY-7f3a"
