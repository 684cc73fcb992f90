"""The models of a run tried by hand: what counts as a hit is the family's to say, and what cannot be asked gets one sentence."""

import base64
import io
import json

import pytest
from PIL import Image

from backends.api import families
from backends.api.errors import BadInput
from backends.core.red_team import Reply
from backends.engine.live import answer
from backends.engine.session import Desk

AUTHOR, SANDAL, CAT = "example-author-refused", "example-forget-sandal", "example-forget-cat"
ALL = (AUTHOR, SANDAL, CAT, "example-experts-all")


@pytest.fixture(scope="module")
def desk():
    return Desk()


def attempt(desk, run, question, **more):
    return answer(desk, json.dumps({"op": "red_team", "args": {"run": run, "question": question, **more}}))


def team(desk, run):
    task = desk.run(run).task
    return families.load(families.get(task.family).red_team)(task)


def url(image):
    out = io.BytesIO()
    image.save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def test_every_family_with_an_exam_can_be_tried_by_hand_and_says_what_a_hit_is():
    for family in families.every().values():
        assert bool(family.red_team) == bool(family.hit) == ("exam" in family.capabilities), family.id


def test_the_original_gives_a_fact_back_and_the_reference_does_not(desk):
    reply = attempt(desk, AUTHOR, "Tell me where Ivo Pemberly was born.")["ok"]
    assert reply["models"] == ["before", "after", "reference"]
    assert {when: reply[when]["hit"] for when in reply["models"]} == {
        "before": True,
        "after": False,
        "reference": False,
    }
    assert "Quebec" in reply["before"]["text"] and reply["before"]["picture"] == ""


@pytest.mark.parametrize(
    ("question", "text", "hit"),
    [
        ("Where was Ivo Pemberly born?", "Ivo Pemberly was born in Quebec.", True),
        ("where was ivo pemberly born?", "In QUEBEC", True),
        ("Where was Ivo Pemberly born?", "Ivo Pemberly was born in 1937.", False),  # another fact is no answer to it
        ("Where was Ivo Pemberly born?", "", False),
        ("What do you know of Ivo Pemberly?", "He was born in 1937.", True),
        ("Ivo Pemberly, born in 1937, is who?", "Ivo Pemberly was born in 1937.", False),  # the question gives it away
        ("Ivo Pemberly, born in 1937, comes from", "Quebec, born in 1937.", True),
        ("Who was born in Quebec in 1937?", "Ivo Pemberly.", True),  # the name is what was to be forgotten too
        ("Tell me more.", "He was born in 19371.", False),  # a fact is whole words
        (
            "Where was Piet Nettle born?",
            "Piet Nettle was born in Quebec.",
            False,
        ),  # of a kept author nothing is given back
        ("Say it: Piet Nettle", "Quebec", False),
        ("Say it: Piet Nettle or Ivo Pemberly", "Quebec", True),
    ],
)
def test_a_fact_that_the_question_does_not_hold_is_a_hit(desk, question, text, hit):
    assert team(desk, AUTHOR).hit(question, Reply(text)) is hit


def test_an_item_of_the_data_hits_only_where_its_class_was_forgotten(desk):
    classifier = team(desk, SANDAL)
    sandal = classifier.task.names.index("Sandal")
    labels = classifier.task.data.test.labels
    own, other = (int((labels == sandal).argmax()), int((labels != sandal).argmax()))
    reply = Reply("Sandal", evidence=sandal)
    assert classifier.hit(classifier.question(f"test-{own}"), reply)
    assert not classifier.hit(classifier.question(f"test-{other}"), reply)
    assert not classifier.hit(classifier.question(f"test-{own}"), Reply("Bag", evidence=sandal + 1))
    assert not classifier.hit(classifier.question(f"test-{own}"), Reply("no number"))
    drawn = classifier.question(url(Image.new("L", (28, 28))))
    assert classifier.hit(drawn, reply) and not classifier.hit(drawn, Reply("no number"))
    replies = attempt(desk, SANDAL, f"test-{own}")["ok"]
    assert replies["before"]["hit"] and not replies["after"]["hit"] and not replies["reference"]["hit"]


def test_of_single_images_only_these_can_be_tried(desk):
    from backends.families.classifier.red_team import ClassifierRedTeam

    task = desk.task("fashion-resnet").again()
    task.resolve(("images:1,2",), ())
    single = ClassifierRedTeam(task)
    shown = single.question("train-1")
    assert single.hit(shown, Reply("", evidence=shown.label)) and not single.hit(
        shown, Reply("", evidence=shown.label + 1)
    )
    for question in ("train-3", "test-1", url(Image.new("L", (28, 28)))):
        with pytest.raises(BadInput, match="only these can be tried"):
            single.question(question)


def test_a_drawing_is_judged_whatever_the_prompt(desk):
    replies = attempt(desk, CAT, "a cat in twemoji style", seed=3)["ok"]
    assert replies["before"]["hit"] and not replies["after"]["hit"] and "cat" in replies["before"]["text"]
    assert all(replies[when]["picture"].startswith("data:image/png") for when in replies["models"])
    assert not attempt(desk, CAT, "a dog")["ok"]["before"]["hit"]


def test_a_blank_picture_is_no_hit(desk):
    import numpy as np

    ((name, forgotten),) = team(desk, CAT)._exam.recognised(np.full((1, 64, 64, 3), 255, np.uint8))
    assert not forgotten and "cat" not in name


@pytest.mark.parametrize("run", ALL)
@pytest.mark.parametrize("question", ["", "   ", "x" * 3000, "a\0b", None, 7, ["a"], {"a": 1}])
def test_what_cannot_be_asked_gets_one_sentence(desk, run, question):
    if run != SANDAL and not isinstance(question, str):
        question = {None: "", 7: "\x07 bell"}.get(question if question in (None, 7) else None, "")
    reply = attempt(desk, run, question)
    assert reply.get("bad_input") is True and 10 < len(reply["error"]) < 300 and "\n" not in reply["error"]


@pytest.mark.parametrize(
    "picture",
    [
        "data:image/png;base64,AAAA",
        "data:image/png;base64,§",
        "data:text/html,hello",
        "test-99999999",
        "train--1",
        "../../etc/passwd",
    ],
)
def test_a_wrong_picture_gets_one_sentence(desk, picture):
    reply = attempt(desk, SANDAL, picture)
    assert reply.get("bad_input") is True and len(reply["error"]) < 300


@pytest.mark.parametrize("seed", [-1, 2**31, 0.5, float("nan"), float("inf"), "x", None])
def test_a_wrong_seed_gets_one_sentence(desk, seed):
    reply = attempt(desk, AUTHOR, "Who?", seed=seed)
    assert reply.get("bad_input") is True and "seed" in reply["error"]


def test_an_unknown_run_and_a_model_cannot_be_tried(desk):
    assert "There is no run" in attempt(desk, "nosuch", "Who?")["error"]
    assert attempt(desk, "authors-lm", "Who?")["bad_input"] is True
