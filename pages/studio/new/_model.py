"""The models of the form, as cards with pictures, and where a person's own is named."""

import gradio as gr
from markupsafe import Markup

from app import card_pictures, families, forms, job_form, markup
from app.job_form import OWN
from app.live_html import Alive
from app.notes import error_line, note
from app.templating import render
from app.widgets import Context, Raw, Updates, hidden_html
from backends.api import catalog
from backends.api.choosing import Choice
from backends.api.errors import LetheError
from backends.api.home import shared
from backends.api.languages import later, tr
from backends.api.model_info import ModelInfo
from pages.studio._shared import heading, mark_of
from pages.studio.new import _chosen, _method, _sentence
from pages.studio.new._form import HOLD_ALL, VISITOR, FormPage

OWN_CARD = later("Your own\na folder or a Hub id")
OPENING = later("Opening the model: it is read and checked, and asked once. A large one takes a minute…")


def choices() -> list[tuple[str, str]]:
    """One card a model: its title, and in a few words what it learned."""
    cards = [
        (f"{entry.title}\n{families.view(entry.family).measures(entry)}", entry.id) for entry in catalog.load().models
    ]
    return cards if shared() else [*cards, (tr(OWN_CARD), OWN)]


def build(page: FormPage, first: ModelInfo) -> None:
    """The cards of the models."""
    heading(tr("Model"), "")
    hidden_html(
        card_pictures.variables([families.view(entry.family).card_pictures(entry) for entry in catalog.load().models])
    )
    cards = forms.Radio(
        choices(), value=first.id, show_label=False, container=False, label=tr("Model"), elem_id="model",
        elem_classes="choice-cards", interactive=True,
    )  # fmt: skip
    page.add("model", cards, sent=True)
    page.add("own", gr.State(None), sent=True)
    page.add("after", gr.State(""), sent=True)


def build_own(page: FormPage) -> None:
    """Where a person's own model is named, and above it which run the job starts from."""
    page.add("begins", Alive(elem_id="begins"))
    with page.add("own_column", gr.Column(visible=False, elem_classes="lethe-sheet")):
        heading(tr("Your own model"), tr("It stays as it is; what has forgotten is always a copy."))
        with gr.Row():
            name = gr.Textbox(
                label=tr("Model"), info=tr("A folder with safetensors in the layout of transformers or diffusers, or a Hub id."),
                placeholder="owner/name", interactive=True, elem_id="own_model", min_width=280,
            )  # fmt: skip
            data = gr.Textbox(
                label=tr("Its images, or a judge"),
                info=tr("A classifier: a folder that holds one folder of images for each class. A model that draws: a CLIP model that "
"says what its pictures show, or nothing. A language model: nothing."),
                placeholder="/home/me/images", interactive=True, elem_id="own_data", min_width=280,
            )  # fmt: skip
        page.add("own_model", name)
        page.add("own_data", data)
        page.add("own_open", gr.Button(tr("Open"), elem_id="open_own", scale=0))
        page.add("own_says", Alive(elem_id="own_says"))


def begins(model: ModelInfo) -> Markup:
    """That the job begins with the model that a run left; empty where it is as it came."""
    if not model.after:
        return Markup()
    return render("form.begins", model.after, markup.run_address(model.after))


def parts(page: FormPage) -> list[str]:
    """The parts that showing another model updates."""
    return [
        "own_column", "own_says", "own", "after", "begins", "say", *page.kind_parts(), *page.keep_parts(), *page.field_parts(), *_method.parts(),
    ]  # fmt: skip


def shown(page: FormPage, context: Context, forget: Choice, keep: Choice, method: str) -> Updates:
    """The form for a model with these choices."""
    model = context.model
    return (
        page.kind_updates(forget.kind, model)
        | page.keep_updates(keep.kind, model)
        | page.field_updates(context, forget, keep)
        | _method.offered(model, method)
    )


def wire(page: FormPage) -> list[object]:
    """Wire the cards and the button; the events after which another model is shown are given back."""

    def fresh(raw: Raw, model: ModelInfo) -> Updates:
        """The form of a model that was just chosen, at its defaults."""
        start = job_form.at_defaults(model, page.same_kind(raw, model))
        context = Context(model, mark_of(raw.get(VISITOR)))
        method = _chosen.method(context.owner, model.family) or start.method
        draft = job_form.Draft(model, start.forget, start.keep, method, raw.get("edited") or {}, raw["seed"])
        return shown(page, context, start.forget, start.keep, method) | _method.planned(draft) | _sentence.alone(draft)

    def choose(raw: Raw) -> Updates:
        """Another model was chosen."""
        updates: Updates = {
            "own_column": gr.Column(visible=raw["model"] == OWN),
            "own_says": "",
            "after": "",
            "begins": "",
        }
        model = page.model_or_none(raw | {"after": ""})
        return updates | (fresh(raw, model) if model else _sentence.unopened(page.draft(raw)))

    def open_own(raw: Raw) -> Updates:
        """Open a person's own model."""
        try:
            model = job_form.open_own(raw["own_model"] or "", raw["own_data"] or "")
        except LetheError as error:
            return {"own": None, "own_says": error_line(str(error))}
        return fresh(raw, model) | {
            "after": "",
            "begins": "",
            "own": model.model_dump(),
            "own_says": note(job_form.opened(model)),
        }

    names = parts(page)
    opening = page.on(
        [page.parts["own_open"].click], lambda raw: {"own_says": note(OPENING)}, ("own_says",), js=HOLD_ALL
    )
    opened = page.then(opening, open_own, names, ("own_model", "own_data"))
    return [page.on_held([page.parts["model"].input], choose, names), page.released(opened)]
