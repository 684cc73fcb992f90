"""Attacks on image classifiers, on the toy of tests/toy.py: one whose last layer was unplugged, and one that never saw the class."""

import copy

import numpy as np
import pytest
import torch
import toy
from PIL import Image

from backends.api.errors import BadInput
from backends.core.attack import AttackContext
from backends.core.registry import get
from backends.core.run import Run
from backends.families.classifier.exam import ClassifierExam, stratified
from backends.families.classifier.guards import INPUT_DELTA, attach_input_delta
from backends.families.classifier.reminders import Reminded, bound, own_pictures

FORGOTTEN = toy.NAMES.index("two")


@pytest.fixture(scope="module")
def never(toy_folder):
    """The toy trained again without the class."""
    run = Run(toy.task(toy_folder), toy.Memory(), seed=1)
    retrain = get("methods", "retrain")
    retrain.function(run, retrain.parse({}))
    return run.model.eval()


def unplugged(task):
    """The toy, whose last layer no longer says the class; all layers before it are as they were."""
    model = task.load()
    with torch.no_grad():
        task.head(model).weight[FORGOTTEN] = 0
        task.head(model).bias[FORGOTTEN] = -1
    return model


def look(task, folder, after=None, references=()):
    models = {"before": task.load(), "after": unplugged(task) if after is None else after}
    seen = AttackContext(task, models.get, lambda when: task.outputs(models[when]), folder, folder / "attack")
    seen.load_references = lambda: list(references)
    return seen


def attacked_by(attack, seen, **settings):
    entry = get("attacks", attack)
    assert entry.lacks(seen) == ""
    return entry.function(seen, entry.parse(settings))


def ends(result):
    """What each model has right at the start and at the place that is judged."""
    return {
        when: [float(result.attacked.curve(when)[at]) for at in (0, result.attacked.at)]
        for when in result.attacked.recalled
    }


def test_what_was_unplugged_comes_back_by_relearning_and_what_never_was_there_does_not(toy_task, never, tmp_path):
    seen = look(toy_task, tmp_path, references=[never])
    result = attacked_by("relearning", seen)
    right = ends(result)
    assert right["after"][0] == 0 and right["after"][1] > 0.8
    assert right["reference"] == [0, 0] and min(right["before"]) > 0.85
    assert min(result.attacked.curve("after", kept=True)) > 0.9
    panel = result.panels[0]
    assert [panel.columns[0], *panel.columns[-2:]] == ["before training", "step 32", "retrained reference, step 32"]
    assert panel.rows[0][0].role == "amount" and panel.rows[0][-2].caption.startswith("two, ")
    assert panel.rows[0][-2].role == "forget" and not panel.rows[0][-1].caption.startswith("two, ")
    with Image.open(tmp_path / panel.rows[0][0].path) as image:
        assert max(image.size) > 100
    for lesson in ("form", "other"):
        assert ends(attacked_by("relearning", seen, lesson=lesson))["after"] == [0, 0]


def test_the_last_layer_alone_brings_back_what_was_unplugged_at_the_end(toy_task, never, tmp_path):
    result = attacked_by("head_relearning", look(toy_task, tmp_path, references=[never]))
    right = ends(result)
    assert right["after"][0] == 0 and right["after"][1] > 0.6 and right["reference"][1] < 0.1
    verdict = result.panels[0]
    assert verdict.sign == "no" and verdict.says.startswith("Unplugged at the end")
    alone = attacked_by("head_relearning", look(toy_task, tmp_path)).panels[0]
    assert alone.sign == "unknown" and "not measured" in alone.says


def test_what_was_never_there_is_gone_inside(toy_task, never, tmp_path):
    verdict = attacked_by("head_relearning", look(toy_task, tmp_path, never, [never])).panels[0]
    assert verdict.sign == "yes" and verdict.says.startswith("Gone inside, as far as this test sees")
    plain = attacked_by("head_relearning", look(toy_task, tmp_path, toy_task.load(), [never])).panels[0]
    assert plain.sign == "no" and plain.says.startswith("Still there")


def test_only_the_last_layer_learns_where_that_is_asked(toy_task):
    exam, model = ClassifierExam(toy_task), unplugged(toy_task)
    was = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert list(exam.teach(model, "forgotten", 0, (0, 3), head_only=True)) == [0, 3]
    moved = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, was[name])}
    assert moved == {"classifier.1.weight", "classifier.1.bias"}


