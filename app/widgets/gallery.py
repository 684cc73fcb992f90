"""Training images by class, page by page: several of them, or one with those most alike to it."""

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from app import dataset_images, forms
from app.live_html import Alive
from app.notes import error_line, note
from app.templating import render
from app.widgets import Context, FieldWidget, Form, Raw, Updates, hidden_html
from backends.api.choosing import Field
from backends.api.errors import LetheError
from backends.api.languages import tr
from backends.api.model_info import ModelInfo

STRIP = 24  # images alike that are shown
TURNED = ("tick", "where", "style", "page", "back", "on")


class Gallery(FieldWidget):
    """Several training images."""

    def build(self, field: Field) -> None:
        names = [name for _, name in field.options]
        self.add(hidden_html(), "style")
        with gr.Row(elem_classes="lethe-tools"):
            self.add(
                forms.Dropdown(
                    names, value=names[0] if names else None, label=tr("Show images of"), interactive=True,
                    elem_id=f"{field.name}_class", min_width=180,
                ),
                "of_class",
                own=True,
            )  # fmt: skip
            self.add(gr.Button(tr("Earlier images"), size="sm", elem_id=f"{field.name}_back", min_width=120), "back")
            self.add(gr.Button(tr("More images"), size="sm", elem_id=f"{field.name}_on", min_width=120), "on")
        self.add(Alive(elem_id=f"{field.name}_where"), "where")
        self.add(self.tiles(field), "tick", own=True)
        self.add(gr.State(0), "page", own=True)
        self.add_chosen()

    def tiles(self, field: Field) -> gr.components.Component:
        """The images of one page."""
        return forms.CheckboxGroup(
            [], show_label=False, label=field.label, container=False, elem_id=f"{field.name}_tick",
            elem_classes=["tiles", f"tiles-{field.name}", "tiles-gallery"], interactive=True,
        )  # fmt: skip

    def add_chosen(self) -> None:
        """What is chosen, on whatever page it stands."""
        self.add(gr.State([]), sent=True)

    def value(self, raw: Raw) -> Any:
        return self.raw(raw) or []

    def updates(self, field: Field, value: Any, context: Context) -> Updates:
        names = [name for _, name in field.options]
        of_class = gr.Dropdown(names, value=names[0] if names else None)
        return self.named({"of_class": of_class, "": value, "page": 0})

    def revealing(self) -> Sequence[str]:
        return list(self.named(dict.fromkeys(TURNED)))

    def revealed(self, raw: Raw, context: Context) -> Updates:
        return self.turned(raw, context.model, 0)

    def turned(self, raw: Raw, model: ModelInfo, page: int) -> Updates:
        """A page of the images of the chosen class."""
        try:
            classes = model.card.get("classes", [])
            chosen_class = self.raw(raw, "of_class")
            name = chosen_class if chosen_class in classes else classes[0]
            ids, total = dataset_images.class_page(model.id, name, page, model.data)
            pictures = dataset_images.of_items(model.id, [f"train-{item}" for item in ids], model.data)
        except LetheError as error:
            return self.named({"where": error_line(str(error))})
        first = page * dataset_images.PAGE + 1
        tiles, words = self.page_of(raw, ids)
        return self.named(
            {
                "tick": tiles,
                "style": dataset_images.tile_variables(self.field.name, [[picture] for picture in pictures]),
                "where": note(
                    tr(
                        "{name}: images {first:,} to {first_2:,} of {total:,} · {words}",
                        name=name,
                        first=first,
                        first_2=first + len(ids) - 1,
                        total=total,
                        words=words,
                    )
                ),
                "page": page,
                "back": gr.Button(interactive=page > 0),
                "on": gr.Button(interactive=first + len(ids) <= total),
            }
        )

    def page_of(self, raw: Raw, ids: list[int]) -> tuple[Any, str]:
        """The tiles of these images with the chosen ones ticked, and what is chosen in words."""
        labels = [(str(item), str(item)) for item in ids]
        ticked = [str(item) for item in self.value(raw)]
        return gr.CheckboxGroup(labels, value=[item for _, item in labels if item in ticked]), tr(
            "{ticked_count} picked", ticked_count=len(ticked)
        )

    def wire(self, form: Form) -> list[Any]:
        def turn(by: int) -> Callable[[Raw], Updates]:
            return lambda raw: self.turned(raw, form.model(raw), max(0, int(self.raw(raw, "page") or 0) + by))

        turned = self.revealing()
        form.on([self.part("of_class").input], lambda raw: self.turned(raw, form.model(raw), 0), turned, self.own)
        form.on([self.part("back").click], turn(-1), turned, self.own)
        form.on([self.part("on").click], turn(1), turned, self.own)
        return self.wire_chosen(form)

    def wire_chosen(self, form: Form) -> list[Any]:
        """Wire what happens when an image is chosen."""
        names = list(self.named({"": None, "where": None}))
        return [form.on([self.part("tick").input], lambda raw: self.collected(raw, form.model(raw)), names, self.own)]

    def collected(self, raw: Raw, model: ModelInfo) -> Updates:
        """All ticked images: those of this page and of the other pages."""
        page = int(self.raw(raw, "page") or 0)
        page_ids, _ = dataset_images.class_page(model.id, self.raw(raw, "of_class"), page, model.data)
        other_pages = [item for item in self.value(raw) if item not in page_ids]
        now = sorted({*other_pages, *(int(item) for item in self.raw(raw, "tick") or [])})
        count_text = "1 picked" if len(now) == 1 else tr("{now_count} picked", now_count=len(now))
        more = " …" if len(now) > 12 else ""
        return self.named({"": now, "where": note(f"{count_text}: {', '.join(map(str, now[:12]))}{more}")})


