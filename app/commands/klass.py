"""The command about the class of a home: who is in it and what they did, and its end."""

from typing import Annotated

import typer

from app import terminal
from app.commands import Json
from backends.api.errors import BadInput


def class_of_home(
    end: Annotated[bool, typer.Option("--end", help="End the class: its names are forgotten, runs stay.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Write the board as CSV to standard output.")] = False,
    json: Json = False,
) -> None:
    """Show the class that `lethe serve --class` began here: its code, its pupils and their runs; or end it."""
    from backends.api import class_board, classes

    if sum((end, csv, json)) > 1:
        raise BadInput("Give one of --end, --csv and --json.")
    if end:
        terminal.result("The class has ended; its names are forgotten." if classes.end() else "There is no class here.")
        return
    klass = classes.stored()
    if klass is None:
        raise BadInput("There is no class here; begin one with `lethe serve --class`.")
    board = class_board.read(klass)
    if json:
        terminal.document(class_board.as_document(board))
    elif csv:
        terminal.piece(class_board.as_csv(board))
    else:
        terminal.result(f"{klass.name}, code {klass.code}")
        heads = ("pupil", "state", "model", "forget", "method", "run")
        for line in terminal.table(heads, [[str(row[name]) for name in heads] for row in class_board.table(board)]):
            terminal.result(line)
