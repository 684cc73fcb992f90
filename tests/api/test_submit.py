"""Everything a person can get wrong before a job starts: one sentence each, and nothing left behind."""

import json

import pytest

from backends.api import catalog, files, runs, submit
from backends.api.errors import BadInput

GOOD = {"model": "fashion-resnet", "method": "fine_tune", "forget": ["Sandal"]}
BAD = {
    "unknown model": ({"model": "fashion-restnet"}, "no model 'fashion-restnet'; choose one of fashion-resnet"),
    "unknown method": ({"method": "erase"}, "no method 'erase'; choose one of"),
    "unknown metric": ({"metrics": ["beauty"]}, "no metric 'beauty'; choose one of"),
    "unknown class": ({"forget": ["Sandals"]}, "no class 'Sandals'; fashion-resnet knows T-shirt"),
    "unknown class to keep": ({"keep": ["Hat"]}, "no class 'Hat'"),
    "nothing": ({"forget": []}, "Nothing to forget was named"),
    "an empty name": ({"forget": [""]}, "forget was empty"),
    "only blanks": ({"forget": ["  "]}, "was empty"),
    "forget and keep the same class": ({"keep": ["sandal"]}, "Sandal is in the forget list and in the keep list"),
    "forget and keep the same image": ({"forget": ["images:3,4"], "keep": ["images:4"]}, "Image 4 is in"),
    "forget and keep the same draw": ({"forget": ["random:10%"], "keep": ["random:10.0%"]}, "random:10% is in"),
    "an image that is not there": (
        {"forget": ["images:20000"]},
        "no training image 20000; the ids of fashion-resnet run from 0 to 19999",
    ),
    "more alike than there are": ({"forget": ["like:3:20000"]}, "leave some to keep"),
    "every image": ({"forget": ["images:" + ",".join(map(str, range(20_000)))]}, "All 20000 training images"),
    "too large a share": ({"forget": ["random:95%"]}, "at most 90 %"),
    "a run that is not there": ({"forget": ["run:yesterday"]}, "no run 'yesterday'"),
    "a file that is not there": ({"forget": ["@nowhere.txt"]}, "'nowhere.txt' could not be read"),
    "a long list": ({"forget": ["Sandal"] * 300}, "forget has 300 entries; at most 200"),
    "a huge name": ({"forget": ["x" * 2_000_001]}, "at most 2,000,000 characters"),
    "a long class name": ({"forget": ["x" * 1000]}, "no class"),
    "half characters": ({"forget": ["\udcff"]}, "only Unicode text"),
    "unknown parameter": ({"params": {"lr": 1}}, "fine_tune has no parameter 'lr'; it has epochs"),
    "out of range": ({"params": {"learning_rate": 5}}, "fine_tune: learning_rate was 5, but at most 1 is allowed"),
    "wrong kind": ({"params": {"epochs": "many"}}, "epochs was 'many', but a whole number is needed"),
    "negative seed": ({"seed": -1}, "seed was -1, but a whole number from 0 to 2147483647"),
    "seed that is none": ({"seed": "x"}, "seed was 'x'"),
    "unknown field": ({"speed": 3}, "no field 'speed'; a job has model"),
    "data beside an embedded model": ({"data": "/"}, "brings its own data"),
    "Hub model without data": ({"model": "owner/name"}, "owner/name brings no data"),
    "folder of data that is not there": ({"model": "owner/name", "data": "nowhere"}, "no folder 'nowhere'"),
}


@pytest.fixture
def known():
    return catalog.load()


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_sentence_and_leaves_nothing(known, home, case):
    fields, says = BAD[case]
    with pytest.raises(BadInput) as caught:
        submit.submit(submit.read(**(GOOD | fields)))
    sentence = str(caught.value)
    assert says in sentence
    assert sentence.endswith(".") and "\n" not in sentence and len(sentence) < 1000
    assert not (home / "runs").exists()


def test_every_class_cannot_be_forgotten(known, home):
    names = known.get("models", "fashion-resnet").card["classes"]
    with pytest.raises(BadInput, match="All 10 classes were chosen"):
        submit.check(submit.read(**GOOD | {"forget": [name.upper() for name in names]}))


def test_what_is_queued_is_complete(known):
    run = submit.submit(
        submit.read(**GOOD | {"forget": [" sAnDaL ", "ankle boot", "Sandal"], "params": {"epochs": 2}}), owner="me"
    )
    spec = run.spec
    assert spec.forget == ("Sandal", "Ankle boot")
    assert spec.params["epochs"] == 2
    assert set(spec.params) == set(known.get("methods", "fine_tune").params["properties"])
    assert run.state.owner == "me"


