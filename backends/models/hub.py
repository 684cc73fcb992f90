"""Models of the Hugging Face Hub: which files of one are wanted, whether they fit on the disk, and fetching them, at one commit.

Only settings, tokenizers and safetensors are fetched, of a model in several forms one. A model that is gated is fetched with the
token that huggingface_hub knows ($HF_TOKEN, or `hf auth login`); it stands in no sentence of ours.
"""

import contextlib
import errno
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..api import files
from ..api.errors import BadInput, OutOfReach
from ..api.home import home
from ..api.own import PIPELINE, hub_parts

Tell = Callable[[int, int], None]
TEXTS = re.compile(r"[^/]+\.(json|txt|model|jinja|tiktoken)$")
WEIGHTS = re.compile(r"(?:diffusion_pytorch_)?model(?:\.(?P<variant>\w+))?(?:-\d+-of-\d+)?\.safetensors$")
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".msgpack", ".h5")
COMMIT = re.compile(r"[0-9a-f]{40}")
UNUSED = ("safety_checker", "image_encoder")  # parts of pipelines that are never loaded
SPARE = 64 * 2**20  # bytes of a disk that are left free
_listener: Tell | None = None


@contextlib.contextmanager
def heard(tell: Tell) -> Iterator[None]:
    """Within it, `tell` hears how far fetching is, in bytes (done, of all); what it raises ends the fetching."""
    global _listener
    before, _listener = _listener, tell
    try:
        yield
    finally:
        _listener = before


def snapshot(model_id: str) -> Path:
    """The folder of a Hub id, owner/name or owner/name@revision, fetched as far as it is not here yet.

    Without a revision it is that of the Hub's main branch when it was last in reach. The folder's name is the commit.

    Raises:
        BadInput: there is no such model or revision, it may not be read, or it has no safetensors.
        OutOfReach: the Hub did not answer and the model is not here, or the disk is too full.
    """
    from huggingface_hub import errors

    name, revision = hub_parts(model_id)
    try:
        return _fetched(name, revision, model_id)
    except errors.RevisionNotFoundError:
        raise BadInput(
            f"{name} has no revision {(revision or 'main')[:60]!r}; give a branch, a tag or a commit that it has."
        ) from None
    except errors.GatedRepoError:
        raise BadInput(_gated(name)) from None
    except (errors.RepositoryNotFoundError, errors.HFValidationError):
        raise BadInput(
            f"The Hub has no model {name[:80]!r} that you may read; check the name, or give a folder."
        ) from None
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, errors.HTTPError, OSError) as error:  # type: ignore[attr-defined]
        raise _out_of_reach(error, name) from None


def _gated(name: str) -> str:
    from huggingface_hub import get_token

    has = "the token that is set may not read it" if get_token() else "no token is set"
    return f"{name} is gated and {has}; accept its terms at https://huggingface.co/{name}, and set HF_TOKEN to a token of that account."


def _out_of_reach(error: Exception, name: str) -> OutOfReach:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutOfReach(
            f"The disk of {_cache()} is full, so {name} could not be fetched; make room, or set HF_HOME to another disk."
        )
    offline = " (HF_HUB_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") == "1" else ""
    return OutOfReach(
        f"{name} could not be fetched from the Hub{offline}: {type(error).__name__}; give a local folder instead."
    )


def _fetched(name: str, revision: str, model_id: str) -> Path:
    from huggingface_hub import HfApi, errors, snapshot_download, try_to_load_from_cache

    fetched_before: dict[str, Any] = files.read_json(_record(), {})
    if COMMIT.fullmatch(revision) and f"{name}@{revision}" in fetched_before:
        with contextlib.suppress(errors.LocalEntryNotFoundError):  # it was removed since
            return _local(name, revision, fetched_before)
    try:
        info = HfApi().model_info(name, revision=revision or None, files_metadata=True)
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError):
        raise
    except (errors.HfHubHTTPError, errors.HTTPError, errors.OfflineModeIsEnabled, OSError):  # type: ignore[attr-defined]
        return _local(name, revision, fetched_before)
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
    commit, names = str(info.sha), files_to_fetch([*sizes], model_id)
    needs = sum(
        sizes[file] for file in names if not isinstance(try_to_load_from_cache(name, file, revision=commit), str)
    )
    _room(needs, name)
    folder = Path(snapshot_download(name, revision=commit, allow_patterns=_patterns(names), tqdm_class=_bar(needs)))
    files.write_json(
        _record(), files.read_json(_record(), {}) | {f"{name}@{revision}": commit, f"{name}@{commit}": names}
    )
    return folder


