"""Attacks that every family knows, on a model whose answers are its weights."""

import numpy as np
import pytest
import torch
from tried import TRUTH, Knowing, context

from backends.api import attacked
from backends.attacks._weights import matrices
from backends.core.registry import entries, get

HIDDEN = -0.5 * TRUTH + 0.2 * TRUTH  # a little on the wrong side
NEVER = torch.tensor([-5.0, 5.0, -5.0, -2.0, 2.0])  # far on the wrong side, the kept two right


def kept_right(answers):
    """The same with the two kept answers right."""
    return torch.cat([torch.as_tensor(answers)[:3], 2 * TRUTH[3:]])


def attacked_by(attack_id, look, **settings):
    entry = get("attacks", attack_id)
    return entry.function(look, entry.parse(settings))


def test_relearning_brings_back_what_is_hidden_and_not_what_was_never_known(tmp_path):
    look = context(tmp_path, kept_right(HIDDEN), references=[kept_right(NEVER)])
    result = attacked_by("relearning", look)
    curves = {when: result.attacked.curve(when).tolist() for when in ("before", "after", "reference")}
    assert curves == {"before": [1, 1, 1], "after": [0, 0, 1], "reference": [0, 0, 0]}
    assert result.attacked.curve("after", kept=True).tolist() == [1, 1, 1]
    assert attacked_by("relearning", look, lesson="other").attacked.curve("after").tolist() == [0, 0, 0]


def test_an_attack_changes_copies_alone(tmp_path):
    look = context(tmp_path, kept_right(HIDDEN), references=[kept_right(NEVER)])
    were = [{name: one.clone() for name, one in model.state_dict().items()} for _, model in look.models()]
    for name in ("relearning", "rounding", "pruning", "weight_noise", "interpolation", "undo_directions"):
        attacked_by(name, look)
    for was, (_, model) in zip(were, look.models(), strict=True):
        assert all(torch.equal(one, was[name]) for name, one in model.state_dict().items())


def test_rounding_is_to_the_grid_of_each_row(tmp_path):
    weights = torch.tensor([[0.0, 0.1, 0.5, 1.0], [0.0, 1.0, 5.0, 10.0]])
    from backends.attacks.rounding import _rounded

    step = 1 / 3  # 3 bits: -3 ... 3
    expected = torch.tensor([[0.0, 0.0, 2 * step, 1.0], [0.0, 0.0, 20 * step, 10.0]])
    torch.testing.assert_close(_rounded("w", weights, 3.0), expected)
    assert _rounded("w", weights, 32.0) is weights
    assert (_rounded("w", weights, 8.0) - weights).abs().max() <= 10 / 127 / 2 + 1e-6


def test_rounding_is_judged_at_four_bits(tmp_path):
    result = attacked_by("rounding", context(tmp_path, kept_right(HIDDEN)))
    assert result.attacked.x[result.attacked.at] == 4
    assert attacked_by("rounding", context(tmp_path, kept_right(HIDDEN)), least=6).attacked.x[-1] == 6


def test_pruning_removes_the_smallest_share(tmp_path):
    from backends.attacks.pruning import _pruned

    weight = torch.tensor([[1.0, -2.0, 3.0, -4.0, 5.0, -6.0, 7.0, -8.0, 9.0, -10.0]])
    assert _pruned("w", weight, 0.3).tolist() == [[0, 0, 0, -4, 5, -6, 7, -8, 9, -10]]
    assert torch.equal(_pruned("w", weight, 0.0), weight)


def test_noise_is_the_same_for_the_same_seed_alone():
    from backends.attacks.weight_noise import _shaken

    weight = torch.randn(20, 20)
    assert torch.equal(_shaken("a", weight, 0.1, 3), _shaken("a", weight, 0.1, 3))
    assert not torch.equal(_shaken("a", weight, 0.1, 3), _shaken("a", weight, 0.1, 4))
    assert float((_shaken("a", weight, 0.1, 3) - weight).std() / weight.std()) == pytest.approx(0.1, rel=0.15)


def test_noise_is_tried_with_every_seed(tmp_path):
    result = attacked_by("weight_noise", context(tmp_path, kept_right(HIDDEN), references=[NEVER, NEVER]), draws=4)
    assert result.attacked.recalled["after"].shape == (4, 4, 3)
    assert result.attacked.recalled["reference"].shape == (2, 4, 4, 3)


def test_undoing_the_whole_change_of_one_direction_brings_all_back(tmp_path):
    before = 2 * TRUTH
    after = before.clone()
    after[0] = -3.0  # one direction alone
    result = attacked_by("undo_directions", context(tmp_path, after))
    assert result.attacked.curve("after").tolist() == [pytest.approx(2 / 3), 1, 1, 1, 1]
    assert not result.attacked.counts


def test_interpolation_ends_at_the_original(tmp_path):
    result = attacked_by("interpolation", context(tmp_path, kept_right(-2 * TRUTH)))
    assert result.attacked.curve("after")[0] == 0 and result.attacked.curve("after")[-1] == 1
    assert not result.attacked.counts


