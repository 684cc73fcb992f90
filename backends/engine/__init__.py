"""Dispatcher, executors, one job, checkpoints, cancellation, and the process that answers pages."""
