"""Taking in a run that was made elsewhere: its folder, or a zip or tar of one, which anybody may have written.

Nothing of it is trusted. Links, paths that lead out and pickles are refused, what is no part of a run is left out, sizes have limits, every
JSON is read by the readers of all runs, and weights are safetensors whose header fits the file. What is taken in is never the retrained
reference of other runs.
"""

import json
import os
import re
import shutil
import stat
import struct
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

from . import files, optional_models, own, reading, runs
from .errors import BadInput, OutOfReach, Unreadable, one_line
from .home import ASSETS, home, ready_home
from .limits import limits
from .runs import RunFolder, State

MB: Final = 2**20
LARGEST_DOCUMENT: Final = 64 * MB  # bytes of one JSON file, and of the unpacked arrays of one .npz
LARGEST_HEADER: Final = 100 * MB  # bytes, as the library of safetensors has it
CHUNK: Final = MB
NAME: Final = r"[^./\\\x00-\x1f][^/\\\x00-\x1f]{0,149}"
PICTURE: Final = r"\.(png|jpg|webp)"
PARTS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"(spec|state|result|metrics|found|early)\.json|metrics\.npz|events\.jsonl",
        r"(start/\d{2}|after/changed)\.safetensors",
        r"(start/)?learned\.json",
        rf"samples/{NAME}\.json|samples/{NAME}/{NAME}{PICTURE}",
        r"outputs/(before|after|reference)\.npz|outputs/suite\.json",
        rf"made/{NAME}\.npz",
        rf"attack/{NAME}\.json|(inspect|attack)/{NAME}/{NAME}(\.json|\.npz|{PICTURE})",
    )
)
PICKLES: Final = (*(pattern.removeprefix("*") for pattern in own.PICKLES), ".pickle", ".pth.tar")
SIGNATURES: Final = {".png": b"\x89PNG\r\n\x1a\n", ".jpg": b"\xff\xd8\xff", ".webp": b"RIFF", ".npz": b"PK"}
KEEP: Final = "after/changed.safetensors"
DONE: Final = "It was made elsewhere and taken in here; its numbers are as they came."


@dataclass(frozen=True)
class Imported:
    """A run that was taken in.

    Attributes:
        run: its folder.
        left_out: how many files were no part of a run and stay behind.
        model_is_here: whether its model can be opened here, as far as that can be said without opening it.
    """

    run: RunFolder
    left_out: int
    model_is_here: bool


@dataclass(frozen=True)
class _File:
    """One file of what is taken in: where it lies in it, its bytes, and how it is opened."""

    path: PurePosixPath
    size: int
    open: Callable[[], IO[bytes]]


def take_in(source: Path) -> Imported:
    """Make a finished run of another installation one of this home; an id that is taken becomes a new one.

    Args:
        source: a run's folder, or a .zip or .tar (.tar.gz, .tar.xz ...) that holds one.

    Raises:
        BadInput: it holds no finished run, or something that is refused; one sentence says what. Nothing was written.
        OutOfReach: the home cannot be written, or the disk is full.
    """
    where = one_line(str(source))[:80]
    with _opened(source, where) as found_files:
        root = _root([file.path for file in found_files], where)
        inside = {str(file.path.relative_to(root)): file for file in found_files if file.path.is_relative_to(root)}
        parts = {name: file for name, file in inside.items() if any(part.fullmatch(name) for part in PARTS)}
        making = ready_home() / "runs" / f".making-{os.getpid()}-{time.monotonic_ns()}"
        try:
            making.mkdir()
            for name, file in parts.items():
                _copy(file, making / name, where)
            _check(making, where)
            here = _model_is_here(making)
            return Imported(_finish(making), len(found_files) - len(parts), here)
        except OSError as error:
            raise OutOfReach(
                f"The run could not be written to {making.parent} ({error.strerror}); free some space and import again."
            ) from None
        finally:
            shutil.rmtree(making, ignore_errors=True)


@contextmanager
def _opened(source: Path, where: str) -> Iterator[list[_File]]:
    """The files of a folder or an archive, names and sizes checked.

    Raises:
        BadInput: it is neither, or holds what is refused.
    """
    try:
        if source.is_dir():
            yield _counted(_of_folder(source), where)
        elif not source.is_file():
            raise BadInput(f"There is no folder or file {where!r} to import.")
        elif zipfile.is_zipfile(source):
            with zipfile.ZipFile(source) as packed:
                yield _counted(_of_zip(packed), where)
        elif tarfile.is_tarfile(source):
            with tarfile.open(source) as archive:
                yield _counted(_of_tar(archive), where)
        else:
            raise BadInput(_other(source, where))
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, NotImplementedError, RuntimeError) as error:
        raise BadInput(
            f"{where} cannot be unpacked ({one_line(str(error))[:80]}); pack the run's folder again."
        ) from None


