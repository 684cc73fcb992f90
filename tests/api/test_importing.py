"""Runs from elsewhere: what is taken in, and what is refused in one sentence with nothing left behind."""

import json
import os
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from app import unlearning_card
from backends.api import files, importing, limits, retrained, runs
from backends.api.errors import BadInput
from backends.api.home import ASSETS

SHIPPED = min((ASSETS / "runs").iterdir(), key=lambda path: sum(one.stat().st_size for one in path.rglob("*")))


@pytest.fixture
def theirs(tmp_path) -> Path:
    """A colleague's run, under an id of its own."""
    folder = shutil.copytree(SHIPPED, tmp_path / "theirs")
    result = files.read_json(folder / "result.json")
    files.write_json(folder / "result.json", result | {"run_id": "their-run"})
    state = files.read_json(folder / "state.json")
    files.write_json(folder / "state.json", state | {"owner": "a" * 32, "more": "of another version"})
    return folder


def zipped(folder: Path, to: Path, under: str = "") -> Path:
    with zipfile.ZipFile(to, "w") as packed:
        for path in folder.rglob("*"):
            if path.is_file():
                packed.write(path, f"{under}{path.relative_to(folder)}")
    return to


def nothing_left(home: Path) -> bool:
    return not (home / "runs").is_dir() or not list((home / "runs").iterdir())


def test_a_folder_becomes_a_run_with_everything_in_it(theirs, home):
    (theirs / "notes.txt").write_text("mine", "utf-8")
    (theirs / ".lock").touch()
    (theirs / "checkpoint").mkdir()
    (theirs / "checkpoint" / "state.safetensors").write_bytes(b"half")
    imported = importing.take_in(theirs)
    run = imported.run
    assert (run.id, imported.left_out, imported.model_is_here) == ("their-run", 3, True)
    assert runs.find("their-run").path == home / "runs" / "their-run"
    assert run.spec == runs.RunFolder(theirs).spec and run.metrics == runs.RunFolder(theirs).metrics
    assert (run.state.status, run.state.owner, run.state.imported) == ("done", "", True)
    assert run.result["run_id"] == "their-run" and run.result["notes"][-1] == importing.DONE
    assert not {"notes.txt", ".lock", "checkpoint"} & {path.name for path in run.path.iterdir()}
    copied = {str(path.relative_to(run.path)) for path in run.path.rglob("*") if path.is_file()}
    assert copied == {str(path.relative_to(SHIPPED)) for path in SHIPPED.rglob("*") if path.is_file()}
    for name in copied - {"result.json", "state.json"}:
        assert (run.path / name).read_bytes() == (SHIPPED / name).read_bytes()


@pytest.mark.parametrize("run", sorted(path.name for path in (ASSETS / "runs").iterdir()))
def test_of_no_run_that_came_with_lethe_anything_stays_behind(run):
    imported = importing.take_in(ASSETS / "runs" / run)
    assert imported.left_out == 0 and imported.model_is_here
    assert imported.run.id != run  # a run of that id is here


@pytest.mark.parametrize("under", ["", "their-run/", "a/b/"])
@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_an_archive_is_taken_in_however_deep_the_run_lies_in_it(theirs, tmp_path, kind, under):
    packed = tmp_path / f"packed.{kind}"
    if kind == "zip":
        zipped(theirs, packed, under)
    else:
        with tarfile.open(packed, "w:gz") as archive:
            archive.add(theirs, under or ".")
    assert importing.take_in(packed).run.id == "their-run"


def test_an_id_that_is_taken_becomes_a_new_one(theirs):
    first, second = (importing.take_in(theirs).run for _ in range(2))
    assert first.id == "their-run" != second.id
    assert second.result["run_id"] == second.id
    assert second.result["notes"].count(importing.DONE) == 1


def test_an_id_that_is_no_name_becomes_a_new_one(theirs):
    result = files.read_json(theirs / "result.json")
    files.write_json(theirs / "result.json", result | {"run_id": "../../out"})
    assert importing.take_in(theirs).run.path.parent.name == "runs"


def test_a_model_that_is_not_here_is_told(theirs):
    spec = files.read_json(theirs / "spec.json")
    files.write_json(theirs / "spec.json", spec | {"model": "/home/them/model"})
    assert not importing.take_in(theirs).model_is_here


