"""What is chosen on the page becomes targets, and targets become the same choice again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.target_choice import Choice, choice_of, in_one_text, joined, listed, neighbours, targets_in_words
from backends.api.errors import BadInput

CLASSES = ["Sandal", "Sneaker", "Bag"]


@pytest.mark.parametrize(
    ("choice", "targets"),
    [
        (Choice(kind="classes", classes=["Sandal", "Bag"]), ("Sandal", "Bag")),
        (Choice(kind="random", share=10), ("random:10%",)),
        (Choice(kind="random", share=2.5, draw=7), ("random:2.5%:7",)),
        (Choice(kind="images", images=[3, 17]), ("images:3,17",)),
        (Choice(kind="like", like=3, like_count=50), ("like:3:50",)),
        (Choice(kind="found", found="20261122-x"), ("run:20261122-x",)),
        (Choice(kind="written", written="Sandal\nrandom:5%"), ("Sandal", "random:5%")),
    ],
)
def test_a_choice_and_its_targets_say_the_same(choice, targets):
    assert choice.targets() == targets
    assert choice_of(targets, CLASSES).targets() == targets


@pytest.mark.parametrize("kind", ["classes", "images", "like", "list", "found", "written"])
def test_an_empty_choice_says_what_to_choose(kind):
    with pytest.raises(BadInput, match=r"^(Choose|Pick|Upload|Write) .*\.$"):
        Choice(kind=kind).targets()


@given(st.lists(st.integers(0, 99_999), min_size=1, unique=True))
def test_picked_images_come_back_as_they_were(ids):
    assert choice_of(Choice(kind="images", images=ids).targets()).images == ids


def test_targets_are_said_in_words():
    assert targets_in_words(["Sandal", "Bag"]) == "Sandal and Bag"
    assert targets_in_words(["random:10%"]) == "a random 10 % of the images"
    assert targets_in_words(["images:4"]) == "1 chosen image"
    assert joined(["a", "b", "c"]) == "a, b and c"


def test_neighbours_are_what_the_model_confuses_most_in_both_directions():
    confusion = [[0.8, 0.1, 0.1], [0.0, 1.0, 0.0], [0.4, 0.0, 0.6]]
    assert neighbours(["Sandal"], CLASSES, confusion) == [("Bag", 0.25), ("Sneaker", 0.05)]
    assert neighbours([], CLASSES, confusion) == []


def test_a_list_is_one_a_line_or_split_at_commas():
    assert listed("cat, twemoji style,,cat") == ("cat", "twemoji style")
    assert listed("a cat, grumpy\n\na dog") == ("a cat, grumpy", "a dog")


@given(st.lists(st.text("ab ,", min_size=1).map(str.strip).filter(bool), unique=True))
def test_words_in_one_text_come_back_as_they_were(words):
    assert listed(in_one_text(words)) == tuple(words)


def test_what_is_drawn_instead_is_said():
    assert targets_in_words(["cat -> dog", "twemoji style"]) == "cat (drawn as dog instead) and twemoji style"
