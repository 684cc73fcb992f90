"""A list of ids from a file, read at once so that a mistake is said at once."""

from pathlib import Path
from typing import Any

import gradio as gr

from app import uploads
from app.live_html import Alive
from app.notes import error_line, note
from app.widgets import Context, FieldWidget, Form, Raw, Updates
from backends.api import targets
from backends.api.choosing import Field
from backends.api.errors import BadInput, LetheError
from backends.api.languages import later, tr
from backends.api.model_info import ModelInfo

HELP = later("An id is the number of a training image, from 0. At most 2 MB.")


class IdFile(FieldWidget):
    """A text file of ids; its value is the target that they make."""

    def build(self, field: Field) -> None:
        self.add(
            gr.File(label=field.label, file_types=[".txt", ".csv"], elem_id="file", height=140, interactive=True),
            "file",
            own=True,
        )
        self.add(gr.State(""), sent=True)
        self.add(Alive(note(HELP), elem_id="list_says"), "message")

    def value(self, raw: Raw) -> str:
        return str(self.raw(raw) or "")

    def updates(self, field: Field, value: Any, context: Context) -> Updates:
        return self.named({"": value, "message": note(HELP)})

    def wire(self, form: Form) -> list[Any]:
        name = f"{self.name}.file"
        read = uploads.read_once(name, lambda raw: self.read(raw, form.model(raw)))
        return [form.on([self.part("file").upload], read, [*self.named({"": None, "message": None}), name], self.own)]

    def read(self, raw: Raw, model: ModelInfo) -> Updates:
        """The list that was uploaded."""
        if not self.raw(raw, "file"):
            return self.named({"": "", "message": note(HELP)})
        path = Path(self.raw(raw, "file"))
        try:
            target = targets.of_file(path, path.name)
            ids, count = targets.parse(target).ids, int(model.card.get("train_count", 0))
            if count and max(ids) >= count:
                raise BadInput(
                    tr(
                        "{name} names image {ids}, but the ids of {title} run from 0 to {count}.",
                        name=path.name,
                        ids=max(ids),
                        title=model.title,
                        count=count - 1,
                    )
                )
        except LetheError as error:
            return self.named({"": "", "message": error_line(str(error))})
        return self.named(
            {"": target, "message": note(f"{path.name}: {len(ids):,} {'id' if len(ids) == 1 else 'ids'}.")}
        )


WIDGETS = {"id_file": IdFile}
