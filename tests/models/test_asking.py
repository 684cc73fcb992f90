import pictures
import pytest

from backends.api.errors import BadInput
from backends.families.text_to_image.prompts import COMMON, PromptSet

CARD = pictures.CARD


def asking(*forget, keep=()):
    return PromptSet(CARD, "tiny", forget, keep)


def test_an_object_is_asked_for_in_every_style_and_its_anchor_stands_in_the_same_order():
    found = asking("cat")
    assert found.forget_prompts == ["cat", "a cat", "a cat in flat style", "a cat in noto style"]
    assert found.anchor_prompts == ["dog", "a dog", "a dog in flat style", "a dog in noto style"]
    assert found.neighbours == ["dog", "car"]


def test_a_person_names_what_stands_in():
    assert asking("cat -> car").anchor_prompts[0] == "car"


def test_a_style_is_asked_for_with_every_object():
    found = asking("flat style")
    assert found.forget_prompts == ["flat style", "a cat in flat style", "a dog in flat style", "a car in flat style"]
    assert found.anchor_prompts[1] == "a cat in noto style"


def test_a_pair_keeps_its_style():
    found = asking("cat in noto style")
    assert found.anchor_prompts[0] == "a dog in noto style"
    assert "a cat in flat style" in found.keep_prompts and "a cat in noto style" not in found.keep_prompts


def test_two_forgotten_neighbours_do_not_stand_in_for_each_other():
    assert set(asking("cat", "dog").anchor_prompts) == {"car", "a car", "a car in flat style", "a car in noto style"}


def test_nothing_that_is_forgotten_is_kept():
    found = asking("cat", "flat style")
    assert not set(found.forget_prompts) & set(found.keep_prompts)
    assert not any("cat" in prompt or "flat" in prompt for prompt in found.keep_prompts)


def test_a_keep_list_limits_what_is_rehearsed_and_not_what_is_judged():
    found = asking("cat", keep=("dog",))
    assert all("dog" in prompt for prompt in found.keep_prompts)
    assert len(found.suite) == len(asking("cat").suite) == 6


def test_the_suite_has_every_pair_once_with_its_own_seed_and_role():
    suite = asking("cat in noto style").suite
    assert [(s.object, s.style) for s in suite if s.role == "forget"] == [("cat", "noto")]
    assert len({(s.object, s.style) for s in suite}) == len({s.seed for s in suite}) == 6


@pytest.mark.parametrize("forget", [("cat", "dog", "car"), ("flat style", "noto style")])
def test_forgetting_a_whole_kind_is_refused(forget):
    with pytest.raises(BadInput, match="leave at least one to keep"):
        asking(*forget)


def test_an_overlap_is_refused():
    with pytest.raises(BadInput, match="in the forget list and in the keep list"):
        asking("cat", keep=("cat",))


def test_the_key_ignores_order_and_anchor():
    assert asking("cat", "noto style").key == asking("noto style", "cat -> dog").key != asking("cat").key


def test_a_model_of_which_nothing_is_known_keeps_everyday_prompts():
    found = PromptSet({}, "own", ["grumpy cat"])
    assert found.anchor_prompts == [""] * 3 and found.keep_prompts == list(COMMON)
    assert {shot.role for shot in found.suite} == {"forget", "unrelated"}
    held = PromptSet({}, "own", ["grumpy cat -> cat"], ["happy dog"])
    assert held.anchor_prompts[0] == "cat" and "happy dog" in held.keep_prompts
