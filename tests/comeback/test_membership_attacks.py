"""Per-example membership attacks: formulas on recorded numbers, and images that were learned by heart.

The data are noise with random classes, so that nothing but learning by heart gets one right: who knows an image was trained on it.
"""

import json

import numpy as np
import pytest
import torch
from scipy.stats import norm
from sklearn.metrics import roc_curve
from toy import Memory
from transformers import ResNetConfig, ResNetForImageClassification, ViTImageProcessorPil

from backends.api.files import write_json
from backends.attacks import _membership as formulas
from backends.core.attack import AttackContext
from backends.core.registry import get
from backends.core.run import Run
from backends.data._images import ImageSet, Split
from backends.families.classifier import shadows
from backends.families.classifier.resolve import resolve
from backends.families.classifier.task import Classifier
from backends.models.recipe import train
from backends.zoo import shadows as zoo

NAMES = [f"class {number}" for number in range(10)]
TRAIN, TEST, SIDE = 240, 160, 8
SPLIT = {"train": TRAIN, "test": TEST}
RECIPE = {"optimizer": "adamw", "epochs": 40, "batch_size": 40, "learning_rate": 0.01, "weight_decay": 0.0, "flip": False, "seed": 0}  # fmt: skip
BY_HEART = "random:30%"


def noise():
    rng = np.random.default_rng(11)

    def split(count):
        return Split(rng.integers(0, 256, (count, SIDE, SIDE, 1), dtype=np.uint8), rng.integers(0, len(NAMES), count))

    return ImageSet("noise", NAMES, split(TRAIN), split(TEST))


