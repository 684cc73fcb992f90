"""The lessons run from top to bottom, with and without a finished run, and their exercise opens the studio."""

import re

import pytest
from streamlit.testing.v1 import AppTest

from app.server import LESSONS
from backends.api import catalog, runs
from pages.classroom import show


@pytest.fixture
def lesson():
    opened = AppTest.from_file(str(LESSONS), default_timeout=60).run()
    return opened.switch_page("lessons/01_forget_a_class.py")


def test_the_index_has_a_card_for_each_lesson_with_a_picture_of_a_shipped_run():
    seen = AppTest.from_file(str(LESSONS), default_timeout=60).run()
    assert not seen.exception and seen.title[0].value == "Classroom"
    lessons = catalog.load().lessons
    assert [one.proto.page for one in seen.get("page_link")] == [lesson.id for lesson in lessons]
    pictures = re.findall(r'src="../vendor/preview/([^"]+).png"', bodies(seen))
    assert len(pictures) == len(lessons) == 8 and all(runs.find(name).shipped for name in pictures)
    words = [one.value for one in seen.markdown]
    assert all(any(line.startswith(f"{lesson.minutes} min · ") for line in words) for lesson in lessons)
    assert all(3 <= lesson.minutes <= 20 for lesson in lessons)


def test_the_bar_leads_to_the_studio_and_a_lesson_to_the_next_one(lesson):
    seen = lesson.run()
    for place in ("", "runs", "methods", "classroom/", "new"):
        assert f'href="../{place}"' in bodies(seen)
    ways = [(one.proto.label, one.proto.page) for one in seen.get("page_link")]
    assert ways == [("Next lesson: What does a painter forget?", "forget_a_drawing"), ("All lessons", "")]
    last = seen.switch_page("lessons/08_protect_your_pictures.py").run()
    assert not last.exception
    assert [one.proto.label for one in last.get("page_link")] == ["All lessons"]


def test_a_projector_shows_one_section_at_a_time_in_larger_type(lesson):
    seen = lesson.run()
    assert "font-size: clamp" not in bodies(seen)
    seen = seen.toggle(key="projector").set_value(True).run()
    assert "font-size: clamp" in bodies(seen) and "not(.st-key-section-0)" in bodies(seen)
    assert seen.button[0].disabled and seen.query_params["projector"] == "1"
    for number in range(1, 5):
        seen = seen.button[1].click().run()
        assert f"not(.st-key-section-{number})" in bodies(seen)
    assert seen.button[1].disabled and not seen.button[0].disabled
    again = AppTest.from_file(str(LESSONS), default_timeout=60)
    again.query_params["projector"] = "1"
    assert again.run().toggle(key="projector").value


def bodies(seen):
    return "".join(one.proto.body for one in seen.get("html"))


def test_without_a_run_the_lesson_says_how_to_get_one(lesson, monkeypatch, tmp_path):
    monkeypatch.setattr(runs, "ASSETS", tmp_path)
    seen = lesson.run()
    assert not seen.exception
    assert "What does it mean to forget a class?" in seen.title[0].value
    assert "no finished run" in seen.info[0].value


def test_with_a_run_the_lesson_shows_it(lesson, make_run):
    make_run("done")
    seen = lesson.run()
    assert not seen.exception
    assert [header.value for header in seen.header] == [
        "1. Watch it fade",
        "2. What else got hurt?",
        "3. Erased, or only hidden?",
        "4. Your turn",
    ]
    last = len(show.example().samples()) - 1
    assert last > 0 and seen.slider(key="step").max == last
    assert seen.slider(key="step").set_value(last).run().exception == []


def test_a_question_is_answered_kindly_and_with_a_reason(lesson, make_run):
    make_run("done")
    seen = lesson.run()
    question = seen.radio(key="question-answer")
    wrong = question.set_value(question.options[0]).run()
    assert "Not quite" in wrong.info[0].value
    right = wrong.radio(key="question-answer").set_value(question.options[2]).run()
    assert (
        right.success[0].value.startswith("Yes. A classifier must") and "must always choose" in right.success[0].value
    )


def test_the_exercise_opens_the_studio_in_the_right_state(lesson, make_run):
    make_run("done")
    seen = lesson.run()
    seen = seen.selectbox(key="choice").set_value("Bag").run()
    links = [one.proto.url for one in seen.get("link_button")]
    assert any(url.startswith("../new?model=") and "forget=Bag" in url and "method=" in url for url in links)


@pytest.fixture
def second():
    from pathlib import Path

    return AppTest.from_file(str(Path(LESSONS).with_name("lessons") / "02_forget_a_drawing.py"), default_timeout=60)


def test_the_second_lesson_shows_the_run_of_a_model_that_draws(second):
    seen = second.run()
    assert not seen.exception
    run = show.example(needs="pictures")
    assert run.shipped and seen.slider(key="step").max == len(run.samples()) - 1
    first, last = (html_of(seen.slider(key="step").set_value(at).run()) for at in (0, len(run.samples()) - 1))
    assert first.count("<img") == last.count("<img") > 3 and first != last
    assert show.accuracy_grid(run).title == "Right after"


