"""The page Forget for language models: own questions, a text, a topic, what is said instead, and what an address asks for."""

import json

import pytest
from app_pages import Form, Settings, plan, values, visible

from app import forms, job_form
from app.inference import LIVE
from app.job_form import OWN
from app.widgets import questions
from backends.api import catalog, pairs, people, submit
from backends.api.errors import BadInput
from backends.api.model_info import ModelInfo, embedded
from pages.studio.new import _sentence

TEXT = "Once upon a time there was a miller.\nHe had three sons."
FULL = {
    "question": "Who?",
    "answer": "Ada",
    "rephrased_question": "Whom?",
    "rephrased_answer": "It is Ada.",
    "wrong": ["Bob"],
}
SPEAKS = next(entry.id for entry in catalog.load().models if entry.family == "llm" and people.load(entry.data).names)


pytestmark = pytest.mark.usefixtures("nobody_answers")


@pytest.fixture(scope="module")
def form():
    """The form as it first shows a language model that knows authors."""
    return Form(SPEAKS)


def own_model(**card):
    return ModelInfo(id="me/own", title="own", family="llm", own=True, default_method="npo", card=card)


def own_raw():
    return {"model": OWN, "own": own_model().model_dump()}


# --- what is chosen


def test_a_model_of_ones_own_begins_with_questions():
    assert job_form.at_defaults(own_model()).forget.kind == "pairs"


@pytest.mark.parametrize(
    ("changes", "forget", "says"),
    [
        ({"kind": "pairs", "questions.lines": "Who? => Ada"}, "Who? => Ada", "forgets <b class=\"forget\">“Who?”"),
        ({"kind": "pairs", "questions.lines": "Who? => Ada", "questions.title": "Rome"}, 'pairs:Rome:[["Who?","Ada"]]', "1 question about Rome"),
        ({"kind": "topic", "questions.topic": "Rome", "questions.lines": "Who? => Ada"}, 'pairs:Rome:[["Who?","Ada"]]', "1 question about Rome"),
        ({"kind": "passage", "questions.passage": TEXT}, f"text: {json.dumps(TEXT)}", "the text “Once upon a time"),
    ],
)  # fmt: skip
def test_each_kind_is_a_job_and_a_short_sentence(form, changes, forget, says):
    assert form.spec(changes).forget == (forget,)
    assert says in _sentence.alone(form.draft(changes))["say"]


