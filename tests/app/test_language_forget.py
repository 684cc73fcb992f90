"""The page Forget for language models: own questions, a text, a topic, what is said instead, and what an address asks for."""

import json

import app_pages
import pytest

from app import forms, job_form, target_choice
from app.target_choice import author_choice, owned, targets_in_words
from backends.api import catalog, pairs, people, submit
from backends.api.errors import BadInput
from backends.api.pairs import Pair
from backends.api.people import Book
from pages.studio import _answers, _preset, _targets

TEXT = "Once upon a time there was a miller.\nHe had three sons."
FULL = {
    "question": "Who?",
    "answer": "Ada",
    "rephrased_question": "Whom?",
    "rephrased_answer": "It is Ada.",
    "wrong": ["Bob"],
}
SPEAKS = next(entry.id for entry in catalog.load().models if entry.family == "llm" and people.load(entry.data).names)


@pytest.fixture(scope="module")
def untouched():
    """Every widget's value as the page is first shown, with a language model that knows authors."""
    files = dict.fromkeys(("pairs_file", "keep_pairs_file", "passage_file"))
    return app_pages.untouched(job_form.embedded(SPEAKS)) | files


def own_model(**more):
    known = job_form.Facts(id="me/own", title="own", family="llm", own=True, default_method="npo", **more)
    return {"model": job_form.OWN, "own": known.model_dump()}


# --- what is chosen


def test_the_kinds_are_those_that_the_model_has_something_for():
    assert [kind for _, kind in _targets.kinds(job_form.embedded(SPEAKS))] == [
        "authors",
        "author_set",
        "pairs",
        "passage",
        "topic",
    ]
    mine = job_form.Facts.model_validate(own_model()["own"])
    assert [kind for _, kind in _targets.kinds(mine)] == ["pairs", "passage", "topic"]
    assert job_form.at_defaults(mine)["kind"] == "pairs"
    assert [value for _, value in _targets.keep_modes(mine)] == ["all", "own"]


def test_lines_become_one_target_with_what_a_file_told_of_them():
    lines = "Who? => Ada\n\nWhere? => Rome"
    target = owned(lines, [Pair(**FULL).model_dump()], "things")[0]
    read = pairs.read(target)
    assert read.title == "things" and [pair.plain for pair in read.pairs] == [False, True]
    changed = pairs.read(owned("Who? => Bob", [Pair(**FULL).model_dump()])[0])
    assert changed.pairs[0].plain  # what was known of another answer holds no more


