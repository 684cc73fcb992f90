"""Class: pupils join with a code and a name; their teacher sees every run of the class, and chooses what all of them do.

Only a server for a class has this page (`lethe serve --class`). Which of the two a browser sees is decided at every event anew.
"""

from typing import Any

import gradio as gr
from gradio.context import Context

from app import classes
from app.live_html import Alive
from app.notes import error_line
from backends.api import classes as stored
from backends.api.errors import LetheError
from backends.api.home import in_class
from backends.api.languages import later, tr
from pages.studio._shared import address, alone, identity, mark_of, nav, secret_and_mark
from pages.studio.klass._board import QUIET, BoardPage

TITLE, PATH, ORDER = later("Class"), classes.PAGE, 80
OLD_LINK = later(
    "This link no longer opens the board; the terminal that the studio was started in shows the one that does."
)
# The teacher's link is a secret: it leaves the address before the page is projected, or copied.
HIDE_LINK = """(...given) => { const to = new URL(location); to.searchParams.delete('teacher');
history.replaceState(history.state, '', to); return given; }"""


def offered() -> bool:
    """Whether this server is one for a class."""
    return in_class()


def build() -> None:
    """The page."""
    nav(line=False)
    secret = identity()
    about = Alive(elem_id="class-about", apply_default_css=False)
    with gr.Column(visible=False, elem_id="class-join") as joining:
        code = gr.Textbox(
            label=tr("Code"),
            placeholder=tr("{length} letters", length=stored.LENGTH),
            max_length=40,
            interactive=True,
            elem_id="class-code",
        )
        name = gr.Textbox(
            label=tr("First name or nickname"), info=tr("Your teacher sees it beside your runs."), max_length=stored.LONGEST_NAME, interactive=True,
            elem_id="class-name",
        )  # fmt: skip
        wrong = Alive(elem_id="class-wrong")
        go = gr.Button(tr("Join"), variant="primary", elem_id="class-go")
    board = BoardPage(secret)
    parts = [about, joining, *board.parts()]

    def whole_page(mark: str, request: gr.Request) -> list[Any]:
        return [*_visitor(mark), *board.arrived(mark, request)]

    def arrive(browser_secret: str, request: gr.Request) -> list[Any]:
        """Know the browser again, or for the first time; with the teacher's link, as the teacher's."""
        browser_secret, mark = secret_and_mark(browser_secret)
        link = address(request, "teacher")
        refused = bool(link) and not stored.claim(link, mark)
        words, *others = whole_page(mark, request)
        return [
            browser_secret,
            address(request, "code")[:40],
            (error_line(OLD_LINK) if refused else "") + words,
            *others,
        ]

    def join(browser_secret: str, typed_code: str, typed_name: str, request: gr.Request) -> list[Any]:
        """Join the class; what is wrong is said beside the button."""
        mark = mark_of(browser_secret)
        try:
            classes.join(typed_code or "", typed_name or "", mark, request.client.host if request.client else "")
        except LetheError as error:
            return [error_line(str(error)), *(gr.skip() for _ in parts)]
        return ["", *whole_page(mark, request)]

    assert Context.root_block is not None
    arrived = Context.root_block.load(arrive, [secret], [secret, code, *parts], **QUIET)
    arrived.then(None, None, None, js=HIDE_LINK)
    gr.on([go.click, name.submit, code.submit], join, [secret, code, name], [wrong, *parts], **QUIET)
    board.wire(whole_page, parts)


def _visitor(mark: str) -> list[Any]:
    """What stands above the form to join, and whether that is whole_page."""
    klass = stored.current()
    if klass is not None and klass.is_teacher(mark):
        return ["", gr.Column(visible=False)]
    return [classes.visitor(mark), gr.Column(visible=klass is not None and mark not in klass.pupils)]


if __name__ == "__main__":
    alone(build)
