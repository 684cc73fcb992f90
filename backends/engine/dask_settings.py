"""How Lethe uses Dask: as a way to hold jobs on other machines, with everything that second-guesses them switched off."""

import os

# read when distributed is imported, here and in the workers that are started: Lethe says itself what there is to say
os.environ.setdefault(
    "DASK_DISTRIBUTED__LOGGING", "{'distributed': 'critical', 'distributed.client': 'critical', 'tornado': 'critical'}"
)

import dask
from distributed import Client, KilledWorker, Nanny, Scheduler

__all__ = ["CONFIG", "Client", "KilledWorker", "Nanny", "Scheduler", "use"]

CONFIG = {
    "distributed.scheduler.allowed-failures": 0,  # the dispatcher decides what is tried again
    "distributed.scheduler.work-stealing": False,
    "distributed.scheduler.http.routes": ["distributed.http.health"],
    "distributed.worker.http.routes": ["distributed.http.health"],
    "distributed.worker.memory.target": False,  # the job is a child: its supervisor watches its memory
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": False,
    "distributed.worker.profile.enabled": False,
    "distributed.deploy.lost-worker-timeout": "3650 days",
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.diagnostics.nvml": False,
    "distributed.comm.timeouts.connect": "5s",
    "distributed.nanny.pre-spawn-environ": {},  # the job sets its own threads
}


def use() -> None:
    """Set Dask up in this process. Its workers inherit the settings."""
    dask.config.set(CONFIG)