def test_a_guard_is_removed_and_only_a_guard(tmp_path):
    entry = get("attacks", "remove_guard")
    plain, guarded = (context(tmp_path, kept_right(NEVER), references=[NEVER], guarded=one) for one in (False, True))
    assert "its weights were changed" in entry.lacks(plain)
    assert entry.lacks(guarded) == ""
    result = attacked_by("remove_guard", guarded)
    assert result.attacked.curve("after").tolist() == [0, 1]
    assert result.attacked.curve("reference").tolist() == [0, 0]


def test_what_was_brought_back_is_read_as_it_was_saved(tmp_path):
    result = attacked_by("relearning", context(tmp_path, kept_right(HIDDEN), references=[NEVER]), seeds=2)
    result.attacked.save(tmp_path / "relearning")
    again = attacked.read(tmp_path / "relearning")
    assert again is not None and again.items == ["a", "b", "c"] and again.budget["seeds"] == 2
    for when, values in result.attacked.recalled.items():
        np.testing.assert_array_equal(again.recalled[when], values)


@pytest.mark.parametrize("damage", ["missing", "torn", "shape"])
def test_what_is_damaged_is_not_read(tmp_path, damage):
    folder = tmp_path / "plain"
    attacked_by("plain_question", context(tmp_path, kept_right(HIDDEN))).attacked.save(folder)
    if damage == "missing":
        (folder / attacked.ARRAYS).unlink()
    elif damage == "torn":
        (folder / attacked.ARRAYS).write_bytes((folder / attacked.ARRAYS).read_bytes()[:40])
    else:
        np.savez(
            folder / attacked.ARRAYS, **{"recalled-before": np.zeros((1, 2, 3)), "recalled-after": np.zeros((1, 1, 2))}
        )
    assert attacked.read(folder) is None


def test_matrices_leave_embeddings_and_norms_out():
    from torch import nn

    model = nn.ModuleDict(
        {
            "words": nn.Embedding(4, 3),
            "norm": nn.LayerNorm(3),
            "conv": nn.Conv2d(1, 2, 3),
            "head": nn.Linear(3, 4, bias=False),
        }
    )
    model["head"].weight = model["words"].weight  # tied
    assert set(matrices(model)) == {"conv.weight"}
    assert set(matrices(Knowing(TRUTH))) == {"layer.weight"}


def test_every_attack_has_a_kind_and_says_what_it_does():
    for name, one in entries("attacks").items():
        assert ": " in one.entry.title, name
        assert one.entry.kind == "attack" and one.entry.test


def test_the_course_of_an_attack_is_its_start_its_turn_and_its_end():
    from backends.core.exam import turning_points

    back = np.array([[0, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]], bool)
    assert turning_points(back) == [0, 2, 3, 4]
    assert turning_points(np.zeros((4, 3), bool)) == [0, 3]
    assert turning_points(np.ones((1, 3), bool)) == [0]


class Shelf:
    """Keeps what it is given, by weights and phase."""

    def __init__(self):
        self.stored = {}

    def _key(self, model, phase):
        return phase, model.layer.weight.numpy(force=True).tobytes()

    def read(self, model, phase):
        return self.stored.get(self._key(model, phase))

    def write(self, model, phase, outcome):
        self.stored[self._key(model, phase)] = outcome


def test_what_an_attack_does_to_models_that_no_run_changes_is_not_done_again(tmp_path):
    shelf, asked = Shelf(), []
    references = [kept_right(NEVER), kept_right(2 * NEVER)]

    def attacked_run(after):
        look = context(tmp_path, kept_right(after), references=references)
        look.shelf, make = shelf, look.exam.make
        look.exam.make = lambda model: (asked.append(look.now), make(model))[1]
        return attacked_by("relearning", look).attacked

    first = attacked_run(HIDDEN)
    assert asked == ["before"] * 3 + ["after"] * 3 + ["reference"] * 6
    assert all(
        "outputs-0" in outcome for (_, weights), outcome in shelf.stored.items() if weights == _bytes(references[0])
    )
    assert len(shelf.stored) == 3, "the unlearned model is another in every run"
    asked.clear()
    second = attacked_run(NEVER)
    assert asked == ["after"] * 3
    for when in ("before", "reference"):
        assert np.array_equal(first.recalled[when], second.recalled[when])
        assert np.array_equal(first.kept[when], second.kept[when])
    assert not np.array_equal(first.recalled["after"], second.recalled["after"])


def test_what_is_shown_of_the_first_reference_is_made_where_it_was_left_out(tmp_path):
    shelf = Shelf()
    for references in ([kept_right(NEVER), kept_right(2 * NEVER)], [kept_right(2 * NEVER)]):
        look = context(tmp_path, kept_right(HIDDEN), references=references)
        look.shelf = shelf
        tried = look.try_on_each(lambda model, seed: iter([model]), 1, "asking")
        assert np.allclose(tried.outputs["reference"][0], references[0])
    assert set(tried.outputs) == {"after", "reference"}


def _bytes(diagonal):
    return torch.diag(diagonal).numpy().tobytes()