def trained(folder, keep, seed=0):
    task = Classifier(str(folder), noise())
    task.parts["keep"] = keep
    run = Run(task, Memory(), seed=seed)
    train(run)
    return run.model.eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model that knows all 240 training images by heart, and nothing else."""
    path = tmp_path_factory.mktemp("by-heart")
    config = ResNetConfig(
        num_channels=1, embedding_size=16, hidden_sizes=[32, 64], depths=[1, 1], layer_type="basic",
        id2label=dict(enumerate(NAMES)), label2id={name: number for number, name in enumerate(NAMES)},
    )  # fmt: skip
    torch.manual_seed(0)
    ResNetForImageClassification(config).save_pretrained(path)
    ViTImageProcessorPil(size={"height": SIDE, "width": SIDE}, image_mean=[0.5], image_std=[0.25]).save_pretrained(path)
    write_json(path / "card.json", {"recipe": RECIPE})
    model = trained(path, np.arange(TRAIN))
    model.to(memory_format=torch.contiguous_format).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def shadow_folder(folder, tmp_path_factory):
    """Four shadow models of it, as the command of the zoo makes them."""
    task = Classifier(str(folder), shadows.joined(noise()))
    task.recipe = dict(task.recipe)
    to = tmp_path_factory.mktemp("shadows")
    rows = [zoo._one(task, number, to) for number in range(4)]
    write_json(to / shadows.CARD, {"data": "noise", "images": SPLIT, "recipe": RECIPE, "shadows": rows})
    return to


@pytest.fixture
def near(monkeypatch, shadow_folder):
    monkeypatch.setattr(shadows, "folder", lambda model_id: shadow_folder)
    monkeypatch.setattr(shadows, "embedded", lambda model_id: True)


def task_of(folder, forget=BY_HEART):
    task = Classifier(str(folder), noise())
    resolve(task, (forget,))
    return task


def look(task, where, after=None, references=(), method="fine_tune", **spec):
    models = {"before": task.load(), "after": after or task.load()}
    seen = AttackContext(task, models.get, lambda when: task.outputs(models[when]), where, where / "attack")
    seen.load_references = lambda: list(references)
    document = {"model": task.id, "method": method, "forget": [BY_HEART], "params": {"epochs": 1}} | spec
    (where / "spec.json").write_text(json.dumps(document))
    return seen


def attacked_by(attack, seen, **settings):
    entry = get("attacks", attack)
    assert entry.lacks(seen) == ""
    return entry.function(seen, entry.parse(settings))


@pytest.fixture(scope="module")
def never(folder):
    """The model trained again without the forget set."""
    return trained(folder, task_of(folder).parts["keep"], seed=1)


def test_log_odds_of_the_true_class_survive_a_probability_that_rounds_to_one(folder):
    task, logits = task_of(folder), torch.tensor([[60.0, 0.0, *[-90.0] * 8], [0.0, 1.0, 2.0, *[-90.0] * 7]])
    task.data.train.labels[:2] = [0, 1]  # of its own copy
    task.forward = lambda model, x: logits
    found = formulas.margins(task, torch.nn.Identity(), np.arange(2))
    odds = np.exp(1) / (1 + np.exp(2))
    assert found == pytest.approx([60, np.log(odds)])


def test_a_likelihood_ratio_is_that_of_two_normals_with_shared_deviations():
    shadow = np.array([[3.0, 0.0], [5.0, 2.0], [0.0, 4.0], [1.0, 7.0]])
    trained_on = np.array([[True, False], [True, False], [False, True], [False, True]])
    margin = np.array([4.5, 1.5])
    inner = np.sqrt((1 + 1 + 1.5**2 + 1.5**2) / 2)  # around the means 4 and 5.5, one degree of freedom for each image
    outer = np.sqrt((0.5**2 + 0.5**2 + 1 + 1) / 2)
    expected = [
        norm.logpdf(4.5, 4, inner) - norm.logpdf(4.5, 0.5, outer),
        norm.logpdf(1.5, 5.5, inner) - norm.logpdf(1.5, 1, outer),
    ]
    assert formulas.likelihood_ratio(margin, shadow, trained_on) == pytest.approx(expected)
    assert formulas.likelihood_ratio(np.array([np.nan, 0]), shadow, trained_on)[0] == formulas.LOWEST


def test_the_relative_probability_weighs_models_that_saw_it_and_others_alike():
    odds = np.log(np.array([9.0, 1.0, 0.25, 1 / 3]))  # p = 0.9, 0.5, 0.2, 0.25
    shadow, trained_on = odds[:3, None], np.array([[True], [True], [False]])
    plain = formulas.relative(odds[3:], shadow, trained_on, np.zeros((0, 1)))
    assert plain == pytest.approx([0.25 / ((0.7 + 0.2) / 2)])
    beside = formulas.relative(odds[3:], shadow, trained_on, odds[:1, None])
    assert beside == pytest.approx([0.25 / ((0.7 + (0.2 + 0.9) / 2) / 2)])


def test_an_image_outweighs_those_whose_ratio_is_no_larger():
    ratios = np.array([0.5, 1.0, 2.0, np.nan])
    assert formulas.outweighed(ratios, np.array([3.0, 1.0, 0.6, 0.4])).tolist() == [0.25, 0.75, 0.75, formulas.LOWEST]


def test_rates_are_those_of_the_roc_curve():
    rng = np.random.default_rng(3)
    members, others = rng.normal(1, 1, 500), rng.normal(0, 1, 400)
    rates, hits, _ = roc_curve(np.r_[np.ones(500), np.zeros(400)], np.r_[members, others], drop_intermediate=False)
    for row, rate in zip(formulas.called(members, others), formulas.RATES, strict=True):
        assert row.mean() == pytest.approx(hits[rates <= rate].max())
        assert (others > formulas.threshold(others, rate)).mean() <= rate
    assert formulas.auc(members, others) == pytest.approx(np.mean(members[:, None] > others), abs=1e-9)
    assert formulas.called(np.ones(5), np.ones(50)).sum() == 0, "equals are never told apart"


def test_two_shadows_share_out_all_images():
    every = shadows.membership(6, 101)
    assert (every.sum(0) == 3).all() and (every[::2] != every[1::2]).all()
    assert len({tuple(row) for row in every.tolist()}) == 6
    assert np.flatnonzero(every[4]).tolist() == shadows.members(4, 101).tolist()


def test_whom_it_decides_about_has_the_classes_of_the_forget_set(folder):
    task = task_of(folder)
    found = formulas.candidates(task)
    assert np.isin(found.members, task.parts["forget"]).all() and len(found.members) == 72
    assert not np.intersect1d(found.others, found.population).size
    shares = [np.bincount(labels, minlength=10) / len(labels) for labels in (task.data.train.labels[found.members], task.data.test.labels[found.others])]  # fmt: skip
    assert shares[0] == pytest.approx(shares[1], abs=0.05)


def areas(result):
    """AUC by model, as the sentence has them."""
    words = result.panels[0].says.partition("AUC, TPR at 1 % FPR: ")[2]
    return [float(part.rsplit(", ", 1)[0].split()[-1]) for part in words.rstrip(".").split("; ")]


@pytest.mark.parametrize("attack", ["rmia", "u_lira"])
def test_images_learned_by_heart_are_found_and_those_never_seen_are_not(attack, folder, never, near, tmp_path):
    task = task_of(folder)
    result = attacked_by(attack, look(task, tmp_path, references=[never], params={"epochs": 1, "learning_rate": 1e-9}))
    before, after, reference = areas(result)
    assert before > 0.92 and after > 0.9 and abs(reference - 0.5) < 0.12
    attacked = result.attacked
    assert attacked.goal == "samples" and attacked.kind == "inside" and attacked.x[attacked.at] == 0.05
    assert attacked.recalled["after"].shape == (1, 5, 72) and attacked.recalled["reference"].shape == (1, 1, 5, 72)
    assert attacked.curve("after")[attacked.at] > 0.4 > 0.2 > attacked.curve("reference")[attacked.at]
    assert result.panels[0].sign == "no" and "Members are still found" in result.panels[0].says
    dial = result.panels[1]
    assert [one.size for one in dial.sets] == [72, len(formulas.candidates(task).others)]
    share = dial.sets[0].called[dial.start] / 72
    assert share == pytest.approx(attacked.curve("after")[attacked.at], abs=1e-6)
    assert dial.sets[1].called[dial.start] / dial.sets[1].size <= 0.05
    assert all((tmp_path / dot.picture).is_file() for dot in dial.sets[0].dots if dot.picture)


@pytest.mark.parametrize("attack", ["rmia", "u_lira"])
def test_a_model_that_never_saw_them_is_acquitted(attack, folder, never, near, tmp_path):
    other = trained(folder, task_of(folder).parts["keep"], seed=2)
    verdict = attacked_by(attack, look(task_of(folder), tmp_path, other, [never])).panels[0]
    assert verdict.sign in ("yes", "partly") and "Members are still found" not in verdict.says
    alone = attacked_by(attack, look(task_of(folder), tmp_path, other)).panels[0]
    assert alone.sign == "unknown" and "Without a retrained reference" in alone.says


def test_a_shadow_forgets_what_it_was_trained_on_and_sees_nothing_else(folder, near, shadow_folder, tmp_path):
    task = task_of(folder)
    forget = np.r_[task.parts["forget"], TRAIN + np.arange(20)]
    own = shadows.task_of(task, 3, shadow_folder / "shadow-03.safetensors", forget)
    mine = shadows.members(3, TRAIN + TEST)
    assert own.parts["forget"].tolist() == sorted(set(mine.tolist()) & set(forget.tolist()))
    assert sorted([*own.parts["forget"], *own.parts["keep"]]) == mine.tolist()
    assert own.batch(mine).forget.sum() == len(own.parts["forget"])
    assert task.parts["forget"].max() < TRAIN, "the run's own task is as it was"
    right = own.outputs(own.load())["train"].argmax(1) == own.data.train.labels
    assert right[mine].mean() > 0.95 and right[np.setdiff1d(np.arange(TRAIN + TEST), mine)].mean() < 0.3


def test_a_keep_list_is_rehearsed_by_shadows_too(folder, shadow_folder):
    task = task_of(folder)
    listed = task.parts["retain"][:30]
    own = shadows.task_of(task, 0, shadow_folder / "shadow-00.safetensors", task.parts["forget"], listed)
    assert set(own.parts["keep"]) == set(listed) & set(shadows.members(0, TRAIN + TEST))


def test_why_a_run_cannot_be_asked(folder, near, monkeypatch, tmp_path):
    rmia, lira = (get("attacks", name).lacks for name in ("rmia", "u_lira"))
    assert "whole class was to be forgotten" in rmia(look(task_of(folder, "class 2"), tmp_path))
    seen = look(task_of(folder), tmp_path)
    seen.guarded = True
    assert rmia(seen).startswith("A guard stands in front")
    assert "starts from another one" in lira(chained(folder, tmp_path))
    assert "trained again from new weights" in lira(look(task_of(folder), tmp_path, method="retrain", params={}))
    assert "finds its own forget set" in lira(look(task_of(folder), tmp_path, method="worst_case", params={}))
    assert lira(look(task_of(folder, "images:1,2,3,4,5,6,7,8,9"), tmp_path)).startswith(
        "9 images were to be forgotten; 50"
    )
    other = task_of(folder)
    other.data = ImageSet("own", NAMES, other.data.train, other.data.test)
    assert "were trained on noise" in rmia(look(other, tmp_path))
    monkeypatch.undo()
    assert rmia(look(task_of(folder), tmp_path)).startswith("There are no shadow models of ")


def chained(folder, tmp_path):
    seen = look(task_of(folder), tmp_path)
    document = json.loads((tmp_path / "spec.json").read_text()) | {"after": "earlier"}
    (tmp_path / "spec.json").write_text(json.dumps(document))
    return seen


@pytest.mark.parametrize("model_id", [entry.name for entry in (shadows.ASSETS / "shadows").glob("*") if entry.is_dir()])
def test_shipped_shadows_are_as_their_card_has_them(model_id):
    from backends.models.reference import forget_key

    card, task = shadows.card(model_id), Classifier(model_id)
    count = sum(card["images"].values())
    assert card["images"] == {"train": len(task.data.train), "test": len(task.data.test)}
    for number, (row, path) in enumerate(zip(card["shadows"], shadows.shipped(model_id), strict=True)):
        assert path.stat().st_size < 9e6 and row["key"] == forget_key(shadows.members(number, count))
        assert row["accuracy"]["seen"] > row["accuracy"]["unseen"] > 80
        assert shadows.opened(task, path).training is False
