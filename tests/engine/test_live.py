"""What the answering process says, asked in this process; once through its pipe."""

import base64
import io
import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import AutoImageProcessor, AutoModelForImageClassification

from backends.api.errors import BadInput
from backends.api.live import Live
from backends.engine import operations
from backends.engine.live import Stopped, answer
from backends.engine.session import Desk


@pytest.fixture
def ask(toy_folder, toy_images):
    """ask("op", ...): the answer; model and data are the toy's where the operation takes a model."""
    desk = Desk()

    def go(op, **args):
        if op in ("describe", "images", "neighbours", "resolve", "alike"):
            args = {"model": str(toy_folder), "data": str(toy_images)} | args
        return answer(desk, json.dumps({"op": op, "args": args}))

    return go


def test_describe(ask):
    said = ask("describe")["ok"]
    assert said["classes"] == ["zero", "one", "two", "three", "four"]
    assert (said["train_count"], said["test_count"], said["size"]) == (400, 200, [12, 12, 1])
    assert all(sum(row) == pytest.approx(1) for row in said["confusion"])
    assert said["class_accuracy"] == [pytest.approx(100 * row[n]) for n, row in enumerate(said["confusion"])]


def test_images_are_pngs_of_the_items(ask):
    (picture,) = ask("images", items=["train-17"])["ok"]
    head, _, content = picture.partition(",")
    assert head == "data:image/png;base64"
    assert Image.open(io.BytesIO(base64.b64decode(content))).size == (12, 12)


def test_resolve_counts_and_pages(ask):
    said = ask("resolve", forget=["two"], keep=["one"])["ok"]
    assert (said["forget"], said["keep"], said["retain"]) == (80, 80, 320)
    more = ask("resolve", forget=["two"], keep=["one"], start=48)["ok"]
    assert len(said["ids"]) == 48 and len(more["ids"]) == 32 and not set(said["ids"]) & set(more["ids"])


def test_alike_holds_the_image_itself(ask):
    found = ask("alike", item=7, count=5)["ok"]
    assert 7 in found and len(found) == 5


def test_neighbours_are_other_classes(ask):
    assert "two" not in ask("neighbours", forget=["two"])["ok"]


def test_predict_gives_both_models_answers(ask, finished):
    (item,) = ask("predict", run_or_model=finished.id, items=["test-3"])["ok"]["items"]
    assert item["id"] == "test-3" and sum(item["before"]) == pytest.approx(1) and sum(item["after"]) == pytest.approx(1)
    assert item["before"] != item["after"]


def test_predict_takes_a_picture(ask, finished, tmp_path):
    Image.new("RGB", (300, 200), "red").save(tmp_path / "red.jpg")
    said = ask("predict", run_or_model=finished.id, path=str(tmp_path / "red.jpg"))["ok"]
    assert said["items"][0]["label"] is None and len(said["items"][0]["after"]) == 5


def test_a_guard_can_be_switched_off_for_one_question(ask, finished):
    path = finished.path / "after" / "changed.safetensors"
    save_file({"input_delta": torch.full((1, 12, 12), 3.0)}, path)
    guarded = ask("predict", run_or_model=finished.id, items=["test-3"])["ok"]
    bare = ask("predict", run_or_model=finished.id, items=["test-3"], skip_guard=True)["ok"]
    assert guarded["guarded"] and guarded["items"][0]["after"] != guarded["items"][0]["before"]
    assert bare["items"][0]["after"] == pytest.approx(bare["items"][0]["before"], abs=1e-6)
    assert ask("predict", run_or_model=finished.id, items=["test-3"])["ok"] == guarded


def test_an_inspector_is_run_once_for_the_same_parameters(ask, finished, monkeypatch):
    found = ask("inspect", run=finished.id, inspector="weight_change", params={})["ok"]
    assert found["panels"] and found["root"] == str(finished.path)
    written = json.loads((finished.path / "inspect" / "weight_change" / "found.json").read_text())
    assert written["panels"] == json.loads(json.dumps(found["panels"]))
    monkeypatch.setattr("backends.engine.looking.Found", None)
    assert ask("inspect", run=finished.id, inspector="weight_change", params={})["ok"]["seconds"] == found["seconds"]


def test_findings_from_before_a_parameter_came_are_those_of_its_default(ask, finished, monkeypatch):
    asked = {"run": finished.id, "inspector": "attribution", "params": {"each": 1, "steps": 8}}
    found = ask("inspect", **asked)["ok"]
    path = finished.path / "inspect" / "attribution" / "found.json"
    written = json.loads(path.read_text())
    del written["params"]["item"]
    path.write_text(json.dumps(written))
    monkeypatch.setattr("backends.engine.looking.Found", None)
    assert ask("inspect", **asked)["ok"]["seconds"] == found["seconds"]


def test_export_loads_with_transformers_alone(ask, finished, tmp_path):
    to = tmp_path / "out"
    assert "model.safetensors" in ask("export", run=finished.id, to=str(to))["ok"]["files"]
    model = AutoModelForImageClassification.from_pretrained(to).eval()
    assert AutoImageProcessor.from_pretrained(to, backend="pil")
    changed = load_file(finished.path / "after" / "changed.safetensors")
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in changed.items())
    assert finished.result["verdict"] in (to / "README.md").read_text()
    again = ask("export", run=finished.id, to=str(to))
    assert again["bad_input"] and "not an empty folder" in again["error"]