def test_a_run_from_elsewhere_is_no_reference_of_others(theirs):
    """A retrained model of a colleague is not what one's own runs are measured against; one made here is."""
    spec, result = (files.read_json(theirs / name) for name in ("spec.json", "result.json"))
    again = {"method": "retrain", "params": {}, "model": "mine/model", "keep": []}
    files.write_json(theirs / "spec.json", spec | again | {"after": "", "data": ""})
    files.write_json(theirs / "result.json", result | again | {"forget_key": "k"})
    run = importing.take_in(theirs).run
    assert retrained.find("mine/model", "k") is None
    state = files.read_json(run.path / "state.json")
    files.write_json(run.path / "state.json", state | {"imported": False})
    assert retrained.find("mine/model", "k") == run.path / "after" / "changed.safetensors"


def remove(name):
    return lambda folder: (folder / name).unlink()


def write(name, content):
    def change(folder):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)

    return change


def link(folder):
    (folder / "samples" / "out.json").symlink_to("/etc/passwd")


def linked_folder(folder):
    (folder / "inspect-more").symlink_to("/etc")


def pipe(folder):
    os.mkfifo(folder / "events.pipe")


def cut_weights(folder):
    path = folder / "after" / "changed.safetensors"
    path.write_bytes(path.read_bytes()[:-1])


HEADER = json.dumps({"x": {"dtype": "F32", "shape": [1], "data_offsets": [8, 12]}}).encode()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (remove("spec.json"), "holds no spec.json, so it is no run"),
        (remove("result.json"), "did not finish; only a finished run is imported"),
        (remove("after/changed.safetensors"), "without its weights there is nothing to look into"),
        (write("after/pytorch_model.bin", b""), "pytorch_model.bin is a pickle"),
        (write("more/model.pth.tar", b""), "model.pth.tar is a pickle"),
        (write("spec.json", b"{"), "spec.json is no whole JSON document"),
        (write("spec.json", b"[" * 100_000), "spec.json is no whole JSON document"),
        (write("spec.json", b'{"model": ""}'), "spec.json"),
        (write("result.json", b'{"run_id": "x"}'), "result.json lacks"),
        (write("metrics.json", b'{"x": 3}'), "metrics.json"),
        (write("inspect/some/found.json", b"no"), "found.json is no whole JSON document"),
        (write("samples/some/picture.png", b"<html>"), "samples/some/picture.png of the run in"),
        (write("outputs/before.npz", b"PK no"), "outputs/before.npz of the run in"),
        (write("after/changed.safetensors", b"\x80\x04."), "is no whole safetensors file"),
        (write("after/changed.safetensors", b"\xff" * 8 + b"{}"), "is no whole safetensors file"),
        (write("after/changed.safetensors", len(HEADER).to_bytes(8, "little") + HEADER + bytes(12)), "no whole safetensors"),
        (write("start/01.safetensors", b""), "start/01.safetensors of the run in"),
        (cut_weights, "is no whole safetensors file"),
        (link, "samples/out.json is a link or no plain file"),
        (linked_folder, "inspect-more is a link or no plain file"),
        (pipe, "events.pipe is a link or no plain file"),
    ],
)  # fmt: skip
def test_what_is_refused_is_said_and_leaves_nothing(theirs, home, change, sentence):
    change(theirs)
    with pytest.raises(BadInput) as refused:
        importing.take_in(theirs)
    assert sentence in str(refused.value)
    assert nothing_left(home)


@pytest.mark.parametrize("name", ["../spec.json", "/tmp/spec.json", "a/../../spec.json", "C:\\spec.json", "a\\..\\b"])
def test_a_path_that_leads_out_of_an_archive_is_refused(theirs, home, tmp_path, name):
    packed = zipped(theirs, tmp_path / "packed.zip")
    with zipfile.ZipFile(packed, "a") as more:
        more.writestr(name, "{}")
    with tarfile.open(tmp_path / "packed.tar", "w") as archive:
        member = tarfile.TarInfo(name)
        archive.addfile(member)
    for each in (packed, tmp_path / "packed.tar"):
        with pytest.raises(BadInput, match="leads out of the archive"):
            importing.take_in(each)
    assert nothing_left(home)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_a_link_or_a_device_in_a_tar_is_refused(theirs, home, tmp_path, kind):
    packed = tmp_path / "packed.tar"
    with tarfile.open(packed, "w") as archive:
        archive.add(theirs, "run")
        member = tarfile.TarInfo("run/samples/out.json")
        member.type, member.linkname = kind, "../../../../etc/passwd"
        archive.addfile(member)
    with pytest.raises(BadInput, match="is a link or no plain file"):
        importing.take_in(packed)
    assert nothing_left(home)


