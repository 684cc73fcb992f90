"""`python -m backends.zoo COMMAND`: every file beside this one is a command, named as the file with dashes.

A command file has a function `main`, whose arguments are the command's (Typer); its first docstring line is the help.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import typer


def commands() -> Iterator[str]:
    """Names of the modules that are commands: all but those that start with an underscore."""
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if not module.name.startswith("_"):
            yield module.name


def build() -> typer.Typer:
    """The command line, with one command per file."""
    app = typer.Typer(no_args_is_help=True, add_completion=False, help="Make the embedded models and data again.")
    app.callback()(lambda: None)  # with it, a single command keeps its name
    for name in commands():
        module = importlib.import_module(f"backends.zoo.{name}")
        app.command(name.replace("_", "-"), help=module.main.__doc__)(module.main)
    return app


if __name__ == "__main__":
    build()()
