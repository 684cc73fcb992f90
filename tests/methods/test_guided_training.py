"""Guidance on the toy: its formulas with known answers, the same first weights and batches for all, and what it refuses."""

import numpy as np
import pytest
import torch
import toy

from backends.api.errors import BadInput
from backends.api.numbers import Numbers
from backends.api.results import Measured
from backends.api.run_outputs import made_file
from backends.core import alignment, registry
from backends.core.evidence import Evidence, InspectContext
from backends.core.run import Run
from backends.families.classifier import guided, guiding
from backends.families.classifier.guiding import Guided
from backends.inspectors.guided_layers import GuidedLayers, guided_layers
from backends.methods.guided_training import GuidedTraining, guided_training

QUICK = {"epochs": 5, "batch_size": 64, "learning_rate": 1e-2}


def done(folder, forget=("random:50%",), **params):
    task, keeper = toy.task(folder, forget), toy.Memory()
    run = Run(task, keeper, seed=0)
    guided_training(run, GuidedTraining(**QUICK | params))
    return run, keeper


@pytest.fixture(scope="module")
def finished(toy_folder):
    """A run whose guide is the toy as it was, and its keeper."""
    return done(toy_folder)


@pytest.fixture(scope="module")
def made(finished):
    return finished[1].made[guiding.MADE]


def written(folder, arrays):
    path = folder / made_file(guiding.MADE)
    path.parent.mkdir()
    np.savez(path, **arrays)
    return folder


def test_a_rotated_scaled_and_moved_copy_is_the_same_and_one_at_right_angles_is_not():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(40, 6))
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    one, copy = (alignment.gram(torch.from_numpy(each)) for each in (rows, 3 * rows @ turn + 5))
    assert float(alignment.cka(one, copy)) == pytest.approx(1, abs=1e-9)
    signs = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])  # two columns that say nothing of each other
    first, second = (alignment.gram(signs[:, at : at + 1]) for at in range(2))
    assert float(alignment.cka(first, second)) == pytest.approx(0, abs=1e-7)
    assert np.isnan(float(alignment.cka(first, alignment.gram(torch.ones(4, 3)))))


def test_the_distance_is_the_sum_over_the_layers_of_the_guide_spread_over_those_of_the_network():
    assert guiding.layer_map(10, 5) == [0, 2, 4, 7, 9] and guiding.layer_map(3, 5) == [0, 0, 1, 2, 2]
    assert guiding.layer_map(4, 1) == [3]
    rng = np.random.default_rng(1)
    layers, others = ([rng.normal(size=(20, width)) for width in widths] for widths in ((3, 8, 5), (4, 7)))

    def centred(rows):
        middle = np.eye(20) - 1 / 20
        return middle @ rows @ rows.T @ middle

    def by_hand(one, other):
        a, b = centred(one), centred(other)
        return (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())

    expected = (1 - by_hand(layers[0], others[0])) + (1 - by_hand(layers[2], others[1]))
    target, guide = ([alignment.gram(torch.from_numpy(one)) for one in each] for each in (layers, others))
    assert float(guiding.distance(target, guide)) == pytest.approx(expected, rel=1e-6)
    dead = torch.zeros(20, 3, requires_grad=True)
    apart = guiding.distance([alignment.gram(dead)] * 3, guide)
    assert float(apart) == 2 and not apart.requires_grad


def test_a_guided_network_comes_nearer_to_its_guide_than_one_without(finished, made):
    assert made["names"].tolist() == ["guided", "unguided", "guide untrained"]
    assert made["distance"][0, -1] < made["distance"][0, 0] and np.isnan(made["distance"][1]).all()
    pairs = list(enumerate(guiding.layer_map(made["before"].shape[0], made["before"].shape[1])))
    near = [np.mean([after[own, other] for other, own in pairs]) for after in made["after"]]
    assert near[0] > near[1] + 0.02 and near[0] > near[2]
    assert made["after"].max() <= 1 and made["ends"].min() > 50


def test_all_begin_with_the_same_weights_and_see_the_same_batches(toy_folder):
    """With a weight of 0 the guide says nothing, so that all three end as the same network."""
    run, keeper = done(toy_folder, alpha=0.0)
    made = keeper.made[guiding.MADE]
    for name in ("loss", "train", "test", "ends", "after"):
        assert all((made[name][at] == made[name][0]).all() for at in (1, 2)), name
    alone, other = done(toy_folder, guide="none")
    assert other.made[guiding.MADE]["names"].tolist() == ["unguided"]
    for name, tensor in alone.model.state_dict().items():
        torch.testing.assert_close(tensor, run.model.state_dict()[name], rtol=1e-5, atol=1e-6)


def test_a_guide_that_is_left_at_once_changes_only_the_first_step(toy_folder):
    made = done(toy_folder, stop_after=2, beside="unguided")[1].made[guiding.MADE]
    assert made["names"].tolist() == ["guided", "unguided"]
    assert np.isfinite(made["distance"][0, 0]) and np.isnan(made["distance"][0, 1:]).all()


def test_noise_and_other_guides(toy_folder):
    made = done(toy_folder, guide="trained on the same images", noise=True)[1].made[guiding.MADE]
    assert made["guide"][0].endswith("trained on the same images") and len(made["names"]) == 3
    assert made["distance"][0, -1] < made["distance"][0, 0]
    assert done(toy_folder, guide="untrained")[1].made[guiding.MADE]["names"].tolist() == ["guided", "unguided"]


