"""The four steps of the page Forget: their widgets, drawn from the catalog, at a choice that can be started as it is."""

from collections.abc import Sequence
from html import escape
from typing import Final

import gradio as gr

from app import choosing, forms
from app.alive import Alive
from app.choosing import OWN, Facts
from app.selection import KINDS
from backends.api import catalog, runs
from backends.api.catalog import Method
from backends.api.estimate import estimates
from backends.api.home import shared

Widgets = dict[str, gr.components.Component]
STEPS: Final = ("Model", "Forget and keep", "Method", "Start")


def quiet(text: str) -> str:
    """A line of help."""
    return f'<p class="lethe lethe-quiet">{text}</p>'


def heading(title: str, text: str) -> gr.HTML:
    """What a step asks."""
    return gr.HTML(f'<div class="lethe lethe-step"><h2>{title}</h2><p>{text}</p></div>')


def model_choices() -> list[tuple[str, str]]:
    """One card a model: its title, how good it is, what it was trained on."""
    cards = []
    for entry in catalog.load().models:
        card = entry.card
        test = (card.get("accuracy") or {}).get("test")
        good = f"{test:.1f} % right on images it has never seen · " if test else ""
        size = f"{len(card.get('classes', []))} classes · {card.get('train_count', 0):,} training images"
        cards.append((f"{entry.title}\n{entry.summary}\n{good}{size}", entry.id))
    own = "Your own model\nAn image classifier from the Hugging Face Hub or a folder, with your images."
    return cards if shared() else [*cards, (own, OWN)]


def model_step(first: Facts) -> tuple[Widgets, dict[str, gr.components.Component | gr.Column]]:
    """Step 1. The second dict holds what is no input of a job."""
    heading("Which model?", "It stays as it is on the disk; what has forgotten is always a copy.")
    made: Widgets = {
        "model": gr.Radio(
            model_choices(), value=first.id, show_label=False, container=False, label="Model", elem_id="model",
            elem_classes="choice-cards", interactive=True,
        )
    }  # fmt: skip
    with gr.Column(visible=False, elem_classes="lethe-sheet") as column:
        with gr.Row():
            made["own_model"] = gr.Textbox(
                label="Model", info="A folder with config.json and safetensors, or a Hub id like owner/name.",
                placeholder="owner/name", interactive=True, elem_id="own_model", min_width=280,
            )  # fmt: skip
            made["own_data"] = gr.Textbox(
                label="Folder of images", info="It holds one folder of images for each class of the model.",
                placeholder="/home/me/images", interactive=True, elem_id="own_data", min_width=280,
            )  # fmt: skip
        opened = gr.Button("Open", elem_id="open_own", scale=0)
        said = Alive(elem_id="own_says")
    made["own"] = gr.State(None)
    return made, {"own_column": column, "own_open": opened, "own_says": said}


def found_runs(model: str) -> list[tuple[str, str]]:
    """Finished runs on this model that found a hardest set."""
    return [
        (f"{run.id} · {choosing.named(run.spec.forget)}", run.id)
        for run in runs.all_runs()
        if run.spec.model == model and run.state.status == "done" and (run.path / "found.json").is_file()
    ]


def finders(first: Facts) -> str:
    """The methods that find such a set, in words."""
    return choosing.joined([entry.title for entry in choosing.methods(first.family) if entry.finds])


def gallery(made: Widgets, first: Facts) -> dict[str, gr.components.Component | gr.Column]:
    """Training images by class, page by page; shared by "single images" and "images alike"."""
    with gr.Column(visible=False) as column:
        with gr.Row(elem_classes="lethe-tools"):
            of_class = gr.Dropdown(
                first.classes,
                value=(first.classes or [None])[0],
                label="Show images of",
                interactive=True,
                elem_id="gallery_class",
                min_width=180,
            )
            back = gr.Button("Earlier images", size="sm", elem_id="gallery_back", min_width=120)
            on = gr.Button("More images", size="sm", elem_id="gallery_on", min_width=120)
        where = Alive(elem_id="gallery_where")
        tick = gr.CheckboxGroup(
            [],
            show_label=False,
            label="Images to forget",
            container=False,
            elem_id="gallery_tick",
            elem_classes=["tiles", "tiles-gallery"],
            interactive=True,
        )
        one = gr.Radio(
            [],
            show_label=False,
            label="One image",
            container=False,
            elem_id="gallery_one",
            elem_classes=["tiles", "tiles-gallery"],
            interactive=True,
            visible=False,
        )
    made["picked"], made["like"] = gr.State([]), gr.State(None)
    page = gr.State(0)
    return {
        "gallery": column,
        "of_class": of_class,
        "back": back,
        "on": on,
        "where": where,
        "tick": tick,
        "one": one,
        "page": page,
    }