def test_checking_twice_changes_nothing(known):
    once = submit.check(submit.read(**GOOD | {"forget": ["random:33.333333%:7", "images:3,3,5", "like:3:50"]}))
    assert submit.check(once) == once


def test_a_file_is_read_before_the_job_is_queued(known, tmp_path):
    (tmp_path / "ids.txt").write_text("5\n7\n")
    assert submit.check(submit.read(**GOOD | {"forget": [f"@{tmp_path / 'ids.txt'}"]})).forget == ("images:5,7",)


def test_a_method_that_does_not_fit_says_why(known, monkeypatch):
    entry = known.get("methods", "fine_tune").model_copy(
        update={"works_with": {"classifier": "It needs a text encoder."}}
    )
    monkeypatch.setattr(catalog, "load", lambda: known.model_copy(update={"methods": [entry]}))
    with pytest.raises(BadInput, match=r"^fine_tune cannot be used with this model: it needs a text encoder\.$"):
        submit.check(submit.read(**GOOD))


def test_only_a_run_that_found_a_set_of_the_same_model_can_be_named(known):
    run = submit.submit(submit.read(**GOOD))
    target = GOOD | {"forget": [f"run:{run.id}"]}
    with pytest.raises(BadInput, match="found no forget set"):
        submit.check(submit.read(**target))
    files.write_json(run.path / "found.json", {"ids": [1, 2]})
    assert submit.check(submit.read(**target)).forget == (f"run:{run.id}",)
    with pytest.raises(BadInput, match="looked into fashion-resnet, not fashion-vit"):
        submit.check(submit.read(**target | {"model": "fashion-vit"}))


def own_model(folder, *, architecture="ResNetForImageClassification", weights="model.safetensors"):
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"architectures": [architecture]}))
    (folder / weights).write_bytes(b"")
    (folder / "images" / "cat").mkdir(parents=True)
    return {"model": str(folder), "data": str(folder / "images")}


def test_a_folder_of_ones_own_is_let_through(known, tmp_path):
    spec = submit.check(submit.read(**GOOD | own_model(tmp_path / "mine")))
    assert spec.forget == ("Sandal",)


def test_the_classes_of_an_own_model_are_checked_where_they_are_known(known, tmp_path):
    spec = submit.read(**GOOD | own_model(tmp_path / "mine"))
    with pytest.raises(BadInput, match="no class 'Sandal'"):
        submit.check(spec, {"classes": ["cat", "dog"], "train_count": 10})


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"weights": "pytorch_model.bin"}, r"only pytorch_model\.bin, which can run code"),
        ({"weights": "README"}, "no weights"),
        ({"architecture": "BertForMaskedLM"}, "architecture 'BertForMaskedLM'"),
    ],
    ids=["pickles", "no weights", "another family"],
)
def test_a_folder_that_is_no_safe_classifier_is_refused(known, home, tmp_path, how, says):
    with pytest.raises(BadInput, match=says):
        submit.submit(submit.read(**GOOD | own_model(tmp_path / "mine", **how)))
    assert not (home / "runs").exists()


@pytest.mark.parametrize("config", ["", "[]", '{"architectures": 3}', "\0", "[" * 100_000 + "]" * 100_000])
def test_a_broken_config_is_refused(known, tmp_path, config):
    fields = own_model(tmp_path / "mine")
    (tmp_path / "mine" / "config.json").write_text(config)
    with pytest.raises(BadInput):
        submit.check(submit.read(**GOOD | fields))


def test_a_field_whose_name_is_no_text_is_one_sentence():
    with pytest.raises(BadInput, match="only Unicode text is allowed") as refused:
        submit.read(**GOOD, **{"\ud800": 1})
    assert "\n" not in str(refused.value)


def test_where_strangers_share_a_studio_no_path_is_read(known, tmp_path, monkeypatch):
    fields = own_model(tmp_path / "mine")
    (tmp_path / "ids.txt").write_text("5\n")
    monkeypatch.setenv("LETHE_SHARED", "1")
    for bad in (fields, {"model": "owner/name", "data": fields["data"]}, {"forget": [f"@{tmp_path / 'ids.txt'}"]}):
        with pytest.raises(BadInput) as caught:
            submit.check(submit.read(**GOOD | bad))
        assert "folder that holds config.json" not in str(caught.value)


def test_two_runs_have_different_ids(known):
    spec = submit.check(submit.read(**GOOD))
    assert len({runs.create(spec).id for _ in range(20)}) == 20
