"""Models of the Hub, from a Hub of our own: which files are fetched, at which commit, what a full disk and a closed door say, no token anywhere."""

import hashlib
import json
import logging
import shutil
import threading
from collections import namedtuple
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import huggingface_hub
import pytest
from huggingface_hub import constants

from backends.api import files, own, submit
from backends.api.errors import BadInput, LetheError, OutOfReach, without_tokens
from backends.api.runs import RunFolder, State
from backends.api.spec import JobSpec
from backends.core.run import Cancelled
from backends.engine.job import do
from backends.models import hub, source

TOKEN = "hf_" + "aSecretThatNobodyReads"
COMMITS = {"main": "a" * 40, "v1": "b" * 40}


class FakeHub(BaseHTTPRequestHandler):
    """As much of the Hub's interface as huggingface_hub asks when it fetches a snapshot."""

    files: dict[str, bytes]
    asked: list[str]
    tokens: list[str]

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body):
        self.asked.append(f"{self.command} {self.path}")
        self.tokens.append(self.headers.get("Authorization", ""))
        path = self.path.partition("?")[0].removeprefix("/api/models").removeprefix("/")
        if path.startswith("open/gone"):
            return self.refuse(404, "RepoNotFound")
        if path.startswith("closed/") and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.refuse(401 if "Authorization" not in self.headers else 403, "GatedRepo")
        _, _, what, revision, *name = (
            [*path.split("/"), "revision", "main"] if path.count("/") == 1 else path.split("/")
        )
        commit = COMMITS.get(revision, revision)
        if commit not in COMMITS.values():
            return self.refuse(404, "RevisionNotFound")
        if what == "resolve":
            return self.file("/".join(name), commit, body)
        siblings = [{"rfilename": path, "size": len(content)} for path, content in self.files.items()]
        found = {"id": "x", "sha": commit, "siblings": siblings}
        if what == "tree":
            found = [
                {"type": "file", "path": path, "size": len(content), "oid": oid(content)}
                for path, content in self.files.items()
            ]
        self.send(200, json.dumps(found).encode(), {"Content-Type": "application/json"}, body)

    def file(self, name, commit, body):
        content = self.files[name]
        headers = {"X-Repo-Commit": commit, "ETag": f'"{oid(content)}"', "Content-Type": "application/octet-stream"}
        self.send(200, content, headers, body)

    def refuse(self, code, why):
        self.send(
            code,
            b'{"error": "no"}',
            {"X-Error-Code": why, "X-Error-Message": "no", "Content-Type": "application/json"},
            True,
        )

    def send(self, code, content, headers, body):
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if body and self.command != "HEAD":
            self.wfile.write(content)


def oid(content):
    return hashlib.sha1(content).hexdigest()


