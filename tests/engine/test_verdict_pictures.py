"""The sentence on a model that draws says what its numbers say."""

from math import nan
from types import SimpleNamespace

import judged as by_hand
import pictures
import pytest

from backends.engine import verdict
from backends.families.text_to_image.prompts import PromptSet

METHOD = SimpleNamespace(guard=False, reference=False)


def said(after, before=(2, 98, 97), forget=("cat",), guard=False, unchanged=False):
    """The verdict on UA, IRA and CRA after and before."""
    names = ("unlearning_accuracy", "in_domain_retain_accuracy", "cross_domain_retain_accuracy")
    task = SimpleNamespace(
        family="text-to-image", asking=PromptSet(pictures.CARD, "tiny", forget), other_kind="styles"
    )  # fmt: skip
    about = verdict.subject(task, forget, METHOD, moved=not unchanged).model_copy(update={"guard": guard})
    return by_hand.judged(about.model_dump(), **dict(zip(names, zip(before, after, strict=True), strict=True)))


def test_forgotten_with_little_harm():
    found = said((97, 97.5, 97))
    assert found.startswith("It forgot cat: 97 % of the pictures asked for no longer show it (2 % before)")
    assert "the rest lost little (points of pictures judged right: -0.5 on others of its kind, 0 on styles)" in found
    assert found.endswith("not that the knowledge is erased.")


@pytest.mark.parametrize(("after", "word"), [(97, "It forgot"), (60, "It partly forgot"), (20, "It hardly forgot")])
def test_how_much(after, word):
    assert said((after, 98, 97)).startswith(f"{word} cat")


def test_harm_is_said_whatever_was_forgotten():
    assert "the rest was hurt" in said((100, 80, 97))
    assert "the rest was hurt" in said((100, 98, 80))


def test_a_gain_is_no_harm():
    assert "the rest lost little (points of pictures judged right: +1.0 on others" in said((100, 99, 97))


def test_an_anchor_is_not_named():
    assert "It forgot cat:" in said((100, 98, 97), forget=("cat -> dog",))


def test_without_a_judge_nothing_is_claimed():
    found = said((nan, nan, nan), (nan, nan, nan))
    assert "was not measured, because there is no judge" in found and "what else got hurt was not measured" in found


def test_a_guard_hides():
    assert said((100, 98, 97), guard=True).endswith("so this is hidden, not erased.")


def test_weights_that_did_not_move_forgot_nothing():
    assert said((100, 98, 97), unchanged=True).startswith("Nothing was forgotten of cat")
