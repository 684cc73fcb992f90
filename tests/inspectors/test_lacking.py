"""What an inspector says of runs that it can say nothing of, without opening a model."""

from types import SimpleNamespace

import looks
import pytest
import toy
from safetensors.torch import save_file
from torch import ones

from backends.core import registry
from backends.core.evidence import InspectContext
from backends.families.classifier.guards import INPUT_DELTA
from backends.families.text_to_image.judges import Clip, Trained


def never(when):
    raise AssertionError("a model was opened")


def lacks(inspector, task, folder):
    """What the run lacks for it."""
    return registry.get("inspectors", inspector).lacks(InspectContext(task, never, never, folder, folder))


def draws(judge):
    return SimpleNamespace(family="text-to-image", judge=judge)


def test_a_filter_is_looked_for_in_the_run_and_in_those_it_starts_from(toy_folder, tmp_path):
    task = toy.task(toy_folder)
    (tmp_path / "after").mkdir()
    save_file({"weight": ones(1)}, tmp_path / "after" / "changed.safetensors")
    assert lacks("input_guard", task, tmp_path).startswith("This run has no filter")
    (tmp_path / "start").mkdir()
    save_file({INPUT_DELTA: ones(1)}, tmp_path / "start" / "01.safetensors")
    assert lacks("input_guard", task, tmp_path) == ""


def test_probes_need_facts(toy_language_task, tmp_path):
    said = lacks("linear_probe", toy_language_task, tmp_path)
    assert said.startswith("There are too few facts to learn from: ") and said.endswith(" and 8 are needed.")


@pytest.mark.parametrize("inspector", ["accuracy_grid", "embedding_map"])
def test_pictures_need_a_judge(inspector, tmp_path):
    judge, clip = Trained.__new__(Trained), Clip.__new__(Clip)
    clip.name = "CLIP (x)"
    assert lacks(inspector, draws(judge), tmp_path) == ""
    assert "judge" in lacks(inspector, draws(None), tmp_path)
    assert bool(lacks(inspector, draws(clip), tmp_path)) == (inspector == "accuracy_grid")


def test_everything_else_lacks_nothing(toy_folder, tmp_path):
    task = toy.task(toy_folder)
    fits = [one for one in registry.entries("inspectors").values() if one.entry.works_with.get("classifier") is True]
    assert {one.id for one in fits if lacks(one.id, task, tmp_path)} == {
        "attackers",
        "guided_layers",
        "input_guard",
        "slice_tiles",
    }


def test_steps_are_told_before_and_after_each(toy_folder, tmp_path):
    heard = []
    look = InspectContext(toy.task(toy_folder), never, never, tmp_path, tmp_path, tell=lambda *said: heard.append(said))
    assert list(look.steps(iter("ab"), "letters")) == ["a", "b"]
    assert heard == [("letters", 0, 2), ("letters", 1, 2), ("letters", 2, 2)]


def test_every_look_into_a_classifier_tells_where_it_stands(toy_folder, tmp_path):
    task = toy.task(toy_folder)
    seen = looks.look(task, tmp_path, looks.shaken(task))
    for one in registry.entries("inspectors").values():
        if one.entry.works_with.get("classifier") is True and one.id not in ("confusion", "membership"):
            heard = []
            seen.tell = lambda *said, heard=heard: heard.append(said)
            looks.found(one.id, seen)
            counted = [said for said in heard if said[2]]
            assert all(0 <= done <= of for _, done, of in counted)
            assert heard or one.id in ("attackers", "guided_layers", "input_guard", "slice_tiles"), one.id