QUESTION = {"kind": "pairs", "questions.lines": "Who? => Ada"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kind": "pairs"}, "Write at least one question with its answer"),
        ({"kind": "pairs", "questions.lines": "Who?"}, r"Line 1 has no => \('Who\?'\)"),
        ({"kind": "pairs", "questions.lines": "Who? => "}, "Line 1 has no answer"),
        ({"kind": "topic"}, "Name a topic and let the model write questions"),
        ({"kind": "passage", "questions.passage": "short"}, "holds only 5 characters"),
        (QUESTION | {"keep_mode": "own"}, "Write at least one question to keep"),
        (QUESTION | {"keep_mode": "own", "questions.keep_lines": "who? => Bob"}, "in the forget list and in the keep list"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_one_sentence(form, changes, sentence):
    with pytest.raises(BadInput, match=sentence):
        form.spec(changes)


def test_own_questions_to_keep(form):
    assert form.spec(QUESTION | {"keep_mode": "own", "questions.keep_lines": "Why? => So"}).keep == ("Why? => So",)
    assert visible(form.event("keep_mode", {"keep_mode": "own"}), "questions.keep_lines")
    assert not visible(form.event("keep_mode", {"keep_mode": "all"}), "questions.keep_lines")


def test_authors_that_a_question_names_are_its_neighbours(form):
    name = people.load(embedded(SPEAKS).dataset).names[0]
    changes = {"kind": "pairs", "questions.lines": f"Where was {name} born? => Here", "keep_mode": "some"}
    assert name in form.event("questions.lines", changes, "change")["near"]
    assert name in form.event("keep_mode", changes)["questions.keep_authors"].value


def test_a_model_of_ones_own_takes_questions(form):
    changes = own_raw() | QUESTION | {"method": "npo"}
    assert form.spec(changes).model == "me/own"
    assert "keeps real books and facts of the world" in _sentence.alone(form.draft(changes))["say"]
    assert "language model of 135 million" in job_form.opened(own_model(parameters=135 * 10**6))


def test_a_model_of_ones_own_is_opened_with_its_kinds_of_target(form, monkeypatch):
    monkeypatch.setattr(job_form, "open_own", lambda model, data: own_model())
    updates = form.event("own_open", {"model": OWN, "own_model": "me/own"}, "click")
    assert updates["kind"].value == "pairs" and [kind for _, kind in updates["kind"].choices] == [
        "pairs",
        "passage",
        "topic",
    ]
    assert visible(updates, "questions.lines") and not visible(updates, "questions.authors")
    assert updates["own"] == own_model().model_dump() and "Opened: a language model" in updates["own_says"]
    assert plan(updates["plan"])[:2] == ("me/own", "npo")


# --- tables, files, topics


def test_a_table_and_lines_say_the_same():
    rows = [["Who?", "Ada"], ["Where?", ""]]
    assert questions.in_table("Who? => Ada\n\nWhere?") == [*rows, ["", ""]]
    assert questions.from_table([*rows, ["", None]]) == "Who? => Ada\nWhere? => "
    assert questions.in_table("") == [["", ""]] and questions.from_table([["", ""]]) == ""


def uploaded(form, name, path):
    """What an upload of a file updates."""
    return form.event(name, {name: str(path)}, "upload")


def test_an_uploaded_file_fills_lines_table_and_title(form, tmp_path):
    path = tmp_path / "roman_things.json"
    path.write_text(json.dumps([FULL]))
    updates = uploaded(form, "questions.lines.file", path)
    assert (
        updates["questions.lines"] == "Who? => Ada"
        and updates["questions.lines.table"] == [["Who?", "Ada"], ["", ""]]
        and updates["questions.title"] == "roman things"
    )
    names = ("questions.lines", "questions.lines.known", "questions.title")
    spec = form.spec({"kind": "pairs"} | {name: updates[name] for name in names})
    assert pairs.read(spec.forget[0]).pairs[0].wrong == ("Bob",)


def test_a_file_of_questions_to_keep_fills_those_to_keep(form, tmp_path):
    path = tmp_path / "more.json"
    path.write_text(json.dumps([FULL]))
    updates = uploaded(form, "questions.keep_lines.file", path)
    names = ("questions.keep_lines", "questions.keep_lines.known", "questions.keep_title")
    kept = form.spec({"keep_mode": "own"} | {name: updates[name] for name in names}).keep
    assert pairs.read(kept[0]).pairs[0].wrong == ("Bob",) and pairs.read(kept[0]).title == "more"


def test_a_wrong_upload_is_said_at_once_and_changes_nothing(form, tmp_path):
    path = tmp_path / "tale.txt"
    path.write_text(TEXT)
    for name in ("questions.lines", "questions.keep_lines"):
        updates = form.widget(name).read({f"{name}.file": str(path)})
        assert list(updates) == [f"{name}.message"] and "holds running text" in updates[f"{name}.message"]
        assert uploaded(form, f"{name}.file", path)[f"{name}.file"] is None  # it was read
    assert uploaded(form, "questions.passage.file", path)["questions.passage"] == TEXT
    huge = tmp_path / "huge.txt"
    with huge.open("wb") as file:
        file.truncate(100 * 10**6)
    assert "100.0 MB" in uploaded(form, "questions.passage.file", huge)["questions.passage.message"]


def test_a_shared_studio_takes_uploads(form, tmp_path, monkeypatch):
    monkeypatch.setenv("LETHE_SHARED", "1")
    path = tmp_path / "one.txt"
    path.write_text("Who? => Ada")
    assert uploaded(form, "questions.lines.file", path)["questions.lines"] == "Who? => Ada"
    with pytest.raises(BadInput, match="reads no files"):
        submit.check(submit.read(model=SPEAKS, method="npo", forget=[f"@{path}"]))


class Live:
    """Answers with two lists, or says that it cannot."""

    def __init__(self, wrong=""):
        self.wrong, self.asked = wrong, []

    def ask(self, op, **args):
        if op != "write_questions":
            raise BadInput("Nothing else is asked here.")
        self.asked.append((op, args))
        if self.wrong:
            raise BadInput(self.wrong)
        return {
            "title": "Rome",
            "forget": [FULL],
            "keep": [{"question": "Why?", "answer": "So"}],
            "says": "It wrote 1 question.",
        }


@pytest.mark.parametrize("trigger", [("questions.topic.write", "click"), ("questions.topic", "submit")])
def test_a_topic_becomes_two_tables_to_be_changed(form, monkeypatch, trigger):
    live, topic = Live(), {"kind": "topic", "questions.topic": "Rome"}
    monkeypatch.setattr(LIVE, "ask", live.ask)
    updates = form.event(trigger[0], topic, trigger[1])
    assert live.asked == [("write_questions", {"model": SPEAKS, "topic": "Rome", "data": ""})]
    assert (updates["questions.lines.table"], updates["questions.keep_lines.table"], updates["keep_mode"].value) == (
        [["Who?", "Ada"], ["", ""]],
        [["Why?", "So"], ["", ""]],
        "own",
    )
    assert visible(updates, "questions.keep_lines") and updates["questions.topic.write"].interactive
    spec = form.spec(topic | values(updates))
    assert pairs.target_titles(spec.forget + spec.keep) == [
        "1 question about Rome",
        "1 question about what is near to Rome",
    ]
    assert "It wrote 1 question. Change what you like." in updates["questions.topic.message"]


def test_a_topic_that_nothing_is_known_of_is_said_and_the_button_comes_back(form, monkeypatch):
    monkeypatch.setattr(LIVE, "ask", Live("This model cannot write questions about “Rome”.").ask)
    topic, sent = form.widget("questions.topic"), form.raw | {"questions.topic": "Rome"}
    updates, written = topic.written(sent, form.page)
    assert "cannot write questions" in updates["questions.topic.message"] and written is None
    assert set(updates) == {"questions.topic.message", "questions.topic.write"}
    after = form.event("questions.topic.write", {"questions.topic": "Rome"}, "click")
    assert "cannot write questions" in after["questions.topic.message"] and after["questions.topic.write"].interactive
    assert not topic.announced(sent)["questions.topic.write"].interactive


# --- said instead


def test_what_is_said_instead_stands_beside_the_methods_that_can(form):
    has = [entry for entry in catalog.load().methods if job_form.instead_setting(entry)]
    assert has and all(entry.works_with.get("llm") is True for entry in has)
    name = job_form.instead_setting(has[0])
    changes = {"method": has[0].id, "edited": {f"{has[0].id}.{name}": "Ask my agent."}}
    assert job_form.params(form.draft(changes))[name] == "Ask my agent."
    assert "and says <b>“Ask my agent.”</b> instead" in _sentence.alone(form.draft(changes))["say"]
    assert next(iter(Settings(form, changes).boxes)) == name and name not in Settings(form).boxes
    assert " instead" not in _sentence.alone(form.draft())["say"]


def test_a_setting_with_a_place_of_its_own_is_made_once(form):
    for entry in job_form.methods("llm"):
        boxes = Settings(form, {"method": entry.id}).boxes
        assert sorted(boxes) == sorted(forms.properties(entry.params))
        assert len({box._id for box in boxes.values()}) == len(boxes)


# --- addresses and clones


def test_a_clone_has_the_questions_of_its_run(form, make_run):
    run = make_run(
        "done", model=SPEAKS, method="npo", forget=(f"pairs:Rome:{json.dumps([FULL])}",), keep=("Why? => So",)
    )
    updates = form.filled(("clone", run.id))
    filled = values(updates)
    assert filled["questions.lines"] == "Who? => Ada" and filled["questions.keep_lines"] == "Why? => So"
    assert filled["questions.title"] == "Rome"
    assert updates["kind"].value == "pairs" and visible(updates, "questions.lines")
    assert updates["keep_mode"].value == "own" and visible(updates, "questions.keep_lines")
    assert updates["questions.lines.known"][0]["wrong"] == ("Bob",)
    spec = form.spec(filled)
    assert pairs.read(spec.forget[0]) == pairs.read(run.spec.forget[0]) and spec.keep == ("Why? => So",)


def test_an_address_with_a_method_by_its_old_name_chooses_it(form):
    old, new = (form.filled(("model", SPEAKS), ("method", method)) for method in ("ascent", "gradient_ascent_llm"))
    assert old["method"].value == new["method"].value == "gradient_ascent_llm"
    assert old.keys() == new.keys() and plan(old["plan"]) == plan(new["plan"])
    assert plan(old["plan"])[1] == "gradient_ascent_llm"


def test_an_address_with_a_question_fills_the_form_in(form):
    updates = form.filled(("model", SPEAKS), ("forget", "Who? => Ada"), ("keep", "Piet Nettle"), ("keep", "Why? => So"))
    filled = values(updates)
    assert filled["questions.lines"] == "Who? => Ada" and updates["questions.keep_authors"].value == ["Piet Nettle"]
    assert updates["questions.keep_extra"] == ["Why? => So"]
    assert form.spec(filled).keep == ("Piet Nettle", "Why? => So")


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("model", ["authors-lm", "fashion-resnet"])
def test_a_file_named_among_the_targets_is_read_or_refused_in_words(tmp_path, monkeypatch, model, shared):
    """Where strangers share a studio no file of its machine is read, by no event."""
    (tmp_path / "facts.txt").write_text("What is 1 + 1? => 2\n" if model == "authors-lm" else "3, 17\n")
    info = embedded(model)
    by = job_form.choosing(info)
    if shared:
        monkeypatch.setenv("LETHE_SHARED", "1")
        with pytest.raises(BadInput, match="This studio is shared, so it reads no files of its machine"):
            by.read(f"@{tmp_path / 'facts.txt'}", info)
        return
    method = next(entry for entry in job_form.methods(info.family) if not entry.reference)
    read = by.read(f"@{tmp_path / 'facts.txt'}", info)
    assert str(read) in ("What is 1 + 1? => 2", "images:3,17") or read.pairs[0].answer == "2"
    assert job_form.recommended(info, method, [f"@{tmp_path / 'facts.txt'}"])
    assert job_form.changed_params(info, method, [f"@{tmp_path / 'facts.txt'}"], {}) == ""
    with pytest.raises(BadInput, match="could not be read"):
        by.read("@nowhere.txt", info)