def test_a_link_in_a_zip_is_refused(theirs, home, tmp_path):
    packed = zipped(theirs, tmp_path / "packed.zip")
    with zipfile.ZipFile(packed, "a") as more:
        member = zipfile.ZipInfo("samples/out.json")
        member.external_attr = 0o120777 << 16
        more.writestr(member, "/etc/passwd")
    with pytest.raises(BadInput, match="is a link or no plain file"):
        importing.take_in(packed)
    assert nothing_left(home)


def test_what_is_given_twice_or_too_often_is_refused(theirs, home, tmp_path):
    packed = zipped(theirs, tmp_path / "packed.zip")
    with zipfile.ZipFile(packed, "a") as more, pytest.warns(UserWarning, match="Duplicate"):
        more.writestr("spec.json", "{}")
    with pytest.raises(BadInput, match=r"holds spec\.json twice"):
        importing.take_in(packed)
    two = zipped(theirs, tmp_path / "two.zip", "a/")
    with zipfile.ZipFile(two, "a") as more:
        more.write(theirs / "spec.json", "b/spec.json")
    with pytest.raises(BadInput, match="holds 2 runs; import them one by one"):
        importing.take_in(two)
    assert nothing_left(home)


def test_more_than_the_limits_allow_is_refused_before_it_is_unpacked(theirs, home, tmp_path, monkeypatch):
    bomb = zipped(theirs, tmp_path / "bomb.zip")
    with zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("samples/more.json", bytes(40 * 2**20))
    small = limits.limits().model_copy(update={"import_bytes": 30 * 2**20})
    monkeypatch.setattr(importing, "limits", lambda: small)
    with pytest.raises(BadInput, match=r"more than 0\.0 GB, which is the limit \(LETHE_IMPORT_BYTES\)"):
        importing.take_in(bomb)
    few = limits.limits().model_copy(update={"import_files": 3})
    monkeypatch.setattr(importing, "limits", lambda: few)
    with pytest.raises(BadInput, match="more than 3 files"):
        importing.take_in(theirs)
    assert nothing_left(home)


def test_a_zip_that_holds_more_than_it_says_is_refused(theirs, home, tmp_path):
    packed = zipped(theirs, tmp_path / "packed.zip")
    content = packed.read_bytes()
    at = content.rindex(b"result.json") - 46 + 24  # of the central directory: the unpacked size
    packed.write_bytes(content[:at] + (7).to_bytes(4, "little") + content[at + 4 :])
    with pytest.raises(BadInput):
        importing.take_in(packed)
    assert nothing_left(home)


def test_a_card_says_of_what_it_is_and_that_it_is_not_enough(theirs, home, tmp_path):
    card = tmp_path / "card.json"
    files.write_json(card, unlearning_card.document(runs.RunFolder(SHIPPED)))
    spec = runs.RunFolder(SHIPPED).spec
    with pytest.raises(BadInput) as refused:
        importing.take_in(card)
    for word in (SHIPPED.name, spec.model, spec.method, "a card holds no weights", "ask for the run's folder"):
        assert word in str(refused.value)
    files.write_json(card, {"card": 1, "model": ["odd"], "forget": 3})
    with pytest.raises(BadInput, match="a card holds no weights"):
        importing.take_in(card)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"words", b"PK\x03\x04 broken", b"[" * 100_000])
def test_any_other_file_is_refused(home, tmp_path, content):
    other = tmp_path / "other"
    other.write_bytes(content)
    with pytest.raises(BadInput, match="is no run; give a run's folder, or a zip or tar of one"):
        importing.take_in(other)
    with pytest.raises(BadInput, match="There is no folder or file"):
        importing.take_in(tmp_path / "nothing")
    assert nothing_left(home)