def forget_widgets(made: Widgets, first: Facts) -> dict[str, gr.components.Component | gr.Column]:
    """What to forget: one column a kind, of which one is shown."""
    made["kind"] = gr.Radio(
        [(words, kind) for kind, words in KINDS.items() if kind != "written"],
        value="classes",
        show_label=False,
        container=False,
        label="What to forget",
        elem_id="kind",
        elem_classes="choice-pills",
        interactive=True,
    )
    more: dict[str, gr.components.Component | gr.Column] = {}
    with gr.Column() as more["on_classes"]:
        made["classes"] = gr.CheckboxGroup(
            first.classes,
            value=first.default_forget,
            show_label=False,
            label="Classes to forget",
            container=False,
            elem_id="classes",
            elem_classes=["tiles", "tiles-class", "role-forget"],
            interactive=True,
            visible=not first.many,
        )
        made["many"] = gr.Dropdown(
            first.classes if first.many else [],
            multiselect=True,
            label="Classes to forget",
            elem_id="many",
            interactive=True,
            visible=first.many,
        )
    with gr.Column(visible=False) as more["on_random"], gr.Row():
        made["share"] = gr.Slider(
            0.5,
            50,
            10,
            step=0.5,
            label="Share of the training images, in percent",
            elem_id="share",
            interactive=True,
            min_width=280,
        )
        made["draw"] = forms.Number(
            0,
            minimum=0,
            step=1,
            label="Draw",
            info="Another number draws other images.",
            elem_id="draw",
            interactive=True,
            min_width=160,
            scale=0,
        )
    more |= gallery(made, first)
    with gr.Column(visible=False) as more["on_like"]:
        made["like_count"] = gr.Slider(
            1,
            500,
            50,
            step=1,
            label="How many of the most alike images",
            info="The image itself is among them. Alike: nearest in what goes into the model's last layer.",
            elem_id="like_count",
            interactive=True,
        )
        more["alike"] = Alive(elem_id="alike")
    with gr.Column(visible=False) as more["on_list"]:
        more["file"] = gr.File(
            label="A text file of image ids, one a line",
            file_types=[".txt", ".csv"],
            elem_id="file",
            height=140,
            interactive=True,
        )
        made["listed"] = gr.State("")
        more["list_says"] = Alive(
            quiet("An id is the number of a training image, from 0. At most 2 MB."), elem_id="list_says"
        )
    with gr.Column(visible=False) as more["on_found"]:
        known = found_runs(first.id)
        made["found"] = gr.Dropdown(
            known,
            value=known[0][1] if known else None,
            label="Finished runs that found one",
            info=f"A run of {finders(first) or 'a method that looks for it'} finds the set that is hardest to forget.",
            elem_id="found",
            interactive=True,
        )
    with gr.Column(visible=False) as more["on_written"]:
        made["written"] = gr.Textbox(label="Targets, one a line", lines=3, elem_id="written", interactive=True)
    return more


def keep_widgets(made: Widgets, first: Facts) -> dict[str, gr.components.Component | gr.Column]:
    """What to keep: everything else, or a list."""
    more: dict[str, gr.components.Component | gr.Column] = {"near": Alive(elem_id="near")}
    made["keep_mode"] = gr.Radio(
        [("Everything else", "all"), ("Only some classes", "some")],
        value="all",
        show_label=False,
        container=False,
        label="What to keep",
        elem_id="keep_mode",
        elem_classes="choice-pills",
        interactive=True,
    )
    with gr.Column(visible=False) as more["on_keep"]:
        made["keep"] = gr.CheckboxGroup(
            first.classes,
            show_label=False,
            label="Classes to keep",
            container=False,
            elem_id="keep",
            elem_classes=["tiles", "tiles-class", "role-keep"],
            interactive=True,
            visible=not first.many,
        )
        made["keep_many"] = gr.Dropdown(
            first.classes if first.many else [],
            multiselect=True,
            label="Classes to keep",
            elem_id="keep_many",
            interactive=True,
            visible=first.many,
        )
    made["keep_extra"] = gr.State(())
    return more


def target_step(first: Facts) -> tuple[Widgets, dict[str, gr.components.Component | gr.Column]]:
    """Step 2."""
    made: Widgets = {}
    heading("What should it forget?", "Everything you do not choose is kept.")
    more = forget_widgets(made, first)
    heading("What should it keep?", "What is kept is practised while it forgets (the retain set).")
    more |= keep_widgets(made, first)
    return made, more


def method_choices(first: Facts) -> list[tuple[str, str]]:
    """One card a method: title, one plain sentence, what it needs, how close it is to its paper."""
    known = estimates(first.id)
    cards = []
    for entry in choosing.methods(first.family, first.default_method):
        needs = choosing.needs(first.id, entry.id, forms.defaults(entry.params), known)
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
    made: Widgets = {}
    more: dict[str, gr.components.Component | gr.Column] = {}
    heading(
        "How should it forget?",
        "The first one is recommended for this model. They differ in speed, and in what else gets hurt.",
    )
    made["method"] = gr.Radio(
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
    with gr.Accordion("Settings of the method", open=False, elem_id="settings"):
        for entry in catalog.load().methods:
            with gr.Column(visible=entry.id == first.default_method, elem_classes="lethe-form") as more[
                f"params.{entry.id}"
            ]:
                fields = forms.widgets(entry.params)
                made |= {f"{entry.id}.{name}": field for name, field in fields.items()}
                if not fields:
                    gr.HTML(quiet("This method has no settings."))
        more["problem"] = Alive(elem_id="problem")
    return made, more


def check_step() -> tuple[Widgets, dict[str, gr.components.Component | gr.Column]]:
    """Step 4."""
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


def visible_kind(kind: str) -> dict[str, bool]:
    """Which columns a kind shows."""
    names: Sequence[str] = ("on_classes", "on_random", "gallery", "on_like", "on_list", "on_found", "on_written")
    shown = {"images": ("gallery",), "like": ("gallery", "on_like")}.get(kind, (f"on_{kind}",))
    return {name: name in shown for name in names}
