"""What the model sees and says: similarity of layers, maps, attributions, confusion, membership."""

import math
from types import SimpleNamespace

import looks
import numpy as np
import pytest
import torch
import toy
from PIL import Image
from torch import nn

from backends.api.errors import BadInput
from backends.core import registry
from backends.core.evidence import Evidence
from backends.inspectors import attribution, confusion
from backends.inspectors._common import images, in_batches, signed
from backends.inspectors.layer_similarity import cka


def gram(rows):
    return rows @ rows.T


class TestCka:
    rows = np.random.default_rng(0).normal(size=(30, 7))

    def test_identical_is_1(self):
        assert cka(gram(self.rows), gram(self.rows)) == pytest.approx(1)

    def test_turning_scaling_and_shifting_do_not_matter(self):
        turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(7, 7)))
        assert cka(gram(self.rows), gram(3 * self.rows @ turn + 5)) == pytest.approx(1)

    def test_features_that_vary_independently_are_0(self):
        one, other = np.array([[1.0], [1], [-1], [-1]]), np.array([[1.0], [-1], [1], [-1]])
        assert cka(gram(one), gram(other)) == pytest.approx(0)

    def test_one_feature_of_two_by_hand(self):
        # K = diag-like of two orthogonal directions, L of one of them: <K, L> = 16, |K| = sqrt(32), |L| = 4
        both, one = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]]), np.array([[1.0], [1], [-1], [-1]])
        assert cka(gram(both), gram(one)) == pytest.approx(1 / math.sqrt(2))

    def test_constant_or_broken_features_are_not_measured(self):
        flat = np.full((30, 3), 0.1)
        assert math.isnan(cka(gram(self.rows), gram(flat)))
        assert math.isnan(cka(gram(self.rows), np.full((30, 30), np.nan)))


def test_layers_up_to_the_change_look_the_same(toy_task, tmp_path):
    after = toy_task.load()
    with torch.no_grad():
        after.classifier[1].weight.copy_(torch.randn(after.classifier[1].weight.shape))
    (panel,) = looks.found("layer_similarity", looks.look(toy_task, tmp_path, after))
    for values in looks.series(panel).values():
        assert values[:-1] == pytest.approx([1] * (len(values) - 1))
        assert values[-1] < 0.99
    assert panel.x[0] == "input" and panel.x[-2:] == ["last features", "logits"]


def test_the_reference_is_like_itself(toy_task, tmp_path):
    other = looks.shaken(toy_task)
    panel = looks.found("layer_similarity", looks.look(toy_task, tmp_path, other, other))[1]
    assert looks.series(panel)["forget, after"] == pytest.approx([1] * len(panel.x))
    assert all(value < 1 - 1e-6 for value in looks.series(panel)["forget, before"][1:])