def test_batch_norm_of_a_fresh_guide_takes_its_means_from_images(toy_task):
    fresh = toy_task.fresh(3)
    guiding.calibrated(toy_task, fresh, toy_task.parts["train"])
    x = toy_task.batch(toy_task.parts["train"][:200]).x
    first = next(layer for layer in fresh.modules() if isinstance(layer, torch.nn.BatchNorm2d))
    seen = []
    first.register_forward_hook(lambda layer, args, out: seen.append(out))
    with torch.no_grad():
        fresh(pixel_values=x)
    assert not fresh.training and first.momentum == 0.1
    assert seen[0].mean((0, 2, 3)).abs().max() < 0.2 and (seen[0].std((0, 2, 3)) - 1).abs().max() < 0.2


def test_its_metrics_are_of_the_network_beside_it(finished, made):
    run, _ = finished
    task = run.task
    gain, gap = (registry.get("metrics", name) for name in ("guidance_gain", "generalization_gap"))
    assert gain.lacks(toy.task(task.folder)) and gap.lacks(toy.task(task.folder))
    assert not gain.lacks(task) and not gap.lacks(task)
    own = Evidence("after", task, task.outputs(run.model), lambda metric, when: np.nan)
    (kept, tested), (kept_alone, tested_alone) = made["ends"][0], made["ends"][1]
    assert gain.function(own).value == pytest.approx(tested - tested_alone, abs=1e-3)
    assert gap.function(own).value == pytest.approx(kept - tested, abs=1e-3)
    assert gap.function(own).parts["unguided"] == pytest.approx(kept_alone - tested_alone, abs=1e-3)
    before = Evidence("before", task, task.outputs(run.original), lambda metric, when: np.nan)
    assert np.isnan(gain.function(before).value)


def test_the_look_shows_curves_and_layers(finished, made, tmp_path):
    run, _ = finished
    look = InspectContext(run.task, lambda when: run.original, dict, tmp_path, tmp_path / "out")
    assert "No network was guided" in registry.get("inspectors", "guided_layers").lacks(look)
    assert guided_layers(look, GuidedLayers())[0].says.startswith("No network was guided")
    written(tmp_path, made)
    accuracy, guided, unguided, before, loss, learned = guided_layers(look, GuidedLayers())
    for curves, name in ((accuracy, "test"), (learned, "train"), (loss, "loss")):
        np.testing.assert_allclose([one.values for one in curves.series], made[name], atol=1e-5)
    assert f"difference of {made['ends'][0, 1] - made['ends'][1, 1]:+.1f} points" in accuracy.says
    assert f"{made['ends'][1, 1]:g} % without" in accuracy.says
    np.testing.assert_allclose(guided.z, made["after"][0], atol=1e-6)
    np.testing.assert_allclose(unguided.z, made["after"][1], atol=1e-6)
    np.testing.assert_allclose(before.z, made["before"], atol=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        {"after": lambda one: one[:, :1]},
        {"loss": lambda one: one.astype(int)},
        {"names": lambda one: one[:1]},
        {"ends": lambda one: one[0]},
    ],
)
def test_what_a_run_kept_is_checked_before_it_is_used(made, tmp_path, change):
    written(tmp_path, made | {name: how(made[name]) for name, how in change.items()})
    with pytest.raises(BadInput, match="damaged"):
        Guided.read(tmp_path)


@pytest.mark.parametrize(
    ("forget", "params", "says"),
    [
        (("random:90%",), {}, "40 images are left to learn from, but CKA needs 64"),
        (
            ("random:50%",),
            {"network": "nonesuch"},
            "no embedded model 'nonesuch' to guide with; choose one of authors-lm",
        ),
        (("random:50%",), {"network": "authors-lm"}, "authors-lm"),
        (("random:50%",), {"network": "fashion-resnet"}, "tells 10 classes apart, but the data holds 5"),
    ],
)
def test_what_does_not_fit_is_said(toy_folder, forget, params, says):
    with pytest.raises(BadInput, match=says):
        done(toy_folder, forget, **params)


def test_a_guide_of_the_same_data_is_found():
    from types import SimpleNamespace

    task = SimpleNamespace(id="fashion-mlp", family="classifier", data=SimpleNamespace(id="fashion-mnist"))
    assert guiding.guide_name(task) == "fashion-resnet"
    own = SimpleNamespace(id="mine", family="classifier", data=SimpleNamespace(id="mine"))
    assert guiding.guide_name(own) == "mine"


@pytest.mark.parametrize(
    ("gap", "alone", "sign"),
    [(15.0, 18.6, "yes"), (17.5, 18.6, "partly"), (18.6, 17.5, "no"), (17.5, np.nan, "unknown"), (np.nan, 18.6, "unknown")],
)  # fmt: skip
def test_what_was_learned_by_heart_is_told_beside_the_same_network_without_a_guide(gap, alone, sign):
    parts = {"after": {"unguided": alone}}
    one = Measured(before=4.2, after=gap, unit="points", direction="lower", parts=parts)
    mark = guided.marks(Numbers({"generalization_gap": one}, {}))[1]
    assert mark.sign == sign and ("18.6" in mark.number + mark.beside) == (not np.isnan(gap) and alone == alone)
