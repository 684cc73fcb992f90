"""The command `lethe`.

What a command needs is imported when it runs, so that `lethe --help` and a typing mistake are answered at once.
"""

import os
import sys
from collections.abc import Callable
from itertools import pairwise
from typing import Any, get_type_hints

import typer

from app import terminal
from app.commands import imports, jobs, klass, looks, machine
from app.commands import space as spaces
from backends.api import __version__
from backends.api.errors import BadInput, LetheError

EXAMPLE = "Example: lethe unlearn --model MODEL --method METHOD --forget CLASS --json, with names from lethe catalog."

app = typer.Typer(
    name="lethe",
    help="A studio for machine unlearning: make a model forget, then see what changed and where.",
    epilog=EXAMPLE,
    add_completion=False,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
)
COMMANDS: dict[str, Callable[..., object]] = {
    "serve": machine.serve,
    "class": klass.class_of_home,
    "catalog": machine.catalog,
    "unlearn": jobs.unlearn,
    "run": jobs.run,
    "questions": jobs.questions,
    "runs": jobs.list_runs,
    "show": jobs.show,
    "cancel": jobs.cancel,
    "delete": jobs.delete,
    "inspect": looks.inspect,
    "attack": looks.attack,
    "test": looks.test,
    "card": looks.card,
    "import": imports.import_,
    "generate": looks.generate,
    "export": looks.export,
    "protect": looks.protect,
    "space": spaces.space,
    "pull": machine.pull,
    "worker": machine.worker,
    "cluster": machine.cluster,
    "doctor": machine.doctor,
}
for name, command in COMMANDS.items():
    app.command(name)(command)


def run(arguments: list[str]) -> int:
    """Do one command and return its exit code: 0 done, 1 failed, 2 bad input, 130 interrupted."""
    if arguments == ["--version"]:
        terminal.result(f"lethe {__version__}")
        return terminal.DONE
    if not arguments or (arguments[0].startswith("-") and arguments[0] != "--help"):
        arguments = ["serve", *arguments]
    try:
        return int(app(arguments, prog_name="lethe", standalone_mode=False) or terminal.DONE)
    except BadInput as error:
        return _refuse(str(error), terminal.BAD_INPUT, arguments)
    except LetheError as error:
        return _refuse(str(error), terminal.FAILED, arguments)
    except (KeyboardInterrupt, typer.Abort):
        return _refuse("Interrupted.", terminal.INTERRUPTED, arguments)
    except BrokenPipeError:  # whoever read the output had enough, as in `lethe runs | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return terminal.FAILED
    except OSError as error:  # a full disk, a file that may not be written
        return _refuse(f"{error.filename or 'A file'}: {error.strerror or error}.", terminal.FAILED, arguments)
    except Exception as error:
        if hasattr(error, "format_message"):  # how Typer says that an option is missing or unknown
            sentence = _wrong_number(error, arguments) or f"{error.format_message().rstrip('.')}."
            return _refuse(sentence, terminal.BAD_INPUT, arguments)
        raise


def _wrong_number(error: Exception, arguments: list[str]) -> str:
    """The sentence about a number that Typer refused, with what was given and what is allowed; empty of any other error."""
    option: Any = getattr(error, "param", None)
    command = COMMANDS.get(arguments[0])
    hints = get_type_hints(command, include_extras=True) if option is not None and command is not None else {}
    for limits in getattr(hints.get(getattr(option, "name", "")), "__metadata__", ()):
        texts = [text for name in option.opts for text in _texts_of(name, arguments)]
        if limits.min is not None and texts:
            most = "" if limits.max is None else f" to {limits.max}"
            return f"{option.opts[0]} was {texts[-1][:40]!r}, but a whole number from {limits.min}{most} is needed."
    return ""


def _texts_of(option: str, arguments: list[str]) -> list[str]:
    """What was typed for an option, as `--seed 3` or `--seed=3`, in its order."""
    texts = []
    for text, following in pairwise([*arguments, ""]):
        if text == option:
            texts.append(following)
        elif text.startswith(f"{option}="):
            texts.append(text.partition("=")[2])
    return texts


def _refuse(sentence: str, code: int, arguments: list[str]) -> int:
    one_line = " ".join(sentence.split())
    terminal.say(one_line)
    if "--json" in arguments:
        terminal.document({"error": one_line})
    return code


def main() -> None:
    """Entry point of the command `lethe`."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
