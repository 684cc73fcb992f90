"""Jobs on the workers of a Dask scheduler: each task starts and watches the same child process as on this machine."""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..api import __version__
from ..api.errors import LetheError, OutOfReach
from ..api.runs import RunFolder
from . import dask_settings, entry, tls
from .dask_settings import Client, KilledWorker
from .executors import Key
from .exit_codes import Ending

TIMEOUT = 5.0  # seconds to reach the scheduler
JOB, GPU = "job", "GPU"  # resources of workers: room for one job, and a GPU for it
EVERY = 1.0  # seconds between two counts of the workers, or two tries to reach a lost scheduler


class DaskExecutor:
    """At most one task a worker, under a new key for each attempt. What Dask loses comes back as "lost".

    Where a worker offers a GPU (resource GPU=1), jobs go to those that do and to no other, as on one machine; each has one to itself.
    """

    def __init__(self, address: str) -> None:
        """Connect.

        Raises:
            BadInput: the address is none.
            OutOfReach: nothing answers there, or it has another version of Lethe.
        """
        dask_settings.use()
        self.name = tls.checked(address)
        self._futures: dict[Key, Any] = {}
        self._failed: list[tuple[Key, Ending]] = []
        self._slots, self._looked, self._resource = 0, 0.0, JOB
        self._client: Client | None = None
        self._connect()

    def slots(self) -> int:
        """The workers' job slots, counted once a second; 0 while the scheduler is away."""
        if self._client is None or self._client.status != "running":
            self._slots = 0
        if time.monotonic() - self._looked < EVERY:
            return self._slots
        if self._client is None or self._client.status == "closed":
            with contextlib.suppress(LetheError):
                self._connect()
        self._slots = self._count()
        self._looked = time.monotonic()
        return self._slots

    def takes(self, run: RunFolder) -> bool:
        return len(self._futures) + len(self._failed) < self.slots()

    def start(self, run: RunFolder, attempt: int) -> None:
        try:
            assert self._client is not None
            self._futures[run.id, attempt] = self._client.submit(
                entry.run_job,
                __version__,
                str(run.path.resolve()),
                attempt,
                key=f"{run.id}#{attempt}",
                resources={self._resource: 1},
                retries=0,
                pure=False,
            )
        except Exception as error:  # the scheduler went away at this moment
            self._failed.append(((run.id, attempt), Ending("lost", str(error))))

    def ended(self) -> Iterator[tuple[Key, Ending]]:
        failed, self._failed = self._failed, []
        yield from failed
        for key, future in [*self._futures.items()]:
            if future.status != "pending":
                del self._futures[key]
                ending = _ending(future)
                with contextlib.suppress(Exception):
                    future.release()
                yield key, ending

    def trouble(self) -> str:
        if self._client is None or self._client.status != "running":
            return f"The scheduler at {self.name} does not answer; runs wait until it does."
        if not self._slots:
            return f"No worker has joined the scheduler at {self.name}; runs wait for one."
        return ""

    def prepare(self, waiting: int) -> None:
        """Workers warm their own processes."""

    def close(self) -> None:
        """Leave. A job that a worker is at goes on; it stops when its run is taken up again."""
        self._leave()

    def _connect(self) -> None:
        self._leave()
        security = tls.security(self.name)
        try:
            self._client = Client(self.name, timeout=TIMEOUT, security=security, set_as_default=False, name="lethe")
            there = self._client.run_on_scheduler(entry.strict)
        except (OSError, TimeoutError):
            raise OutOfReach(
                f"The scheduler at {self.name} does not answer; start it, or leave --scheduler out to work on this machine."
            ) from None
        except Exception as error:
            raise OutOfReach(
                f"The scheduler at {self.name} cannot use Lethe ({type(error).__name__}: {error})."
            ) from None
        if there != __version__:
            raise OutOfReach(
                f"The scheduler at {self.name} has Lethe {there}, but the studio has {__version__}; install the same on both."
            )

    def _leave(self) -> None:
        if self._client is not None:
            with contextlib.suppress(Exception):
                self._client.close(timeout=2)
            self._client = None

    def _count(self) -> int:
        if self._client is None or self._client.status != "running":
            return 0
        try:
            workers = self._client.scheduler_info(n_workers=-1)["workers"]
            self._resource, count = places([worker.get("resources", {}) for worker in workers.values()])
            return count
        except Exception:  # slow, or it went away while it was asked: the next look says so
            return self._slots


def places(resources: Sequence[Mapping[str, float]]) -> tuple[str, int]:
    """(the resource that a job takes one of, how many there are), by the resources of each worker."""
    resource = GPU if any(one.get(GPU, 0) >= 1 for one in resources) else JOB
    return resource, sum(min(1, int(one.get(resource, 0))) for one in resources)


def _ending(future: Any) -> Ending:
    """What a future says of its job. Only built-in types are unpickled here."""
    try:
        if future.status == "finished":
            outcome = future.result(timeout=TIMEOUT)
            return Ending(outcome["kind"], outcome["message"])
        if future.status == "error":
            error = future.exception(timeout=TIMEOUT)
            if not isinstance(error, KilledWorker):
                return Ending("crashed", f"The worker could not do it ({type(error).__name__}: {str(error)[:200]}).")
    except Exception as error:
        return Ending("lost", str(error))
    return Ending("lost")
