"""Targets as a person says them."""

from app.target_choice import joined, targets_in_words


def test_targets_are_said_in_words():
    assert targets_in_words(["Sandal", "Bag"]) == "Sandal and Bag"
    assert targets_in_words(["random:10%"]) == "a random 10 % of the images"
    assert targets_in_words(["images:4"]) == "1 chosen image"
    assert joined(["a", "b", "c"]) == "a, b and c"


def test_what_is_drawn_instead_is_said():
    assert targets_in_words(["cat -> dog", "twemoji style"]) == "cat (drawn as dog instead) and twemoji style"


def test_questions_and_sets_are_said_shortly():
    assert (
        targets_in_words(["Who? => Ada", "Where? => Rome", "forget05"])
        == "5 authors (forget05) and 2 questions of your own"
    )