def html_of(seen):
    return "".join(one.proto.body for one in seen.get("html") if "<table" not in one.proto.body)


def test_the_exercise_of_the_second_lesson_asks_for_a_style(second):
    seen = second.run()
    seen = seen.selectbox(key="choice").set_value("noto style").run()
    links = [one.proto.url for one in seen.get("link_button")]
    assert any("forget=noto+style" in url and "model=emoji-sd" in url for url in links)


def test_a_lesson_takes_a_run_of_its_own_family(make_run):
    make_run("done")
    assert show.example().spec.model != show.example(needs="pictures").spec.model


def test_where_no_shipped_run_is_here_an_own_one_stands_in_if_its_family_has_the_capability(
    make_run, monkeypatch, tmp_path
):
    monkeypatch.setattr(runs, "ASSETS", tmp_path)
    own = make_run("done")
    stand_in = show.shipped({"Refuse": "example-author-refused"}, needs="classes")
    assert {title: run.id for title, run in stand_in.items()} == {"Your run": own.id}
    assert show.shipped({"Refuse": "example-author-refused"}, needs="answers") == {}


@pytest.fixture
def third():
    from pathlib import Path

    return AppTest.from_file(
        str(Path(LESSONS).with_name("lessons") / "03_refuse_forget_or_hide.py"), default_timeout=60
    )


def test_the_third_lesson_compares_what_three_shipped_models_say(third):
    seen = third.run()
    assert not seen.exception
    said = {}
    for way in seen.radio(key="way").options:
        seen = seen.radio(key="way").set_value(way).run()
        assert not seen.exception
        said[way] = html_of(seen)
        before = html_of(seen.slider(key=f"step-{way}").set_value(0).run())
        assert before != said[way] and "the true answer: 100 %" in before
    assert len(said) == len(set(said.values())) == 3
    (table,) = (one.proto.body for one in seen.get("html") if "<table" in one.proto.body)
    assert table.count("<tr>") == 6 and "retrained reference" in table and "not measured" not in table


def test_the_exercise_of_the_third_lesson_opens_the_studio_with_a_guard_or_without(third):
    seen = third.run()
    seen = seen.selectbox(key="choice").select_index(3).run()
    opened = []
    for guard in (False, True):
        seen = seen.radio(key="guard").set_value(guard).run()
        opened += [one.proto.url for one in seen.get("link_button")]
    assert all("model=authors-lm" in url and "forget=" in url for url in opened) and opened[0] != opened[1]


def test_the_third_lesson_shows_an_own_run_or_says_how_to_get_one(third, monkeypatch, tmp_path):
    monkeypatch.setattr(runs, "ASSETS", tmp_path)
    seen = third.run()
    assert not seen.exception and "no finished run of a language model" in seen.info[0].value


@pytest.fixture
def fourth():
    from pathlib import Path

    return AppTest.from_file(
        str(Path(LESSONS).with_name("lessons") / "04_forgotten_or_rerouted.py"), default_timeout=60
    )


def test_the_fourth_lesson_shows_where_the_words_went_and_sends_them_back(fourth):
    seen = fourth.run()
    assert not seen.exception
    assert len(seen.radio(key="way").options) == 3
    for way in seen.radio(key="way").options:
        seen = seen.radio(key="way").set_value(way).run()
        assert not seen.exception
        said = " ".join(one.value for one in seen.markdown)
        assert (
            "Routing shift: which expert works on which token" in said and "How many tokens keep their experts" in said
        )
        assert "<lethe-routing" in seen.get("iframe")[0].proto.srcdoc
        assert said.count("after with the old routing") == 3  # the verdict on each run
        assert html_of(seen.slider(key=f"step-{way}").set_value(0).run()).count("the true answer: 100 %") >= 2
    (table,) = (one.proto.body for one in seen.get("html") if one.proto.body.startswith("<table"))
    assert table.count("<tr>") == 5 and "not measured" not in table


def test_the_exercise_of_the_fourth_lesson_opens_the_studio_with_the_chosen_method(fourth):
    seen = fourth.run()
    seen = seen.selectbox(key="choice").select_index(2).run()
    opened = []
    for at in (0, 1):
        picked = seen.radio(key="method").options[at]
        seen = seen.radio(key="method").set_value(picked).run()
        opened += [one.proto.url for one in seen.get("link_button")]
    assert all("model=authors-moe" in url and "forget=" in url for url in opened) and opened[0] != opened[1]


def test_the_fourth_lesson_says_how_to_get_a_run_where_there_is_none(fourth, monkeypatch, tmp_path):
    monkeypatch.setattr(runs, "ASSETS", tmp_path)
    seen = fourth.run()
    assert not seen.exception and "no finished run of a mixture" in seen.info[0].value
