"""The page New run: what its address asks for, what it answers, and that its first state can be started as it is."""

from statistics import fmean

import gradio as gr
import pytest
from app_pages import Form, plan, values, visible

from app import families, forms, job_form, markup, method_bars
from app.job_form import OWN
from app.widgets import Context
from backends.api import benchmarks, catalog, comebacks, submit
from backends.api.errors import BadInput
from backends.api.model_info import embedded
from pages.studio.new import Arriving, _method, _model, _sentence

CLASSES = ["T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]

pytestmark = pytest.mark.usefixtures("nobody_answers")


@pytest.fixture(scope="module")
def form():
    """The form as the page is first shown."""
    return Form(catalog.load().models[0].id)


def test_the_untouched_page_is_a_job_that_can_start(form):
    model = catalog.load().models[0]
    spec = form.spec()
    assert (spec.model, list(spec.forget), spec.keep) == (model.id, model.default_forget, ())
    assert spec.method == model.default_method
    assert submit.check(spec) == spec
    assert submit.check(spec.model_copy(update={"params": {}})) == spec  # the settings are the recommended ones


def test_the_page_is_built_as_the_first_model_is_shown_at_its_defaults(form):
    draft, start = form.draft(), job_form.at_defaults(embedded(catalog.load().models[0].id))
    assert (draft.model, draft.forget_targets(), draft.keep_targets()) == (start.model, start.forget_targets(), ())
    assert (draft.forget.kind, draft.keep.kind, draft.method) == (start.forget.kind, start.keep.kind, start.method)
    assert plan(form.page.parts["plan"].value) == plan(_method.plan(draft)) == plan(_method.plan(start))


def test_the_recommended_method_stands_first():
    for model in catalog.load().models:
        assert job_form.methods(model.family, model.default_method)[0].id == model.default_method


def test_everything_said_of_a_method_is_on_its_row_or_below_the_rows():
    first = embedded(catalog.load().models[0].id)
    shown = {value: text for text, value in _method.choices(first)}
    for method in job_form.methods(first.family):
        assert shown[method.id] == f"{method.title}\n{method.summary}"
        detail = _method.detail(method, first)
        assert all(words in detail for words in (method.label, markup.esc(method.school), markup.esc(method.student)))


def test_the_card_of_a_model_has_its_name_one_short_line_and_a_picture_that_is_none_of_another_family():
    shown = {value: text.split("\n") for text, value in _model.choices()}
    pictures = {}
    for model in catalog.load().models:
        name, line = shown[model.id]
        assert name == model.title and 0 < len(line) <= 30
        pictures.setdefault(model.family, []).extend(families.view(model.family).card_pictures(model))
    for own in pictures.values():
        assert own and all(one.startswith("data:image/") for one in own)
    assert len({one for own in pictures.values() for one in own}) == sum(len(set(own)) for own in pictures.values())
    assert len(shown[OWN]) == 2


def test_the_bars_of_a_method_are_the_means_of_the_measured_table():
    rows = [row for table in benchmarks.tables().values() for row in table if row.model == "fashion-resnet"]
    rows = [row for row in rows if row.method == "gradient_ascent" and row.target == "Sandal"]
    forgets = fmean(row.metrics["unlearning_accuracy"]["after"] for row in rows)
    before, after = (fmean(row.metrics["remaining_accuracy"][when] for row in rows) for when in ("before", "after"))
    measured = method_bars.of_model("fashion-resnet")
    bars = measured.bars["gradient_ascent"]
    tested = next(row for row in comebacks.rows("fashion-resnet") if row.method == "gradient_ascent")
    assert (measured.target, bars.returns) == ("Sandal", pytest.approx(100 * tested.strongest.unlearned))
    assert bars.forgets == pytest.approx(forgets) and bars.keeps == pytest.approx(100 * after / before)
    assert 80 < bars.keeps < 95 < bars.forgets <= 100
    at = [value for _, value in _method.choices(embedded("fashion-resnet"))].index("gradient_ascent") + 1
    legend = _method.legend(embedded("fashion-resnet"))
    assert f"label:nth-of-type({at}){{--forgets:{forgets:.0f};" in legend
    assert f"forgets {forgets:.0f} %, keeps {bars.keeps:.0f} %, comes back {bars.returns:.0f} %, time: " in legend


def test_less_recall_is_more_forgotten_and_what_comes_back_is_that_of_the_family(monkeypatch):
    monkeypatch.setattr(comebacks, "rows", lambda model: ())  # nobody attacked it
    method_bars.of_model.cache_clear()
    rows = [row for table in benchmarks.tables().values() for row in table if row.model == "authors-moe"]
    rows = [row for row in rows if row.method == "seuf" and not row.given]
    recall, back = (fmean(row.metrics[name]["after"] for row in rows) for name in ("fact_recall", "rerouted_recall"))
    bars = method_bars.of_model("authors-moe").bars["seuf"]
    method_bars.of_model.cache_clear()
    assert bars.forgets == pytest.approx(100 - recall) and bars.returns == pytest.approx(back)


def test_where_nothing_was_measured_nothing_is_drawn_as_if_it_were():
    vit = embedded("fashion-vit")
    assert method_bars.of_model("fashion-vit") == method_bars.Measured({}, "")
    assert "--forgets" not in _method.legend(vit) and "forgets: not measured" in _method.legend(vit)
    assert "Dashed: not measured on this model." in _method.more(vit)
    assert method_bars.of_model("nothing").bars == {}


def test_tiles_of_neighbours_are_ringed_until_they_are_chosen_themselves(form):
    rings = form.event("images.classes")["near_style"]
    at = CLASSES.index("Sneaker") + 1
    assert f"#classes label:nth-of-type({at}):not(.selected)" in rings and "nth-of-type(6)" not in rings
    assert form.event("images.classes", {"images.classes": []})["near_style"] == ""


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"images.classes": []}, "Choose at least one class to forget"),
        ({"images.classes": CLASSES}, "All 10 classes"),
        ({"keep_mode": "some"}, "Choose at least one class to keep"),
        ({"keep_mode": "some", "images.keep": ["Sandal"]}, "in the forget list and in the keep list"),
        ({"kind": "random", "images.share": 95}, "at most 90 %"),
        ({"kind": "images", "images.picked": [10**6]}, "There is no training image 1000000"),
        ({"model": OWN}, "Open your own model first"),
        ({"method": None}, "Choose a method"),
        ({"seed": -1}, "from 0 to 2147483647"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(form, changes, sentence):
    with pytest.raises(BadInput, match=sentence):
        form.spec(changes)


def test_a_parameter_out_of_range_is_said_inline_with_its_range(form):
    method = form.draft().chosen_method()
    name = next(name for name, said in forms.properties(method.params).items() if "minimum" in said)
    updates = _sentence.whole(form.draft({"edited": {f"{method.id}.{name}": -5}}))
    assert "at least" in updates["problem"] and "at least" in updates["say"]


def test_an_address_fills_the_form_in(form):
    updates = form.filled(
        ("model", "fashion-resnet"), ("forget", "Bag"), ("forget", "Coat"), ("keep", "Shirt"), ("seed", "7")
    )
    filled = values(updates)
    assert filled["images.classes"] == ["Bag", "Coat"] and filled["images.keep"] == ["Shirt"] and filled["seed"] == 7
    assert visible(updates, "images.classes") and visible(updates, "images.keep")
    spec = form.spec(filled)
    assert (spec.forget, spec.keep, spec.seed) == (("Bag", "Coat"), ("Shirt",), 7)
    assert values(form.filled(("forget", "random:5%:3")))["images.share"] == 5


@pytest.mark.parametrize(
    "query", [("model", "nothing"), ("forget", "Unicorn"), ("method", "nothing"), ("clone", "gone")]
)
def test_an_address_that_names_nothing_is_one_sentence(form, query):
    with pytest.raises(BadInput, match=r"^There is no .*\.$"):
        form.filled(query)


def test_the_form_says_what_its_address_asked_for_in_vain(form):
    arriving = Arriving(form.page)
    values_of = dict(
        zip(form.page.parts, arriving.arrive("", gr.Request(query_params={"model": "nothing"}))[1:], strict=True)
    )
    assert "There is no model" in values_of["refused"]
    nothing_wrong = arriving.arrive("", gr.Request(query_params={}))[1:]
    assert dict(zip(form.page.parts, nothing_wrong, strict=True))["refused"] == gr.skip()


def test_a_clone_has_the_settings_of_its_run(form, make_run):
    run = make_run("done", forget=("images:3,17",), params={"epochs": 4}, seed=11)
    updates = form.filled(("clone", run.id))
    filled = values(updates)
    assert filled["images.picked"] == [3, 17] and filled["seed"] == 11 and filled["edited"] == {"salun.epochs": 4}
    assert plan(updates["plan"])[2]["epochs"] == 4 and visible(updates, "images.picked")
    spec = form.spec(filled)
    assert (spec.forget, spec.params["epochs"], spec.seed) == (("images:3,17",), 4, 11)


def tuned_for(kind):
    """(model, method, setting, value) of something that a model has its own value for, for that kind of target."""
    for model in catalog.load().models:
        for entry in model.tuned:
            if kind in entry.targets:
                method = catalog.load().get("methods", entry.method)
                for name, value in entry.params.items():
                    if value != forms.defaults(method.params)[name]:
                        return model, entry.method, name, value
    raise AssertionError(f"no model has settings of its own for {kind}")


def test_settings_follow_the_kind_of_target_unless_changed_by_hand(form):
    model, method, name, value = tuned_for("random")
    chosen = {"model": model.id, "kind": "random", "method": method}
    assert plan(form.event("kind", chosen)["plan"])[2][name] == value
    changed = chosen | {"edited": {f"{method}.{name}": 0.0123}}
    assert plan(form.event("kind", changed)["plan"])[2][name] == 0.0123
    assert plan(form.event("kind", chosen | {"kind": "classes"})["plan"])[2][name] != value
    draft = form.draft(chosen)
    assert (
        job_form.changed_params(
            draft.known_model, draft.chosen_method(), draft.forget_targets(), job_form.params(draft)
        )
        == ""
    )
    spec = job_form.spec(draft)
    assert submit.check(spec.model_copy(update={"params": {}})).params == spec.params


def test_settings_stay_where_what_was_written_is_no_target(form):
    wrong = form.event("kind", {"kind": "written", "images.written": "random:900%"})
    assert plan(wrong["plan"]) == plan(_method.plan(form.draft()))


def test_settings_follow_the_model(form):
    for model in catalog.load().models:
        info = embedded(model.id)
        updates = form.event("model", {"model": model.id})
        for entry in job_form.methods(model.family):
            best = job_form.recommended(info, entry, model.default_forget)
            shown = plan(form.event("method", values(updates) | {"model": model.id, "method": entry.id})["plan"])
            assert shown[:2] == (model.id, entry.id)
            for name, value in best.items():
                assert shown[2][name] == value or isinstance(shown[2][name], str)
        assert plan(updates["plan"])[:2] == (model.id, model.default_method) == (model.id, updates["method"].value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "holds no image id"),
        ("1\ntwo\n3", "is no image id"),
        ("1 " * 1_200_000, "at most 2 MB"),
        ("99999999", "run from 0 to"),
    ],
)
def test_an_upload_that_is_no_list_of_ids_is_one_sentence(form, tmp_path, content, sentence):
    path = tmp_path / "ids.txt"
    path.write_text(content)
    updates = form.event("images.listed.file", {"images.listed.file": str(path), "kind": "list"}, "upload")
    assert updates["images.listed"] == "" and sentence in updates["images.listed.message"]
    assert str(tmp_path) not in updates["images.listed.message"]


