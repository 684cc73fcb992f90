"""Questions with their answers, running text, and a topic of which the model itself writes questions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import gradio as gr

from app import uploads
from app.inference import LIVE
from app.live_html import Alive
from app.notes import error_line, note
from app.widgets import Context, FieldWidget, Form, Raw, Updates
from backends.api import pairs
from backends.api.choosing import Field
from backends.api.errors import BadInput, LetheError
from backends.api.languages import later, tr
from backends.api.pairs import ENDINGS

HEADS: Final = (later("Question"), later("Answer"))
PAIRS_HELP: Final = later(
    "A file has the columns question and answer, and, where they are known, rephrased_question, rephrased_answer, "
    "wrong (with | between) and value: the more of them, the more can be measured."
)
TOPIC_HELP: Final = later("What it writes stands below and can be changed before the start.")


class Pairs(FieldWidget):
    """Questions as lines, as a table or from a file. A job takes the lines."""

    settles = True

    def build(self, field: Field) -> None:
        name = field.name
        with gr.Column(elem_classes="lethe-pairs"), self.add(gr.Tabs(selected="lines"), "tabs"):
            with gr.Tab(tr("As lines"), id="lines"):
                self.add(
                    gr.Textbox(
                        "", label=field.label, info="question => answer", placeholder="What is the capital of France? => Paris",
                        lines=5, max_lines=14, elem_id=name, elem_classes=f"role-{field.role}", interactive=True,
                    ),
                    sent=True,
                )  # fmt: skip
            with self.add(gr.Tab(tr("As a table"), id="table"), "table_tab"):
                self.add(
                    gr.Dataframe(
                        [["", ""]], headers=[tr(name) for name in HEADS], type="array", column_count=2, column_widths=["60%", "40%"], wrap=True,
                        max_height=420, buttons=[], show_label=False, label=field.label, elem_id=f"{name}_table",
                        elem_classes="lethe-pairs-table", interactive=True,
                    ),
                    "table",
                )  # fmt: skip
            with gr.Tab(tr("From a file"), id="file"):
                gr.HTML(note(PAIRS_HELP))
                self.add(
                    gr.File(
                        label=tr("csv, tsv, json, jsonl or txt, at most 2 MB"), file_types=list(ENDINGS), elem_id=f"{name}_file",
                        height=120, interactive=True,
                    ),
                    "file",
                    own=True,
                )  # fmt: skip
        self.add(Alive(elem_id=f"{name}_says"), "message")
        self.add(gr.State([]), "known", sent=True)

    def value(self, raw: Raw) -> dict[str, Any]:
        return {"lines": self.raw(raw) or "", "known": self.raw(raw, "known") or []}

    def updates(self, field: Field, value: Any, context: Context) -> Updates:
        lines = value.get("lines", "")
        return self.named({"": lines, "table": in_table(lines), "known": value.get("known", []), "message": ""})

    def filled(self, some: Sequence[pairs.Pair]) -> Updates:
        """Updates that put questions into the lines, the table and what is known beside them."""
        lines = "\n".join(pair.line for pair in some)
        known = [pair.model_dump() for pair in some if not pair.plain]
        return self.named({"": lines, "table": in_table(lines), "known": known, "tabs": gr.Tabs(selected="table")})

    def filling(self) -> list[str]:
        """The parts that `filled` updates."""
        return list(self.named(dict.fromkeys(("", "table", "known", "tabs"))))

    def triggers(self) -> list[Any]:
        return [self.part().change]

    def wire(self, form: Form) -> list[Any]:
        lines, table = self.part(), self.part("table")
        self.part("table_tab").select(in_table, lines, table, **form.quiet)
        table.input(from_table, table, lines, **form.quiet)
        name = f"{self.name}.file"
        read = uploads.read_once(name, self.read)
        names = [*self.filling(), self.sibling("title"), f"{self.name}.message", name]
        return [form.on([self.part("file").upload], read, names, self.own)]

    def sibling(self, name: str) -> str:
        """A field beside it: "title" of "lines", "keep_title" of "keep_lines"."""
        return f"{self.group}.{self.field.name.removesuffix('lines')}{name}"

    def read(self, raw: Raw) -> Updates:
        """The questions of an uploaded file, and its title."""
        if not self.raw(raw, "file"):
            return {}
        path = Path(self.raw(raw, "file"))
        try:
            own = pairs.of_file(path, "keep" if self.field.role == "keep" else "forget")
            if own.kind == "text":
                raise BadInput(tr("{name} holds running text, not questions; choose “A text” for it.", name=path.name))
        except LetheError as error:
            return self.named({"message": error_line(str(error))})
        message = " ".join((f"{path.name}: {pairs.counted(len(own.pairs))}.", *own.notes))
        return self.filled(own.pairs) | {self.sibling("title"): own.title} | self.named({"message": note(message)})


class Passage(FieldWidget):
    """Running text, pasted or from a file."""

    settles = True

    def build(self, field: Field) -> None:
        self.add(
            gr.Textbox(
                "", label=field.label, info=field.info, lines=7, max_lines=18, elem_id=field.name,
                elem_classes=f"role-{field.role}", interactive=True,
            ),
            sent=True,
        )  # fmt: skip
        self.add(
            gr.File(
                label=tr("Or a .txt file, or a table with a column text, at most 2 MB"), file_types=list(ENDINGS),
                elem_id=f"{field.name}_file", height=120, interactive=True,
            ),
            "file",
            own=True,
        )  # fmt: skip
        self.add(Alive(elem_id=f"{field.name}_says"), "message")

    def value(self, raw: Raw) -> str:
        return str(self.raw(raw) or "")

    def updates(self, field: Field, value: Any, context: Context) -> Updates:
        return self.named({"": value, "message": ""})

    def triggers(self) -> list[Any]:
        return [self.part().change]

    def wire(self, form: Form) -> list[Any]:
        name = f"{self.name}.file"
        names = [*self.named({"": None, "message": None}), name]
        form.on([self.part("file").upload], uploads.read_once(name, self.read), names, self.own)
        return []

    def read(self, raw: Raw) -> Updates:
        """An uploaded text."""
        if not self.raw(raw, "file"):
            return {}
        path = Path(self.raw(raw, "file"))
        try:
            own = pairs.passage_of_file(path)
        except LetheError as error:
            return self.named({"message": error_line(str(error))})
        message = " ".join(
            (tr("{name}: {text_count:,} words.", name=path.name, text_count=len(own.text.split())), *own.notes)
        )
        return self.named({"": own.text, "message": note(message)})


class Topic(FieldWidget):
    """A topic, of which the model writes questions into the fields beside it, to be forgotten and to be kept."""

    settles = True

    def build(self, field: Field) -> None:
        with gr.Row(elem_classes="lethe-tools", equal_height=False):
            self.add(
                gr.Textbox(
                    "",  # not None: arriving would change it to this, and a change is answered
                    label=field.label, info=field.info, placeholder=field.placeholder, max_length=int(field.high),
                    elem_id=field.name, interactive=True, min_width=260,
                ),
                sent=True,
            )  # fmt: skip
            self.add(gr.Button(tr("Write questions"), elem_id="topic_write", scale=0, min_width=210), "write")
        self.add(Alive(note(TOPIC_HELP), elem_id="topic_says"), "message")

    def value(self, raw: Raw) -> str:
        return str(self.raw(raw) or "")

    def updates(self, field: Field, value: Any, context: Context) -> Updates:
        return self.named({"": value, "message": note(TOPIC_HELP)})

    def triggers(self) -> list[Any]:
        return [self.part().change]

    def wire(self, form: Form) -> list[Any]:
        own = list(self.named({"message": None, "write": None}))
        forget, keep = (form.widgets.get(f"{self.group}.{name}") for name in ("lines", "keep_lines"))
        assert isinstance(forget, Pairs) and isinstance(keep, Pairs)
        names = [*own, *forget.filling(), *keep.filling(), f"{self.group}.keep_title", *form.keep_parts()]

        def write(raw: Raw) -> Updates:
            updates, written = self.written(raw, form)
            if written is None:
                return updates
            updates |= forget.filled(written["forget"])
            if written["keep"]:
                kept = form.keep_updates("own", form.model(raw))
                updates |= keep.filled(written["keep"]) | {f"{self.group}.keep_title": written["title"]} | kept
            return updates

        begun = form.on([self.part("write").click, self.part().submit], self.announced, own)
        return [form.then(begun, write, names)]

    def announced(self, raw: Raw) -> Updates:
        """What is said while the model writes."""
        about = " ".join(self.value(raw).split()) or tr("the topic")
        message = tr(
            "The model writes questions about {about} and answers them; on two processor cores this can take two or three "
            "minutes…",
            about=about,
        )
        return self.named({"message": note(message), "write": gr.Button("Writing…", interactive=False)})

    def written(self, raw: Raw, form: Form) -> tuple[Updates, dict[str, Any] | None]:
        """What is said once it wrote, and its questions: those to forget and to keep, and their title."""
        button = {"write": gr.Button(tr("Write questions"), interactive=True)}
        try:
            model = form.model(raw)
            answer = LIVE.ask("write_questions", model=model.id, topic=self.value(raw), data=model.data)
            sets = {part: pairs.of_rows(answer[part]).pairs if answer[part] else () for part in ("forget", "keep")}
        except LetheError as error:
            return self.named(button | {"message": error_line(str(error))}), None
        said = self.named(button | {"message": note(tr("{answer} Change what you like.", answer=answer["says"]))})
        return said, sets | {"title": tr("what is near to {answer}", answer=answer["title"])}


def in_table(lines: str | None) -> list[list[str]]:
    """Lines question => answer as rows of a table, with an empty one to write in; what is not finished has an empty answer."""
    rows = [[half.strip() for half in line.partition("=>")[::2]] for line in (lines or "").splitlines() if line.strip()]
    return [*rows, ["", ""]]


def from_table(rows: list[list[Any]]) -> str:
    """Rows of a table as lines question => answer; rows without a word are left out."""
    cells = [[" ".join(str("" if cell is None else cell).split()) for cell in row[:2]] for row in rows]
    return "\n".join(" => ".join(row) for row in cells if any(row))


WIDGETS = {"pairs": Pairs, "passage": Passage, "topic": Topic}
