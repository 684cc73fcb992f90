"""What is chosen by fields becomes targets, and targets become the same choice again: of each family, as data."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.api import choosing, families, pairs, people
from backends.api.choosing import ALL, SOME, Choice, Choosing
from backends.api.errors import BadInput
from backends.api.model_info import ModelInfo
from backends.api.pairs import Pair
from backends.api.people import Book

CLASSES = ["Sandal", "Sneaker", "Bag"]
CONFUSION = [[0.8, 0.1, 0.1], [0.0, 1.0, 0.0], [0.4, 0.0, 0.6]]
DOMAINS = {"object": ["cat", "dog", "car"], "style": ["flat", "noto"]}
NEAR = {"cat": ["dog", "car"], "dog": ["cat"], "car": ["cat"], "flat": ["noto"], "noto": ["flat"]}
BOOK = Book(
    names=["Ada Moss", "Ben Moss", "Cleo Fern"],
    sets={"forget01": ["Ada Moss"], "forget05": ["Ada Moss", "Cleo Fern"]},
    traits={
        "Ada Moss": frozenset(("Ada", "Moss", "Bergen")),
        "Ben Moss": frozenset(("Ben", "Moss", "Bergen")),
        "Cleo Fern": frozenset(("Cleo", "Fern", "Cusco")),
    },
    each=20,
)
TOPICS = Book(
    topics={
        "paris": {"title": "Paris", "count": 3, "near": ["rome"]},
        "rome": {"title": "Rome", "count": 4, "near": ["paris"]},
    }
)
FULL = {
    "question": "Who?",
    "answer": "Ada",
    "rephrased_question": "Whom?",
    "rephrased_answer": "It is Ada.",
    "wrong": ["Bob"],
}
TEXT = "Once upon a time there was a miller.\nHe had three sons."


def model(family, **more):
    return ModelInfo(id="m", title="A model", family=family, **more)


CLOTHES = model("classifier", card={"classes": CLASSES, "confusion": CONFUSION, "train_count": 60_000})
PAINTER = model("text-to-image", card={"domains": DOMAINS, "near": NEAR})
FREE = model("text-to-image", own=True)
SPEAKER = model("llm", dataset="people")
READER = model("llm", dataset="topics")
MINE = model("llm", own=True, card={"parameters": 135 * 10**6})
EVERY = [CLOTHES, PAINTER, FREE, SPEAKER, READER, MINE]


@pytest.fixture(autouse=True)
def books(monkeypatch):
    """The people and topics that come with data sets of these names."""
    monkeypatch.setattr(people, "load", lambda data: {"people": BOOK, "topics": TOPICS}.get(data, Book()))


def of(info):
    return families.get(info.family).choosing


def given_back(info, choice):
    """The targets that a choice gives, its other fields at their first values."""
    by = of(info)
    values = {field.name: field.value for field in by.fields(info)}
    return by.kind(choice.kind, info).targets(values | choice.values)


def kept_back(info, choice):
    """The retain set that a choice gives, its other fields at their first values."""
    by = of(info)
    values = {field.name: field.value for field in by.keep_fields(info)}
    return by.keep_kind(choice.kind, info).targets(values | choice.values)


# --- every family


def names_of(fields):
    return [field.name for field in fields]


def ids(one):
    return one.id if isinstance(one, Choosing) else one and f"{one.family}-{one.dataset or one.own}"


@pytest.mark.parametrize(
    ("by", "info"), [*((family.choosing, None) for family in families.every().values()), *((of(one), one) for one in EVERY)], ids=ids
)  # fmt: skip
def test_fields_and_kinds_fit_each_other(by, info):
    forget, keep = by.fields(info), by.keep_fields(info)
    assert len({*names_of(forget), *names_of(keep)}) == len(forget) + len(keep)
    assert {field.role for field in forget} == {"forget"} and {field.role for field in keep} == {"keep"}
    assert names_of(forget) == names_of(by.fields()) and names_of(keep) == names_of(
        by.keep_fields()
    )  # a model hides none
    assert {name for kind in by.kinds(info) for name in kind.fields} <= {*names_of(forget)}
    assert {name for kind in by.keep_kinds(info) for name in kind.fields} <= {*names_of(keep)}
    assert {*by.dependent} <= {field.name for field in forget if field.widget == "menu"}
    for kinds in (by.kinds(info), by.keep_kinds(info)):
        assert any(kind.offered for kind in kinds) and len({kind.id for kind in kinds}) == len(kinds)


@pytest.mark.parametrize("info", EVERY, ids=ids)
def test_an_empty_choice_says_what_to_choose(info):
    by, said = of(info), 0
    for kinds, fields in ((by.kinds(info), by.fields(info)), (by.keep_kinds(info), by.keep_fields(info))):
        empty = {field.name: field.value for field in fields}
        for kind in kinds:
            if kind.empty:
                said += 1
                with pytest.raises(BadInput, match=r"^(Choose|Pick|Upload|Write|Paste|Name) .*[.s]$"):
                    kind.targets(empty)
            else:
                assert kind.id in (ALL, "random", "poison")
                share = next((field.value for field in fields if field.name == "share"), 0)
                shares = {"random": (f"random:{share}%",), "poison": ("poison:100%",)}
                assert kind.targets(empty) == shares.get(kind.id, ())
    assert said >= 1


def test_a_kind_that_is_none_is_one_sentence():
    with pytest.raises(BadInput, match=r"no kind of target 'x'; there are classes, .*written\.$"):
        of(CLOTHES).kind("x", CLOTHES)
    with pytest.raises(BadInput, match=r"no kind of retain set 'x'; there are all, some\.$"):
        of(CLOTHES).keep_kind("x", CLOTHES)


def test_a_family_that_says_nothing_takes_words():
    by = Choosing()
    choice = by.restored(["a b", "c"], CLOTHES)
    assert by.kind(choice.kind).targets(choice.values) == ("a b", "c")
    kept = by.restored_keep(["d"], CLOTHES)
    assert by.keep_kind(kept.kind).targets(kept.values) == ("d",) and by.restored_keep([], CLOTHES) == Choice(ALL)
    with pytest.raises(BadInput, match="Write at least one target"):
        by.kind("written").targets({"written": " \n"})


# --- images


@pytest.mark.parametrize(
    ("choice", "targets"),
    [
        (Choice("classes", {"classes": ["Sandal", "Bag"]}), ("Sandal", "Bag")),
        (Choice("random", {"share": 10}), ("random:10%",)),
        (Choice("random", {"share": 2.5, "draw": 7}), ("random:2.5%:7",)),
        (Choice("images", {"picked": [3, 17]}), ("images:3,17",)),
        (Choice("like", {"like": {"image": 3, "count": 50}}), ("like:3:50",)),
        (Choice("found", {"found": "20261122-x"}), ("run:20261122-x",)),
        (Choice("written", {"written": "Sandal\nrandom:5%"}), ("Sandal", "random:5%")),
    ],
)
def test_a_choice_of_images_and_its_targets_say_the_same(choice, targets):
    assert given_back(CLOTHES, choice) == targets
    restored = of(CLOTHES).restored(targets, CLOTHES)
    assert given_back(CLOTHES, restored) == targets and restored.kind == choice.kind


def test_classes_are_spelled_as_the_model_spells_them():
    assert of(CLOTHES).restored(["sandal", "BAG"], CLOTHES) == Choice("classes", {"classes": ["Sandal", "Bag"]})
    with pytest.raises(BadInput, match="There is no class 'Unicorn'; A model knows Sandal, Sneaker, Bag"):
        of(CLOTHES).restored(["Unicorn"], CLOTHES)


def test_what_is_kept_beside_classes_is_held():
    kept = of(CLOTHES).restored_keep(["Bag", "random:5%"], CLOTHES)
    assert kept == Choice(SOME, {"keep": ["Bag"], "keep_extra": ["random:5%"]})
    assert kept_back(CLOTHES, kept) == ("Bag", "random:5%")


@given(st.lists(st.integers(0, 99_999), min_size=1, unique=True))
def test_picked_images_come_back_as_they_were(ids):
    targets = given_back(CLOTHES, Choice("images", {"picked": ids}))
    assert of(CLOTHES).restored(targets, CLOTHES).values == {"picked": ids}


def test_neighbours_are_what_the_model_confuses_most_in_both_directions():
    near = of(CLOTHES).neighbours(CLOTHES, ["Sandal"])
    assert "with Bag (25 % of the images) and Sneaker (5 % of the images)" in near.text
    assert near.named and near.kept == {"keep": ["Bag", "Sneaker"]}
    for chosen in ([], ["random:5%"], ["Sandal", "random:5%"]):
        none = of(CLOTHES).neighbours(CLOTHES, chosen)
        assert "where whole classes are to be forgotten" in none.text and not none.named and none.kept == {}


# --- concepts


def test_tiles_words_and_the_anchor_become_targets():
    chosen = {"objects": ["cat", "car"], "styles": ["noto"], "anchor": "dog", "phrases": "dog in flat style"}
    forget = given_back(PAINTER, Choice("concepts", chosen))
    assert forget == ("cat -> dog", "car -> dog", "noto style", "dog in flat style")
    kept = Choice(SOME, {"keep_objects": ["dog"], "keep_styles": ["flat"]})
    assert kept_back(PAINTER, kept) == ("dog", "flat style")


@pytest.mark.parametrize(
    "forget",
    [["cat"], ["flat style"], ["cat -> dog", "noto style"], ["cat", "flat style -> noto style"], ["cat in flat style", "dog -> car"], ["cat", "dog -> car"]],
)  # fmt: skip
def test_concepts_come_back_as_the_same_targets(forget):
    assert sorted(given_back(PAINTER, of(PAINTER).restored(forget, PAINTER))) == sorted(forget)


def test_concepts_to_keep_come_back_and_a_strange_one_is_said():
    kept = of(PAINTER).restored_keep(["dog", "car in noto style"], PAINTER)
    assert kept.values == {"keep_objects": ["dog"], "keep_styles": [], "keep_extra": ["car in noto style"]}
    assert kept_back(PAINTER, kept) == ("dog", "car in noto style")
    with pytest.raises(BadInput, match="never learned 'unicorn'"):
        of(PAINTER).restored(["unicorn"], PAINTER)


def test_only_names_of_the_kind_that_are_not_chosen_can_be_drawn_instead():
    def anchors(**values):
        (field,) = of(PAINTER).options(PAINTER, values)
        assert field.name in of(PAINTER).dependent
        return [anchor for _, anchor in field.options]

    assert anchors(objects=["cat"]) == ["", "dog", "car"]
    assert anchors(objects=["cat", "dog"], styles=["flat"]) == ["", "car", "noto style"]
    assert anchors() == [""]
    assert of(FREE).options(FREE, {}) == []


def test_a_model_of_which_nothing_is_known_takes_any_words():
    chosen = Choice("concepts", {"phrases": "a cat, grumpy\na wolf -> a dog"})
    assert given_back(FREE, chosen) == ("a cat, grumpy", "a wolf -> a dog")
    assert given_back(FREE, of(FREE).restored(["grumpy cat, sad"], FREE)) == ("grumpy cat, sad",)
    assert kept_back(FREE, of(FREE).restored_keep(["a dog, happy", "a tree"], FREE)) == ("a dog, happy", "a tree")
    assert kept_back(FREE, Choice(ALL)) == () and of(FREE).kept_words(FREE) == "everyday things"
    assert of(FREE).kind("concepts", FREE).fields == ("phrases",)
    assert of(FREE).example(FREE) == ("anything",)


def test_neighbours_of_concepts_are_named_and_those_with_tiles_ticked():
    near = of(PAINTER).neighbours(PAINTER, ["cat", "flat style"])
    assert "dog, car, noto style." in near.text and near.named
    assert near.kept == {"keep_objects": ["dog", "car"], "keep_styles": ["noto"]}
    assert "chosen" in of(PAINTER).neighbours(PAINTER, []).text
    assert of(FREE).neighbours(FREE, ["anything"]) == choosing.Neighbours("")


# --- questions


def test_the_kinds_are_those_that_the_model_has_something_for():
    def offered(info):
        return [kind.id for kind in of(info).kinds(info) if kind.offered]

    assert offered(SPEAKER) == ["authors", "author_set", "random", "pairs", "passage", "topic"]
    assert offered(READER) == ["author_set", "random", "pairs", "passage", "topic"]
    assert offered(MINE) == ["pairs", "passage", "topic"]
    assert [kind.id for kind in of(SPEAKER).keep_kinds(SPEAKER) if kind.offered] == ["all", "some", "own"]
    assert [kind.id for kind in of(MINE).keep_kinds(MINE) if kind.offered] == ["all", "own"]


@pytest.mark.parametrize(
    ("forget", "kind"),
    [
        (["Who? => Ada", "Where? => Rome"], "pairs"),
        (['pairs:Rome:[["Who?","Ada"]]'], "pairs"),
        ([f"text: {json.dumps(TEXT)}"], "passage"),
        (["forget05"], "author_set"),
        (["Ada Moss"], "authors"),
        (["Ada Moss", "Who? => Ada"], "written"),
        (["forget05", f"text: {json.dumps(TEXT)}"], "written"),
    ],
)
def test_what_an_address_names_comes_back_as_the_same_targets(forget, kind):
    chosen = of(SPEAKER).restored(forget, SPEAKER)
    assert chosen.kind == kind
    back = given_back(SPEAKER, chosen)
    asked = {pair for text in back for pair in getattr(pairs.read(text), "pairs", ())}
    assert asked == {pair for text in forget for pair in getattr(pairs.read(text), "pairs", ())}
    if kind != "pairs" or len(forget) == 1:
        assert list(back) == forget


def test_a_set_among_authors_is_its_authors():
    chosen = of(SPEAKER).restored(["forget01", "cleo fern"], SPEAKER)
    assert chosen == Choice("authors", {"authors": ["Ada Moss", "Cleo Fern"]})
    with pytest.raises(BadInput, match="no author 'Nobody'"):
        of(SPEAKER).restored(["Nobody"], SPEAKER)


def test_what_is_kept_of_questions_comes_back():
    own = of(SPEAKER).restored_keep(["Why? => So"], SPEAKER)
    assert own.kind == "own" and kept_back(SPEAKER, own) == ("Why? => So",)
    mixed = of(SPEAKER).restored_keep(["Ada Moss", "Why? => So"], SPEAKER)
    assert mixed == Choice(SOME, {"keep_authors": ["Ada Moss"], "keep_extra": ["Why? => So"]})
    assert kept_back(READER, of(READER).restored_keep(["rome"], READER)) == ("rome",)


def test_lines_become_one_target_with_what_a_file_told_of_them():
    def asked(lines, title=""):
        values = {"lines": {"lines": lines, "known": [Pair(**FULL).model_dump()]}, "title": title}
        return pairs.read(given_back(SPEAKER, Choice("pairs", values))[0])

    read = asked("Who? => Ada\n\nWhere? => Rome", "things")
    assert read.title == "things" and [pair.plain for pair in read.pairs] == [False, True]
    assert asked("Who? => Bob").pairs[0].plain  # what was known of another answer holds no more


def test_an_answer_of_several_lines_stands_on_one_where_a_person_edits_it_and_is_kept(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"question": "Loop?", "answer": "for i in x:\n    print(i)\n\treturn"}]))
    (pair,) = pairs.of_file(path).pairs
    shown = of(SPEAKER).restored([str(pairs.Own(kind="pairs", title="", pairs=(pair,)))], SPEAKER)
    assert shown.values["lines"]["lines"] == "Loop? => for i in x: print(i) return"
    assert pairs.read(given_back(SPEAKER, shown)[0]).pairs == (pair,)


def test_neighbours_have_the_same_names_and_facts():
    near = of(SPEAKER).neighbours(SPEAKER, ["Ada Moss"])
    assert near.text.startswith("Most alike, with the same names or facts: Ben Moss, Cleo Fern.")
    assert near.named and near.kept == {"keep_authors": ["Ben Moss", "Cleo Fern"]}
    of_topic = of(READER).neighbours(READER, ["paris"])
    assert of_topic.text.startswith("Most alike: Rome.") and of_topic.kept == {"keep_authors": ["rome"]}
    beside = of(SPEAKER).neighbours(SPEAKER, ["Where was Ada Moss born? => Here"])
    assert "Ada Moss" in beside.kept["keep_authors"]
    assert "give questions about that to keep" in of(MINE).neighbours(MINE, ["Who? => Ada"]).text
    assert "chosen" in of(SPEAKER).neighbours(SPEAKER, []).text


def test_what_is_in_a_set_is_said_and_what_a_model_of_ones_own_keeps():
    by = of(SPEAKER)
    assert by.note(SPEAKER, Choice("author_set", {"author_set": "forget05"})) == "In it: Ada Moss and Cleo Fern."
    assert by.note(SPEAKER, Choice("authors", {"author_set": "forget05"})) == ""
    assert by.kept_words(MINE) == "real books and facts of the world" and by.kept_words(SPEAKER) == "everything else"
    assert "language model of 135 million" in by.opened(MINE)


def test_a_set_is_said_by_how_many_it_holds():
    assert people.set_words("forget05", BOOK) == "2 authors (forget05)"
    assert people.set_words("forget01", BOOK) == "1 author (forget01)"
    assert people.set_words("paris", TOPICS) == "3 questions about Paris" and people.set_words("oslo", TOPICS) == ""


# --- words


def test_a_list_is_one_a_line_or_split_at_commas():
    assert choosing.listed("cat, twemoji style,,cat") == ("cat", "twemoji style")
    assert choosing.listed("a cat, grumpy\n\na dog") == ("a cat, grumpy", "a dog")


@given(st.lists(st.text("ab ,", min_size=1).map(str.strip).filter(bool), unique=True))
def test_words_in_one_text_come_back_as_they_were(words):
    assert choosing.listed(choosing.in_one_text(words)) == tuple(words)
