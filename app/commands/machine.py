"""Commands about the installation: serve it, list what it holds, join machines, look whether all is well."""

from typing import Annotated

import typer

from app import terminal
from app.commands import Json
from backends.api.errors import BadInput

KINDS = ("models", "data", "methods", "metrics", "inspectors", "attacks", "lessons")
Scheduler = Annotated[str, typer.Option(metavar="ADDRESS", help="A Dask scheduler, as tls://10.0.0.1:8786.")]


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; 127.0.0.1 is seen from this machine only.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 7860,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Give the jobs to a Dask scheduler, as tls://10.0.0.1:8786.")
    ] = None,
) -> None:
    """Open the studio: one web server with its engine. What `lethe` does when it is given no command."""
    from app.server import serve as start

    start(host, port, scheduler)


def catalog(json: Json = False) -> None:
    """List what there is: models, data, methods, metrics, inspectors, attacks, lessons."""
    from backends.api import catalog as known

    everything = known.load().model_dump()
    if json:
        terminal.document(everything)
        return
    for kind in KINDS:
        terminal.result(kind.capitalize())
        rows = [(entry["id"], entry["title"]) for entry in everything[kind]]
        width = max((len(name) for name, _ in rows), default=0)
        for name, title in rows:
            terminal.result(f"  {name.ljust(width)}  {title}")
        if not rows:
            terminal.result("  none yet")


def pull(model: Annotated[str, typer.Argument(help="An optional model.")]) -> None:
    """Fetch an optional model."""
    from backends.api import catalog as known

    ours = [entry.id for entry in known.load().models]
    if model in ours:
        terminal.result(f"{model} came with Lethe; there is nothing to fetch.")
        return
    raise BadInput(
        f"There is no optional model {model[:60]!r}; every model of this version came with it: {', '.join(ours)}."
    )


def doctor(
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port that the studio would use.")] = 7860,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Also look whether this scheduler answers.")
    ] = None,
    json: Json = False,
) -> int:
    """Say what works here, what does not, and why."""
    from app.doctor import examine

    checks = examine(port, scheduler)
    if json:
        terminal.document({"checks": [check.as_dict() for check in checks], "ok": all(check.works for check in checks)})
    else:
        for check in checks:
            terminal.result(f"{'works     ' if check.works else 'NOT WORKING'} {check.name}: {check.found}")
    return terminal.DONE if all(check.works for check in checks) else terminal.FAILED