def _local(name: str, revision: str, fetched_before: dict[str, Any]) -> Path:
    """What was fetched before, without asking the Hub."""
    from huggingface_hub import snapshot_download

    entry = fetched_before.get(f"{name}@{revision}")
    commit = entry if isinstance(entry, str) else revision
    names = fetched_before.get(f"{name}@{commit}")
    only = _patterns(names) if isinstance(names, list) else None
    return Path(snapshot_download(name, revision=commit or None, local_files_only=True, allow_patterns=only))


def _record() -> Path:
    """Which commits were fetched of which models, and which files of each."""
    return home() / "cache" / "hub.json"


def files_to_fetch(every: Sequence[str], model_id: str) -> list[str]:
    """Which files of a model on the Hub are fetched: its settings and its weights, of a pipeline those of its parts.

    Raises:
        BadInput: there are no weights as safetensors.
    """
    pipeline = PIPELINE in every
    folders = (
        sorted({name.partition("/")[0] for name in every if name.count("/") == 1} - {*UNUSED}) if pipeline else [""]
    )
    chosen = [name for name in every if TEXTS.fullmatch(name)] if pipeline else []
    weights: list[str] = []
    for folder in folders:
        inside = [name for name in every if name.startswith(folder) and name.count("/") == bool(folder)]
        chosen += [name for name in inside if TEXTS.fullmatch(name.rpartition("/")[2])]
        weights += _one_form([name for name in inside if name.endswith(".safetensors")])
    if not weights:
        pickles = sorted(name for name in every if name.endswith(PICKLES))
        has = f"only {pickles[0]}, which can run code when it is opened" if pickles else "no weights"
        raise BadInput(f"{model_id} holds {has}; Lethe loads safetensors only.")
    return sorted({*chosen, *weights})


def _one_form(names: Sequence[str]) -> list[str]:
    """The weights in one of their forms: the plain ones, else those of the first variant, else all."""
    forms: dict[str, list[str]] = {}
    for name in names:
        if match := WEIGHTS.fullmatch(name.rpartition("/")[2]):
            forms.setdefault(match["variant"] or "", []).append(name)
    return forms[min(forms)] if forms else [*names]


def _patterns(names: Sequence[str]) -> list[str]:
    """Patterns that each fit one name."""
    return [re.sub(r"([\[*?])", r"[\1]", name) for name in names]


def _cache() -> str:
    from huggingface_hub import constants

    return str(constants.HF_HUB_CACHE)


def _room(needs: int, name: str) -> None:
    place = next(path for path in (Path(_cache()), *Path(_cache()).parents) if path.exists())
    free = shutil.disk_usage(place).free
    if needs and free < needs + SPARE:
        raise OutOfReach(
            f"{name} takes {needs / 1e9:.2f} GB, but the disk of {_cache()} has {free / 1e9:.2f} GB free; make room, or set HF_HOME "
            "to another disk."
        )


def _bar(needs: int) -> type[Any]:
    """A progress bar that draws nothing, for huggingface_hub: what it counts in bytes goes to who listens."""
    from tqdm.auto import tqdm

    done, alone = 0, threading.Lock()  # several files come at once

    class Bar(tqdm):  # type: ignore[misc]
        """Counts bytes."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            options.pop("name", None)
            self._bytes = options.get("unit") == "B"
            super().__init__(*arguments, **options | {"disable": True})

        def update(self, n: float | None = 1) -> Any:
            """Hear of more."""
            nonlocal done
            if self._bytes and _listener is not None and n:
                with alone:
                    done += int(n)
                    _listener(min(done, needs), needs)
            return super().update(n)

    return Bar