def test_features_near_a_mean_name_what_was_unplugged(toy_task, never, tmp_path):
    result = attacked_by("prototype", look(toy_task, tmp_path, references=[never]))
    assert list(result.attacked.x) == [0, 1, 5, 20] and result.attacked.recalled["after"].shape[:2] == (3, 4)
    after, reference = (result.attacked.curve(when) for when in ("after", "reference"))
    assert after[0] == reference[0] == 0
    assert min(after[1:]) > 0.85 and all(after[1:] - reference[1:] > 0.15)
    assert np.allclose(after[1:], result.attacked.curve("before")[1:])  # the layers before the last are the same
    assert min(result.attacked.curve("after", kept=True)) > 0.9
    assert all((tmp_path / "attack" / find.picture).is_file() for find in result.attacked.finds)


def test_a_mean_is_of_the_features_and_the_nearest_by_cosine_is_named(toy_task, tmp_path):
    from backends.attacks.prototype import NearestMean

    model = toy_task.load()
    x = toy_task.batch(np.arange(6), test=True).x
    with torch.no_grad():
        features = toy_task.features(model, x)
        named = toy_task.forward(NearestMean(toy_task, model, {1: 7 * features[4], 3: features[5]}), x)
    cosine = torch.cosine_similarity(features[:, None], features[None, 4:], dim=2)
    assert torch.equal(named.argmax(1), torch.where(cosine[:, 0] > cosine[:, 1], 1, 3))
    assert named[4].argmax() == 1 and named[5].argmax() == 3 and not named[:, [0, 2, 4]].isfinite().any()


def test_nothing_asked_is_taught(toy_folder):
    by_class = ClassifierExam(toy.task(toy_folder))
    assert by_class.test and by_class.goal == "concept" and len(by_class.items) == 40
    assert set(by_class.labels) == {FORGOTTEN} and len(by_class.pool) == 80
    samples = ClassifierExam(toy.task(toy_folder, ("random:10%",)))
    assert not samples.test and samples.goal == "samples" and len(samples.items) == len(samples.pool) == 20
    assert not set(samples.asked) & set(samples.pool)
    seen = []
    batch = samples.task.batch
    samples.task.batch = lambda index, **more: seen.append(index) or batch(index, **more)
    for lesson in ("forgotten", "form", "other"):
        list(samples.teach(samples.task.load(), lesson, 0, (0, 6)))
    taught = np.concatenate(seen)
    assert len(seen) == 18 and not set(taught) & set(samples.asked)
    assert [len(np.intersect1d(index, samples.pool)) for index in seen] == [10] * 6 + [0] * 12


def test_the_same_seed_teaches_the_same(toy_task):
    exam = ClassifierExam(toy_task)
    models = [unplugged(toy_task) for _ in range(3)]
    for model, seed in zip(models, (4, 4, 5), strict=True):
        list(exam.teach(model, "forgotten", seed, (0, 2)))
    first, again, other = (torch.cat([p.flatten() for p in model.parameters()]) for model in models)
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_a_filter_at_the_input_stays_in_place(toy_task, tmp_path):
    guarded = toy_task.load()
    attach_input_delta(guarded, torch.full(toy_task.batch(np.arange(1)).x.shape[1:], 0.7))
    result = attacked_by("relearning", look(toy_task, tmp_path, guarded))
    assert torch.equal(guarded.get_buffer(INPUT_DELTA), torch.full_like(guarded.get_buffer(INPUT_DELTA), 0.7))
    copied = copy.deepcopy(guarded)
    list(ClassifierExam(toy_task).teach(copied, "forgotten", 0, (0, 2)))
    assert torch.equal(copied.get_buffer(INPUT_DELTA), guarded.get_buffer(INPUT_DELTA))
    asked = ClassifierExam(toy_task)
    exact = asked.score(asked.make(guarded)).mean()
    assert result.attacked.curve("after")[0] == pytest.approx(exact) != result.attacked.curve("before")[0]


def test_a_nudge_stays_within_its_bound_and_between_black_and_white(toy_task):
    exam, model = ClassifierExam(toy_task), toy_task.load()
    x, labels = exam.images, torch.from_numpy(exam.labels)
    added = own_pictures(exam.task, model, x, labels, eps=40, steps=10)
    limit, shown = bound(exam.task, 40), Reminded(exam.task, model, added).reminded(x)
    assert (added.abs() <= limit + 1e-6).all() and added.abs().max() > 0.9 * limit.max()
    assert shown.min() >= exam.task.pixels.black.min() and shown.max() <= exam.task.pixels.white.max()
    assert torch.allclose(shown, x + added, atol=1e-6)
    assert (x + added.sign() * limit).max() > exam.task.pixels.white.max()  # it would leave the range if it could
    black, white = exam.task.pixels.black.item(), exam.task.pixels.white.item()
    assert bound(exam.task, 255).item() == pytest.approx(white - black)


