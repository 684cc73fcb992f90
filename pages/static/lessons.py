"""The lessons of the classroom as files: each is run once as Streamlit runs it, and what it wrote is kept.

What needs a person there is written out: a slider as its first and last position, a question with its answer folded, a choice as the
one that the lesson begins with.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import plotly.graph_objects as go
from markupsafe import Markup

from app import view
from app.spaces._site import LESSONS, STUDIO, Page, Site
from app.spaces._words import to_html
from app.templating import render
from backends.api import catalog, languages
from backends.api.errors import LetheError
from backends.api.languages import later, tr

FOLDER: Final = Path(__file__).resolve().parents[1] / "classroom" / "lessons"
PICTURE: Final = re.compile(r"^Picture: (\S+)$", re.MULTILINE)
QUESTION: Final = "question-"  # what the keys of questions begin with
LONGEST: Final = 120  # seconds that a lesson may take
SCRIPT: Final = """import runpy
from backends.api import languages
languages.use({language!r})
runpy.run_path({path!r})
"""
TEXT: Final = later("Short lessons on machine unlearning, each around a finished run.")
NAME: Final = re.compile(r"^\*\*([^*]+)\*\*$")  # of a panel, which stands above it
DRAWN: Final = re.compile(r'<div class="lethe-lesson[^>]*>(.*)</div>\s*<script>', re.DOTALL)


def pages(site: Site) -> Iterator[Page]:
    """The index, and each lesson."""
    entries = {lesson.id: lesson for lesson in catalog.load().lessons}
    paths = [path for path in sorted(FOLDER.glob("[0-9]*.py")) if _id(path) in entries]
    lessons = [entries[_id(path)] for path in paths]
    ids, cards = {run.id for run in site.runs}, []
    for path, lesson in zip(paths, lessons, strict=True):
        cover = PICTURE.search(path.read_text("utf-8"))
        picture = f"run-{cover[1]}.png" if cover and cover[1] in ids else ""
        line = lesson.summary.partition(". ")[0].rstrip(".") + "."
        cards.append((f"classroom/{lesson.id}", lesson.title, lesson.minutes, line, picture))
    yield Page(
        LESSONS,
        tr("Lessons") + " · Lethe",
        tr(TEXT),
        render("static.lessons", tr("Classroom"), tr(TEXT), cards),
        LESSONS,
    )
    for at, (path, lesson) in enumerate(zip(paths, lessons, strict=True)):
        onward = [
            (tr("Next lesson: {title}", title=one.title), f"classroom/{one.id}") for one in lessons[at + 1 : at + 2]
        ]
        body = render("static.lesson", list(_pieces(path)), [*onward, (tr("All lessons"), "classroom/")])
        yield Page(f"lesson-{lesson.id}.html", f"{lesson.title} · Lethe", lesson.summary, body, LESSONS)


def _id(path: Path) -> str:
    return path.stem.partition("_")[2]


def _pieces(path: Path) -> Iterator[Markup]:
    """The HTML of a lesson, piece by piece.

    Raises:
        LetheError: it fails.
    """
    first, last = _run(path, False), _run(path, True)
    answers = _answers(path)
    here = _flat(first.main)
    there = _flat(last.main)
    if [one.type for one in here] != [one.type for one in there]:
        raise LetheError(
            f"The lesson {path.stem} says something else at the end of its slider, so it cannot be written out."
        )
    for at, (one, other) in enumerate(zip(here, there, strict=True)):
        yield _piece(one, other, answers, f"{path.stem}-{at}")


def _run(path: Path, at_end: bool) -> Any:
    """A lesson after it ran, its sliders at their first position or their last."""
    import streamlit.logger
    from streamlit.testing.v1 import AppTest

    streamlit.logger.set_log_level("ERROR")  # it warns at each run that no browser is there
    lesson = AppTest.from_string(SCRIPT.format(language=languages.current(), path=str(path)), default_timeout=LONGEST)
    lesson.run()
    if at_end:
        for slider in lesson.slider:
            slider.set_value(slider.max)
        lesson.run()
    if lesson.exception:
        raise LetheError(f"The lesson {path.stem} failed: {lesson.exception[0].message}")
    return lesson


def _answers(path: Path) -> dict[str, tuple[int, str]]:
    """Of each question of a lesson, by its text: which option is right, and why.

    Raises:
        LetheError: one has no right answer.
    """
    lesson = _run(path, False)
    right_by_question: dict[str, tuple[int, str]] = {}
    questions = [radio for radio in lesson.radio if str(radio.key).startswith(QUESTION)]
    for option in range(max((len(radio.options) for radio in questions), default=0)):
        for radio in lesson.radio:
            if str(radio.key).startswith(QUESTION) and option < len(radio.options):
                radio.set_value(radio.options[option])
        lesson.run()
        question = None
        for one in _flat(lesson.main):
            if one.type == "radio" and str(one.key).startswith(QUESTION):
                question = one
            elif one.type == "success" and question is not None:
                right_by_question.setdefault(
                    question.label, (option, one.value.removeprefix(tr("Yes. {because}", because="")))
                )
    if missing := [radio.label for radio in questions if radio.label not in right_by_question]:
        raise LetheError(f"The lesson {path.stem} calls no answer right to: {missing[0]}")
    return right_by_question


def _flat(block: Any) -> list[Any]:
    """The elements of a block, in their order, those of the blocks within it too."""
    each: list[Any] = []
    for child in block.children.values():
        each += _flat(child) if hasattr(child, "children") else [child]
    return each


def _piece(one: Any, other: Any, answers: dict[str, tuple[int, str]], key: str) -> Markup:
    """The HTML of an element; `other` is the same one with the sliders at their end."""
    match one.type:
        case "title" | "header" | "subheader":
            return to_html("#" * (["title", "header", "subheader"].index(one.type) + 1) + " " + one.value)
        case "markdown" | "caption" | "info" | "success":
            return to_html(NAME.sub(r"### \1", one.value))
        case "html":
            now, then = Markup(one.proto.body), Markup(other.proto.body)
            if now == then:
                return now
            return render("static.at", tr("At the start"), now) + render("static.at", tr("At the end"), then)
        case "iframe":
            match = DRAWN.search(one.proto.srcdoc)
            return Markup(match[1]) if match else Markup()
        case "plotly_chart":
            return render("static.plotted", view.plot(go.Figure(json.loads(one.proto.spec)), key=key))
        case "link_button":
            return render("static.button", one.proto.label, STUDIO + one.proto.url)
        case "radio" if one.label in answers:
            right, why = answers[one.label]
            return render("static.question", one.label, one.options, right, why)
        case "radio":
            others = [option for option in one.options if option != one.value]
            return to_html(
                tr(
                    "{label} Here: **{value}**. A classroom shows the others too: {others}.",
                    label=one.label, value=one.value, others=", ".join(others),
                )
            )  # fmt: skip
        case _:  # sliders and choices, which the lines around them speak of
            return Markup()
