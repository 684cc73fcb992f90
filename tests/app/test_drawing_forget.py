"""The page Forget for models that draw: what its tiles and words become, what an address restores, a person's own pipeline."""

import json

import pictures as tiny
import pytest
from app_pages import Form, plan, values, visible

from app import dataset_images, job_form
from app.inference import LIVE
from app.job_form import OWN
from backends.api import catalog, submit
from backends.api.catalog import Model, Source
from backends.api.choosing import listed
from backends.api.errors import BadInput
from backends.api.model_info import embedded
from backends.api.tuned_params import Tuned
from pages.studio.new import _model, _sentence

PAINTER = Model(
    id="painter", title="A painter", summary="It draws.", source=Source(title="made here"), works_with={"text-to-image": True},
    family="text-to-image", data="emoji", default_forget=["cat"], default_method="esd", card=tiny.CARD | {"accuracy": {"object, 20 steps": 97.0}},
    tuned=[Tuned(method="esd", targets=["style"], params={"steps": 33})],
)  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def painter():
    """A catalog with a model that draws beside the others."""
    known = catalog.load()
    models = [entry for entry in known.models if entry.family == "classifier"]
    with_it = known.model_copy(update={"models": [*models, PAINTER]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalog, "load", lambda: with_it)
        yield


@pytest.fixture
def answered(monkeypatch):
    """The answering process in this one, with nothing held open from another test."""
    from backends.engine.operations import OPERATIONS
    from backends.engine.session import Desk

    desk = Desk()
    job_form.counts.cache_clear()
    monkeypatch.setattr(LIVE, "ask", lambda op, **args: json.loads(json.dumps(OPERATIONS[op](desk, **args))))


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    """A person's own pipeline, of which nothing is known."""
    return tiny.make(tmp_path_factory.mktemp("own"), card=False)


@pytest.fixture(scope="module")
def form(painter):
    """The form as it first shows the painter."""
    return Form("painter")


def test_the_untouched_page_is_a_job_that_can_start(form):
    spec = form.spec()
    assert (spec.model, spec.method, spec.forget, spec.keep) == ("painter", "esd", ("cat",), ())
    assert submit.check(spec.model_copy(update={"params": {}})) == spec


def test_the_card_says_what_it_draws():
    text = {value: words for words, value in _model.choices()}["painter"]
    assert text.endswith("\n3 objects · 2 styles")


def test_tiles_words_and_the_anchor_become_targets(form):
    chosen = {"concepts.objects": ["cat", "car"], "concepts.styles": ["noto"], "concepts.anchor": "dog"}
    spec = form.spec(chosen | {"concepts.phrases": "dog in flat style"})
    assert spec.forget == ("cat -> dog", "car -> dog", "noto style", "dog in flat style")
    kept = {"keep_mode": "some", "concepts.keep_objects": ["dog"], "concepts.keep_styles": ["flat"]}
    assert form.spec(kept).keep == ("dog", "flat style")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"concepts.objects": []}, "Choose or write at least one thing"),
        ({"concepts.phrases": "dgo"}, "never learned 'dgo'; near to it: dog"),
        ({"concepts.objects": ["cat", "dog", "car"]}, "All 3 objects"),
        ({"keep_mode": "some"}, "Choose at least one object or style to keep"),
        ({"keep_mode": "some", "concepts.keep_objects": ["cat"]}, "in the forget list and in the keep list"),
        ({"concepts.anchor": "cat"}, "replaced by itself"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(form, changes, sentence):
    with pytest.raises(BadInput, match=sentence):
        form.spec(changes)


def test_only_names_of_the_kind_that_are_not_chosen_can_be_drawn_instead(form, nobody_answers):
    offered = form.event("concepts.objects")["concepts.anchor"]
    assert [value for _, value in offered.choices] == ["", "dog", "car"]
    now = form.event("concepts.objects", {"concepts.objects": ["cat", "dog"], "concepts.anchor": "dog"})
    anchor = now["concepts.anchor"]
    assert anchor.value == "" and [value for _, value in anchor.choices] == ["", "car"]
    stays = form.event("concepts.objects", {"concepts.anchor": "dog"})["concepts.anchor"]
    assert stays.value == "dog"


def test_neighbours_are_said_and_offered_to_be_kept(form, nobody_answers):
    assert "get hurt first: dog, car." in form.event("concepts.objects")["near"]
    assert "dog, car, noto style." in form.event("concepts.styles", {"concepts.styles": ["flat"]})["near"]
    shown = values(form.event("keep_mode", {"keep_mode": "some"}))
    assert shown["concepts.keep_objects"] == ["dog", "car"] and shown.get("concepts.keep_styles", []) == []


def test_settings_follow_the_kind_of_concept(form, nobody_answers):
    style = form.event("concepts.styles", {"concepts.objects": [], "concepts.styles": ["flat"]})
    assert plan(style["plan"])[1] == "esd" and plan(style["plan"])[2]["steps"] == 33
    esd = catalog.load().get("methods", "esd")
    assert job_form.recommended(embedded("painter"), esd, ["cat"])["steps"] != 33


def test_choosing_it_and_going_back_changes_what_is_asked(nobody_answers):
    form = Form("fashion-resnet")
    there = form.event("model", {"model": "painter", "kind": "random"})
    assert there["kind"].value == "concepts" and not there["kind"].visible
    assert visible(there, "concepts.objects") and not visible(there, "images.share")
    assert there["concepts.objects"].value == ["cat"] and '<b class="forget">cat</b>' in there["say"]
    back = form.event("model", values(there) | {"model": "fashion-resnet"})
    assert back["kind"].value == "classes" and back["kind"].visible
    assert visible(back, "images.classes") and not visible(back, "concepts.objects")
    assert "Sandal" in back["say"]


def test_every_tile_shows_drawings_of_its_own():
    drawn = dataset_images.drawings("emoji", tiny.DOMAINS)
    assert [len(rows) for rows in drawn.values()] == [3, 2]
    shown = [picture for rows in drawn.values() for row in rows for picture in row]
    assert all(picture.startswith("data:image/webp") for picture in shown)
    assert len(set(drawn["object"][0])) == 2 and not set(drawn["object"][0]) & set(drawn["object"][1])
    assert "display:none" in dataset_images.tile_variables(
        "object", dataset_images.drawings("", tiny.DOMAINS)["object"]
    )


@pytest.mark.parametrize(
    "forget",
    [["cat"], ["flat style"], ["cat -> dog", "noto style"], ["cat", "flat style -> noto style"], ["cat in flat style", "dog -> car"], ["cat", "dog -> car"]],
)  # fmt: skip
def test_an_address_gives_its_targets_back(form, forget):
    filled = form.filled(("model", "painter"), ("method", "esd"), *(("forget", text) for text in forget))
    assert sorted(form.spec(values(filled)).forget) == sorted(forget)


def test_an_address_with_a_keep_list_and_a_wrong_one(form):
    updates = form.filled(("model", "painter"), ("forget", "cat"), ("keep", "dog"), ("keep", "car in noto style"))
    assert updates["concepts.keep_objects"].value == ["dog"]
    assert updates["concepts.keep_extra"] == ["car in noto style"]
    assert updates["keep_mode"].value == "some" and visible(updates, "concepts.keep_objects")
    assert form.spec(values(updates)).keep == ("dog", "car in noto style")
    with pytest.raises(BadInput, match="never learned 'unicorn'"):
        form.filled(("model", "painter"), ("forget", "unicorn"))


def test_a_clone_has_the_concepts_of_its_run(form, make_run):
    run = make_run("done", model="painter", method="esd", forget=("cat -> dog",), params={"steps": 20}, seed=11)
    updates = form.filled(("clone", run.id))
    assert updates["concepts.objects"].value == ["cat"] and updates["concepts.anchor"].value == "dog"
    assert updates["edited"] == {"esd.steps": 20} and updates["seed"] == 11
    assert plan(updates["plan"])[2]["steps"] == 20
    # the tiles come with what is ticked: a page that shows another model has none of them yet
    assert [name for name, _ in updates["concepts.objects"].choices] == tiny.DOMAINS["object"]


def test_the_prompts_are_counted_and_listed_with_their_stand_ins(form, monkeypatch):
    resolved = {"forget": 2, "keep": 7, "prompts": [["a cat", "a dog"], ["<cat>", ""]]}
    monkeypatch.setattr(LIVE, "ask", lambda op, **args: resolved)
    job_form.counts.cache_clear()
    shown = _sentence.whole(form.draft())
    job_form.counts.cache_clear()
    assert "2 prompts to forget, 7 to keep" in shown["say"]
    assert "a dog" in shown["exact"] and "&lt;cat&gt;" in shown["exact"] and "without words" in shown["exact"]


def test_a_pipeline_of_ones_own_takes_any_words_and_needs_no_images(form, pipeline, answered):
    opened = form.event(
        "own_open", {"own_model": str(pipeline), "own_data": "", "model": OWN, "concepts.objects": ["cat"]}, "click"
    )
    assert "a model that draws" in opened["own_says"] and "not measured" in opened["own_says"]
    assert not visible(opened, "concepts.objects") and not opened["keep_mode"].visible
    assert visible(opened, "concepts.phrases") and visible(opened, "concepts.keep_phrases")
    own = values(opened) | {"model": OWN, "concepts.phrases": "grumpy cat, angry cat -> calm dog"}
    shown = _sentence.whole(form.draft(own))
    assert "6 prompts to forget" in shown["say"] and "keeps everyday things" in shown["say"]
    assert "a picture of calm dog" in shown["exact"]
    assert form.event("concepts.phrases", own, "change")["near"] == ""
    spec = form.spec(own | {"concepts.keep_phrases": "a red car, happy\n"})
    assert spec.forget == ("grumpy cat", "angry cat -> calm dog") and spec.keep == ("a red car, happy",)


def test_a_clone_of_it_opens_the_pipeline_again(form, make_run, pipeline, answered):
    run = make_run("done", model=str(pipeline), method="esd", forget=("grumpy cat, sad",), keep=("dog",))
    updates = form.filled(("clone", run.id))
    assert updates["model"] == OWN and updates["own_model"] == str(pipeline) and updates["own_column"].visible
    filled = values(updates)
    assert listed(filled["concepts.phrases"]) == ("grumpy cat, sad",) and filled["concepts.keep_phrases"] == "dog"
    assert form.spec(filled).forget == ("grumpy cat, sad",)


@pytest.mark.parametrize(
    ("data", "sentence"), [("no-such-judge", "There is no CLIP model"), ("", "holds only unet.bin, which can run code")]
)
def test_a_pipeline_that_cannot_be_opened_is_one_sentence(tmp_path, form, data, sentence, nobody_answers):
    (tmp_path / "unet").mkdir()
    (tmp_path / "model_index.json").write_text("{}")
    (tmp_path / "unet" / "config.json").write_text("{}")
    (tmp_path / "unet" / ("unet.safetensors" if data else "unet.bin")).write_bytes(b"")
    shown = form.event("own_open", {"model": OWN, "own_model": str(tmp_path), "own_data": data}, "click")
    assert sentence in shown["own_says"] and shown["own"] is None


def test_a_shared_studio_opens_no_model_of_strangers(monkeypatch):
    monkeypatch.setenv("LETHE_SHARED", "1")
    with pytest.raises(BadInput, match="This studio is shared"):
        job_form.open_own("owner/name", "")
    assert OWN not in [value for _, value in _model.choices()]
