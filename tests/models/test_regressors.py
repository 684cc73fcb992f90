"""The family of regressors: targets, tables, forget sets, what is measured, and what its models are asked."""

import numpy as np
import pytest
import toy_regressor
from scipy.stats import wasserstein_distance

from backends.api import families
from backends.api.errors import BadInput
from backends.core import registry
from backends.core.evidence import Evidence
from backends.families.regressor import shoes, table, targets
from backends.families.regressor.relearning import relearning_steps
from backends.families.regressor.task import RegressorTask

CARD = {"ranges": {"tilt": [0.1, 89.9], "Size": [-5, 5]}, "train_count": 50}


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("tilt:0-30", "tilt:0-30"), (" tilt: 0 - 30.50 ", "tilt:0-30.5"), ("TILT:10-20", "tilt:10-20"), ("size:-5--1", "Size:-5--1"),
        ("items: 3, 10-40", "items:3,10-40"), ("random:10%", "random:10%"), ("random: 2.5 % : 7", "random:2.5%:7"),
    ],
)  # fmt: skip
def test_a_target_is_read_and_written_again(text, same):
    target = targets.checked(targets.parse(text), CARD)
    assert str(target) == same and targets.checked(targets.parse(same), CARD) == target


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("tilt", "is no target"), ("tilt:30-0", "ends before it begins"), ("weight:1-2", "There is no 'weight'"), ("tilt:95-99", "No item has tilt"),
        ("tilt:-1-100", "is everything"), ("items:7-3", "ends before it begins"), ("items:x", "names no items"), ("items:60", "There is no item 60"),
        ("random:0%", "is no share"), ("random:ten%", "is no share"), ("tilt:1e9-2", "is no target"),
    ],
)  # fmt: skip
def test_what_is_no_target_is_refused_in_one_sentence(text, why):
    with pytest.raises(BadInput, match=why):
        targets.checked(targets.parse(text), CARD)


@pytest.mark.parametrize("texts", [["tilt:0-30"], ["items:3,10-40"], ["random:10%:7"], ["tilt:0-30", "items:3"]])
def test_a_form_gives_back_what_an_address_brought(texts):
    from backends.api.model_info import ModelInfo

    model = ModelInfo(id="m", title="m", family="regressor", card=CARD, default_forget=["tilt:0-30"])
    by = families.get("regressor").choosing
    choice = by.restored(texts, model)
    values = {field.name: field.value for field in by.fields(model)} | choice.values
    assert list(by.kind(choice.kind, model).targets(values)) == texts
    assert by.kinds(model)[0].targets({field.name: field.value for field in by.fields(model)}) == ("tilt:0-30",)


ROWS = "\n".join(f"{at},{at * at}" for at in range(30))


