"""The page Forget: what its address asks for, what it answers, and that its first state can be started as it is."""

import app_pages
import pytest

from app import forms, job_form
from backends.api import catalog, submit
from backends.api.errors import BadInput
from pages.studio import _answers, _preset, _steps


@pytest.fixture(scope="module")
def untouched():
    """Every widget's value as the page is first shown."""
    return app_pages.untouched(job_form.embedded(catalog.load().models[0].id))


def test_the_untouched_page_is_a_job_that_can_start(untouched):
    model = catalog.load().models[0]
    spec = job_form.spec(untouched)
    assert (spec.model, list(spec.forget), spec.keep) == (model.id, model.default_forget, ())
    assert spec.method == model.default_method
    assert submit.check(spec) == spec
    assert submit.check(spec.model_copy(update={"params": {}})) == spec  # the settings are the recommended ones


def test_the_recommended_method_stands_first():
    for model in catalog.load().models:
        assert job_form.methods(model.family, model.default_method)[0].id == model.default_method


def test_everything_said_of_a_method_is_on_its_card():
    first = job_form.embedded(catalog.load().models[0].id)
    shown = {value: text for text, value in _steps.method_choices(first)}
    for method in job_form.methods(first.family):
        assert method.title in shown[method.id] and method.school in shown[method.id]
        assert method.label in _steps.method_detail(method)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"classes": []}, "Choose at least one class to forget"),
        (
            {
                "classes": [
                    "T-shirt",
                    "Trouser",
                    "Pullover",
                    "Dress",
                    "Coat",
                    "Sandal",
                    "Shirt",
                    "Sneaker",
                    "Bag",
                    "Ankle boot",
                ]
            },
            "All 10 classes",
        ),
        ({"keep_mode": "some"}, "Choose at least one class to keep"),
        ({"keep_mode": "some", "keep": ["Sandal"]}, "in the forget list and in the keep list"),
        ({"kind": "random", "share": 95}, "at most 90 %"),
        ({"kind": "images", "picked": [10**6]}, "There is no training image 1000000"),
        ({"model": job_form.OWN}, "Open your own model first"),
        ({"seed": -1}, "from 0 to 2147483647"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(untouched, changes, sentence):
    with pytest.raises(BadInput, match=sentence):
        job_form.spec(untouched | changes)


def test_a_parameter_out_of_range_is_said_inline_with_its_range(untouched):
    method = catalog.load().get("methods", untouched["method"])
    name = next(name for name, said in forms.properties(method.params).items() if "minimum" in said)
    updates = _answers.summary(untouched | {f"{method.id}.{name}": -5})
    assert "at least" in updates["problem"] and "at least" in updates["say"]


def test_an_address_fills_the_form_in():
    updates = _preset.preset(
        [("model", "fashion-resnet"), ("forget", "Bag"), ("forget", "Coat"), ("keep", "Shirt"), ("seed", "7")]
    )
    assert updates["classes"] == ["Bag", "Coat"] and updates["keep"] == ["Shirt"] and updates["seed"] == 7
    assert _preset.preset([("forget", "random:5%:3")])["share"] == 5


@pytest.mark.parametrize(
    "query", [[("model", "nothing")], [("forget", "Unicorn")], [("method", "nothing")], [("clone", "gone")]]
)
def test_an_address_that_names_nothing_is_one_sentence(query):
    with pytest.raises(BadInput, match=r"^There is no .*\.$"):
        _preset.preset(query)


def test_a_clone_has_the_settings_of_its_run(make_run):
    run = make_run("done", forget=("images:3,17",), params={"epochs": 4}, seed=11)
    updates = _preset.preset([("clone", run.id)])
    assert updates["picked"] == [3, 17] and updates["salun.epochs"] == 4 and updates["seed"] == 11


def tuned_for(kind):
    """(model, method.setting, value) of something that a model has its own value for, for that kind of target."""
    for model in catalog.load().models:
        for entry in model.tuned:
            if kind in entry.targets:
                method = catalog.load().get("methods", entry.method)
                for name, value in entry.params.items():
                    if value != forms.defaults(method.params)[name]:
                        return model, f"{entry.method}.{name}", value
    raise AssertionError(f"no model has settings of its own for {kind}")


def test_settings_follow_the_kind_of_target_unless_changed_by_hand(untouched):
    model, name, value = tuned_for("random")
    values = untouched | {"model": model.id, "kind": "random"}
    assert _answers.show_kind(values)[name] == value
    assert name not in _answers.show_kind(values | {name: 0.0123})
    back = _answers.show_kind(values | {name: value, "kind": "classes"})
    assert back[name] != value
    spec = job_form.spec(values | _answers.retuned(values))
    assert "as recommended" in _answers._review(values | _answers.retuned(values), "", "")
    assert submit.check(spec.model_copy(update={"params": {}})).params == spec.params


def test_settings_stay_where_what_was_written_is_no_target(untouched):
    updates = _answers.show_kind(untouched | {"kind": "written", "written": "random:900%"})
    assert not any("." in name for name in updates)


def test_settings_follow_the_model(untouched):
    for model in catalog.load().models:
        updates = _answers.show_model(untouched | {"model": model.id})
        for entry in catalog.load().methods:
            best = job_form.recommended(job_form.embedded(model.id), entry, model.default_forget)
            for name, value in best.items():
                shown = updates.get(f"{entry.id}.{name}", untouched[f"{entry.id}.{name}"])
                assert shown == value or entry.works_with.get(model.family) is not True or isinstance(shown, str)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "holds no image id"),
        ("1\ntwo\n3", "is no image id"),
        ("1 " * 1_200_000, "at most 2 MB"),
        ("99999999", "run from 0 to"),
    ],
)
def test_an_upload_that_is_no_list_of_ids_is_one_sentence(untouched, tmp_path, content, sentence):
    path = tmp_path / "ids.txt"
    path.write_text(content)
    updates = _answers.read_id_list(untouched | {"file": str(path)})
    assert updates["listed"] == "" and sentence in updates["list_says"]


def test_a_good_upload_is_counted(untouched, tmp_path):
    path = tmp_path / "ids.txt"
    path.write_text("3, 17\n204\n")
    updates = _answers.read_id_list(untouched | {"file": str(path)})
    assert updates["listed"] == "images:3,17,204" and "3 ids" in updates["list_says"]


def test_neighbours_come_from_the_models_own_confusion(untouched):
    shown = _answers.show_neighbours(untouched)["near"]
    assert "confuses Sandal most with Sneaker" in shown
    assert _answers.show_keep_list(untouched | {"keep_mode": "some"})["keep"][0] == "Sneaker"
