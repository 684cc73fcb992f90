"""Certificates for the engine, the scheduler and the workers: `python -m backends.engine.tls DIR` makes them.

One key for all of them, its certificate being its own authority, good for a year. Who holds the key can run code on
every machine of the cluster: keep the folder to yourself, and copy it to the machines that are to join.
"""

import ipaddress
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..api import files
from ..api.errors import BadInput, LetheError, OutOfReach
from ..api.home import home

if TYPE_CHECKING:
    from distributed.security import Security

CERTIFICATE, KEY = "lethe-cert.pem", "lethe-key.pem"


def folder() -> Path:
    """$LETHE_TLS_DIR, else `tls` in LETHE_HOME."""
    return Path(os.environ.get("LETHE_TLS_DIR") or home() / "tls").expanduser()


def make(where: Path) -> Path:
    """Write a new key and certificate into a folder that only this user can read, unless they are there already.

    Raises:
        OutOfReach: it cannot be written.
    """
    from distributed.security import Security

    if (where / CERTIFICATE).is_file() and (where / KEY).is_file():
        return where
    temporary = Security.temporary()
    before = os.umask(0o077)
    try:
        where.mkdir(parents=True, exist_ok=True)
        files.write_bytes(where / KEY, temporary.tls_client_key.encode())
        files.write_bytes(where / CERTIFICATE, temporary.tls_client_cert.encode())
    except OSError as error:
        raise OutOfReach(f"The certificates could not be written to {where} ({error.strerror}).") from None
    finally:
        os.umask(before)
    return where


def checked(address: str) -> str:
    """A scheduler's address that is safe to use.

    Raises:
        BadInput: it is no address, or names another machine without TLS.
    """
    parts = urlsplit(address)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if parts.scheme not in ("tls", "tcp") or not host or not port or parts.path:
        raise BadInput(f"{address[:80]!r} is no address of a scheduler; write tls://HOST:PORT.")
    if parts.scheme == "tcp" and not is_loopback(host):
        raise BadInput(f"{address[:80]} leaves this machine without encryption; write tls:// instead of tcp://.")
    return address


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, seen by nobody else."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def security(address: str) -> "Security | None":
    """What a connection to that address needs: the certificates for tls://, nothing for tcp://.

    Raises:
        OutOfReach: there are no certificates.
    """
    from distributed.security import Security

    if not address.startswith("tls://"):
        return None
    certificate, key = folder() / CERTIFICATE, folder() / KEY
    if not certificate.is_file() or not key.is_file():
        raise OutOfReach(
            f"{folder()} holds no {CERTIFICATE} and {KEY}, which {address} needs; copy them there, or name their folder in LETHE_TLS_DIR."
        )
    both = {f"tls_{role}_{kind}": str(path) for role in ("client", "scheduler", "worker")
            for kind, path in (("cert", certificate), ("key", key))}  # fmt: skip
    return Security(require_encryption=True, tls_ca_file=str(certificate), **both)


def main() -> None:
    """Make them in the folder named."""
    if len(sys.argv) != 2:
        raise SystemExit("python -m backends.engine.tls DIR writes a key and a certificate for a cluster to DIR.")
    try:
        print(make(Path(sys.argv[1]).expanduser()))
    except LetheError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