def written(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "own.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_a_table_is_split_and_its_last_column_is_predicted(tmp_path):
    data = table.read(written(tmp_path, f"\ufeff x , y\n{ROWS}\n\n"), "")
    assert (data.label, data.columns, len(data.train), len(data.test)) == ("y", ("x",), 24, 6)
    both = np.concatenate([data.train.values[:, 0], data.test.values[:, 0]])
    assert sorted(both) == list(range(30)) and np.array_equal(data.train.labels, data.train.values[:, 0] ** 2)
    assert table.read(written(tmp_path, f"x,y\n{ROWS}"), "x").columns == ("y",)


@pytest.mark.parametrize(
    ("text", "label", "why"),
    [
        ("", "", "0 columns"), ("x\n1\n2", "", "1 columns"), ("1,2\n" + ROWS, "", "begins with numbers"), ("x,x\n" + ROWS, "", "two columns"),
        ("x,\n" + ROWS, "", "a column named ''"), ("x,a:b\n" + ROWS, "", "no colon"), ("x,y\n1,2\n", "", "1 rows"),
        ("x,y\n1,two\n" + ROWS, "", "Row 2 of own.csv holds 'two' as y"), ("x,y\n1,nan\n" + ROWS, "", "which is no number"),
        ("x,y\n1,2,3\n" + ROWS, "", "Row 2 of own.csv has 3 values"), ('x,y\n"1,2\n' + ROWS, "", "is no CSV"),
        ("x,y\n" + ROWS, "z", "no column 'z'"), ("x,y\n" + "\n".join(f"{at},1" for at in range(30)), "", "the same y"),
    ],
)  # fmt: skip
def test_what_is_no_table_of_numbers_is_refused_in_one_sentence(tmp_path, text, label, why):
    with pytest.raises(BadInput, match=why):
        table.read(written(tmp_path, text), label)


def test_a_table_in_another_encoding_a_folder_and_a_huge_one_are_refused(tmp_path, monkeypatch):
    with pytest.raises(BadInput, match="no UTF-8"):
        table.read(written(tmp_path, "größe,y\n" + ROWS, "latin-1"), "")
    with pytest.raises(BadInput, match="no file"):
        table.read(tmp_path, "")
    monkeypatch.setattr(table, "LARGEST", 10)
    with pytest.raises(BadInput, match=r"has 0\.0 MB"):
        table.read(written(tmp_path, "x,y\n" + ROWS), "")


def test_a_range_is_forgotten_of_training_and_test_items_and_single_items_of_training_items_alone(toy_regressor_folder):
    made = toy_regressor.task(toy_regressor_folder)
    labels = {"train": made.data.train.labels, "test": made.data.test.labels}
    for part, inside in (("forget", True), ("retain", False), ("test_forget", True), ("test", False)):
        assert np.array_equal(
            labels[made.split(part)][made.parts[part]] <= 30, np.full(len(made.parts[part]), inside)
        ), part
    assert made.bands == [(0.0, 30.0)] and 30 < labels["test"][made.neighbours[0]] < 40
    kept = toy_regressor.task(toy_regressor_folder, keep=("y:60-100",))
    assert (kept.data.train.labels[kept.parts["keep"]] >= 60).all() and len(kept.parts["retain"]) > len(
        kept.parts["keep"]
    )
    single = toy_regressor.task(toy_regressor_folder, ("items:3,5-7",))
    assert (
        single.parts["forget"].tolist() == [3, 5, 6, 7] and not len(single.parts["test_forget"]) and single.bands == []
    )
    column = toy_regressor.task(toy_regressor_folder, ("a:-1-0",))
    assert (column.data.train.values[column.parts["forget"], 0] <= 0).all()
    with pytest.raises(BadInput, match="leaves nothing to keep"):
        toy_regressor.task(toy_regressor_folder, ("y:0-50", "y:50-100"))


def evidence(made, when, model, others):
    one = Evidence(when, made, made.outputs(model), lambda name, when: float("nan"), others=others)
    others[when] = one
    return one


@pytest.fixture(scope="module")
def measured(toy_regressor_folder):
    """(task, evidence by when) of the toy, a shaken copy, and what never saw the range."""
    made = toy_regressor.task(toy_regressor_folder)
    gold = toy_regressor.retrained(made.again(), made.parts["keep"], 1)
    others = {}
    for when, model in (("before", made.load()), ("after", made.load()), ("reference", gold)):
        evidence(made, when, model, others)
    return made, others


def score(name, one):
    return registry.get("metrics", name).function(one)


def test_errors_are_in_percent_of_the_range_and_told_in_the_labels_own_unit(measured):
    made, by_when = measured
    for metric, part in (("mae_forget", "forget"), ("mae_retain", "retain"), ("mae_test", "test")):
        found = score(metric, by_when["reference"])
        error = np.abs(
            by_when["reference"].outputs[made.split(part)][made.parts[part]]
            - made.splits[made.split(part)].labels[made.parts[part]]
        )
        assert found.value == pytest.approx(100 * error.mean() / made.data.span, rel=1e-4)
        assert found.parts == {" y": pytest.approx(error.mean(), rel=1e-4)} and len(found.items) == len(
            found.ids
        ) == len(error)


def test_the_wasserstein_distance_is_scipys_and_nothing_from_the_reference_to_itself(measured):
    made, by_when = measured
    forget = made.parts["forget"]
    direct = wasserstein_distance(*(by_when[when].outputs["train"][forget] for when in ("before", "reference")))
    assert score("wasserstein", by_when["before"]).value == pytest.approx(100 * direct / made.data.span)
    assert score("wasserstein", by_when["reference"]).value == 0
    assert np.isnan(
        score("wasserstein", Evidence("after", made, by_when["after"].outputs, lambda name, when: 0.0)).value
    )


def test_what_knows_it_still_relearns_in_no_step_and_the_reference_is_one(measured):
    _, by_when = measured
    assert score("anamnesis_index", by_when["after"]).value == 0
    assert score("anamnesis_index", by_when["reference"]).value == 1
    gold = by_when["reference"].outputs["relearned"][0]
    assert 0 < gold <= 40 and score("anamnesis_index", by_when["reference"]).parts == {"steps": gold}


def test_relearning_works_on_a_copy_and_is_the_same_each_time(toy_regressor_folder):
    made = toy_regressor.task(toy_regressor_folder)
    blank = made.fresh(5)
    state = {name: tensor.clone() for name, tensor in blank.state_dict().items()}
    assert relearning_steps(made, blank) == relearning_steps(made, blank) > 0
    assert all((tensor == state[name]).all() for name, tensor in blank.state_dict().items()) and not blank.training


def test_membership_tells_a_model_that_learnt_its_items_by_heart(measured):
    made, by_when = measured
    outputs = {name: by_when["before"].outputs[name].copy() for name in ("train", "test")}
    outputs["train"], outputs["test"] = made.data.train.labels.copy(), made.data.test.labels + 40
    found = score("mia_loss", Evidence("before", made, outputs, lambda name, when: 0.0))
    assert found.value == 100 and found.parts["attack_accuracy"] == 100
    outputs["train"][made.parts["forget"]] += 40
    assert score("mia_loss", Evidence("after", made, outputs, lambda name, when: 0.0)).value == 0


def test_nothing_to_measure_is_never_zero(toy_regressor_folder):
    made = toy_regressor.task(toy_regressor_folder)
    made.parts |= dict.fromkeys(made.parts, np.zeros(0, np.int64))
    empty = Evidence(
        "after", made, {"train": made.data.train.labels, "test": made.data.test.labels}, lambda name, when: 0.0
    )
    for metric in ("mae_forget", "mae_retain", "mae_test", "wasserstein", "anamnesis_index", "mia_loss"):
        assert np.isnan(score(metric, empty).value), metric


def test_a_table_s_model_is_asked_by_item_and_by_values(toy_regressor_folder):
    made = toy_regressor.task(toy_regressor_folder)
    model = made.load()
    answer = made.ask(model, "a=0.5, b=-0.2")
    assert answer["prediction"] == pytest.approx(50, abs=4) and answer["truth"] == ""
    assert made.ask(model, "A=-0.5")["prediction"] == pytest.approx(50, abs=4)
    assert float(made.ask(model, "test-3")["truth"]) == pytest.approx(made.data.test.labels[3], rel=0.01)
    for question in ("hello", "c=1", "test-9999", "data:image/png;base64,xx"):
        with pytest.raises(BadInput):
            made.ask(model, question)
    assert {item["role"] for item in made.sample(model)} == {"forget", "neighbour", "unrelated"}
    assert all({"question", "said", "truth", "share"} <= item.keys() for item in made.sample(model))


def test_tilted_shoes_are_turned_by_their_labels():
    data = shoes.load()
    assert data.train.values.shape == (2000, 28, 28) and data.test.values.shape == (500, 28, 28)
    assert 0 <= data.train.labels.min() < 1 and 89 < data.train.labels.max() <= 90
    line = np.zeros((28, 28), np.uint8)
    line[14, :14] = 255  # toes to the left
    assert shoes.turned(line, 90)[:12].any() and not shoes.turned(line, 90)[17:].any()


def test_the_embedded_model_reads_tilts_and_shows_them_on_a_gauge():
    made = RegressorTask("shoe-tilt")
    made.resolve(("tilt:0-30",))
    model = made.load()
    assert np.abs(made.predict(model, test=True) - made.data.test.labels).mean() < 1.5
    items = made.sample(model)
    assert len(items) == 11 and all(item["image"].size == (112, 112) and item["share"] > 0.9 for item in items)
    answer = made.ask(model, "test-0")
    assert answer["picture"].startswith("data:image/png;base64,") and answer["said"].endswith("°")
    own = made.as_input(made.pictures(["test-0"])[0].resize((90, 60)))
    assert own.size == (28, 28)


def test_a_folder_without_its_table_and_one_with_another_are_refused(toy_regressor_folder, tmp_path):
    import shutil

    copy = shutil.copytree(toy_regressor_folder, tmp_path / "copy")
    (copy / "table.csv").write_text("a,c,y\n" + "\n".join(f"{at},{at},{at}" for at in range(30)))
    with pytest.raises(BadInput, match="reads the columns a, b"):
        RegressorTask(str(copy))
    (copy / "table.csv").unlink()
    with pytest.raises(BadInput, match="brings no data"):
        RegressorTask(str(copy))
    with pytest.raises(BadInput, match="brings its own data"):
        RegressorTask(str(toy_regressor_folder), "elsewhere")
