"""A Dask scheduler for Lethe: `python -m backends.engine.scheduler tls://127.0.0.1:8786`. Stateless: kill and restart it at will."""

import asyncio
import os
import sys

from .parent import end_with


async def serve(address: str) -> None:
    """Listen at the address until the process is ended. Its HTTP port is on loopback and answers only /health."""
    from . import dask_settings, tls
    from .dask_settings import Scheduler

    dask_settings.use()
    tls.checked(address)
    protocol, _, place = address.partition("://")
    host, _, port = place.rpartition(":")
    security = tls.security(address)
    async with Scheduler(
        host=host, port=int(port), protocol=protocol, security=security, dashboard=False,
        dashboard_address="127.0.0.1:0", allowed_failures=0,
    ) as scheduler:  # fmt: skip
        print(f"The scheduler listens at {scheduler.address}.", flush=True)
        await scheduler.finished()


def main() -> None:
    """Serve at the address named."""
    from ..api.errors import LetheError

    parent = os.environ.get("LETHE_PARENT", "")
    if parent.isdigit():
        end_with(int(parent))
    if len(sys.argv) != 2:
        raise SystemExit("python -m backends.engine.scheduler tls://HOST:PORT serves a scheduler.")
    try:
        asyncio.run(serve(sys.argv[1]))
    except LetheError as error:
        raise SystemExit(str(error)) from None
    except OSError as error:
        raise SystemExit(f"The scheduler cannot listen at {sys.argv[1]} ({error.strerror or error}).") from None
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
