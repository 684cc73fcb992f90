"""The page Forget for models that draw: what its tiles and words become, what an address restores, a person's own pipeline."""

import json

import app_pages
import pictures as tiny
import pytest

from app import dataset_images, job_form
from app.inference import LIVE
from backends.api import catalog, submit
from backends.api.catalog import Model, Source
from backends.api.errors import BadInput
from backends.api.tuned_params import Tuned
from pages.studio import _answers, _preset, _steps

PAINTER = Model(
    id="painter", title="A painter", summary="It draws.", source=Source(title="made here"), works_with={"text-to-image": True},
    family="text-to-image", data="emoji", default_forget=["cat"], default_method="esd", card=tiny.CARD | {"accuracy": {"object, 20 steps": 97.0}},
    tuned=[Tuned(method="esd", targets=["style"], params={"steps": 33})],
)  # fmt: skip


@pytest.fixture(autouse=True)
def painter(monkeypatch):
    """A catalog with a model that draws beside the others."""
    known = catalog.load()
    models = [entry for entry in known.models if entry.family == "classifier"]
    with_it = known.model_copy(update={"models": [*models, PAINTER]})
    monkeypatch.setattr(catalog, "load", lambda: with_it)


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


@pytest.fixture
def values():
    """Every widget's value with the painter chosen and nothing touched."""
    return app_pages.untouched(job_form.embedded("painter")) | {"model": "painter"}


def test_the_untouched_page_is_a_job_that_can_start(values):
    spec = job_form.spec(values)
    assert (spec.model, spec.method, spec.forget, spec.keep) == ("painter", "esd", ("cat",), ())
    assert submit.check(spec.model_copy(update={"params": {}})) == spec


def test_the_card_says_what_it_draws_and_how_well():
    text = {value: words for words, value in _steps.model_choices()}["painter"]
    assert "97.0 % of its pictures show the object they should" in text and "3 objects · 2 styles" in text


