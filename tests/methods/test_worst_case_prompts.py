"""The search for prompts that are hard to erase: planted ones are found, and only they are erased then."""

from types import SimpleNamespace

import numpy as np
import pictures
import planted_prompts
import pytest
import torch
import toy

from backends.api.errors import BadInput
from backends.core.run import Run
from backends.families.text_to_image.worst_prompts import MADE, NONE_MADE, Searched, distance, of_run
from backends.methods import worst_case_prompts as searching
from backends.methods.worst_case_prompts import WorstCasePrompts, weighted, worst_case_prompts

GAINS = [1.0, 0.2, 0.8, 0.1, 0.9, 0.5]
SEARCH = {"share": 0.34, "rounds": 3, "steps": 6, "batch_size": 12, "learning_rate": 0.05, "loss": "prediction"}


@pytest.mark.parametrize(("mode", "expected"), [("worst", {1, 3}), ("easiest", {0, 4})])
def test_planted_prompts_that_hardly_move_are_the_worst_and_those_that_move_most_the_easiest(
    monkeypatch, mode, expected
):
    found = planted_prompts.searched(monkeypatch, GAINS, WorstCasePrompts(mode=mode, **SEARCH))
    assert set(np.flatnonzero(found.chosen)) == expected
    assert set(found.order[:2] if mode == "worst" else found.order[-2:]) == expected
    np.testing.assert_allclose(found.weights.sum(1), 2, atol=1e-4)


def test_prompts_are_drawn_in_proportion_to_their_weights():
    from backends.methods._drawing import Pool

    x = torch.arange(4.0)[None, :, None, None, None]
    pool = Pool(
        {"x": x, "t": torch.zeros(1).long(), "which": torch.tensor([0, 1, 2, 1]), "said": x, "free": x, "clean": x[0]}
    )
    torch.manual_seed(0)
    found, _, _, _, which = weighted(pool, torch.tensor([0.5, 1.0, 0.0]), 300)
    assert torch.bincount(which, minlength=3).tolist() == [100, 200, 0]
    assert set(found.flatten()[which == 1].tolist()) == {1.0, 3.0}


def test_the_distance_is_the_mean_of_squares_by_picture():
    before = torch.zeros(2, 1, 2, 2)
    now = torch.tensor([[[[1.0, -1.0], [3.0, 1.0]]], [[[0.0, 0.0], [0.0, 0.0]]]])
    assert distance(now, before).tolist() == [3.0, 0.0]


@pytest.fixture
def kept(monkeypatch):
    class Kept(toy.Memory):
        def record_made(self, name, arrays):
            self.made = {name: arrays}

    return Kept()


def test_the_method_that_follows_is_given_the_found_prompts_and_no_others(drawers, kept, monkeypatch):
    task = pictures.task(drawers["v_prediction"], ("cat", "dog"))
    anchors = dict(zip(task.asking.forget_prompts, task.asking.anchor_prompts, strict=True))
    run = Run(task, kept, 0)
    worst_case_prompts(run, WorstCasePrompts(rounds=1, steps=1, batch_size=2, pool_steps=2, then="uce", share=0.5))
    made = kept.made[MADE]
    erased = [str(prompt) for prompt, one in zip(made["prompts"], made["chosen"], strict=True) if one]
    assert task.asking.forget_prompts == erased and len(erased) == 2
    assert task.asking.anchor_prompts == [anchors[prompt] for prompt in erased]
    assert set(map(str, made["prompts"])) == {shot.prompt for shot in task.asking.suite if shot.role == "forget"}
    changed = pictures.changed(run)  # of what follows alone: trial erasing leaves nothing behind
    assert changed and all(".attn2.to_k." in name or ".attn2.to_v." in name for name in changed)


@pytest.mark.parametrize(("mode", "expected"), [("worst", {1}), ("easiest", {3})])
def test_where_somebody_judges_the_prompts_are_the_worst_of_which_the_judge_stays_sure(drawers, kept, mode, expected):
    task = pictures.task(drawers["v_prediction"], ("cat", "dog"))
    prompts = [shot.prompt for shot in task.asking.suite if shot.role == "forget"]
    sure = dict(zip(prompts, (0.5, 0.9, 0.4, 0.1), strict=True))
    task.card = task.card | {"judge": "planted"}
    task.judge = SimpleNamespace(look=lambda images, asked: {"asked": asked})
    task.sure = lambda judged, row, shot: sure[judged["asked"][row]]
    params = {"rounds": 2, "steps": 1, "batch_size": 2, "pool_steps": 2, "then": "uce", "share": 0.25}
    worst_case_prompts(Run(task, kept, 0), WorstCasePrompts(mode=mode, **params))
    made = kept.made[MADE]
    np.testing.assert_allclose(made["losses"], 2 * [[0.5, 0.1, 0.6, 0.9]], rtol=1e-6)
    assert set(np.flatnonzero(made["chosen"])) == expected


def test_a_random_set_needs_no_search(drawers, kept, monkeypatch):
    monkeypatch.setattr(searching, "pool", None)
    chosen = []
    for seed in range(6):
        task = pictures.task(drawers["v_prediction"], ("cat", "dog"))
        worst_case_prompts(Run(task, kept, seed), WorstCasePrompts(mode="random", then="uce", share=0.5))
        chosen.append(tuple(kept.made[MADE]["chosen"]))
    assert {sum(one) for one in chosen} == {2} and len(set(chosen)) > 1


@pytest.mark.parametrize(
    ("target", "then", "says"),
    [
        ("cat in flat style", "uce", "only one asks"),
        ("cat", "worst_case_prompts", "then was 'worst_case_prompts'"),
        ("cat", "fine_tune", "then was 'fine_tune'"),
    ],
)
def test_what_cannot_be_searched_or_follow_is_refused(drawers, target, then, says):
    run = Run(pictures.task(drawers["v_prediction"], (target,)), toy.Memory(), 0)
    with pytest.raises(BadInput, match=says):
        worst_case_prompts(run, WorstCasePrompts(then=then))


def test_what_a_run_keeps_is_read_again(tmp_path):
    (tmp_path / "made").mkdir()
    with pytest.raises(BadInput, match="searched no prompts"):
        of_run(tmp_path)
    assert NONE_MADE.startswith("This run searched no prompts")
    written = Searched(
        ["a", "b"], np.ones((2, 2), np.float32), np.array([[0.3, 0.1]], np.float32), np.array([False, True])
    )
    np.savez(tmp_path / "made" / f"{MADE}.npz", **written.arrays)
    read = of_run(tmp_path)
    assert read.prompts == ["a", "b"] and read.order == [1, 0] and read.chosen.tolist() == [False, True]
