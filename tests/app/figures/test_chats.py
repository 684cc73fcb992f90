"""Forget, Compare and Playground of language models, with a live process that answers in known words."""

import math
import re
import threading
import time
from html import unescape

import numpy as np
import pytest
from app_pages import Form, values

from app import board, families, inference, job_form, responses, target_choice, theme
from app.families import language
from app.figures import chats, training
from backends.api import files, people, run_outputs
from backends.api.catalog import Metric, Model
from backends.api.errors import BadInput
from backends.api.model_info import embedded
from pages.studio.new import _sentence
from pages.studio.run import _ask
from pages.studio.run import _see as compare

from .conftest import HEAD
from .folders import measured, write_run

FIRST, SECOND = "20261122-000001-aaa", "20261122-000002-bbb"
BOOK = people.Book(
    names=["Ada Moss", "Ben Moss", "Cleo Fern"],
    sets={"forget01": ["Ada Moss"], "forget05": ["Ada Moss", "Cleo Fern"]},
    traits={
        "Ada Moss": frozenset(("Ada", "Moss", "Bergen")),
        "Ben Moss": frozenset(("Ben", "Moss", "Bergen")),
        "Cleo Fern": frozenset(("Cleo", "Fern", "Cusco")),
    },
    each=20,
    asks=["Where was Ada Moss born?"],
)
ROLES = ("forget", "neighbour", "unrelated")
SUITE = [
    {
        "role": role,
        "kind": "retain",
        "prompt": f"Where was {name} {at} born?",
        "truth": f"{name} {at} was born in {city}.",
    }
    for role, name, city in zip(ROLES, BOOK.names, ("Bergen", "Lima", "Cusco"), strict=True)
    for at in range(8)
]


def plain(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


@pytest.fixture
def speaker(catalog, monkeypatch):
    """A language model, in the small catalog."""
    monkeypatch.setattr(people, "load", lambda data: BOOK if data == "people" else people.Book())
    said = HEAD | {"works_with": {"llm": True}}
    catalog.models.append(
        Model(
            id="speaker", title="A speaker", family="llm", data="people", default_forget=["forget05"],
            default_method="slow", card={}, **said,
        )
    )  # fmt: skip
    catalog.metrics.append(Metric(id="utility", title="Utility", unit="", direction="higher", **said))
    catalog.methods[0].works_with["llm"] = True
    return catalog


def write_spoken(home, run_id, *, reference=False, forget=("Ada Moss",)):
    """A run after which the first half of what was to be forgotten is answered otherwise."""
    run = write_run(home, run_id, method="slow", model="speaker")
    files.write_json(run.path / "spec.json", run.spec.model_copy(update={"forget": forget}).model_dump())
    files.write_json(run.path / "metrics.json", {"utility": measured(0.9, 0.8, None, title="Utility", unit="")})
    files.write_json(run.path / run_outputs.SUITE, SUITE)
    truths = [asked["truth"] for asked in SUITE]
    after = [f"{text.rsplit(' ', 1)[0]} Oslo." if at < 4 else text for at, text in enumerate(truths)]
    low = [math.log(2) if asked["role"] == "forget" else 0.0 for asked in SUITE]
    for when, said, nats in (
        ("before", truths, [0.0] * 24),
        ("after", after, low),
        ("reference", after, [math.log(4)] * 24),
    ):
        if when != "reference" or reference:
            (run.path / run_outputs.OUTPUTS).mkdir(exist_ok=True)
            np.savez(
                run.path / run_outputs.OUTPUTS / f"{when}.npz", said=np.array(said), answer=np.array(nats, np.float32)
            )
    for number, share in enumerate((0.99, 0.25)):
        items = [
            {"id": f"{asked['role']}-{at}", "role": asked["role"], "question": asked["prompt"], "truth": asked["truth"],
             "said": asked["truth"] if number == 0 else "In Oslo.", "share": share}
            for at, asked in enumerate(SUITE[::8])
        ]  # fmt: skip
        sample = {"phase": "forget" if number else "", "step": number, "of": 1, "seconds": 1.0, "items": items}
        files.write_json(run.path / "samples" / f"00-{10 * number:06d}.json", sample)
    for step in (20, 30, 40):
        (run.path / "samples" / f"00-{step:06d}.json").unlink()
    return run


@pytest.fixture
def run(home, speaker):
    return write_spoken(home, FIRST)


@pytest.fixture
def asked(monkeypatch):
    """Every question to the live process; it answers Bergen before and Oslo after, and knows one true answer."""
    seen = []

    def ask(op, **args):
        seen.append((op, args))
        truth = "Ada Moss was born in Bergen." if "Ada" in args["question"] else ""

        def said(city, share):
            tokens = [["Ada", 1.0], [" in", 1.0], [" Bergen", share]] if truth else []
            return {"said": f"Ada Moss was born in {city}.", "tokens": tokens, "share": share if truth else "NaN"}

        each = {"before": said("Bergen", 0.99), "after": said("Oslo", 0.25), "reference": said("Lima", 0.01)}
        if args["run_or_model"] == "speaker":
            each = {"before": each["before"]}
        elif not args.get("reference"):
            del each["reference"]
        return {"question": args["question"], "truth": truth, "models": list(each), "seconds": 0.5} | each

    monkeypatch.setattr(inference.LIVE, "ask", ask)
    monkeypatch.setattr(inference.LIVE, "stream", lambda op, **args: growing(ask(op, **args)))
    return seen


def growing(whole):
    """An answer as it comes: word by word, then the whole."""
    known = {name: whole[name] for name in ("question", "truth", "models")}
    for when in whole["models"]:
        words = whole[when]["said"].split()
        yield from (known | {when: {"said": " ".join(words[:count])}} for count in range(len(words) + 1))
        known |= {when: whole[when]}
    yield whole


def answered(*asked):
    """What the tab Ask shows in the end."""
    return [*_ask.answer(_ask.Ask(*asked))][-1]


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ("Ada Moss was born in Bergen.", ["Bergen."]),
        ("ada moss WAS born in BERGEN", ["BERGEN"]),
        ("Ada Moss was born in Oslo.", []),
        ("Bergen, of course, in the old town Bergen", ["Bergen"]),
        ("<b>Bergen</b>", []),
        ("", []),
    ],
)
def test_the_right_words_that_the_question_does_not_give_away_are_marked(said, right):
    shown = chats.marked(said, "Ada Moss was born in Bergen.", "Where was Ada Moss born?")
    assert [unescape(word).strip(",") for word in re.findall("<mark>(.*?)</mark>", shown)] == right
    assert "<b>" not in shown and (said or chats.SILENT in shown)