def _of_folder(source: Path) -> Iterator[_File]:
    for folder, folders, names in os.walk(source):
        for name in (*folders, *names):
            path = Path(folder, name)
            mode = path.lstat().st_mode
            relative = PurePosixPath(path.relative_to(source).as_posix())
            if stat.S_ISDIR(mode):
                continue
            if not stat.S_ISREG(mode):
                raise BadInput(_no_plain_file(relative))
            yield _File(relative, path.stat().st_size, partial(_bytes_at, path))


def _of_zip(packed: zipfile.ZipFile) -> Iterator[_File]:
    for member in packed.infolist():
        if member.is_dir():
            continue
        path = _inside(member.filename)
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise BadInput(_no_plain_file(path))
        yield _File(path, member.file_size, partial(packed.open, member))


def _of_tar(archive: tarfile.TarFile) -> Iterator[_File]:
    for member in archive:
        if member.isdir():
            continue
        path = _inside(member.name)
        if not member.isreg():
            raise BadInput(_no_plain_file(path))
        yield _File(path, member.size, partial(_bytes_of, archive, member))


def _bytes_at(path: Path) -> IO[bytes]:
    return path.open("rb")


def _bytes_of(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = archive.extractfile(member)
    assert content is not None  # it is a plain file
    return content


def _inside(name: str) -> PurePosixPath:
    """The path of an archive's member.

    Raises:
        BadInput: it leads out of the archive.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or re.match(r"[A-Za-z]:", name):
        raise BadInput(f"{one_line(name)[:80]!r} leads out of the archive; pack the run's folder again.")
    return path


def _no_plain_file(path: PurePosixPath) -> str:
    return f"{one_line(str(path))[:80]} is a link or no plain file; a run is imported with plain files alone."


def _counted(every: Iterator[_File], where: str) -> list[_File]:
    """The files, each name once, as many and as large as the limits allow, and no pickle among them."""
    listed: dict[PurePosixPath, _File] = {}
    total, most, count = 0, limits().import_bytes, limits().import_files
    for file in every:
        name = one_line(str(file.path))[:80]
        if file.path.name.lower().endswith(PICKLES):
            raise BadInput(
                f"{name} is a pickle, which can run code when it is opened; Lethe takes in weights as safetensors only."
            )
        if file.path in listed:
            raise BadInput(f"{where} holds {name} twice; pack the run's folder again.")
        listed[file.path] = file
        total += file.size
        if len(listed) > count:
            raise BadInput(f"{where} holds more than {count:,} files, which is the limit (LETHE_IMPORT_FILES).")
        if total > most:
            raise BadInput(f"{where} holds more than {most / 1e9:.1f} GB, which is the limit (LETHE_IMPORT_BYTES).")
    return list(listed.values())


def _root(paths: list[PurePosixPath], where: str) -> PurePosixPath:
    """The folder of the run: the one that holds spec.json, with nothing above it but folders.

    Raises:
        BadInput: there is none, or several.
    """
    specs = sorted((path.parent for path in paths if path.name == "spec.json"), key=lambda path: len(path.parts))
    if not specs:
        raise BadInput(
            f"{where} holds no spec.json, so it is no run; name a run's folder, as `lethe show RUN` tells it."
        )
    if len(specs) > 1 and len(specs[1].parts) == len(specs[0].parts):
        raise BadInput(f"{where} holds {len(specs)} runs; import them one by one.")
    return specs[0]


def _other(source: Path, where: str) -> str:
    """Why a file that is no archive is not taken in: an unlearning card says of what it is."""
    try:
        card = json.loads(source.read_text("utf-8")) if source.stat().st_size <= LARGEST_DOCUMENT else None
    except (ValueError, OSError, RecursionError):
        card = None
    if not isinstance(card, dict) or "card" not in card:
        return f"{where} is no run; give a run's folder, or a zip or tar of one."
    model, method = (_id_of(card.get(name)) for name in ("model", "method"))
    forget = card.get("forget")
    target = (
        ", ".join(one_line(str(one))[:40] for one in forget[:5]) if isinstance(forget, list) else "nothing it names"
    )
    return (
        f"{where} is the unlearning card of run {one_line(str(card.get('run', '')))[:80]}, in which {model} was to forget {target} by {method}; "
        "a card holds no weights, so there is nothing to look into: ask for the run's folder."
    )


def _id_of(entry: Any) -> str:
    return one_line(str(entry["id"]))[:80] if isinstance(entry, dict) and "id" in entry else "what it does not name"


def _copy(file: _File, to: Path, where: str) -> None:
    """Write a file; one that holds more than it said is refused, since the limits were counted by that."""
    to.parent.mkdir(parents=True, exist_ok=True)
    left = file.size
    with file.open() as source, to.open("xb") as copy:
        while chunk := source.read(CHUNK):
            left -= len(chunk)
            if left < 0:
                raise BadInput(f"{where} holds more in {file.path.name} than it says; pack the run's folder again.")
            copy.write(chunk)


def _check(folder: Path, where: str) -> None:
    """Whether a copied folder is a finished run that can be looked into.

    Raises:
        BadInput: it is not.
    """
    if why := reading.trouble(folder):
        raise BadInput(f"The run in {where} cannot be read: {why}.")
    if reading.result(folder) is None:
        raise BadInput(f"The run in {where} has no result.json, so it did not finish; only a finished run is imported.")
    if not (folder / KEEP).is_file():
        raise BadInput(f"The run in {where} has no {KEEP}: without its weights there is nothing to look into.")
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        if path.suffix in (".json", ".jsonl") and path.stat().st_size > LARGEST_DOCUMENT:
            raise BadInput(f"{name} of the run in {where} has more than {LARGEST_DOCUMENT // MB} MB.")
        if path.suffix == ".json":
            _check_document(path, name, where)
        elif path.suffix == ".safetensors":
            _check_tensors(path, name, where)
        elif signature := SIGNATURES.get(path.suffix):
            with path.open("rb") as file:
                if file.read(len(signature)) != signature:
                    raise BadInput(f"{name} of the run in {where} is not what its name says.")
        if path.suffix == ".npz":
            _check_arrays(path, name, where)


def _check_document(path: Path, name: Path, where: str) -> None:
    try:
        reading.document(path, path.parent)
    except Unreadable as error:
        raise BadInput(f"The run in {where} cannot be read: {name}: {error}.") from None


def _check_arrays(path: Path, name: Path, where: str) -> None:
    try:
        with zipfile.ZipFile(path) as packed:
            large = sum(member.file_size for member in packed.infolist()) > limits().import_bytes
    except (zipfile.BadZipFile, OSError):
        raise BadInput(f"{name} of the run in {where} is not what its name says.") from None
    if large:
        raise BadInput(f"{name} of the run in {where} unpacks to more than is allowed (LETHE_IMPORT_BYTES).")


def _check_tensors(path: Path, name: Path, where: str) -> None:
    """Check that a header lists tensors that lie within the file, one after the other."""
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > min(size - 8, LARGEST_HEADER):
                raise ValueError
            header: Any = json.loads(file.read(length))
        spans = sorted(tuple(one["data_offsets"]) for key, one in header.items() if key != "__metadata__")
        ends = [0, *(end for _, end in spans)]
        if [begin for begin, _ in spans] != ends[:-1] or ends[-1] != size - 8 - length:
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, struct.error):
        raise BadInput(f"{name} of the run in {where} is no whole safetensors file.") from None


def _finish(folder: Path) -> RunFolder:
    """Give the copied run an id of its own, say that it came from elsewhere, and move it to the others."""
    result, state = reading.result(folder) or {}, reading.state(folder) or State(status="done")
    run_id = str(result["run_id"])
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", run_id) or _is_taken(run_id):
        run_id = runs.new_id()
    notes = [*(result.get("notes") or []), DONE]
    files.write_json(folder / "result.json", result | {"run_id": run_id, "notes": list(dict.fromkeys(notes))})
    done = State(status="done", attempt=state.attempt, message="Done.", imported=True, history=state.history)
    files.write_json(folder / "state.json", done.model_dump())
    final = home() / "runs" / run_id
    folder.rename(final)
    return RunFolder(final)


def _is_taken(run_id: str) -> bool:
    return any(os.path.lexists(root / run_id) for root in (home() / "runs", ASSETS / "runs"))


def _model_is_here(folder: Path) -> bool:
    """Whether a run's model is one of this installation, a folder of this machine, or one of the Hub."""
    spec = reading.spec(folder)
    model = spec.model if spec is not None else ""
    return optional_models.embedded(model) or own.is_hub_id(model) or own.local_folder(model) is not None