@pytest.fixture
def fake(toy_folder, tmp_path, monkeypatch):
    """The Hub, with the toy classifier as open/toy and closed/toy; its files may be changed."""
    held = {
        path.name: path.read_bytes() for path in toy_folder.iterdir() if path.is_file() and path.name != "card.json"
    }
    handler = type("Handler", (FakeHub,), {"files": held, "asked": [], "tokens": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    resolve = f"{constants.ENDPOINT}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", resolve)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    yield handler
    server.shutdown()
    server.server_close()


def test_a_model_is_fetched_at_one_commit_with_its_settings_and_safetensors_alone(fake):
    fake.files |= {
        "pytorch_model.bin": b"pickle",
        "onnx/model.onnx": b"no",
        "README.md": b"# no",
        "model.fp16.safetensors": b"no",
    }
    heard = []
    with hub.heard(lambda done, of: heard.append((done, of))):
        folder = source.model_folder("open/toy")
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors", "preprocessor_config.json"}
    assert source.commit("open/toy", folder) == folder.name == COMMITS["main"]
    size = sum(path.stat().st_size for path in folder.iterdir())
    assert heard[-1] == (size, size) and [done for done, _ in heard] == sorted(done for done, _ in heard)
    assert source.model_folder(f"open/toy@{COMMITS['main']}") == folder
    assert source.model_folder("open/toy@v1").name == COMMITS["v1"]
    fake.asked.clear()
    COMMITS["main"], was = "c" * 40, COMMITS["main"]  # the branch moves on: what is pinned does not
    try:
        assert source.model_folder(f"open/toy@{was}") == folder
        assert not [line for line in fake.asked if line.startswith("GET") and "/resolve/" in line]
        assert source.model_folder("open/toy").name == "c" * 40
    finally:
        COMMITS["main"] = was


def test_what_was_fetched_is_there_when_the_hub_is_not(fake, monkeypatch):
    folder = source.model_folder("open/toy")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert source.model_folder("open/toy") == folder
    with pytest.raises(OutOfReach, match="open/other could not be fetched from the Hub"):
        source.model_folder("open/other")


@pytest.mark.parametrize(
    "model, said",
    [
        ("open/gone", "The Hub has no model 'open/gone' that you may read"),
        ("open/toy@nowhere", "open/toy has no revision 'nowhere'; give a branch, a tag or a commit"),
        (
            "closed/toy",
            "closed/toy is gated and no token is set; accept its terms at https://huggingface.co/closed/toy",
        ),
    ],
)
def test_what_may_not_be_read_or_does_not_exist_is_said(fake, model, said):
    with pytest.raises(BadInput, match=said):
        source.model_folder(model)


def test_a_gated_model_comes_with_the_right_token_and_a_wrong_one_is_said(fake, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_" + "ofSomebodyElse")
    with pytest.raises(BadInput, match="the token that is set may not read it"):
        source.model_folder("closed/toy")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert (source.model_folder("closed/toy") / "model.safetensors").is_file()


def test_weights_that_are_pickles_are_not_even_fetched(fake):
    del fake.files["model.safetensors"]
    fake.files["pytorch_model.bin"] = b"pickle"
    with pytest.raises(BadInput, match=r"open/toy holds only pytorch_model\.bin, which can run code"):
        source.model_folder("open/toy")
    assert not [line for line in fake.asked if "/resolve/" in line]


def test_a_disk_without_room_is_said_before_anything_is_fetched(fake, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 1000))
    with pytest.raises(OutOfReach, match=r"open/toy takes 0\.0\d GB, but the disk of .* has 0\.00 GB free; make room"):
        source.model_folder("open/toy")
    assert not [line for line in fake.asked if line.startswith("GET") and "/resolve/" in line]


def test_a_disk_that_fills_up_meanwhile_is_said(fake, monkeypatch):
    def full(*_, **more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", full)
    with pytest.raises(OutOfReach, match=r"The disk of .* is full, so open/toy could not be fetched"):
        source.model_folder("open/toy")


def test_a_job_that_is_cancelled_stops_fetching(fake):
    def stop(done, of):
        raise Cancelled

    with hub.heard(stop), pytest.raises(Cancelled):
        source.model_folder("open/toy")


def test_of_a_pipeline_each_part_comes_in_one_form():
    every = [
        "model_index.json", "v1-5-pruned.safetensors", "v1-5-pruned.ckpt", "unet/config.json", "README.md",
        "unet/diffusion_pytorch_model.safetensors", "unet/diffusion_pytorch_model.fp16.safetensors",
        "unet/diffusion_pytorch_model.non_ema.safetensors", "vae/diffusion_pytorch_model.fp16.safetensors", "vae/config.json",
        "text_encoder/model-00001-of-00002.safetensors", "text_encoder/model-00002-of-00002.safetensors",
        "text_encoder/model.safetensors.index.json", "tokenizer/merges.txt", "safety_checker/model.safetensors",
    ]  # fmt: skip
    assert hub.files_to_fetch(every, "x/y") == [
        "model_index.json", "text_encoder/model-00001-of-00002.safetensors", "text_encoder/model-00002-of-00002.safetensors",
        "text_encoder/model.safetensors.index.json", "tokenizer/merges.txt", "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors", "vae/config.json", "vae/diffusion_pytorch_model.fp16.safetensors",
    ]  # fmt: skip


def test_a_hub_id_may_name_a_revision():
    assert own.hub_parts("owner/name@v1.0/x") == ("owner/name", "v1.0/x") and own.hub_parts("owner/name") == (
        "owner/name",
        "",
    )
    good, bad = (
        ["owner/name", "owner/name@v1", f"o/n@{'a' * 40}", "o/n@refs/pr/1"],
        ["o/n@", "o/n@../x", "o/n@a b", "o@v/n", "/o/n@v"],
    )
    assert all(map(own.is_hub_id, good)) and not any(map(own.is_hub_id, bad))


def test_no_token_reaches_a_job_its_folder_or_a_log(fake, monkeypatch, home, caplog, capsys, toy_folder):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    for name, value in {"LETHE_THREADS": "1", "LETHE_PRECISION": "float32", "LETHE_DEVICE": "cpu"}.items():
        monkeypatch.setenv(name, value)
    caplog.set_level(logging.DEBUG)
    with pytest.raises(BadInput, match=r"holds a token of the Hugging Face Hub.*set HF_TOKEN") as caught:
        submit.check(JobSpec(model=f"closed/toy@{TOKEN}", method="fine_tune", forget=("two",)))
    assert TOKEN not in str(caught.value)
    run = RunFolder(home / "runs" / "gated")
    files.write_json(
        run.path / "spec.json", JobSpec(model="closed/toy", method="fine_tune", forget=("two",)).model_dump()
    )
    files.write_json(run.path / "state.json", State().model_dump())
    do(run, run.move("running").attempt)
    assert (
        run.state.message
        == "closed/toy brings no data; give a folder with one folder of images for each of its classes."
    )
    assert [event["phase"] for event in run.events()][:2] == ["load", "download"]
    monkeypatch.setattr("backends.engine.attempt.open_task", lambda *_: 1 / len(SimpleNamespace(token=TOKEN).token[:0]))
    monkeypatch.setattr("backends.engine.attempt._Job", broken)
    again = RunFolder(home / "runs" / "broken")
    shutil.copytree(run.path, again.path)
    files.write_json(again.path / "state.json", State().model_dump())
    do(again, again.move("running").attempt)
    assert "hf_…" in again.state.message and "hf_…" in again.state.detail
    written = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    out = capsys.readouterr()
    assert TOKEN.encode() not in written and TOKEN not in out.out + out.err + caplog.text
    assert f"Bearer {TOKEN}" in fake.tokens
    assert without_tokens(str(LetheError(f"x {TOKEN} y"))) == str(LetheError(f"x {TOKEN} y")) == "x hf_… y"


def broken(*_):
    raise RuntimeError(f"the answer to Authorization: Bearer {TOKEN} was 500")
