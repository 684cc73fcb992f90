"""A whole cluster on this machine, over TLS: `python -m backends.engine.cluster --workers 2`.

A scheduler and workers, each a process that is started again when it ends. The first line on standard output is the
address to give to `--scheduler`. It is how several machines would work, for trying it out and for the tests.
"""

import argparse
import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from ..api import processes
from ..api.errors import LetheError, OutOfReach
from . import machine, tls

EVERY = 0.5
PATIENCE = 30.0
GRACE = 5.0  # seconds that all of them together are given to end by themselves


class Cluster:
    """A scheduler and its workers as child processes; they end with the thread that started them."""

    def __init__(self, workers: int = 2, port: int = 0, gpus: Sequence[str] | None = None) -> None:
        """Start them.

        Args:
            workers: how many; each computes with its share of the cores.
            port: of the scheduler, on loopback; 0 takes a free one and keeps it.
            gpus: names of CUDA devices, one a worker, in turn; further workers have none, and no job while others have one. Left out:
                those that `machine.gpus` finds.

        Raises:
            OutOfReach: the certificates cannot be written, or the scheduler does not start.
        """
        tls.make(tls.folder())
        self.address = f"tls://127.0.0.1:{port or _free_port()}"
        threads = max(1, machine.cores() // workers)
        join = processes.command("backends.engine.worker", "--scheduler", self.address, "--threads", str(threads))
        self._scheduler = processes.command("backends.engine.scheduler", self.address)
        names = [*(machine.gpus() if gpus is None else gpus)]
        joins = [[*join, "--gpu", names[at] if at < len(names) else ""] if names else join for at in range(workers)]
        self._commands = [self._scheduler, *joins]
        self.processes = [_started(self._scheduler)]
        self._wait()
        self.processes += [_started(one) for one in joins]

    def tend(self) -> int:
        """Start again what has ended; how many that were."""
        ended = [number for number, process in enumerate(self.processes) if process.poll() is not None]
        for number in ended:
            self.processes[number] = _started(self._commands[number])
        return len(ended)

    def close(self) -> None:
        """End them all, the workers first."""
        for process in reversed(self.processes):
            process.terminate()
        end = time.monotonic() + GRACE
        for process in reversed(self.processes):
            try:
                process.wait(timeout=max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _wait(self) -> None:
        """Until the scheduler listens."""
        end = time.monotonic() + PATIENCE
        port = int(self.address.rpartition(":")[2])
        while time.monotonic() < end and self.processes[0].poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.1)
        self.close()
        raise OutOfReach(f"The scheduler did not start at {self.address}; its own output says why.")


def _started(command: list[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env=processes.environment(LETHE_PARENT=str(os.getpid()), LETHE_TLS_DIR=str(tls.folder())),
        cwd=processes.ROOT,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Run a cluster until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m backends.engine.cluster", description="A cluster on this machine.")
    parser.add_argument("--workers", type=int, default=2, metavar="N")
    parser.add_argument("--port", type=int, default=0, metavar="PORT")
    chosen = parser.parse_args()

    def leave(*_: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, leave)
    try:
        with Cluster(max(1, chosen.workers), chosen.port) as cluster:
            print(cluster.address, flush=True)
            while True:
                time.sleep(EVERY)
                cluster.tend()
    except LetheError as error:
        raise SystemExit(str(error)) from None
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
