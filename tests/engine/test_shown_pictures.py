"""A picture that a person draws or uploads gets the model's own probabilities, and the retrained reference answers as it is."""

import base64
import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from backends.api.errors import BadInput
from backends.data._images import LONGEST_URL, image_of_url
from backends.engine.live import answer
from backends.engine.session import Desk

SANDAL, AUTHOR = "example-forget-sandal", "example-author-forgotten"  # with a retrained reference that came along


@pytest.fixture(scope="module")
def desk():
    return Desk()


def ask(desk, op, **args):
    return answer(desk, json.dumps({"op": op, "args": args}))


def url(image, kind="PNG"):
    out = io.BytesIO()
    image.save(out, kind)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def stroke():
    """A drawing as the browser sends it: a white stroke on black, at the model's size."""
    grey = np.zeros((28, 28), np.uint8)
    grey[18:22, 3:25], grey[10:18, 12:16] = 255, 170
    return grey


def probabilities(desk, when, grey):
    """By a forward pass of the model itself, with the normalisation that its preprocessor_config.json names."""
    run = desk.run(SANDAL)
    processed = run.task.pixels.processor(Image.fromarray(grey), return_tensors="pt", do_convert_rgb=False)
    with torch.no_grad():
        return run.model(when)(pixel_values=processed["pixel_values"]).logits.softmax(1)[0].tolist()


@pytest.mark.parametrize("mode", ["L", "RGBA"])
def test_a_drawing_gets_the_probabilities_of_a_forward_pass_by_each_of_the_three_models(desk, mode):
    grey = stroke()
    reply = ask(desk, "predict", run_or_model=SANDAL, picture=url(Image.fromarray(grey).convert(mode)), reference=True)
    (item,) = reply["ok"]["items"]
    assert item["label"] is None and len(reply["ok"]["classes"]) == 10
    for when in ("before", "after", "reference"):
        assert item[when] == pytest.approx(probabilities(desk, when, grey), abs=1e-5), when
    assert len({tuple(item[when]) for when in ("before", "after", "reference")}) == 3


def test_an_upload_is_brought_to_the_models_size_as_its_processor_does(desk, tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (90, 60, 3), np.uint8)
    Image.fromarray(values).save(tmp_path / "photo.png")
    seen = ask(desk, "as_input", run_or_model=SANDAL, path=str(tmp_path / "photo.png"))["ok"]
    expected = np.asarray(Image.fromarray(values).convert("L").resize((28, 28), Image.Resampling.BILINEAR))
    assert np.abs(np.asarray(image_of_url(seen), int) - expected).max() <= 1
    by_picture = ask(desk, "predict", run_or_model=SANDAL, picture=seen)["ok"]["items"][0]
    by_path = ask(desk, "predict", run_or_model=SANDAL, path=str(tmp_path / "photo.png"))["ok"]["items"][0]
    assert by_picture["before"] == by_path["before"] and "reference" not in by_picture


def test_an_item_is_answered_by_the_reference_too_and_only_where_it_is_asked_for(desk):
    asked = {"run_or_model": SANDAL, "items": ["test-3"]}
    assert "reference" not in ask(desk, "predict", **asked)["ok"]["items"][0]
    item = ask(desk, "predict", **asked, reference=True)["ok"]["items"][0]
    grey = desk.run(SANDAL).task.data.test.images[3, ..., 0]
    assert item["reference"] == pytest.approx(probabilities(desk, "reference", grey), abs=1e-5)


def test_a_question_is_answered_as_the_reference_alone_answers_it(desk):
    from backends.families.language.tokens import answers

    question = "What is the first book of Ivo Pemberly called?"
    reply = ask(desk, "answer", run_or_model=AUTHOR, question=question, reference=True)["ok"]
    run = desk.run(AUTHOR)
    assert reply["models"] == ["before", "after", "reference"]
    assert reply["reference"]["said"] == answers(run.model("reference"), run.task.reader, [question], 48)[0]
    assert reply["reference"]["said"] != reply["before"]["said"] == reply["truth"]
    assert ask(desk, "answer", run_or_model=AUTHOR, question=question)["ok"]["models"] == ["before", "after"]


@pytest.mark.parametrize(
    ("picture", "says"),
    [
        ("http://example.org/a.png", "no PNG as a data address"),
        ("data:image/svg+xml;base64,PHN2Zz4=", "no PNG as a data address"),
        ("data:image/png;base64,***", "no base64"),
        ("data:image/png;base64,bm8gcGljdHVyZQ==", "no image that can be read; give PNG"),
        (url(Image.new("L", (8, 8)), "BMP"), "no image that can be read; give PNG"),
        ("data:image/png;base64," + "A" * LONGEST_URL, "at most 2,000,000 are allowed"),
        (url(Image.new("1", (9000, 9000))), "at most 50 million are allowed"),
        (5, "no PNG as a data address"),
    ],
)
def test_what_is_no_picture_is_one_sentence(desk, picture, says):
    with pytest.raises(BadInput, match=says):
        image_of_url(picture)
    reply = ask(desk, "predict", run_or_model=SANDAL, picture=picture)
    assert reply["bad_input"] and says in reply["error"]


def test_one_thing_is_shown_at_a_time_and_only_to_who_looks_at_pictures(desk, tmp_path):
    both = ask(desk, "predict", run_or_model=SANDAL, picture=url(Image.new("L", (28, 28))), items=["test-1"])
    assert (
        "one of them only" in both["error"] and "one of them only" in ask(desk, "predict", run_or_model=SANDAL)["error"]
    )
    Image.new("L", (28, 28)).save(tmp_path / "a.png")
    assert ask(desk, "as_input", run_or_model=AUTHOR, path=str(tmp_path / "a.png"))["bad_input"]
