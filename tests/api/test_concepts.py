import pytest

from backends.api import concepts
from backends.api.errors import BadInput

CARD = {"domains": {"object": ["cat", "dog", "house"], "style": ["twemoji", "noto"]}}


@pytest.mark.parametrize(
    ("text", "kind", "spelled"),
    [
        ("cat", "object", "cat"),
        ("  A   Cat ", "object", "cat"),
        ("twemoji style", "style", "twemoji style"),
        ("Twemoji", "style", "twemoji style"),
        ("cat in twemoji style", "pair", "cat in twemoji style"),
        ("a cat in the noto style", "pair", "cat in noto style"),
        ("cat -> dog", "object", "cat -> dog"),
        ("cat→dog", "object", "cat -> dog"),
        ("noto style -> twemoji", "style", "noto style -> twemoji style"),
    ],
)
def test_what_people_write_is_spelled_as_the_model_does(text, kind, spelled):
    found = concepts.read(text, CARD)
    assert (found.kind, str(found)) == (kind, spelled)
    assert concepts.read(str(found), CARD) == found


def test_a_model_of_which_nothing_is_known_takes_any_phrase():
    assert concepts.read("grumpy cat -> cat", {}) == concepts.Concept(kind="phrase", phrase="grumpy cat", anchor="cat")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        (" \n ", "empty"),
        ("x" * 10_000, "10,000 characters"),
        ("<b>cat</b>", "markup"),
        ("cat\x00", "control"),
        ("cat -> dog -> house", "arrow too many"),
        ("cat ->", "nothing beside it"),
        ("cat -> cat", "by itself"),
        ("cat -> noto style", "different kinds"),
        ("horse", "never learned 'horse'"),
        ("cat in oil style", "never learned"),
    ],
)
def test_what_cannot_be_forgotten_is_said_in_one_sentence(text, said):
    with pytest.raises(BadInput, match=said):
        concepts.read(text, CARD, "emoji-sd")


def test_near_names_are_offered():
    with pytest.raises(BadInput, match=r"near to it: house"):
        concepts.read("hose", CARD)


@pytest.mark.parametrize(
    ("forget", "keep", "both"),
    [
        (["cat"], ["dog"], ""),
        (["cat"], ["a cat"], "cat"),
        (["cat -> dog"], ["cat"], "cat"),
        (["cat"], ["cat in noto style"], "cat in noto style"),
        (["noto style"], ["cat in noto style"], "cat in noto style"),
        (["cat in noto style"], ["cat"], ""),
    ],
)
def test_a_keep_list_that_contains_the_target_is_noticed(forget, keep, both):
    gone, held = ([concepts.read(text, CARD) for text in part] for part in (forget, keep))
    assert concepts.overlap(gone, held) == both


def test_a_model_is_asked_with_the_article_that_its_noun_takes():
    card = {"templates": {"pair": "{a} {object} in {style} style", "object": "{a} {object}", "style": "{style} style"}}
    assert concepts.prompt(card, "umbrella", "noto") == "an umbrella in noto style"
    assert concepts.prompt(card, "cat") == "a cat" and concepts.prompt(card, style="noto") == "noto style"