@pytest.mark.parametrize(
    ("changes", "forget", "says"),
    [
        ({"kind": "pairs", "lines": "Who? => Ada"}, "Who? => Ada", "forgets <b class=\"forget\">“Who?”"),
        ({"kind": "pairs", "lines": "Who? => Ada", "title": "Rome"}, 'pairs:Rome:[["Who?","Ada"]]', "1 question about Rome"),
        ({"kind": "topic", "topic": "Rome", "lines": "Who? => Ada"}, 'pairs:Rome:[["Who?","Ada"]]', "1 question about Rome"),
        ({"kind": "passage", "passage": TEXT}, f"text: {json.dumps(TEXT)}", "the text “Once upon a time"),
    ],
)  # fmt: skip
def test_each_kind_is_a_job_and_a_short_sentence(untouched, changes, forget, says):
    values = untouched | changes
    assert job_form.spec(values).forget == (forget,)
    assert says in _answers.sentence(values)["say"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kind": "pairs"}, "Write at least one question with its answer"),
        ({"kind": "pairs", "lines": "Who?"}, r"Line 1 has no => \('Who\?'\)"),
        ({"kind": "pairs", "lines": "Who? => "}, "Line 1 has no answer"),
        ({"kind": "topic"}, "Name a topic and let the model write questions"),
        ({"kind": "passage", "passage": "short"}, "holds only 5 characters"),
        ({"kind": "pairs", "lines": "Who? => Ada", "keep_mode": "own"}, "Write at least one question to keep"),
        ({"kind": "pairs", "lines": "Who? => Ada", "keep_mode": "own", "keep_lines": "who? => Bob"}, "in the forget list and in the keep list"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_one_sentence(untouched, changes, sentence):
    with pytest.raises(BadInput, match=sentence):
        job_form.spec(untouched | changes)


def test_own_questions_to_keep(untouched):
    spec = job_form.spec(
        untouched | {"kind": "pairs", "lines": "Who? => Ada", "keep_mode": "own", "keep_lines": "Why? => So"}
    )
    assert spec.keep == ("Why? => So",)
    assert _answers.show_keep_list(untouched | {"keep_mode": "own"})["on_keep_pairs"].visible
    assert not _answers.show_keep_list(untouched | {"keep_mode": "all"})["on_keep_pairs"].visible


def test_authors_that_a_question_names_are_its_neighbours(untouched):
    name = job_form.embedded(SPEAKS).book.names[0]
    values = untouched | {"kind": "pairs", "lines": f"Where was {name} born? => Here", "keep_mode": "some"}
    assert name in _answers.show_neighbours(values)["near"]
    assert name in _answers.show_keep_list(values)["keep_authors"]


def test_a_model_of_ones_own_takes_questions(untouched):
    values = untouched | own_model() | {"kind": "pairs", "lines": "Who? => Ada", "method": "npo"}
    assert job_form.spec(values).model == "me/own"
    said = _answers.sentence(values)["say"]
    assert "keeps real books and facts of the world" in said
    assert "language model of 135 million" in job_form.opened(
        job_form.Facts.model_validate(own_model(parameters=135 * 10**6)["own"])
    )


def test_a_model_of_ones_own_is_opened_with_its_kinds_of_target(untouched, monkeypatch):
    known = job_form.Facts.model_validate(own_model()["own"])
    monkeypatch.setattr(job_form, "open_own", lambda model, data: known)
    updates = _answers.open_own_model(untouched | {"model": job_form.OWN, "own_model": "me/own"})
    assert updates["kind"].value == "pairs" and updates["on_pairs"].visible and not updates["on_authors"].visible
    assert updates["own"] == known.model_dump() and "Opened: a language model" in updates["own_says"]


# --- tables, files, topics


def test_a_table_and_lines_say_the_same():
    rows = [["Who?", "Ada"], ["Where?", ""]]
    assert _answers.in_table("Who? => Ada\n\nWhere?") == [*rows, ["", ""]]
    assert _answers.from_table([*rows, ["", None]]) == "Who? => Ada\nWhere? => "
    assert _answers.in_table("") == [["", ""]] and _answers.from_table([["", ""]]) == ""


def test_an_uploaded_file_fills_lines_table_and_title(untouched, tmp_path):
    path = tmp_path / "roman_things.json"
    path.write_text(json.dumps([FULL]))
    updates = _answers.read_pairs_file("")(untouched | {"pairs_file": str(path)})
    assert (
        updates["lines"] == "Who? => Ada"
        and updates["table"] == [["Who?", "Ada"], ["", ""]]
        and updates["title"] == "roman things"
    )
    spec = job_form.spec(untouched | {"kind": "pairs"} | {name: updates[name] for name in ("lines", "known", "title")})
    assert pairs.read(spec.forget[0]).pairs[0].wrong == ("Bob",)


def test_a_wrong_upload_is_said_at_once_and_changes_nothing(untouched, tmp_path):
    path = tmp_path / "tale.txt"
    path.write_text(TEXT)
    for which in ("", "keep_"):
        updates = _answers.read_pairs_file(which)(untouched | {f"{which}pairs_file": str(path)})
        assert list(updates) == [f"{which}pairs_says"] and "holds running text" in updates[f"{which}pairs_says"]
    assert _answers.read_passage_file(untouched | {"passage_file": str(path)})["passage"] == TEXT
    huge = tmp_path / "huge.txt"
    with huge.open("wb") as file:
        file.truncate(100 * 10**6)
    assert "100.0 MB" in _answers.read_passage_file(untouched | {"passage_file": str(huge)})["passage_says"]


def test_a_shared_studio_takes_uploads(untouched, tmp_path, monkeypatch):
    monkeypatch.setenv("LETHE_SHARED", "1")
    path = tmp_path / "one.txt"
    path.write_text("Who? => Ada")
    assert _answers.read_pairs_file("")(untouched | {"pairs_file": str(path)})["lines"] == "Who? => Ada"
    with pytest.raises(BadInput, match="reads no files"):
        submit.check(submit.read(model=SPEAKS, method="npo", forget=[f"@{path}"]))


class Live:
    """Answers with two lists, or says that it cannot."""

    def __init__(self, wrong=""):
        self.wrong, self.asked = wrong, []

    def ask(self, op, **args):
        self.asked.append((op, args))
        if self.wrong:
            raise BadInput(self.wrong)
        return {
            "title": "Rome",
            "forget": [FULL],
            "keep": [{"question": "Why?", "answer": "So"}],
            "says": "It wrote 1 question.",
        }


def test_a_topic_becomes_two_tables_to_be_changed(untouched, monkeypatch):
    live = Live()
    monkeypatch.setattr(_answers, "LIVE", live)
    updates = _answers.write_questions(untouched | {"kind": "topic", "topic": "Rome"})
    assert live.asked == [("write_questions", {"model": SPEAKS, "topic": "Rome", "data": ""})]
    assert (updates["table"], updates["keep_table"], updates["keep_mode"]) == (
        [["Who?", "Ada"], ["", ""]],
        [["Why?", "So"], ["", ""]],
        "own",
    )
    values = (
        untouched
        | {"kind": "topic", "topic": "Rome"}
        | {n: updates[n] for n in ("lines", "known", "keep_lines", "keep_mode", "keep_title")}
    )
    spec = job_form.spec(values)
    assert pairs.target_titles(spec.forget + spec.keep) == [
        "1 question about Rome",
        "1 question about what is near to Rome",
    ]


def test_a_topic_that_nothing_is_known_of_is_said_and_the_button_comes_back(untouched, monkeypatch):
    monkeypatch.setattr(_answers, "LIVE", Live("This model cannot write questions about “Rome”."))
    updates = _answers.write_questions(untouched | {"topic": "Rome"})
    assert "cannot write questions" in updates["topic_says"] and updates["topic_write"].interactive
    assert set(updates) == {"topic_says", "topic_write"}
    assert not _answers.announce_questions(untouched | {"topic": "Rome"})["topic_write"].interactive


# --- said instead


def test_what_is_said_instead_stands_beside_the_methods_that_can(untouched):
    has = [entry for entry in catalog.load().methods if job_form.instead_name(entry)]
    assert has and all(entry.works_with.get("llm") is True for entry in has)
    name = job_form.instead_name(has[0])
    values = untouched | {"method": has[0].id, name: "Ask my agent."}
    assert job_form.params(values)[name.partition(".")[2]] == "Ask my agent."
    assert "and says <b>“Ask my agent.”</b> instead" in _answers.sentence(values)["say"]
    shown = _answers.show_method(values)
    assert shown[f"params.{has[0].id}.instead"].visible and f"params.{untouched['method']}.instead" not in shown
    assert " instead" not in _answers.sentence(untouched)["say"]


def test_a_setting_with_a_place_of_its_own_is_made_once(untouched):
    for entry in catalog.load().methods:
        assert all(f"{entry.id}.{name}" in untouched for name in forms.properties(entry.params))


# --- addresses and clones


@pytest.mark.parametrize(
    ("forget", "kind"),
    [
        (["Who? => Ada", "Where? => Rome"], "pairs"),
        (['pairs:Rome:[["Who?","Ada"]]'], "pairs"),
        ([f"text: {json.dumps(TEXT)}"], "passage"),
        (["forget05"], "author_set"),
        (["Piet Nettle"], "authors"),
        (["Piet Nettle", "Who? => Ada"], "written"),
        (["forget05", f"text: {json.dumps(TEXT)}"], "written"),
    ],
)
def test_what_an_address_names_comes_back_as_the_same_targets(forget, kind):
    book = people.load("authors")
    chosen = author_choice(forget, book)
    assert chosen.kind == kind
    asked = {pair for text in chosen.targets() for pair in getattr(pairs.read(text), "pairs", ())}
    assert asked == {pair for text in forget for pair in getattr(pairs.read(text), "pairs", ())}
    if kind != "pairs" or len(forget) == 1:
        assert list(chosen.targets()) == forget


def test_a_clone_has_the_questions_of_its_run(make_run):
    run = make_run(
        "done", model=SPEAKS, method="npo", forget=(f"pairs:Rome:{json.dumps([FULL])}",), keep=("Why? => So",)
    )
    updates = _preset.preset([("clone", run.id)])
    assert (updates["lines"], updates["title"], updates["keep_lines"]) == ("Who? => Ada", "Rome", "Why? => So")
    assert updates["kind"].value == "pairs" and updates["on_pairs"].visible and updates["keep_mode"].value == "own"
    assert updates["known"][0]["wrong"] == ("Bob",)


def test_an_address_with_a_method_by_its_old_name_chooses_it():
    old, new = (_preset.preset([("model", SPEAKS), ("method", method)]) for method in ("ascent", "gradient_ascent_llm"))
    assert old["method"].value == new["method"].value == "gradient_ascent_llm"
    assert old.keys() == new.keys() and any(name.startswith("gradient_ascent_llm.") for name in old)


def test_an_address_with_a_question_fills_the_form_in():
    updates = _preset.preset(
        [("model", SPEAKS), ("forget", "Who? => Ada"), ("keep", "Piet Nettle"), ("keep", "Why? => So")]
    )
    assert updates["lines"] == "Who? => Ada" and updates["keep_authors"].value == ["Piet Nettle"]
    assert updates["keep_extra"] == ("Why? => So",)


def test_targets_are_named_shortly_wherever_they_are_named():
    assert (
        targets_in_words(["Who? => Ada", "Where? => Rome", "forget05"])
        == "5 authors (forget05) and 2 questions of your own"
    )
    book = Book(topics={"paris": {"title": "Paris", "count": 3}})
    assert (
        target_choice.set_words("paris", book) == "3 questions about Paris"
        and target_choice.set_words("rome", book) == ""
    )


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("model", ["authors-lm", "fashion-resnet"])
def test_a_file_named_among_the_targets_is_read_or_refused_in_words(tmp_path, monkeypatch, model, shared):
    """Where strangers share a studio no file of its machine is read, by no event."""
    (tmp_path / "facts.txt").write_text("What is 1 + 1? => 2\n" if model == "authors-lm" else "3, 17\n")
    known = job_form.embedded(model)
    if shared:
        monkeypatch.setenv("LETHE_SHARED", "1")
        with pytest.raises(BadInput, match="This studio is shared, so it reads no files of its machine"):
            known.read(f"@{tmp_path / 'facts.txt'}")
        return
    method = next(entry for entry in job_form.methods(known.family) if not entry.reference)
    read = known.read(f"@{tmp_path / 'facts.txt'}")
    assert str(read) in ("What is 1 + 1? => 2", "images:3,17") or read.pairs[0].answer == "2"
    assert job_form.recommended(known, method, [f"@{tmp_path / 'facts.txt'}"])
    assert job_form.changed_params(known, method, [f"@{tmp_path / 'facts.txt'}"], {}) == ""
    with pytest.raises(BadInput, match="could not be read"):
        known.read("@nowhere.txt")
