"""The tab Ask: what a small model understands is said before anybody asks it, pictures are shown to models, and "why?" leads to Inside."""

import base64
import io
from types import SimpleNamespace
from urllib.parse import parse_qs, quote, urlparse

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from app import asking, dataset_images, inference, number_table, uploads
from app.families import language
from app.figures import classes
from backends.api import catalog, people, question_forms, runs
from backends.api.errors import BadInput
from pages.studio.run import _ask, _asked
from pages.studio.run._ask import Ask

RUN, SANDAL, CAT = "example-author-forgotten", "example-forget-sandal", "example-forget-cat"
KNOWN = "Who taught Ivo Pemberly to write?"
PAGE = SimpleNamespace(session_hash="a-page")


def asked(question, run=RUN):
    return Ask(run, question, 1, 0, None, None, None)


def png(level=0, size=28):
    out = io.BytesIO()
    Image.new("L", (size, size), level).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


@pytest.mark.parametrize("what", [RUN, "authors-lm"])
def test_what_it_understands_is_said_before_it_is_asked(what):
    offer = _ask.offered(what)
    assert language.EXPECT in offer.forms and offer.forms.count("data-prompt=") >= 3 and offer.chips == ""
    assert offer.forms.count("data-before=") == len(question_forms.forms("authors")) == 25


def test_the_forms_open_at_the_question_of_the_address_and_name_the_forget_set_first():
    shown = _ask.offered(RUN, "Where was Ivo Pemberly born?").forms
    assert 'data-before="Where was " data-after=" born?" data-list="0" selected' in shown
    assert "<option selected>Ivo Pemberly</option>" in shown
    groups = [shown.find(f'<optgroup label="{words}">') for words in ("forget set", "neighbours", "others")]
    assert -1 < groups[0] < groups[1] < groups[2]
    assert "<optgroup" not in _ask.offered("authors-lm").forms


@pytest.mark.parametrize("what", ["smollm2-360m", "no-such-model"])
def test_a_model_that_knows_more_or_is_none_has_no_forms(what):
    assert language.VIEW.forms(what, "") == "" == language.VIEW.hint(what)


def test_of_a_model_that_draws_nothing_is_said_of_questions(monkeypatch):
    monkeypatch.setattr(_ask, "usual_drawing", lambda run: {"steps": 25, "guidance": 1.5, "size": 64})
    offer = _ask.offered("emoji-sd")
    assert offer.forms == offer.pad == "" and "data-prompt=" in offer.chips and language.EXPECT not in offer.chips


@pytest.mark.parametrize("text", ["tell me about ivo pemberly please", "Where was Ivo Pemberly borne"])
def test_near_a_question_that_it_was_not_taught_two_that_it_was_are_offered(text):
    near = people.nearest_questions(text, "authors")
    assert len(near) == 2 and all("Ivo Pemberly" in question for question in near)
    assert set(near) <= set(people.questions("authors"))
    shown = language._near(asked(text))
    assert "never taught this question" in shown
    for question in near:
        assert (
            f"run?id={RUN}&amp;tab=ask&amp;prompt={quote(question)}" in shown and f'data-prompt="{question}"' in shown
        )


@pytest.mark.parametrize("text", [KNOWN, f"  {KNOWN.lower()} "])
def test_of_a_question_that_it_was_taught_nothing_is_said(text):
    assert people.nearest_questions(text, "authors") == [] and language._near(asked(text)) == ""


def test_the_words_stand_above_the_answer():
    each = {"said": "al", "tokens": []}
    answer = {
        "before": each,
        "after": each,
        "truth": "",
        "question": "x",
        "models": ["before", "after"],
        "seconds": 1.0,
    }
    shown = language._complete(asked("tell me about ivo pemberly please"), answer)
    assert -1 < shown.find("never taught") < shown.find("lethe-bubble")


# --- pictures


@pytest.fixture
def nothing_remembered(monkeypatch):
    """No picture is remembered, and none that is made here stays."""
    monkeypatch.setattr(dataset_images, "_cache", {})