def test_tiles_words_and_the_anchor_become_targets(values):
    chosen = values | {"objects": ["cat", "car"], "styles": ["noto"], "anchor": "dog", "phrases": "dog in flat style"}
    assert job_form.spec(chosen).forget == ("cat -> dog", "car -> dog", "noto style", "dog in flat style")
    kept = values | {"keep_mode": "some", "keep_objects": ["dog"], "keep_styles": ["flat"]}
    assert job_form.spec(kept).keep == ("dog", "flat style")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"objects": []}, "Choose or write at least one thing"),
        ({"phrases": "dgo"}, "never learned 'dgo'; near to it: dog"),
        ({"objects": ["cat", "dog", "car"]}, "All 3 objects"),
        ({"keep_mode": "some"}, "Choose at least one object or style to keep"),
        ({"keep_mode": "some", "keep_objects": ["cat"]}, "in the forget list and in the keep list"),
        ({"anchor": "cat"}, "replaced by itself"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(values, changes, sentence):
    with pytest.raises(BadInput, match=sentence):
        job_form.spec(values | changes)


def test_only_names_of_the_kind_that_are_not_chosen_can_be_drawn_instead(values):
    offered = [value for _, value in job_form.anchors(job_form.embedded("painter"), values)]
    assert offered == ["", "dog", "car"]
    now = _answers.show_concepts(values | {"objects": ["cat", "dog"], "anchor": "dog"})
    assert now["anchor"].value == "" and [value for _, value in now["anchor"].choices] == ["", "car"]


def test_neighbours_are_said_and_offered_to_be_kept(values):
    assert "get hurt first: dog, car." in _answers.show_neighbours(values)["near"]
    assert "dog, car, noto style." in _answers.show_neighbours(values | {"styles": ["flat"]})["near"]
    shown = _answers.show_keep_list(values | {"keep_mode": "some"})
    assert shown["keep_objects"] == ["dog", "car"] and shown["keep_styles"] == []


def test_settings_follow_the_kind_of_concept(values):
    assert _answers.show_concepts(values | {"objects": [], "styles": ["flat"]})["esd.steps"] == 33
    default = job_form.embedded("painter")
    assert job_form.recommended(default, catalog.load().get("methods", "esd"), ["cat"])["steps"] != 33


def test_choosing_it_and_going_back_changes_what_is_asked(values):
    there = _answers.show_model(values | {"kind": "random"})
    assert there["kind"].value == "concepts" and there["on_concepts"].visible and not there["on_random"].visible
    assert there["objects"].value == ["cat"] and '<b class="forget">cat</b>' in there["say"]
    back = _answers.show_model(values | {"model": "fashion-resnet"})
    assert back["kind"].value == "classes" and back["on_classes"].visible and not back["on_concepts"].visible
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
def test_an_address_gives_its_targets_back(values, forget):
    updates = _preset.preset([("model", "painter"), ("method", "esd"), *(("forget", text) for text in forget)])
    held = {name: getattr(update, "value", update) for name, update in updates.items()}
    assert sorted(job_form.spec(values | {name: held[name] for name in held if name in values}).forget) == sorted(
        forget
    )


def test_an_address_with_a_keep_list_and_a_wrong_one(values):
    updates = _preset.preset([("model", "painter"), ("forget", "cat"), ("keep", "dog"), ("keep", "car in noto style")])
    assert updates["keep_objects"].value == ["dog"] and updates["keep_extra"] == ("car in noto style",)
    assert updates["keep_mode"] == "some" and updates["on_keep"].visible
    with pytest.raises(BadInput, match="never learned 'unicorn'"):
        _preset.preset([("model", "painter"), ("forget", "unicorn")])


def test_a_clone_has_the_concepts_of_its_run(make_run):
    run = make_run("done", model="painter", method="esd", forget=("cat -> dog",), params={"steps": 20}, seed=11)
    updates = _preset.preset([("clone", run.id)])
    assert updates["objects"].value == ["cat"] and updates["anchor"].value == "dog"
    assert updates["esd.steps"] == 20 and updates["seed"] == 11
    # the tiles come with what is ticked: a page that shows another model has none of them yet
    assert [name for name, _ in updates["objects"].choices] == tiny.DOMAINS["object"]


def test_the_prompts_are_counted_and_listed_with_their_stand_ins(values, monkeypatch):
    said = {"forget": 2, "keep": 7, "prompts": [["a cat", "a dog"], ["<cat>", ""]]}
    monkeypatch.setattr(LIVE, "ask", lambda op, **args: said)
    job_form.counts.cache_clear()
    shown = _answers.summary(values)
    job_form.counts.cache_clear()
    assert "2 prompts to forget, 7 to keep" in shown["say"] and "<dt>Prompts</dt>" in shown["review"]
    assert "a dog" in shown["exact"] and "&lt;cat&gt;" in shown["exact"] and "without words" in shown["exact"]


def test_a_pipeline_of_ones_own_takes_any_words_and_needs_no_images(values, pipeline, answered):
    opened = _answers.open_own_model(values | {"own_model": str(pipeline), "own_data": "", "model": job_form.OWN})
    assert "a model that draws" in opened["own_says"] and "not measured" in opened["own_says"]
    assert not opened["objects_column"].visible and not opened["keep_mode"].visible and opened["keep_phrases"].visible
    own = values | {"model": job_form.OWN, "own": opened["own"], "objects": []}
    own |= {"phrases": "grumpy cat, angry cat -> calm dog"}
    shown = _answers.summary(own)
    assert "6 prompts to forget" in shown["say"] and "keeps everyday things" in shown["say"]
    assert "a picture of calm dog" in shown["exact"] and _answers.show_neighbours(own)["near"] == ""
    spec = job_form.spec(own | {"keep_phrases": "a red car, happy\n"})
    assert spec.forget == ("grumpy cat", "angry cat -> calm dog") and spec.keep == ("a red car, happy",)


def test_a_clone_of_it_opens_the_pipeline_again(make_run, pipeline, answered):
    run = make_run("done", model=str(pipeline), method="esd", forget=("grumpy cat, sad",), keep=("dog",))
    updates = _preset.preset([("clone", run.id)])
    assert updates["model"] == job_form.OWN and updates["own_model"] == str(pipeline)
    assert job_form.listed(updates["phrases"]) == ("grumpy cat, sad",) and updates["keep_phrases"] == "dog"


@pytest.mark.parametrize(
    ("data", "sentence"), [("no-such-judge", "There is no CLIP model"), ("", "holds only unet.bin, which can run code")]
)
def test_a_pipeline_that_cannot_be_opened_is_one_sentence(tmp_path, values, data, sentence):
    (tmp_path / "unet").mkdir()
    (tmp_path / "model_index.json").write_text("{}")
    (tmp_path / "unet" / "config.json").write_text("{}")
    (tmp_path / "unet" / ("unet.safetensors" if data else "unet.bin")).write_bytes(b"")
    shown = _answers.open_own_model(values | {"own_model": str(tmp_path), "own_data": data})
    assert sentence in shown["own_says"] and shown["own"] is None


def test_a_shared_studio_opens_no_model_of_strangers(monkeypatch):
    monkeypatch.setenv("LETHE_SHARED", "1")
    with pytest.raises(BadInput, match="This studio is shared"):
        job_form.open_own("owner/name", "")