class Alike(Gallery):
    """One training image, and those that the model finds most alike to it."""

    def tiles(self, field: Field) -> gr.components.Component:
        return forms.Radio(
            [], show_label=False, label=field.label, container=False, elem_id=f"{field.name}_one",
            elem_classes=["tiles", f"tiles-{field.name}", "tiles-gallery"], interactive=True,
        )  # fmt: skip

    def add_chosen(self) -> None:
        self.add(gr.State(None), sent=True)
        self.add(
            gr.Slider(
                1, 500, 50, step=1, label=tr("How many of the most alike images"), elem_id="like_count", interactive=True,
                info=tr("The image itself is among them. Alike: nearest in what goes into the model's last layer."),
            ),
            "count",
            sent=True,
        )  # fmt: skip
        self.add(Alive(elem_id="alike"), "alike")

    def value(self, raw: Raw) -> dict[str, Any]:
        return {"image": self.raw(raw), "count": int(self.raw(raw, "count") or 0)}

    def updates(self, field: Field, value: Any, context: Context) -> Updates:
        return super().updates(field, value["image"], context) | self.named({"count": value["count"]})

    def page_of(self, raw: Raw, ids: list[int]) -> tuple[Any, str]:
        image = self.raw(raw)
        words = tr("choose one") if image is None else tr("image {image} chosen", image=image)
        return gr.Radio([(str(item), str(item)) for item in ids], value=str(image) if image in ids else None), words

    def wire_chosen(self, form: Form) -> list[Any]:
        names = list(self.named({"": None, "alike": None}))
        triggers = [self.part("tick").input, self.part("count").release]
        return [form.on(triggers, lambda raw: self.strip(raw, form.model(raw)), names, self.own)]

    def strip(self, raw: Raw, model: ModelInfo) -> Updates:
        """The images most alike to the chosen one."""
        ticked, chosen = self.raw(raw, "tick"), self.raw(raw)
        image = chosen if ticked is None else ticked
        if image is None:
            return self.named({"alike": note(tr("Choose an image above; the images most alike to it appear here."))})
        like, count = int(image), int(self.raw(raw, "count"))
        try:
            ids = dataset_images.alike(model.id, like, count, model.data)
            pictures = dataset_images.of_items(model.id, [f"train-{item}" for item in ids[:STRIP]], model.data)
        except LetheError as error:
            return self.named({"": like, "alike": error_line(str(error))})
        caption = tr("The {count} images most alike to image {like}", count=count, like=like) + (
            tr(", the first {strip} of them:", strip=STRIP) if count > STRIP else ":"
        )
        return self.named({"": like, "alike": render("form.strip", caption, list(zip(ids, pictures, strict=False)))})


WIDGETS = {"gallery": Gallery, "alike": Alike}