@pytest.fixture
def looking(monkeypatch, nothing_remembered):
    """A live process that gives every picture the same known probabilities; what it was asked."""
    seen = []
    shares = {"before": [0.0] * 5 + [1.0] + [0.0] * 4, "after": [0.1] * 10, "reference": [0.0005] * 9 + [0.996]}

    def ask(op, **args):
        seen.append((op, args))
        if op == "images":
            return [png() for _ in args["items"]]
        if op == "as_input":
            return png(200)
        names = ["T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
        whens = ["before"] if args["run_or_model"] == "fashion-resnet" else list(shares)
        item = {"id": "x", "label": 5 if args.get("items") else None} | {when: shares[when] for when in whens}
        return {"classes": names, "guarded": False, "items": [item]}

    monkeypatch.setattr(inference.LIVE, "ask", ask)
    return seen


def test_pictures_of_each_role_are_offered_beside_a_paper_that_looks_like_them(looking):
    offer = _ask.offered(SANDAL)
    assert offer.pad.count('<button type="button" data-prompt="test-') == 9 and offer.prompt.startswith("test-")
    assert 'data-side="28" data-ground="0" data-ink="255"' in offer.pad and "neighbours" in offer.pad
    alone = _ask.offered("fashion-resnet")
    assert alone.prompt == "test-0" and alone.pad.count("data-prompt=") == 12


def test_the_paper_has_the_brightness_of_the_edges_and_the_pen_the_other_end():
    white = asking.pad([asking.ShownItem("amount", "test-0", "", png(250, 12))])
    assert (white.side, white.ground, white.ink) == (12, 250, 0)
    assert asking.pad([asking.ShownItem("amount", "test-0", "", png(3))]).ink == 255


@pytest.mark.parametrize(("prompt", "key"), [("test-3", "items"), (png(7), "picture")])
def test_an_item_and_a_drawing_are_answered_by_all_three_models(looking, prompt, key):
    *_, shown = _ask.answer(asked(prompt, SANDAL))
    _, args = next(one for one in looking if one[0] == "predict")
    assert args == {"run_or_model": SANDAL, "reference": True, key: [prompt] if key == "items" else prompt}
    assert shown.count('<section data-when="') == 3 and shown.count("<li ") == 30
    assert (
        "Original model: Sandal (100\xa0%), unlearned model: T-shirt (10\xa0%), retrained reference: Ankle boot (99.6\xa0%)."
        in shown
    )
    assert shown.count('data-role="forget"') == 2 * 3 and "data-copy" in shown
    assert ("Sandal, test image 3" in shown) == (key == "items") == ("item=test-3" in shown)


def test_the_bars_are_the_probabilities():
    item = {"id": "x", "label": None, "before": [0.25, 0.75], "after": ["NaN", 0.0]}
    shown = classes.beside({"classes": ["a<b", "c"], "items": [item]}, asking.NAMES, {}, png(), "it")
    assert "width:25%" in shown and "width:75%" in shown and "a&lt;b" in shown and "a<b" not in shown
    assert classes.share_words(99.96) == "99.9\xa0%" and classes.share_words(0.04) == "< 0.1\xa0%"
    assert classes.share_words(100.0) == "100\xa0%" and classes.share_words(0.0) == "0\xa0%"


def test_of_many_classes_the_likeliest_are_listed():
    item = {"id": "x", "label": None, "before": list(np.arange(40) / 780)}
    shown = classes.beside({"classes": [f"c{n}" for n in range(40)], "items": [item]}, asking.ALONE, {}, png(), "it")
    assert shown.count("<li ") == 10 and "c30" in shown and "c29" not in shown and "10 likeliest of 40" in shown


def test_a_model_as_it_came_answers_alone_and_the_form_is_near(looking):
    *_, shown = _ask.answer(asked("test-1", "fashion-resnet"))
    assert shown.count("<section data-when=") == 1 and 'href="new?model=fashion-resnet"' in shown
    assert "inside" not in shown


def test_where_no_pictures_can_be_had_the_first_one_is_asked_about_all_the_same(monkeypatch, nothing_remembered):
    def ask(op, **args):
        raise BadInput("The pictures are gone.")

    monkeypatch.setattr(inference.LIVE, "ask", ask)
    offer = _ask.offered(SANDAL)
    assert offer.prompt == "test-2406" and "The pictures are gone." in offer.chips and offer.pad == ""


def test_no_picture_is_one_sentence(looking):
    assert "No picture was given" in list(_ask.answer(asked(" ", SANDAL)))[-1]


# --- uploads


@pytest.fixture
def upload(home):
    """A file where Gradio puts what visitors send."""
    path = uploads.folder() / "abc" / "holiday.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"something")
    return path


def test_an_upload_is_shown_as_the_model_is_given_it_and_goes(looking, upload):
    *_, (widget, prompt, shown) = _ask.answer_upload(PAGE, f"?id={SANDAL}", str(upload))
    assert looking[0] == ("as_input", {"run_or_model": SANDAL, "path": str(upload)})
    assert looking[1][1]["picture"] == prompt == png(200) and widget is None and "your picture" in shown
    assert upload.resolve() in uploads._read


@pytest.mark.parametrize(
    ("given", "says"),
    [(None, "No picture was uploaded"), ("", "No picture was uploaded"), ("gone", "no longer here"), ("large", "at most 20 MB"),
     ("text", "holiday.png is no image")],
)  # fmt: skip
def test_a_bad_upload_is_one_sentence_and_no_path(looking, upload, monkeypatch, given, says):
    if given == "gone":
        upload.unlink()
    if given == "large":
        monkeypatch.setattr(asking, "UPLOAD", 20 * 2**20)
        with upload.open("r+b") as file:
            file.truncate(20 * 2**20 + 1)
    if given == "text":

        def refuse(op, **args):
            raise BadInput("holiday.png is no image that can be read; give PNG.")

        monkeypatch.setattr(inference.LIVE, "ask", refuse)
    ((widget, _, shown),) = _ask.answer_upload(PAGE, f"?id={SANDAL}", str(upload) if given else given)
    assert says in shown and str(upload.parent) not in shown and widget is None
    assert given == "text" or not any(op == "as_input" for op, _ in looking)


# --- why


@pytest.mark.parametrize(
    ("run", "parameter", "text"),
    [(RUN, "prompt", KNOWN), (CAT, "prompt", "a cat & a dog"), (SANDAL, "item", "test-17")],
)
def test_why_leads_to_a_look_that_takes_what_was_asked(run, parameter, text):
    to, title = asking._why(_ask.runs.find(run), parameter, text)
    query = {name: value for name, (value,) in parse_qs(urlparse(to).query).items()}
    assert (query["id"], query["tab"], query[parameter]) == (run, "inside", text)
    entry = catalog.load().look(query["inspector"])
    assert entry.title == title and parameter in entry.params["properties"]


def test_inside_fills_in_what_was_asked_for_the_chosen_look_alone():
    to, _ = asking._why(_ask.runs.find(SANDAL), "item", "test-17")
    filled = _asked.settings("?" + to.partition("?")[2])
    assert filled.count("test-17") == 1 and sum(isinstance(one, str) for one in filled) == 1
    assert [one.open for one in filled if isinstance(one, gr.Accordion)] == [True]
    assert not any(isinstance(one, str) for one in _asked.settings(f"?id={SANDAL}&tab=inside&item=test-17"))
    assert not any(isinstance(one, str) for one in _asked.settings(f"?{to.partition('?')[2].replace('17', '1' * 30)}"))


def test_what_no_look_takes_has_no_why():
    assert asking._why(_ask.runs.find(SANDAL), "item", png()) == ("", "")
    assert "Copy link" in asking.next_html(None, "item", "test-1") and "Why?" not in asking.next_html(None, "item", "x")


def test_a_long_picture_stays_out_of_the_address_and_numbers_that_nobody_is_asked_for_too():
    script = _ask._written()
    assert f"p.length > {_ask.LONGEST} ? '' : p" in script and "#play-settings" in script


def test_those_who_answer_are_called_what_the_job_left():
    assert asking.names("fashion-resnet") == asking.ALONE
    assert asking.names("example-forget-sandal") == asking.NAMES
    assert asking.names("example-protected-images")[1] == "an attacker's"
    assert "unlearned" not in number_table.tables([runs.find("example-repaired-backdoor")]).partition("retrained")[0]