class Linear(nn.Module):
    """A model whose attributions are known: logits are a linear function of the pixels."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(toy.SIDE**2, len(toy.NAMES)).requires_grad_(False)

    def forward(self, pixel_values):
        return SimpleNamespace(logits=self.inner(pixel_values.flatten(1)))


def test_integrated_gradients_of_a_linear_model_are_weight_times_difference(toy_task, tmp_path):
    model, seen = Linear(), looks.look(toy_task, tmp_path)
    items = images(seen, 2)
    found = attribution._maps(seen, model, items, 8)
    black = (0 - 0.5) / 0.25
    for i, item in enumerate(items):
        x = toy_task.batch(np.array([item.position]), test=item.split == "test").x[0, 0]
        expected = model.inner.weight[item.label].reshape(toy.SIDE, toy.SIDE) * (x - black)
        assert found.values[i] == pytest.approx(expected.numpy(), abs=1e-4)
    assert found.values.sum((1, 2)) == pytest.approx(found.gap, abs=1e-3)


def test_integrated_gradients_add_up_on_the_toy(toy_task, tmp_path):
    seen = looks.look(toy_task, tmp_path)
    found = attribution._maps(seen, seen.before, images(seen, 4), 200)
    assert found.miss.mean() < 0.03 * np.abs(found.gap).mean()


def test_the_same_model_twice_gives_the_same_maps(toy_task, tmp_path):
    (panel,) = looks.found("attribution", looks.look(toy_task, tmp_path))
    assert "changed by 0 % for forgotten images" in panel.says
    for _, before, after in panel.rows:
        assert (tmp_path / before.path).read_bytes() == (tmp_path / after.path).read_bytes()


def test_an_image_of_ones_own_choice_comes_first_and_once(toy_task, tmp_path):
    look = looks.look(toy_task, tmp_path)
    usual = images(look, 3)
    for name in ("test-7", usual[1].id):
        (panel,) = looks.found("attribution", look, item=f" {name} ")
        paths = [row[0].path for row in panel.rows]
        assert name in paths[0] and len(paths) == len(set(paths)) == len({*(one.id for one in usual), name})
    with pytest.raises(BadInput, match="no item"):
        looks.found("attribution", look, item="a cat")


def test_signed_pictures_are_orange_above_and_blue_below():
    picture = np.asarray(signed(np.array([[1.0, -1.0, 0.0]]), 1.0, side=3)).astype(int)
    red_minus_blue = picture[0, :, 0] - picture[0, :, 2]
    assert red_minus_blue[0] > 100 and red_minus_blue[1] < -100
    assert list(picture[0, 2]) == [255, 255, 255]
    assert np.asarray(signed(np.zeros((2, 2)), 0.0)).min() == 255


def test_confusion_by_hand():
    said = np.eye(3, dtype=np.float32)[[0, 1, 1, 1, 2]]
    said[4] = np.nan
    seen = SimpleNamespace(
        outputs=lambda when: {"test": said},
        task=SimpleNamespace(
            names=["a", "b", "c"],
            data=SimpleNamespace(test=SimpleNamespace(labels=np.array([0, 0, 1, 1, 1])), own_test=np.arange(5)),
        ),
    )
    found = confusion.matrix(seen, "after")
    assert found[0] == pytest.approx([50, 50, 0])
    assert found[1] == pytest.approx([0, 200 / 3, 0])  # an answer that is no number falls out of its row
    assert np.isnan(found[2]).all()  # no test image


def test_confusion_marks_the_forgotten_and_subtracts(toy_task, tmp_path):
    before, after, change = looks.found("confusion", looks.look(toy_task, tmp_path, looks.shaken(toy_task)))
    assert before.marked == [2] and before.rows == toy.NAMES
    assert np.array(change.z) == pytest.approx(np.array(after.z) - np.array(before.z))
    assert change.scale == "difference"


def test_confusion_of_the_same_model_does_not_change(toy_task, tmp_path):
    change = looks.found("confusion", looks.look(toy_task, tmp_path))[2]
    assert not np.any(change.z)
    assert change.says.startswith("Nothing changed")


def test_confusion_of_many_classes_keeps_the_forgotten(toy_task, tmp_path):
    panel = looks.found("confusion", looks.look(toy_task, tmp_path, looks.shaken(toy_task)), most=2)[0]
    assert "two" in panel.rows and len(panel.rows) == 2 and panel.marked == [panel.rows.index("two")]


def test_membership_draws_the_line_of_the_metric(toy_task, tmp_path):
    seen = looks.look(toy_task, tmp_path, looks.shaken(toy_task))
    for panel, when in zip(looks.found("membership", seen), ("before", "after"), strict=True):
        evidence = Evidence(when, toy_task, seen.outputs(when), lambda name, when: math.nan)
        score = registry.get("metrics", "mia_confidence").function(evidence)
        assert panel.thresholds[panel.start] == pytest.approx(score.parts["threshold"])
        assert f"{score.value:.1f} % of the forget set" in panel.says
        forget, retain, test = panel.sets
        assert 100 * (1 - forget.called[panel.start] / forget.size) == pytest.approx(score.value)
        right = (retain.called[panel.start] / retain.size + 1 - test.called[panel.start] / test.size) / 2
        assert 100 * right == pytest.approx(score.parts["attack_accuracy"])
        assert [one.rate for one in panel.sets] == ["", "TPR", "FPR"]


def test_membership_counts_every_image_at_every_threshold(toy_task, tmp_path):
    seen = looks.look(toy_task, tmp_path, looks.shaken(toy_task))
    panel = looks.found("membership", seen, pictures=4)[1]
    scores = {dot.id: dot.value for dot in panel.sets[0].dots}
    assert len(scores) == panel.sets[0].size == 80
    for at in (0, panel.start, len(panel.thresholds) - 1):
        expected = sum(value >= panel.thresholds[at] * (1 + 1e-9) for value in scores.values())
        assert abs(panel.sets[0].called[at] - expected) <= 1
    assert panel.thresholds == sorted(panel.thresholds) and 0 < panel.thresholds[0] < panel.thresholds[-1] < 1
    pictured = [dot.picture for dot in panel.sets[0].dots if dot.picture]
    assert len(pictured) == 4 and all((tmp_path / path).is_file() for path in pictured)


def test_map_of_an_unchanged_model_does_not_move(toy_task, tmp_path):
    (panel,) = looks.found("embedding_map", looks.look(toy_task, tmp_path), count=90)
    assert len(panel.points) == 90
    assert all(point.after == point.before for point in panel.points)
    assert "forgotten 0 %" in panel.says


def test_map_moves_what_changed_and_shows_it(toy_task, tmp_path):
    (panel,) = looks.found("embedding_map", looks.look(toy_task, tmp_path, looks.shaken(toy_task, 1.0)), count=90)
    assert {point.role for point in panel.points} == {"forget", "neighbour", "unrelated"}
    assert {point.label for point in panel.points if point.role == "forget"} == {"two"}
    assert np.mean([point.after != point.before for point in panel.points]) > 0.9
    point = panel.points[0]
    assert point.text.count("%") == 6 and "→" in point.text
    with Image.open(tmp_path / point.image) as image:
        assert min(image.size) >= toy.SIDE


def test_map_puts_the_classes_apart(toy_task, tmp_path):
    (panel,) = looks.found("embedding_map", looks.look(toy_task, tmp_path), count=180)
    places = np.array([point.before for point in panel.points])
    labels = np.array([point.label for point in panel.points])
    distances = np.linalg.norm(places[:, None] - places[None], axis=2) + 1e9 * np.eye(len(places))
    assert np.mean(labels[distances.argmin(1)] == labels) > 0.85


def test_images_are_new_ones_of_a_forgotten_class_or_the_forgotten_themselves(toy_folder, tmp_path):
    by_class = images(looks.look(toy.task(toy_folder), tmp_path), 5)
    assert {(item.split, item.label) for item in by_class if item.group == "forget"} == {("test", 2)}
    task = toy.task(toy_folder, ("images:7,9",))
    single = images(looks.look(task, tmp_path), 5)
    assert sorted(item.id for item in single if item.group == "forget") == ["train-7", "train-9"]
    assert all(item.split == "test" for item in single if item.group != "forget")


def test_rows_come_in_the_order_of_the_items(toy_folder, tmp_path):
    task = toy.task(toy_folder, ("images:7,9",))
    items = images(looks.look(task, tmp_path), 5)[::-1]
    rows = in_batches(task, items, lambda x: x.flatten(1))
    for item, row in zip(items, rows, strict=True):
        assert row == pytest.approx(
            task.batch(np.array([item.position]), test=item.split == "test").x.flatten().numpy()
        )