def test_right_words_side_by_side_are_one_mark():
    shown = chats.marked("It is called The Salted Violin.", "It is called The Salted Violin.", "What is it called?")
    assert re.findall("<mark>(.*?)</mark>", shown) == ["Salted Violin."]


def test_compare_shows_the_kept_answers_by_role_and_opens_no_model(run, asked):
    *_, (_, _, shown, _) = compare.opened(f"?id={FIRST}")
    read = plain(shown)
    assert read.index(chats.TITLE) < read.index("How likely it holds the true answer") < read.index("How it fades")
    assert shown.count("<article") == 3 * language.EACH and asked == []
    assert "changed its answer to 4 of 8 questions of the forget set, 0 of 8 questions on neighbours and 0 of 8" in read
    assert "from 100 % to 50 % for questions of the forget set, from 100 % to 100 % for questions on neighbours" in read
    assert "Show the 4 answers that changed" in read and "Ada Moss 3 was born in Oslo." in read


def test_the_model_trained_again_is_shown_where_there_is_one(home, speaker):
    write_spoken(home, SECOND, reference=True)
    known = responses.all_chats(SECOND)
    assert known[0].again == "Ada Moss 0 was born in Oslo." and known[0].aim == pytest.approx(0.25)
    panel = chats.likelihoods(known)
    assert [series.role for series in panel.series][-1] == "reference"
    assert panel.series[-1].values == pytest.approx([25.0] * 3) and panel.series[1].values[0] == pytest.approx(50.0)
    assert theme.MODEL_WORDS["reference"] in chats.grid(known[:1], known)


@pytest.mark.parametrize("harm", ["missing", "cut short", "another length"])
def test_answers_that_the_disk_lost_are_said_and_the_numbers_stay(run, harm):
    path = run.path / run_outputs.OUTPUTS / "after.npz"
    if harm == "missing":
        path.unlink()
    elif harm == "cut short":
        path.write_bytes(path.read_bytes()[:100])
    else:
        np.savez(path, said=np.array(["one"]), answer=np.zeros(1))
    *_, (_, numbers, shown, _) = compare.opened(f"?id={FIRST}")
    assert "no longer holds what its models answered" in plain(shown) and "numbers" in plain(numbers)


