"""A machine that joins a cluster: `python -m backends.engine.worker --scheduler tls://HOST:PORT [--gpu N] [--threads N]`.

It holds one job at a time, in a child process, and comes back by itself when the scheduler was away.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .parent import end_with

if TYPE_CHECKING:
    from distributed.security import Security

AGAIN = 2.0  # seconds between two tries to reach a scheduler that went away


async def serve(address: str, gpu: str | None = None, threads: int | None = None) -> None:
    """Work for a scheduler until told to stop (SIGTERM or SIGINT).

    Args:
        address: of the scheduler.
        gpu: the one CUDA device to use, as CUDA_VISIBLE_DEVICES names it; "" for none; left out, what this process sees.
        threads: what a job computes with; left out, all cores.

    Raises:
        BadInput: the address is none.
        OutOfReach: nothing answers there at the first try.
    """
    from . import dask_settings, machine, tls

    dask_settings.use()
    tls.checked(address)
    security = tls.security(address)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await _answers(address, security)
    environment = {"LETHE_THREADS": str(threads)} if threads else {}
    environment |= {"CUDA_VISIBLE_DEVICES": gpu} if gpu is not None else {}
    resources = {"job": 1} | ({"GPU": 1} if (machine.gpus() if gpu is None else gpu) else {})
    while not stop.is_set():
        with contextlib.suppress(OSError, TimeoutError):
            await _join(address, security, environment, resources, stop)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), AGAIN)


async def _answers(address: str, security: "Security | None") -> None:
    from distributed.comm.core import connect

    from ..api.errors import OutOfReach

    try:
        comm = await connect(address, timeout=5, **(security.get_connection_args("worker") if security else {}))
        await comm.close()
    except (OSError, TimeoutError):
        raise OutOfReach(f"The scheduler at {address} does not answer; start it, then the worker again.") from None


async def _join(
    address: str,
    security: "Security | None",
    environment: dict[str, str],
    resources: dict[str, int],
    stop: asyncio.Event,
) -> None:
    """One stay with the scheduler: until it goes away, or the worker is to stop."""
    from distributed.utils import get_ip

    from . import tls
    from .dask_settings import Nanny

    there = urlsplit(address).hostname or ""
    host = "127.0.0.1" if tls.is_loopback(there) else get_ip(there)
    with tempfile.TemporaryDirectory(prefix="lethe-worker-") as scratch:
        nanny = Nanny(
            address, nthreads=1, resources=resources, memory_limit=0, host=host, security=security, env=environment,
            dashboard=False, dashboard_address="127.0.0.1:0", preload=["backends.engine.entry"], preload_argv=[[]],
            local_directory=scratch,
        )  # fmt: skip
        async with nanny:
            print(f"Joined the scheduler at {address}.", flush=True)
            ends = [asyncio.ensure_future(nanny.finished()), asyncio.ensure_future(stop.wait())]
            _, left = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for task in left:
                task.cancel()


def main() -> None:
    """Join the scheduler named on the command line."""
    from ..api.errors import BadInput, LetheError

    parent = os.environ.get("LETHE_PARENT", "")
    if parent.isdigit():
        end_with(int(parent))
    parser = argparse.ArgumentParser(prog="python -m backends.engine.worker", description="Join a cluster.")
    parser.add_argument("--scheduler", required=True, metavar="ADDRESS")
    parser.add_argument("--gpu", default=None, metavar="N")
    parser.add_argument("--threads", type=int, default=None, metavar="N")
    chosen = parser.parse_args()
    try:
        asyncio.run(serve(chosen.scheduler, chosen.gpu, chosen.threads))
    except LetheError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2 if isinstance(error, BadInput) else 3) from None
    except Exception as error:  # of Dask: a worker that is half started is better begun anew
        print(f"The worker ended ({type(error).__name__}: {error}); start it again.", file=sys.stderr)
        os._exit(4)
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
