"""Workers on a Slurm cluster, as many as there is work for: `python deploy/slurm.py [--dry-run]`, with dask-jobqueue installed.

Run it on a machine that the compute nodes reach, in the environment that Lethe is installed in, with LETHE_HOME on a disk that all see.
It starts a scheduler under TLS and prints its address for `lethe serve --scheduler`; Slurm starts a worker with one GPU whenever a run
waits for one. --dry-run prints the job script that would be submitted, and starts nothing.
"""

import argparse
import socket
import sys
import time
from pathlib import Path
from typing import Any

from backends.api import processes
from backends.api.home import home
from backends.engine import dask_settings, tls

RESOURCES = ["--resources", "GPU=1,job=1", "--preload", "backends.engine.entry", "--no-dashboard"]


def options(arguments: argparse.Namespace, security: Any = None) -> dict[str, Any]:
    """What `dask_jobqueue.SLURMCluster` is made with: one worker a job, one job of Lethe a worker, one GPU."""
    exports = {"LETHE_HOME": home(), "LETHE_TLS_DIR": tls.folder(), "PYTHONPATH": processes.ROOT}
    return {
        "queue": arguments.partition,
        "account": arguments.account,
        "walltime": arguments.walltime,
        "cores": arguments.cores,
        "processes": 1,
        "memory": arguments.memory,
        "job_extra_directives": [f"--gpus={arguments.gpus}"] if arguments.gpus else [],
        "worker_extra_args": [*RESOURCES, "--memory-limit", "0", "--nthreads", "1"],
        "job_script_prologue": [f'export {name}="{value}"' for name, value in exports.items()],
        "python": sys.executable,
        "local_directory": arguments.scratch,
        "security": security,
        "scheduler_options": {
            "host": f"tls://{socket.getfqdn()}:{arguments.port}" if security else None,
            "dashboard": False,
        },
    }


def parsed(words: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--partition", default=None, help="Slurm partition")
    parser.add_argument("--account", default=None, help="Slurm account")
    parser.add_argument(
        "--walltime", default="12:00:00", help="longest life of a worker; a run goes on from its checkpoint on the next"
    )
    parser.add_argument("--cores", type=int, default=8, help="cores of a worker")
    parser.add_argument("--memory", default="64GB", help="memory of a worker")
    parser.add_argument("--gpus", type=int, default=1, choices=(0, 1), help="GPUs of a worker")
    parser.add_argument("--most", type=int, default=8, help="most workers at once")
    parser.add_argument("--port", type=int, default=8786, help="of the scheduler")
    parser.add_argument("--scratch", default="/tmp", help="folder on a node's own disk")
    parser.add_argument("--dry-run", action="store_true", help="print the job script and end")
    return parser.parse_args(words)


def main() -> None:
    """Start the scheduler, and workers as they are needed."""
    from dask_jobqueue import SLURMCluster

    arguments = parsed()
    dask_settings.use()
    tls.make(tls.folder())
    security = tls.security(f"tls://localhost:{arguments.port}")
    with SLURMCluster(**options(arguments, None if arguments.dry_run else security)) as cluster:
        if arguments.dry_run:
            print(cluster.job_script())
            return
        cluster.adapt(minimum=0, maximum=arguments.most)
        print(cluster.scheduler_address, flush=True)
        while True:
            time.sleep(60)


if __name__ == "__main__":
    if not (Path(processes.ROOT) / "backends").is_dir():
        raise SystemExit("Lethe is not installed in this environment.")
    main()
