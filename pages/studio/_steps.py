"""The four steps of the page Forget: their widgets, drawn from the catalog, at a choice that can be started as it is."""

from html import escape
from typing import Final

import gradio as gr

from app import families, forms, job_form
from app.job_form import OWN, Facts
from app.live_html import Alive
from backends.api import catalog
from backends.api.catalog import Method
from backends.api.estimate import estimates
from backends.api.home import shared
from pages.studio._shared import heading, quiet

Widgets = dict[str, gr.components.Component]
STEPS: Final = ("Model", "Forget and keep", "Method", "Start")


def model_choices() -> list[tuple[str, str]]:
    """One card a model: its title, how good it is, what it was trained on."""
    cards = [
        (f"{entry.title}\n{entry.summary}\n{families.view(entry.family).measures(entry)}", entry.id)
        for entry in catalog.load().models
    ]
    own = (
        "Your own model\nAn image classifier with your images, a model that draws (a StableDiffusionPipeline), or a language model, "
        "from the Hugging Face Hub or a folder."
    )
    return cards if shared() else [*cards, (own, OWN)]


def model_step(first: Facts) -> tuple[Widgets, dict[str, gr.components.Component | gr.Column]]:
    """Step 1. The second dict holds what is no input of a job."""
    heading("Which model?", "It stays as it is on the disk; what has forgotten is always a copy.")
    widgets: Widgets = {
        "model": forms.Radio(
            model_choices(), value=first.id, show_label=False, container=False, label="Model", elem_id="model",
            elem_classes="choice-cards", interactive=True,
        )
    }  # fmt: skip
    with gr.Column(visible=False, elem_classes="lethe-sheet") as column:
        with gr.Row():
            widgets["own_model"] = gr.Textbox(
                label="Model", info="A folder with safetensors in the layout of transformers or diffusers, or a Hub id.",
                placeholder="owner/name", interactive=True, elem_id="own_model", min_width=280,
            )  # fmt: skip
            widgets["own_data"] = gr.Textbox(
                label="Its images, or a judge",
                info="A classifier: a folder that holds one folder of images for each class. A model that draws: a CLIP model "
                "that says what its pictures show, or nothing. A language model: nothing.",
                placeholder="/home/me/images", interactive=True, elem_id="own_data", min_width=280,
            )  # fmt: skip
        opened = gr.Button("Open", elem_id="open_own", scale=0)
        message = Alive(elem_id="own_says")
    widgets["own"] = gr.State(None)
    return widgets, {"own_column": column, "own_open": opened, "own_says": message}


def method_choices(first: Facts) -> list[tuple[str, str]]:
    """One card a method: title, one plain sentence, what it needs, how close it is to its paper."""
    past_jobs = estimates(first.id)
    cards = []
    for entry in job_form.methods(first.family, first.default_method):
        best = job_form.recommended(first, entry, first.default_forget)
        needs = job_form.needs(first.id, entry.id, best, past_jobs)
        cards.append((f"{entry.title}\n{entry.school}\n{needs[:1].upper()}{needs[1:]}", entry.id))
    return cards


def method_detail(method: Method) -> str:
    """The paragraph for a student, where it comes from, and how this version differs from the paper."""
    source = method.source
    link = (
        f'<a href="{escape(source.url)}" target="_blank" rel="noopener">{escape(source.title)}</a>'
        if source.url
        else escape(source.title)
    )
    code = f' · <a href="{escape(source.code)}" target="_blank" rel="noopener">authors’ code</a>' if source.code else ""
    differs = f"<p><b>Where it departs from the paper.</b> {escape(method.departures)}</p>" if method.departures else ""
    guard = (
        "<p><b>The weights stay as they were:</b> it hides by changing what goes in, so nothing is erased.</p>"
        if method.guard
        else ""
    )
    return (
        f'<section class="lethe lethe-card lethe-detail"><div class="lethe-row"><h3>{escape(method.title)}</h3>'
        f'<span class="lethe-tag">{escape(method.label)}</span></div><p>{escape(method.student)}</p>{guard}{differs}'
        f'<p class="lethe-quiet">{link}{code}</p></section>'
    )


def method_step(first: Facts) -> tuple[Widgets, dict[str, gr.components.Component | gr.Column]]:
    """Step 3: one hidden column of parameters for each method, so that switching loses nothing that was typed."""
    widgets: Widgets = {}
    more: dict[str, gr.components.Component | gr.Column] = {}
    heading(
        "How should it forget?",
        "The first one is recommended for this model. They differ in speed, and in what else gets hurt.",
    )
    widgets["method"] = forms.Radio(
        method_choices(first),
        value=first.default_method,
        show_label=False,
        container=False,
        label="Method",
        elem_id="method",
        elem_classes=["choice-cards", "recommend"],
        interactive=True,
    )
    more["detail"] = Alive(method_detail(catalog.load().get("methods", first.default_method)), elem_id="detail")
    for entry in catalog.load().methods:
        name = job_form.instead_name(entry)
        if name:
            with gr.Column(visible=entry.id == first.default_method) as more[f"params.{entry.id}.instead"]:
                setting = forms.properties(entry.params)[name.partition(".")[2]]
                widgets[name] = forms.widget("say_this_instead", setting)
    with gr.Accordion("Settings of the method", open=False, elem_id="settings"):
        for entry in catalog.load().methods:
            with gr.Column(visible=entry.id == first.default_method, elem_classes="lethe-form") as more[
                f"params.{entry.id}"
            ]:
                best = job_form.recommended(first, entry, first.default_forget)
                fields = forms.widgets(entry.params, best, leave_out=forms.of_role(entry.params, job_form.INSTEAD))
                widgets |= {f"{entry.id}.{name}": field for name, field in fields.items()}
                if not fields:
                    gr.HTML(quiet("This method has no settings."))
        more["problem"] = Alive(elem_id="problem")
    return widgets, more


def check_step() -> tuple[Widgets, dict[str, gr.components.Component | gr.Column]]:
    """Step 4: the review of the job, and its seed."""
    heading("Ready?", "This is what will happen. You can close the page while it runs; it goes on without you.")
    review = Alive(elem_id="review")
    with gr.Accordion("Seed", open=False):
        seed = forms.Number(
            0,
            minimum=0,
            maximum=2**31 - 1,
            step=1,
            label="Seed",
            info="The same seed and settings give the same numbers again.",
            interactive=True,
            elem_id="seed",
        )
    return {"seed": seed}, {"review": review}
