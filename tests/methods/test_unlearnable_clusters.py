"""Unlearnable clusters on the toy: its formulas against a few lines of numpy, and attackers whose answer is known."""

import io

import numpy as np
import pytest
import torch
import toy
from PIL import Image

from backends.api.errors import BadInput
from backends.api.run_outputs import made_file
from backends.core import registry
from backends.core.evidence import InspectContext
from backends.core.run import Run
from backends.families.classifier import unlearnable
from backends.families.classifier.resolve import resolve
from backends.families.classifier.unlearnable import Protection
from backends.inspectors.attackers import Attackers, attackers
from backends.methods.unlearnable_clusters import UnlearnableClusters, unlearnable_clusters

QUICK = {"clusters": 5, "eps": 48, "steps": 20, "epochs": 3}


def softmax(rows):
    powers = np.exp(rows - rows.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


@pytest.fixture(scope="module")
def finished(toy_folder):
    """A run that protected half of the toy's images, and its keeper."""
    task = toy.task(toy_folder)
    resolve(task, ("random:50%",))
    keeper = toy.Memory()
    run = Run(task, keeper, seed=0)
    unlearnable_clusters(run, UnlearnableClusters(**QUICK))
    return run, keeper


def last(task, images, labels, asked, **more):
    *_, end = unlearnable.attack(task, task.fresh(1), images, labels, asked, epochs=6, seed=1, **more)
    return end


def test_the_loss_is_the_divergence_of_the_features_from_the_centre():
    rng = np.random.default_rng(0)
    features, centre = rng.normal(size=(7, 9)), rng.normal(size=9)
    goal, seen = softmax(centre), softmax(features)
    expected = (goal * (np.log(goal) - np.log(seen))).sum(1).mean()
    found = unlearnable.disguise_loss(torch.from_numpy(features), torch.from_numpy(centre))
    assert float(found) == pytest.approx(expected, rel=1e-9)


def test_what_is_published_is_clipped_and_rounded_as_a_file_holds_it():
    rng = np.random.default_rng(1)
    images, of = rng.integers(0, 256, (6, 1, 4, 4), dtype=np.uint8), np.array([0, 1, 1, 0, 1, 0])
    pictures = rng.uniform(-0.5, 0.5, (2, 1, 4, 4)).astype(np.float32)
    expected = (255 * np.clip(images / np.float32(255) + pictures[of], 0, 1)).round()
    found = unlearnable.released(torch.from_numpy(images), torch.from_numpy(pictures), of)
    assert found.dtype == torch.uint8 and (found.numpy() == expected).all()
    assert [unlearnable.target_of(one, 3) for one in range(3)] == [1, 2, 0]


def test_an_attacker_learns_a_strong_picture_of_each_cluster_and_nothing_that_is_clean(toy_task):
    """Each class is one cluster whose picture tells it by itself: who learns from that is at chance on clean images, who learns from clean ones is not."""
    task = toy_task
    every = task.parts["train"]
    clean, labels = unlearnable.raw(task, every), torch.from_numpy(task.data.train.labels)
    asked = unlearnable.raw(task, task.data.own_test, test=True), torch.from_numpy(task.data.test.labels)
    signs = torch.where(
        torch.rand((5, *clean.shape[1:]), generator=torch.Generator().manual_seed(3)) < 0.5, -0.45, 0.45
    )
    hidden = unlearnable.released(clean, signs, labels.numpy())
    ends = {name: last(task, images, labels, asked) for name, images in (("clean", clean), ("hidden", hidden))}
    assert ends["clean"].clean > 80
    assert ends["hidden"].train > 80 and ends["hidden"].clean < 45  # chance is 20
    lot = torch.from_numpy(unlearnable.by_lot(5, 2, 0))
    assert last(task, hidden, lot[labels], (asked[0], lot[asked[1]])).clean < 75  # of two labels, chance is 60


def test_it_protects_half_of_the_images_within_eps_and_its_attacker_is_worse_on_clean_ones(finished):
    run, keeper = finished
    task, made = run.task, keeper.made[unlearnable.MADE]
    protection = Protection(**made)
    assert (protection.ids == task.parts["forget"]).all() and (protection.published == protection.ids).all()
    assert np.abs(protection.pictures).max() <= 48 / 255 + 1e-6
    changed = protection.images(task).int() - unlearnable.raw(task, protection.ids).int()
    assert 0 < changed.abs().max() <= 48
    distances = [values for phase, _, _ in keeper.beats if (values := phase) == "make pictures"]
    assert len(distances) >= 5 * QUICK["steps"]
    for cluster, centre in enumerate(protection.centres):
        assert np.allclose(
            centre,
            task.over(lambda x: task.features(run.original, x), protection.ids[protection.of == cluster]).mean(0),
            atol=1e-2,
        )
    labels = torch.from_numpy(task.data.train.labels[protection.ids])
    asked = unlearnable.raw(task, task.parts["test"], test=True), torch.from_numpy(task.data.test.labels)
    control = last(task, unlearnable.raw(task, protection.ids), labels, asked)
    assert toy.accuracy(task, run.model, "test") < control.clean - 10


def test_a_persons_picture_is_protected_at_its_own_size(finished):
    run, keeper = finished
    protection = Protection(**keeper.made[unlearnable.MADE])
    item = int(protection.ids[0])
    small = run.task.show(item)
    large = small.resize((60, 60), Image.Resampling.NEAREST)
    at_size, as_learned = (protection.on(run.task, run.original, one) for one in (large, small))
    assert (at_size.size, at_size.mode) == (large.size, "L")
    own = unlearnable.nearest(
        run.task.over(lambda x: run.task.features(run.original, x), np.array([item])), protection.centres
    )
    expected = unlearnable.released(
        unlearnable.raw(run.task, np.array([item])), torch.from_numpy(protection.pictures), own
    )
    assert (np.asarray(as_learned) == expected[0, 0].numpy()).all()
    assert (np.asarray(at_size.resize(small.size, Image.Resampling.NEAREST)) == np.asarray(as_learned)).all()


def test_treatments_do_what_they_are_called():
    images = torch.randint(0, 256, (3, 1, 12, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    file = io.BytesIO()
    Image.fromarray(images[1, 0].numpy()).save(file, "JPEG", quality=30)
    assert (unlearnable.treated(images, "JPEG")[1, 0].numpy() == np.asarray(Image.open(file))).all()
    blurred = unlearnable.treated(images, "blur")
    assert blurred.float().std() < 0.5 * images.float().std()
    even = torch.full((1, 1, 12, 12), 90, dtype=torch.uint8)
    assert (unlearnable.treated(even, "blur") == 90).all()
    torch.manual_seed(0)
    moved = unlearnable.cropped(images)
    assert moved.shape == images.shape and not (moved == images).all()


def test_classes_that_are_mixed_up_have_one_label():
    confusion = np.eye(5)
    confusion[0, 3] = confusion[3, 0] = confusion[1, 4] = 0.3
    found = unlearnable.groups(confusion.tolist(), 3)
    assert found[0] == found[3] and found[1] == found[4] and len(set(found)) == 3
    assert np.bincount(unlearnable.by_lot(10, 3, 0)).tolist() == [4, 3, 3]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "made no pictures"),
        ({"of": lambda one: one + 90}, "do not fit"),
        ({"ids": lambda one: one.astype(float)}, "do not fit"),
        ({"ids": lambda one: one + 10**6}, "do not fit"),
        ({"pictures": lambda one: one[:, :, :5]}, "do not fit"),
        ({"centres": lambda one: np.full_like(one, np.nan)}, "do not fit"),
    ],
)
def test_what_a_run_kept_is_checked_before_it_is_used(finished, tmp_path, change, words):
    run, keeper = finished
    arrays = dict(keeper.made[unlearnable.MADE])
    path = tmp_path / made_file(unlearnable.MADE)
    path.parent.mkdir()
    if change:
        np.savez(path, **(arrays | {name: how(arrays[name]) for name, how in change.items()}))
    with pytest.raises(BadInput, match=words):
        Protection.read(tmp_path, run.task, run.original)


