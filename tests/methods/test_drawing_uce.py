"""UCE against its own objective: the gradient at the solution, its limits, and which places of a prompt are edited."""

import pictures
import pytest
import torch
import toy

from backends.core.run import Run
from backends.methods._drawing import end_positions
from backends.methods.uce import Uce, aligned, places, solve_edit, uce


def edited(folder, forget=("cat",), **params):
    run = Run(pictures.task(folder, forget), toy.Memory(), 0)
    uce(run, Uce(**params))
    return run


def matrices(model):
    return {
        name: weight for name, weight in model.named_parameters() if ".attn2.to_k." in name or ".attn2.to_v." in name
    }


def rows(count, seed):
    return torch.randn(count, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_gradient_of_the_objective_is_zero_at_the_solution():
    asked, guides, kept, old = rows(4, 1), rows(4, 2), rows(9, 3), rows(5, 4)
    new = (old @ solve_edit(asked, guides, kept, 3.0, 0.7, 0.2)).requires_grad_(True)
    objective = (
        3.0 * (asked @ new.T - guides @ old.T).square().sum()
        + 0.7 * (kept @ new.T - kept @ old.T).square().sum()
        + 0.2 * (new - old).square().sum()
    )
    objective.backward()
    assert objective > 1  # the three terms are at odds, so the zero says something
    assert new.grad.abs().max() < 1e-9


def test_what_is_asked_for_reads_exactly_like_the_guide_where_nothing_is_kept():
    asked, guides = rows(4, 1), rows(4, 2)
    edit = solve_edit(asked, guides, rows(9, 3), 1.0, 0.0, 1e-9)
    torch.testing.assert_close(asked @ edit.T, guides, rtol=1e-6, atol=1e-6)
    other = rows(1, 5)
    other -= torch.linalg.lstsq(asked.T, other.T).solution.T @ asked  # at right angles to all that is edited
    torch.testing.assert_close(other @ edit.T, other, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("end", "guide_end", "which", "pairs"),
    [
        (3, 3, "last", [(2, 2)]),
        (3, 6, "last", [(2, 5)]),
        (3, 1, "last", [(2, 0)]),  # the empty guide: its begin token
        (3, 3, "all", [(1, 1), (2, 2)]),
        (3, 5, "all", [(1, 3), (2, 4)]),
        (5, 3, "all", [(1, 1), (2, 1), (3, 1), (4, 2)]),
        (4, 1, "all", [(1, 0), (2, 0), (3, 0)]),
        (1, 1, "all", [(0, 0)]),  # the empty prompt, to be preserved
        (1, 1, "last", [(0, 0)]),
        (5, 5, "all and padding", [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (7, 7)]),
        (5, 3, "all and padding", [(1, 1), (2, 1), (3, 1), (4, 2), (5, 3), (6, 4), (7, 5)]),
        (3, 6, "all and padding", [(1, 4), (2, 5), (3, 6), (4, 7), (5, 7), (6, 7), (7, 7)]),
        (7, 7, "all and padding", [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (7, 7)]),  # cut: no padding
    ],
)
def test_places_belong_together_by_their_distance_from_the_end(end, guide_end, which, pairs):
    assert aligned(end, guide_end, 8, which) == pairs


def test_a_prompt_ends_at_its_first_end_token(drawers):
    pipe = pictures.task(drawers["epsilon"]).pipe
    ids = pipe.ids(["a cat in flat style", "cat", "", "cat " * 30])
    assert end_positions(pipe, ids) == [6, 2, 1, 15]


@pytest.mark.parametrize(("tokens", "guide"), [("last", "anchor"), ("last", "empty"), ("all", "anchor")])
def test_every_layer_sends_the_concept_where_it_sent_the_guide(drawers, tokens, guide):
    run = edited(drawers["epsilon"], tokens=tokens, guide=guide, preserve_scale=0, closeness=1e-6)
    asking, pipe = run.task.asking, run.task.pipe
    with torch.no_grad():
        asked = pipe.words(run.original, asking.forget_prompts)
        guides = pipe.words(run.original, asking.anchor_prompts if guide == "anchor" else [""] * len(asked))
        c, g = (side.float() for side in places(pipe, asked, guides, tokens))
        before, after = matrices(run.original), matrices(run.model)
        assert len(before) == 8
        for name, weight in after.items():
            wanted = g @ before[name].T
            assert (c @ before[name].T - wanted).abs().max() > 0.1
            torch.testing.assert_close(c @ weight.T, wanted, rtol=0, atol=2e-3)


def test_a_large_lambda_leaves_the_matrices_as_they_were(drawers):
    run = edited(drawers["epsilon"], closeness=1e6)
    free = edited(drawers["epsilon"])
    for name, weight in matrices(run.original).items():
        moved, freely = ((matrices(done.model)[name] - weight).abs().max() for done in (run, free))
        assert moved < 1e-3 * freely


def test_what_is_kept_is_kept_better_the_more_it_weighs(drawers):
    drift = []
    for scale in (0.0, 1.0, 100.0):
        run = edited(drawers["v_prediction"], preserve_scale=scale)
        with torch.no_grad():
            kept = run.task.pipe.words(run.original, [*run.task.asking.keep_prompts, ""]).hidden
            pairs = zip(matrices(run.model).values(), matrices(run.original).values(), strict=True)
            drift.append(sum(float((kept @ (new - old).T).square().mean()) for new, old in pairs))
    assert drift[0] > 2 * drift[1] > 4 * drift[2]


def test_only_keys_and_values_of_cross_attention_change(drawers):
    run = edited(drawers["epsilon"])
    changing = matrices(run.model).keys()
    for (name, new), old in zip(run.model.named_parameters(), run.original.parameters(), strict=True):
        assert torch.equal(new, old) == (name not in changing), name


def test_several_concepts_are_one_solve_whatever_their_order(drawers):
    first = edited(drawers["epsilon"], ("cat", "noto style"))
    second = edited(drawers["epsilon"], ("noto style", "cat"))
    alone = edited(drawers["epsilon"], ("cat",))
    for name, weight in matrices(first.model).items():
        torch.testing.assert_close(weight, matrices(second.model)[name], rtol=1e-4, atol=1e-5)
        assert (weight - matrices(alone.model)[name]).abs().max() > 1e-3


def test_the_edit_is_made_once_in_the_life_of_a_job(drawers):
    """A resumed job finds the change made, and does not make it again on top."""
    whole = edited(drawers["epsilon"])
    rest = Run(pictures.task(drawers["epsilon"]), toy.Memory(), 0, whole.state())
    uce(rest, Uce())
    for (name, new), old in zip(rest.model.state_dict().items(), whole.model.state_dict().values(), strict=True):
        assert torch.equal(new, old), name
