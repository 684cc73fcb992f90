"""`lethe generate` with a model that draws."""

import base64
import io
import json

import pytest
from PIL import Image

from app import cli, families
from app.commands import looks
from backends.api.errors import BadInput


def grey(level: int) -> str:
    out = io.BytesIO()
    Image.new("RGB", (4, 4), (level,) * 3).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


@pytest.fixture
def asked(monkeypatch):
    """A run and a model that draw in grey; the questions they were asked."""
    seen = []

    def ask(op, **args):
        seen.append((op, args))
        if not args["prompt"]:
            raise BadInput("The prompt was empty; write what to draw.")
        found = {
            "before": [grey(10)],
            "seconds": 1.5,
            "steps": 9,
            "guidance": 2.0,
            "size": args["size"] or 64,
            "cut": 3 if "long" in args["prompt"] else 0,
        }
        return found | ({"after": [grey(200)]} if args["run_or_model"] == "a-run" else {})

    monkeypatch.setattr(looks, "_ask", ask)
    monkeypatch.setattr(
        families, "of_model", lambda name: "classifier" if name == "fashion-resnet" else "text-to-image"
    )
    return seen


def answer(capsys, *arguments):
    code = cli.run(["generate", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def level(path):
    with Image.open(path) as image:
        return image.getpixel((0, 0))[0]


def test_a_run_draws_after_and_beside_it_before(capsys, asked, tmp_path):
    to = tmp_path / "cat.png"
    code, out, err = answer(capsys, "a-run", "--prompt", "a cat", "--seed", "7", "--out", str(to))
    assert (code, err) == (0, "")
    assert out == f"after: {to}\nbefore: {tmp_path / 'cat-before.png'}\n"
    assert (level(to), level(tmp_path / "cat-before.png")) == (200, 10)
    assert asked == [("draw", {"run_or_model": "a-run", "prompt": "a cat", "seeds": [7], "size": 0})]


def test_a_model_draws_one_picture_and_with_json_says_how(capsys, asked, tmp_path):
    to = tmp_path / "cat.png"
    code, out, err = answer(capsys, "painter", "--prompt", "a long cat", "--out", str(to), "--json")
    assert code == 0 and "last 3 tokens had no say" in err
    assert json.loads(out) == {
        "prompt": "a long cat", "seed": 0, "seconds": 1.5, "steps": 9, "guidance": 2.0, "size": 64, "cut": 3, "before": str(to),
    }  # fmt: skip
    assert level(to) == 10 and [path.name for path in tmp_path.glob("*.png")] == ["cat.png"]


REFUSED = {
    "no prompt": (("painter", "--out", "x.png"), "give --prompt"),
    "an image for a model that draws": (("painter", "--prompt", "a cat", "--item", "test-3"), "give --prompt"),
    "a prompt for a model that looks": (("fashion-resnet", "--prompt", "a cat"), "give --image FILE or --item"),
    "no file": (("painter", "--prompt", "a cat"), "No file was named"),
    "no picture's file": (("painter", "--prompt", "a cat", "--out", "x.jpg"), "ends in .png"),
    "no folder": (("painter", "--prompt", "a cat", "--out", "nowhere/x.png"), "no folder 'nowhere'"),
    "a seed in words": (("painter", "--prompt", "a cat", "--seed", "seven", "--out", "x.png"), "'seven'"),
    "a size in words": (("painter", "--prompt", "a cat", "--size", "big", "--out", "x.png"), "'big'"),
    "an empty prompt": (("painter", "--prompt", "", "--out", "x.png"), "The prompt was empty"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_one_sentence_code_two_and_no_file(capsys, asked, tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    arguments, says = REFUSED[case]
    code, out, err = answer(capsys, *arguments)
    assert (code, out) == (2, "") and says in err and err.count("\n") == 1
    assert list(tmp_path.glob("*.png")) == []