@pytest.mark.parametrize("shared", ["0", "1"])
def test_a_good_upload_is_counted(form, tmp_path, monkeypatch, shared):
    monkeypatch.setenv("LETHE_SHARED", shared)
    path = tmp_path / "ids.txt"
    path.write_text("3, 17\n204\n")
    updates = form.event("images.listed.file", {"images.listed.file": str(path), "kind": "list"}, "upload")
    assert updates["images.listed"] == "images:3,17,204" and "3 ids" in updates["images.listed.message"]
    assert form.spec({"kind": "list", "images.listed": updates["images.listed"]}).forget == ("images:3,17,204",)
    assert updates["images.listed.file"] is None  # it was read


def test_neighbours_come_from_the_models_own_confusion(form):
    assert "confuses Sandal most with Sneaker" in form.event("images.classes")["near"]
    updates = form.event("keep_mode", {"keep_mode": "some"})
    assert updates["images.keep"].value[0] == "Sneaker" and visible(updates, "images.keep")
    chosen = form.event("keep_mode", {"keep_mode": "some", "images.keep": ["Bag"]})
    assert "images.keep" not in chosen  # what is ticked stays


def test_only_the_fields_of_the_chosen_kind_are_seen(form):
    for model in catalog.load().models:
        info = embedded(model.id)
        by = job_form.choosing(info)
        for kind in (kind for kind in by.kinds(info) if kind.offered):
            updates = form.event("kind", {"model": model.id, "kind": kind.id})
            seen = {
                name.removesuffix(".column")
                for name, one in updates.items()
                if name.endswith(".column") and one.visible
            }
            assert seen == {f"{by.id}.{name}" for name in kind.fields}, (model.id, kind.id)


def test_what_an_address_names_is_given_back_by_its_field(form):
    info = embedded("fashion-resnet")
    for targets in (["Sandal"], ["random:5%:3"], ["images:3,17"], ["like:3:50"], ["Sandal", "random:5%"]):
        choice = job_form.choosing(info).restored(targets, info)
        updates = form.page.field_updates(Context(info), choice, form.draft().keep)
        assert list(form.draft(values(updates) | {"kind": choice.kind}).forget_targets()) == targets