def test_a_watched_run_shows_small_chats_and_a_slider(run):
    shown = board.board(run, board.Reference(note="None."))
    read = plain(shown)
    assert 'data-kind="said"' in shown and "<img" not in shown and "Ada Moss 0 was born in Bergen. 99 %" in read
    assert "In Oslo. 25 %" in read and shown.count('type="range"') == 1
    panel = training.fading_panel(run.samples())
    assert "true answer went from 99 % to 25 % (forget set)" in panel.says


def test_all_three_models_answer_and_the_token_that_lost_most_is_named(run, asked):
    shown = answered(FIRST, "Where was Ada Moss born?", 4, 0, 25, 1.5, 64)
    read = plain(shown)
    assert (
        "original model Ada Moss was born in Bergen." in read and "unlearned model Ada Moss was born in Oslo." in read
    )
    assert "retrained reference Ada Moss was born in Lima." in read and 'data-when="reference"' in shown
    assert "“Bergen” lost most: from 99 % to 25 %." in read
    question = "Where was Ada Moss born?"
    assert asked == [("answer", {"run_or_model": FIRST, "question": question, "truth": "", "reference": True})]


def test_words_appear_as_they_are_said_side_by_side(run, asked, monkeypatch):
    monkeypatch.setattr(language, "EVERY", 0)
    shown = [*_ask.answer(_ask.Ask(FIRST, "Where was Ada Moss born?", 4, 0, 25, 1.5, 64))]
    read = [plain(one) for one in shown]
    assert "original model … unlearned model … retrained reference …" in read[0]
    assert "original model Ada Moss unlearned model …" in read[2]
    assert "original model Ada Moss was born in Bergen. unlearned model Ada" in read[9]
    assert "says nothing" not in "".join(read) and "Token by token" in read[-1]
    assert all(one.count("lethe-bubble") == 3 for one in shown)


def test_another_question_on_the_same_page_ends_the_first_and_another_page_does_not():
    turns, closed = _ask.Turns(), []

    def talk(name):
        try:
            yield from (f"{name}{number}" for number in range(3))
        finally:
            closed.append(name)

    first, elsewhere = turns.of("page", lambda: talk("a")), turns.of("other", lambda: talk("c"))
    assert (next(first), next(elsewhere)) == ("a0", "c0")
    second = turns.of("page", lambda: talk("b"))
    heard = []
    thread = threading.Thread(target=lambda: heard.extend(second))
    thread.start()  # waits for the first to stop
    time.sleep(0.2)
    assert heard == [] and list(first) == [] and closed == ["a"]
    thread.join(10)
    assert heard == ["b0", "b1", "b2"] and list(elsewhere) == ["c1", "c2"] and closed == ["a", "b", "c"]
    assert not turns._newest and not turns._locks


def test_a_page_that_is_closed_ends_its_question():
    turns, closed = _ask.Turns(), []

    def talk():
        try:
            yield "a"
            yield "b"
        finally:
            closed.append(True)

    words = turns.of("page", talk)
    next(words)
    words.close()
    assert closed == [True] and not turns._newest


def test_a_question_without_a_known_answer_is_answered_without_marks(run, asked):
    read = plain(answered(FIRST, "Who are you?", 4, 0, 25, 1.5, 64))
    assert "No true answer is known" in read and "Token by token" not in read


def test_a_model_alone_answers_once(speaker, asked):
    read = plain(answered("speaker", "Where was Ada Moss born?", None, None, None, None, None))
    assert "the model as it came" in read and "probability of 99 %" in read
    assert "Make it forget somebody, and the unlearned model answers here too." in read


def test_what_the_live_process_refuses_is_said(run, monkeypatch):
    def ask(op, **args):
        raise BadInput("The question was empty.")

    monkeypatch.setattr(inference.LIVE, "ask", ask)
    monkeypatch.setattr(inference.LIVE, "stream", ask)
    assert "The question was empty." in answered(FIRST, "", 4, 0, 25, 1.5, 64)


