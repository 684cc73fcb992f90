"""The command that writes a Space of Hugging Face."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app import terminal
from app.commands import Json

if TYPE_CHECKING:
    from backends.api.runs import RunFolder


def space(
    sdk: Annotated[
        str,
        typer.Option(
            metavar="static|gradio|docker",
            help="static: finished runs and lessons without a server, for everyone. gradio: the studio, for free accounts too. "
            "docker: the studio, for paid plans.",
        ),
    ],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="An empty folder, or one that this command wrote.")],
    run: Annotated[
        list[str] | None,
        typer.Option(
            "--run", metavar="RUN", help="With static: a finished run of your own to show, too; may be repeated."
        ),
    ] = None,
    studio: Annotated[
        str,
        typer.Option(
            metavar="URL", help="With static: the studio that its links lead to, as https://user-name.hf.space."
        ),
    ] = "",
    lang: Annotated[
        str, typer.Option(metavar="en|de", help="With static: the language that its pages are written in.")
    ] = "en",
    sign_in: Annotated[
        bool,
        typer.Option(
            "--sign-in", help="With gradio: visitors may sign in, own their runs in every browser, and send them on."
        ),
    ] = False,
    org: Annotated[
        str, typer.Option(metavar="NAME", help="With --sign-in: only members of this organisation of the Hub may.")
    ] = "",
    json: Json = False,
) -> None:
    """Write a complete Hugging Face Space to a folder: the studio, or its finished runs as pages that need no server.

    Nothing is sent anywhere. To host it: hf repos create NAME --type space --sdk SDK, then
    hf upload NAME DIR --type space.
    """
    from app import spaces

    spaces.kind(sdk)
    spaces.check_place(to)
    order = spaces.Order(
        _finished(run or []), spaces.address(studio) if studio else "", sign_in, org, spaces.language(lang)
    )
    written = spaces.write(sdk, to, order)
    size = sum((to / path).stat().st_size for path in written)
    if json:
        terminal.document({"sdk": sdk, "to": str(to), "files": [str(path) for path in written], "bytes": size})
    else:
        terminal.result(f"Wrote {len(written)} files, {size / 2**20:.0f} MB, to {to}. {spaces.kind(sdk).line}")


def _finished(names: list[str]) -> "list[RunFolder]":
    """The finished runs of these ids, each once; those that come with Lethe are shown anyway."""
    from app import finished

    own = [finished.find(name) for name in dict.fromkeys(names)]
    return [one for one in own if not one.shipped]
