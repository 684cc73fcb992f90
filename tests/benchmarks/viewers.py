"""Many at once: how long viewers wait who ask for a page without pause, and what the web process holds after 500 page loads."""

import asyncio
import json
import secrets
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from .studio import get, resident, started

SECONDS = 15.0  # of asking
LOADS = 500
TOGETHER = 10  # pages open at once, while 500 are loaded
API = "/gradio_api"


def viewers() -> Iterator[str]:
    """A studio on a free port: 50 and 200 viewers without pause, then 500 page loads with everything a browser does for one."""
    process, address = started()
    try:
        sent = len(get(address))
        yield f"GET / sends {len(asyncio.run(_once(address)))} bytes, uncompressed {sent}"
        for count in (50, 200):
            took, errors = asyncio.run(asking(address, count, SECONDS))
            p50, p95 = quantile(took, 0.5), quantile(took, 0.95)
            yield f"{count} viewers: p50 {p50:.2f} s, p95 {p95:.2f} s of {len(took)} answers, {errors} errors"
        before = resident(process.pid)
        asyncio.run(loads(address, LOADS))
        after = resident(process.pid)
        yield f"{LOADS} page loads: {before / 1e6:.0f} -> {after / 1e6:.0f} MB, {(after - before) / LOADS / 1e6:.2f} MB each"
    finally:
        process.terminate()
        process.wait(20)


def quantile(values: list[float], share: float) -> float:
    """The value that `share` of the others do not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


async def asking(address: str, count: int, seconds: float) -> tuple[list[float], int]:
    """`count` viewers ask for the first page, each again as soon as it is answered: seconds of each answer, and errors."""
    took: list[float] = []
    errors = 0
    end = time.monotonic() + seconds

    async def viewer() -> None:
        nonlocal errors
        while time.monotonic() < end:
            begun = time.monotonic()
            try:
                await _once(address)
                took.append(time.monotonic() - begun)
            except (OSError, ValueError, asyncio.IncompleteReadError):
                errors += 1

    await asyncio.gather(*(viewer() for _ in range(count)))
    return took, errors


async def _once(address: str, path: str = "/", body: bytes | None = None) -> bytes:
    """One request on a connection of its own, as a new visitor makes; the body as it was sent."""
    reader, writer = await _open(address, path, body)
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise ValueError(head.partition(b"\r\n")[0].decode())
        return await reader.read()
    finally:
        writer.close()


async def _open(address: str, path: str, body: bytes | None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    to = urlsplit(address)
    reader, writer = await asyncio.open_connection(to.hostname, to.port)
    kind = "GET" if body is None else "POST"
    lines = [f"{kind} {path} HTTP/1.1", f"Host: {to.netloc}", "Accept-Encoding: gzip", "Connection: close"]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    writer.write("\r\n".join([*lines, "", ""]).encode() + (body or b""))
    await writer.drain()
    return reader, writer


async def loads(address: str, count: int, together: int = TOGETHER) -> None:
    """`count` pages are opened and closed again, `together` at a time."""
    page = json.loads(get(f"{address}/config?page="))
    turn = asyncio.Semaphore(together)

    async def one() -> None:
        async with turn:
            await load(address, page)

    await asyncio.gather(*(one() for _ in range(count)))


async def load(address: str, page: dict[str, Any], path: str = "/") -> None:
    """What a browser asks for when it opens a page, the first where left out: the page, its heartbeat and all that happens on arrival."""
    session = secrets.token_hex(6)
    await _once(address, path)
    _, heart = await _open(address, f"{API}/heartbeat/{session}", None)
    try:
        values = {one["id"]: one["props"].get("value") for one in page["components"]}
        own = page["page"][path.strip("/")]["dependencies"]
        events = [
            one
            for one in page["dependencies"]
            if one["id"] in own and one["backend_fn"] and any(event == "load" for _, event in one["targets"])
        ]
        for event in events:
            asked = {
                "fn_index": event["id"],
                "session_hash": session,
                "data": [values.get(part) for part in event["inputs"]],
            }
            direct = event["queue"] is False
            await _once(address, f"{API}/run/predict" if direct else f"{API}/queue/join", json.dumps(asked).encode())
        if not all(event["queue"] is False for event in events):
            await _once(address, f"{API}/queue/data?session_hash={session}")
    finally:
        heart.close()
