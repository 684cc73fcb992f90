"""Looks into mixtures of experts: routing before and after, the old routing forced, experts switched off."""

import looks
import numpy as np
import pytest
import torch
import toy_language

from backends.api import families
from backends.api.errors import BadInput
from backends.api.files import write_json
from backends.core import registry
from backends.families.language import experts
from backends.families.language.expert_sweep import gains as losses
from backends.inspectors.forced_routing import judged
from backends.inspectors.routing import flow

NAMES = ["routing", "forced_routing", "expert_ablation"]


@pytest.fixture
def task(toy_mixture_task):
    return toy_mixture_task


@pytest.fixture(scope="module")
def gone(toy_mixture_folder):
    return toy_language.forgotten(toy_mixture_folder)


def crossed(task):
    """The model before with the routers of all layers turned around: everything is there, and nothing finds it."""
    model = task.load()
    with torch.no_grad():
        for layer in experts.moe_layers(model):
            layer.router.weight.mul_(-1)
    return model


@pytest.mark.parametrize("name", NAMES)
def test_panels_are_sound(task, gone, name, tmp_path):
    looks.sound(looks.found(name, looks.look(task, tmp_path, gone, task.load())), tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_a_dense_model_is_told_why(name, toy_language_task, tmp_path):
    assert registry.get("inspectors", name).entry.works_with["llm"] == families.get("llm").lacks(["router"])
    with pytest.raises(BadInput, match="has no router"):
        looks.found(name, looks.look(toy_language_task, tmp_path))


@pytest.mark.parametrize(
    "name", [one for one, entry in registry.entries("inspectors").items() if entry.entry.works_with.get("moe") is True]
)
def test_every_look_that_says_so_works_on_a_mixture(task, gone, name, tmp_path):
    assert looks.found(name, looks.look(task, tmp_path, gone))


def test_nothing_moved_where_nothing_changed(task, tmp_path):
    panels = looks.found("routing", looks.look(task, tmp_path))
    verdict = looks.of(panels, "Do the words still go to the same experts?")
    assert verdict.sign == "yes" and verdict.says.startswith("100 %")
    difference = looks.of(panels, "Experts on what was to be forgotten, difference")
    assert np.array(difference.z).any() == False  # noqa: E712
    table = np.array(next(panel for panel in panels if panel.title.startswith("From old")).z)
    assert np.trace(table) == pytest.approx(100)


def test_use_is_that_of_the_words(task, gone, tmp_path):
    panels = looks.found("routing", looks.look(task, tmp_path, gone), tokens=100_000)
    shown = looks.of(panels, "Experts on what was to be forgotten, after").z
    np.testing.assert_allclose(shown, 100 * experts.read(gone, task.forget).use(), rtol=1e-6)


def test_an_expert_is_followed(task, gone, tmp_path):
    panels = looks.found("routing", looks.look(task, tmp_path, gone), layer=2, expert=3)
    shown = looks.of(panels, "Which expert works on which word")
    assert (shown.layer, shown.expert) == (1, 2)
    found = experts.read(task.load(), task.forget)
    rows = [text for text in shown.texts if text.role == "forget"]
    goes = [row for text in rows for row in text.before[1]]
    assert [sorted(one) for one in goes] == found.chosen[1][found.rows < len(rows)].tolist()
    assert shown.shares[1][2][0] == pytest.approx(100 * (found.chosen[1] == 2).any(1).mean())
    assert "".join(rows[0].words) == task.reader.tokenizer.decode(task.forget.ids[0][task.forget.mask[0].bool()])
    with pytest.raises(BadInput, match="Layer 9 has no router; those that have are 1, 2, 3"):
        looks.found("routing", looks.look(task, tmp_path, gone), layer=9)
    with pytest.raises(BadInput, match="no expert 7; a layer has 4"):
        looks.found("routing", looks.look(task, tmp_path, gone), expert=7)


def test_the_way_from_old_to_new_by_hand():
    table = flow(np.array([[0, 1], [0, 1], [2, 3]]), np.array([[0, 1], [0, 2], [0, 1]]), 4)
    by_hand = np.zeros((4, 4))
    by_hand[0, 0], by_hand[1, 1], by_hand[1, 2] = 2, 1, 1
    by_hand[2, [0, 1]] = by_hand[3, [0, 1]] = 0.5
    np.testing.assert_allclose(table, by_hand / 6)


def test_through_the_steps(task, gone, tmp_path):
    for number, model in enumerate((task.load(), gone)):
        write_json(tmp_path / "samples" / f"0{number}-000000.json", {"items": task.sample(model)})
    panel = looks.of(looks.found("routing", looks.look(task, tmp_path, gone)), "Through the steps")
    forget = looks.series(panel)["to be forgotten"]
    assert forget[0] == 100 and forget[1] < 100


def test_what_is_only_rerouted_comes_back(task, tmp_path):
    panels = looks.found("forced_routing", looks.look(task, tmp_path, crossed(task)))
    assert panels[0].sign == "no" and "Rerouted, not erased" in panels[0].says
    answers = looks.series(looks.of(panels, "Answers that name the fact"))
    assert answers["after"][0] < 50 and answers["after, old routing"] == answers["before"] == [100, 100, 100]


def test_what_is_erased_does_not(task, tmp_path):
    model = task.load()
    with torch.no_grad():
        for layer in experts.moe_layers(model):
            layer.experts.down_proj.zero_()
    panels = looks.found("forced_routing", looks.look(task, tmp_path, model))
    assert panels[0].sign == "yes" and panels[0].says.startswith("Not only rerouted")


def test_the_thresholds_of_the_verdict():
    assert [judged(100, 0, forced)[0] for forced in (100, 50, 49, 20, 19, 0)] == [
        "no",
        "no",
        "partly",
        "partly",
        "yes",
        "yes",
    ]
    assert judged(100, 100, 100)[0] == judged(100, float("nan"), 0)[0] == "unknown"


def test_an_expert_that_nothing_goes_to_is_not_missed(task, gone):
    texts = task.forget
    found = experts.read(gone, texts).use()
    lost = losses(gone, texts)
    assert lost.shape == (3, 4, len(texts))
    assert (lost[found == 0] == 0).all() and (lost[found > 0.3] != 0).all()
