"""The frame of the classroom: the studio's bar, an index of the lessons, and below each lesson the way to the next.

The lessons are the files of the folder `lessons`, in the order of their numbers.
"""

import ast
import re
from pathlib import Path
from urllib.parse import quote

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from app import theme
from app.templating import render
from backends.api import catalog, languages
from backends.api.languages import later, tr
from pages.classroom import show

HERE = Path(__file__).parent
LESSONS = HERE / "lessons"
BAR = ((later("Home"), ""), (later("Runs"), "runs"), (later("Methods"), "methods"), (later("Classroom"), "classroom/"))
PROJECTOR = "projector"
LANGUAGE = "lang"
PICTURE = re.compile(r"^Picture: (\S+)$", re.MULTILINE)  # the last line of a lesson's docstring: the run on its card


def docstring(path: Path) -> str:
    """What a lesson says of itself."""
    return ast.get_docstring(ast.parse(path.read_text("utf-8"))) or path.stem


def title(path: Path) -> str:
    """A lesson's title: the first line of its docstring."""
    return tr(docstring(path).splitlines()[0].rstrip("."))


def index() -> None:
    """A card for each lesson."""
    st.title(tr("Classroom"))
    st.markdown(tr("Short lessons on machine unlearning. Each shows a finished run and ends with one of your own."))
    minutes = {lesson.id: lesson.minutes for lesson in catalog.load().lessons}
    summaries = {lesson.id: lesson.summary for lesson in catalog.load().lessons}
    for first in range(0, len(paths), 2):
        for column, path in zip(st.columns(2), paths[first : first + 2], strict=False):
            with column, st.container(border=True):
                picture = PICTURE.search(docstring(path))
                if picture:
                    st.html(render("classroom.cover", f"{show.STUDIO}vendor/preview/{quote(picture[1])}.png"))
                lesson_id = path.stem.partition("_")[2]
                st.page_link(lessons[path], label=title(path))
                line = summaries.get(lesson_id, "").partition(". ")[0].rstrip(".")
                st.markdown(f"{minutes.get(lesson_id, 1)} min · {line}.")


def turn(screen: str, to: int) -> None:
    """Show another screen of a lesson."""
    st.session_state[screen] = to


def projected(page: StreamlitPage) -> None:
    """Leave one screen of the lesson: its introduction, or one of its sections; and the way to the next."""
    screen, titles = f"screen-{page.url_path}", st.session_state[show.SECTIONS]
    at = min(st.session_state.get(screen, 0), len(titles))
    st.html(render("classroom.only", at))
    back, words, on = st.columns([1, 2, 1])
    back.button(tr("← Back"), on_click=turn, args=(screen, at - 1), disabled=at == 0)
    words.markdown(tr("{at} of {count}", at=at + 1, count=len(titles) + 1))
    on.button(tr("Next →"), on_click=turn, args=(screen, at + 1), disabled=at == len(titles))


if LANGUAGE in st.query_params:
    st.session_state[LANGUAGE] = languages.supported(st.query_params[LANGUAGE])
if LANGUAGE in st.session_state:
    st.query_params[LANGUAGE] = st.session_state[LANGUAGE]  # another lesson begins without it
languages.use(st.session_state.get(LANGUAGE))
st.set_page_config(page_title=tr("Lethe classroom"), page_icon="〰️", layout="centered")
paths = sorted(LESSONS.glob("[0-9]*.py"))
front = st.Page(index, title=tr("Classroom"), url_path="", default=True)
lessons = {path: st.Page(path, title=title(path), url_path=path.stem.partition("_")[2]) for path in paths}
current = st.navigation([front, *lessons.values()], position="hidden")

st.html(HERE / "classroom.css")
st.html(theme.STATIC / "pictures.css")
links = [(words, show.STUDIO + to, to == "classroom/") for words, to in BAR]
st.html(render("classroom.header", show.STUDIO, links, languages.NAMES, languages.current()))
if PROJECTOR not in st.session_state:
    st.session_state[PROJECTOR] = st.query_params.get(PROJECTOR) == "1"
st.toggle(tr("Projector mode"), key=PROJECTOR, help=tr("Larger type, one section a screen. This browser remembers it."))
if st.session_state[PROJECTOR]:
    st.query_params[PROJECTOR] = "1"
    st.html(HERE / "projector.css")
elif PROJECTOR in st.query_params:
    st.query_params[PROJECTOR] = "0"

st.session_state[show.SECTIONS] = []
with st.container(key="lesson"):
    current.run()
if current != front:
    if st.session_state[PROJECTOR]:
        projected(current)
    every = list(lessons.values())
    place = every.index(current)
    if place + 1 < len(every):
        st.page_link(every[place + 1], label=tr("Next lesson: {title}", title=every[place + 1].title))
    st.page_link(front, label=tr("All lessons"))
