"""The commands of `lethe`, by what they are about. Each is a function; `app.cli` gives it its name."""

from typing import Annotated

import typer

Json = Annotated[
    bool, typer.Option("--json", help="Write one JSON document to standard output, and nothing else there.")
]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run, as `lethe runs` lists it.")]
LARGEST_SEED = 2**31 - 1
Seed = Annotated[int, typer.Option(metavar="NUMBER", min=0, max=LARGEST_SEED, help="Seed of everything random.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A parameter, as in epochs=3; may be given several times."),
]
