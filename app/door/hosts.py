"""The Hosts and Origins that belong to this studio. A page of another site must not speak for the person who has it open."""

import ipaddress
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from backends.api.home import shared

LOOPBACK_NAME = "localhost"
WILDCARDS = ("", "0.0.0.0", "::")
DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
CHANGING = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS")  # OPTIONS asks on behalf of another origin


class HostSettings(BaseSettings):
    """Names under which the studio may be reached besides those it knows itself."""

    model_config = SettingsConfigDict(env_prefix="LETHE_", extra="ignore", frozen=True)

    hosts: str = Field(default="", description="names or addresses, separated by commas, as studio.lan,192.168.1.5")

    def names(self) -> frozenset[str]:
        """The names, in lower case."""
        return frozenset(name.strip().lower().strip("[]") for name in self.hosts.split(",") if name.strip())


@dataclass(frozen=True)
class Hosts:
    """The names of one studio: `bound` is the address it listens on, `names` are those that a person set."""

    bound: str = "127.0.0.1"
    names: frozenset[str] = frozenset()

    @classmethod
    def here(cls, bound: str) -> "Hosts":
        """The hosts of this process: what LETHE_HOSTS names, and the host that a Hugging Face Space has."""
        names = HostSettings().names()
        space = os.environ.get("SPACE_HOST", "").lower()
        return cls(bound.lower().strip("[]"), names | {space} if space and names else names)

    def allows(self, host: str) -> bool:
        """Whether a request may be addressed to this Host.

        A name that somebody else's DNS points at this machine (DNS rebinding) would make a foreign page the studio's own. An
        address in digits cannot be pointed elsewhere, so that a studio which listens on every address takes each of them.
        """
        name, _ = split(host)
        if name is None:
            return False
        if is_loopback(name) or name in self.names or (name == self.bound and name not in WILDCARDS):
            return True
        if shared():
            return not self.names
        return self.bound in WILDCARDS and (is_address(name) or name in _own_names())


def split(host: str) -> tuple[str | None, int | None]:
    """The name in lower case and the port of a Host as "[::1]:7860"; (None, None) where it is none."""
    try:
        parts = urlsplit(f"//{host.strip()}")
        name, port = parts.hostname, parts.port
    except ValueError:
        return None, None
    plain = not (parts.path or parts.query or parts.fragment or parts.username or parts.password)
    return (name, port) if name and plain else (None, None)


def is_address(name: str) -> bool:
    """Whether the name is an address in digits."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(name: str) -> bool:
    """Whether the name is this machine as seen from itself."""
    return name == LOOPBACK_NAME or (is_address(name) and ipaddress.ip_address(name).is_loopback)


def _own_names() -> frozenset[str]:
    name = socket.gethostname().lower()
    return frozenset({name, name.split(".")[0], f"{name.split('.')[0]}.local"})


def is_foreign(headers: Mapping[str, str], scheme: str) -> bool:
    """Whether a browser sends this request for a page of another origin; another port of this machine is one too.

    A browser says so itself (Sec-Fetch-Site) or names the page's origin. Who sends neither is no browser.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None:
        return False
    try:
        parts = urlsplit(origin)
        here = (parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme))
    except ValueError:
        return True
    own = [headers.get("host", ""), *headers.get("x-forwarded-host", "").split(",")]
    schemes = {scheme, parts.scheme}  # behind a proxy the page's scheme is another than the server's
    return not any(
        (name, port or DEFAULT_PORTS.get(kind)) == here
        for name, port in map(split, own)
        if name is not None
        for kind in schemes
    )