def test_export_of_a_guard_says_how_it_is_used(ask, finished, tmp_path, toy_folder):
    save_file({"input_delta": torch.ones(1, 12, 12)}, finished.path / "after" / "changed.safetensors")
    ask("export", run=finished.id, to=str(tmp_path / "out"))
    before, after = (
        AutoModelForImageClassification.from_pretrained(f).state_dict() for f in (toy_folder, tmp_path / "out")
    )
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert load_file(tmp_path / "out" / "input_delta.safetensors")["input_delta"].shape == (1, 12, 12)
    assert "input_delta" in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.parametrize(
    ("op", "args", "says"),
    [
        ("images", {"items": ["x"]}, "'x' is no item"),
        ("images", {"items": ["train-400"]}, "no train image 400"),
        ("images", {"items": 5}, "as a list"),
        ("images", {"pictures": 5}, "cannot be asked like that"),
        ("resolve", {"forget": ["seven"]}, "no class 'seven'"),
        ("alike", {"item": 1, "count": 0}, "ask for 1 to 399"),
        ("predict", {"run_or_model": "nothing", "items": ["test-1"]}, "no run 'nothing'"),
        ("inspect", {"run": "nothing", "inspector": "weight_change"}, "no run 'nothing'"),
        ("dance", {}, "no operation 'dance'"),
    ],
)
def test_bad_input_is_one_sentence(ask, op, args, says):
    said = ask(op, **args)
    assert said["bad_input"] and says in said["error"] and "\n" not in said["error"]


def test_a_run_that_is_not_done_is_not_looked_into(ask, queue):
    said = ask("inspect", run=queue().id, inspector="weight_change")
    assert said["bad_input"] and "is queued; only a run that is done" in said["error"]


def test_parameters_out_of_range_and_unknown_inspectors(ask, finished):
    assert ask("inspect", run=finished.id, inspector="weight_change", params={"most": 0})["bad_input"]
    assert ask("inspect", run=finished.id, inspector="x-ray")["bad_input"]


@pytest.mark.parametrize(
    "line", ["", "{", "[]", "null", '"x"', '{"op": 3}', '{"op": "ping", "args": [1]}', '{"op": []}']
)
def test_garbage_is_answered(line):
    assert answer(None, line)["bad_input"]


def test_a_shared_studio_reads_and_writes_no_folders(ask, finished, monkeypatch, toy_images, tmp_path):
    monkeypatch.setenv("LETHE_SHARED", "1")
    assert "shared" in ask("describe")["error"]
    monkeypatch.setattr(operations.Path, "expanduser", lambda self: self)
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/nowhere")
    assert (
        "shared" in answer(Desk(), json.dumps({"op": "export", "args": {"run": finished.id, "to": "/srv/x"}}))["error"]
    )


@pytest.mark.slow
def test_through_the_pipe(toy_folder, toy_images):
    live = Live()
    try:
        assert live.ask("ping") == "here"
        with pytest.raises(BadInput, match="no operation 'dance'"):
            live.ask("dance")
        said = live.ask("describe", model=str(toy_folder), data=str(toy_images))
        assert said["train_count"] == 400
    finally:
        live.stop()


def test_numbers_that_are_none_arrive_as_words():
    from backends.engine.live import _dumped

    assert json.loads(_dumped({"ok": np.array([1.0, np.nan])})) == {"ok": [1.0, "NaN"]}


def test_a_look_tells_how_far_it_is_and_ends_where_nobody_waits(finished):
    heard = []
    line = json.dumps(
        {"op": "inspect", "args": {"run": finished.id, "inspector": "layer_similarity", "params": {}}, "pieces": True}
    )

    def stop(piece):
        heard.append(piece)
        if len(heard) == 6:
            raise Stopped

    desk = Desk()
    assert "given up" in answer(desk, line, stop)["error"]
    assert not (finished.path / "inspect" / "layer_similarity" / "found.json").exists()
    heard.clear()
    assert answer(desk, line, heard.append)["ok"]["panels"]
    phases = [piece["phase"] for piece in heard]
    assert any(phase.startswith("reading layers") for phase in phases)
    assert all(0 <= piece["done"] <= piece["of"] for piece in heard)
    assert [piece for piece in heard if piece["of"] and piece["done"] == piece["of"]]


def test_what_can_say_nothing_of_a_run_is_told_with_its_reason_and_refused(ask, finished):
    reason = ask("lacking", run=finished.id)["ok"]["input_guard"]
    assert reason.startswith("This run has no filter")
    said = ask("inspect", run=finished.id, inspector="input_guard")
    assert said["bad_input"] and said["error"] == reason
    save_file({"input_delta": torch.ones(1, 12, 12)}, finished.path / "after" / "changed.safetensors")
    assert "input_guard" not in ask("lacking", run=finished.id)["ok"]