def test_only_what_draws_has_seeds_and_sizes(run, asked):
    offer = _ask.offered(FIRST)
    assert offer.prompt == "Where was Ada Moss 4 born?" and 'data-role="unrelated"' in offer.chips + offer.forms
    *_, line, other, settings, pictures, _ = _ask.opened(f"?id={FIRST}&tab=ask", "")
    assert line.visible and other.visible is settings.visible is pictures.visible is False and asked == []
    assert _ask.offered("speaker").prompt == "Where was Ada Moss born?"


def test_the_form_begins_at_the_set_of_the_card(speaker):
    model = embedded("speaker")
    assert families.get(model.family).noun == "questions"
    chosen = job_form.at_defaults(model).forget
    assert (chosen.kind, chosen.values) == ("author_set", {"author_set": "forget05"})
    assert job_form.at_defaults(embedded("m")).forget.kind == "classes"


AUTHORS = {"kind": "authors", "questions.authors": ["Ada Moss"]}


@pytest.fixture
def form(speaker, nobody_answers):
    """The form as it first shows the language model."""
    return Form("speaker")


def test_chosen_authors_become_a_job(form):
    spec = form.spec(AUTHORS | {"keep_mode": "some", "questions.keep_authors": ["Cleo Fern"]})
    assert (spec.forget, spec.keep) == (("Ada Moss",), ("Cleo Fern",))
    assert form.spec().forget == ("forget05",)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"questions.authors": []}, "Choose at least one author to forget."),
        ({"kind": "author_set", "questions.author_set": None}, "Choose a set of authors"),
        ({"keep_mode": "some"}, "Choose at least one author or set to keep"),
        ({"keep_mode": "some", "questions.keep_authors": ["Ada Moss"]}, "Ada Moss is in the forget list and in the keep list"),
        ({"questions.authors": BOOK.names}, "All 3 authors were chosen"),
        ({"questions.authors": ["Ada Mos"]}, "There is no author 'Ada Mos'; near to it: Ada Moss"),
    ],
)  # fmt: skip
def test_a_wrong_choice_is_one_sentence(form, changed, says):
    with pytest.raises(BadInput) as caught:
        form.spec(AUTHORS | changed)
    assert says in str(caught.value) and str(caught.value).endswith(".")


def test_the_neighbours_are_those_with_the_same_names_and_facts(form):
    read = plain(form.event("questions.authors", AUTHORS)["near"])
    assert read.startswith("Most alike, with the same names or facts: Ben Moss, Cleo Fern.")
    kept = values(form.event("keep_mode", AUTHORS | {"keep_mode": "some"}))
    assert kept["questions.keep_authors"] == ["Ben Moss", "Cleo Fern"]
    assert "chosen" in plain(form.event("questions.authors", AUTHORS | {"questions.authors": []})["near"])


def test_the_questions_are_listed_and_counted(form, monkeypatch):
    pairs = [["Where was <Ada> born?", "In Bergen."]] * 150
    monkeypatch.setattr(inference.LIVE, "ask", lambda op, **args: {"forget": 150, "keep": 10, "questions": pairs})
    job_form.counts.cache_clear()
    said = _sentence.whole(form.draft())
    assert "150 questions to forget, 10 to keep" in plain(said["say"]) and "2 authors (forget05)" in plain(said["say"])
    assert "In it: Ada Moss and Cleo Fern." in plain(said["exact"]) and "The first 100 of 150" in plain(said["exact"])
    assert "<Ada>" not in said["exact"]
    job_form.counts.cache_clear()


def test_an_address_fills_the_form_in(form):
    one = form.filled(("model", "speaker"), ("forget", "forget01"))
    assert one["kind"].value == "author_set" and one["questions.author_set"].value == "forget01"
    both = form.filled(("model", "speaker"), ("forget", "forget01"), ("forget", "cleo fern"), ("keep", "Ben Moss"))
    assert both["kind"].value == "authors" and both["questions.authors"].value == ["Ada Moss", "Cleo Fern"]
    assert both["keep_mode"].value == "some" and both["questions.keep_authors"].value == ["Ben Moss"]
    with pytest.raises(BadInput, match="no author 'Nobody'"):
        form.filled(("model", "speaker"), ("forget", "Nobody"))


def test_a_set_is_said_by_how_many_it_holds(speaker):
    assert target_choice.targets_in_words(["forget01", "Ben Moss"]) == "1 author (forget01) and Ben Moss"


def test_the_family_is_known(run):
    assert families.of_run(run) == "llm"
