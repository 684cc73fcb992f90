"""The frame of the classroom: its lessons are the files of the folder `lessons`, in the order of their numbers."""

import ast
from pathlib import Path

import streamlit as st

LESSONS = Path(__file__).with_name("lessons")


def title(path: Path) -> str:
    """A lesson's title: the first line of its docstring."""
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or path.stem
    return docstring.splitlines()[0].rstrip(".")


st.set_page_config(page_title="Lethe classroom", page_icon="〰️", layout="centered")
pages = [
    st.Page(path, title=title(path), url_path="" if number == 0 else path.stem.partition("_")[2], default=number == 0)
    for number, path in enumerate(sorted(LESSONS.glob("[0-9]*.py")))
]
lesson = st.navigation(pages, position="top")
st.markdown("[← Back to the studio](/)")
lesson.run()