def test_a_nudge_lowers_the_loss_of_the_class_that_it_aims_at(toy_task, tmp_path):
    exam, model = ClassifierExam(toy_task), toy_task.load()
    other = torch.full((len(exam.labels),), 4)
    nudged = Reminded(exam.task, model, own_pictures(exam.task, model, exam.images, other, eps=60, steps=10))
    assert (exam.make(nudged).argmax(1) == 4).mean() > 0.9 > 0.2 > (exam.make(model).argmax(1) == 4).mean()
    result = attacked_by("pgd", look(toy_task, tmp_path), strength=30)
    assert list(result.attacked.x) == [0, 15, 30] and not result.attacked.counts
    assert ends(result)["before"][1] == 1 and result.attacked.finds[0].output in toy.NAMES
    assert (tmp_path / "attack" / result.attacked.finds[0].picture).is_file()


def test_a_universal_reminder_is_one_picture_that_is_kept(toy_task, never, tmp_path, monkeypatch):
    from backends.attacks import universal_reminder

    added = {}
    monkeypatch.setattr(
        universal_reminder,
        "Reminded",
        lambda task, model, one: added.update({model: one}) or Reminded(task, model, one),
    )
    seen = look(toy_task, tmp_path, references=[never])
    result = attacked_by("universal_reminder", seen, strength=30)
    exam = seen.exam
    for _, model in seen.models():
        assert added[model].shape == (1, *exam.images.shape[1:])
        assert (added[model].abs() <= bound(exam.task, 30) + 1e-6).all() and added[model].any()
    assert list(result.attacked.x) == [0, 15, 30, 60] and not result.attacked.kept
    assert ends(result)["before"][1] == 1 > ends(result)["after"][1]
    (find,) = result.attacked.finds
    with Image.open(tmp_path / "attack" / find.picture) as image:
        factor = image.width // toy.SIDE
        grey = np.asarray(image)[::factor, ::factor].astype(float)
    expected = 127.5 + 127.5 * (added[seen.after] / bound(exam.task, 30))[0, 0].numpy()
    assert np.abs(grey - expected).max() <= 0.51


def test_broken_answers_are_counted(toy_task):
    exam = ClassifierExam(toy_task)
    right, broken = exam.kept(toy_task.load())
    assert broken == 0 and right.mean() > 0.9 and len(right) == 160
    collapsed, nothing = toy_task.load(), toy_task.load()
    with torch.no_grad():
        toy_task.head(collapsed).bias[1] = 1e4
        toy_task.head(nothing).bias[1] = torch.nan
    right, broken = exam.kept(collapsed)
    assert broken == 1 and right.mean() == pytest.approx(0.25)
    right, broken = exam.kept(nothing)
    assert broken == 1 and not right.any() and not exam.score(exam.make(nothing)).any()


def test_images_are_drawn_evenly_over_the_classes():
    labels = np.array([0] * 50 + [1] * 5 + [2] * 50)
    drawn = stratified(np.arange(105), labels, 30)
    assert np.bincount(labels[drawn]).tolist() in ([13, 5, 12], [12, 5, 13])
    assert np.array_equal(drawn, stratified(np.arange(105), labels, 30)) and len(np.unique(drawn)) == 30
    assert not np.array_equal(drawn, stratified(np.arange(105), labels, 30, seed=1))
    assert len(stratified(np.arange(3), labels, 30)) == 3


def test_an_attack_that_does_not_fit_says_why(toy_folder, tmp_path):
    single = look(toy.task(toy_folder, ("images:7",)), tmp_path)
    reasons = {
        name: get("attacks", name).lacks(single)
        for name in ("prototype", "head_relearning", "universal_reminder", "pgd")
    }
    assert reasons["prototype"].startswith("Single images were to be forgotten and no class")
    assert reasons["head_relearning"].startswith("Only one image was to be forgotten")
    assert reasons["universal_reminder"].startswith("Only one image was to be forgotten") and reasons["pgd"] == ""
    with pytest.raises(BadInput, match="Only one image was to be forgotten"):
        attacked_by("relearning", single)
    few = look(toy.task(toy_folder, ("images:7,8",)), tmp_path)
    assert len(few.exam.items) == len(few.exam.pool) == 1
    assert attacked_by("relearning", few).attacked.goal == "samples"


def test_a_class_without_test_images_cannot_be_asked_for(toy_folder):
    task = toy.task(toy_folder)
    task.parts["test_forget"] = task.parts["test_forget"][:0]
    with pytest.raises(BadInput, match="no test images of two"):
        ClassifierExam(task)