def test_what_it_kept_is_read_again(finished, tmp_path):
    run, keeper = finished
    arrays = keeper.made[unlearnable.MADE]
    path = tmp_path / made_file(unlearnable.MADE)
    path.parent.mkdir()
    np.savez(path, **arrays)
    read = Protection.read(tmp_path, run.task, run.original).arrays
    assert all((read[name] == arrays[name]).all() for name in arrays)


def test_attackers_are_told_apart_by_what_they_learned_from(finished, tmp_path):
    run, keeper = finished
    path = tmp_path / made_file(unlearnable.MADE)
    path.parent.mkdir()
    bare = InspectContext(run.task, lambda when: run.original, dict, tmp_path, tmp_path / "out")
    told = []
    look = InspectContext(
        run.task, lambda when: run.original, dict, tmp_path, tmp_path / "out", tell=lambda *said: told.append(said)
    )
    assert "made no pictures" in registry.get("inspectors", "attackers").lacks(bare)
    np.savez(path, **keeper.made[unlearnable.MADE])
    assert not registry.get("inspectors", "attackers").lacks(bare)
    pictures, classes, likeness, lot, treated, places = attackers(look, Attackers(images=200, epochs=4, groups=2))
    assert len(pictures.rows) == 2 and all((tmp_path / one.path).is_file() for row in pictures.rows for one in row)
    assert len(places.points) == 5 * 12 + 5 and "made no" not in places.says
    for curves in (classes, likeness, lot):
        assert [one.name for one in curves.series][::2] == [
            "clean images: on what it learns from",
            "protected images: on what it learns from",
        ]
        assert all(len(one.values) == 4 for one in curves.series)
    assert treated.labels == list(unlearnable.TREATMENTS)
    assert (
        treated.series[0].values[0] == classes.series[1].values[-1]
        and treated.series[1].values[0] == classes.series[3].values[-1]
    )
    assert treated.series[1].values[0] < treated.series[0].values[0] - 10
    assert told[-1][1] == told[-1][2] == 4 * 2 * 7
