"""Step 2 of the page Forget: what to forget, of which kind, and what to keep."""

from collections.abc import Sequence
from typing import Final

import gradio as gr

from app import choosing, forms
from app.alive import Alive
from app.choosing import Facts, Values
from app.selection import KINDS, joined, named
from backends.api import runs
from pages.studio._shared import heading, quiet

Widgets = dict[str, gr.components.Component]
Parts = dict[str, gr.components.Component | gr.Column]
DOMAINS: Final = {"object": "Objects", "style": "Styles"}


def found_runs(model: str) -> list[tuple[str, str]]:
    """Finished runs on this model that found a hardest set."""
    return [
        (f"{run.id} · {named(run.spec.forget)}", run.id)
        for run in runs.visible()
        if run.spec.model == model and run.state.status == "done" and (run.path / "found.json").is_file()
    ]


def finders(first: Facts) -> str:
    """The methods that find such a set, in words."""
    return joined([entry.title for entry in choosing.methods(first.family) if entry.finds])


def gallery(made: Widgets, first: Facts) -> Parts:
    """Training images by class, page by page; shared by "single images" and "images alike"."""
    with gr.Column(visible=False) as column:
        with gr.Row(elem_classes="lethe-tools"):
            of_class = gr.Dropdown(
                first.classes,
                value=first.classes[0] if first.classes else None,
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


def forget_widgets(made: Widgets, first: Facts) -> Parts:
    """What to forget: one column a kind, of which one is shown."""
    made["kind"] = gr.Radio(
        kinds(first),
        value="concepts" if first.draws else "classes",
        visible=not first.draws,
        show_label=False,
        container=False,
        label="What to forget",
        elem_id="kind",
        elem_classes="choice-pills",
        interactive=True,
    )
    more: Parts = {}
    with gr.Column(visible=not first.draws) as more["on_classes"]:
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
    return more | concept_widgets(made, first)


def tiles(made: Widgets, first: Facts, role: str, chosen: Values) -> Parts:
    """One tile for each object and each style, with drawings of it; what the model has none of is hidden.

    Args:
        made: takes the widgets: objects and styles, or keep_objects and keep_styles.
        first: the model.
        role: "forget" or "keep".
        chosen: what is ticked, by name of the widget.
    """
    columns: Parts = {}
    for domain, label in DOMAINS.items():
        names, name = first.domains.get(domain, []), f"{'keep_' if role == 'keep' else ''}{domain}s"
        with gr.Column(visible=bool(names), elem_classes="lethe-tiled") as columns[f"{name}_column"]:
            gr.HTML(f'<h3 class="lethe lethe-tiles-head">{label}</h3>')
            made[name] = gr.CheckboxGroup(
                names,
                value=chosen.get(name, []),
                show_label=False,
                label=f"{label} to {role}",
                container=False,
                elem_id=name,
                elem_classes=["tiles", "tiles-drawn", f"tiles-{domain}", f"role-{role}"],
                interactive=True,
            )
    return columns


def concept_widgets(made: Widgets, first: Facts) -> Parts:
    """What a text-to-image model is to forget: tiles of what it learned, and words for everything else."""
    more: Parts = {}
    chosen = choosing.at_defaults(first) if first.draws else {}
    with gr.Column(visible=first.draws) as more["on_concepts"]:
        more |= tiles(made, first, "forget", chosen)
        with gr.Row():
            made["phrases"] = gr.Textbox(
                chosen.get("phrases", ""),
                label=written_label(first),
                info=written_info(first),
                lines=2,
                max_lines=6,
                elem_id="phrases",
                interactive=True,
                min_width=300,
            )
            made["anchor"] = gr.Dropdown(
                choosing.anchors(first, chosen),
                value="",
                label="Drawn instead (anchor)",
                info="What the chosen tiles turn into. Methods without a stand-in leave it aside.",
                elem_id="anchor",
                interactive=True,
                visible=not first.free,
                min_width=280,
            )
        more["exact"] = Alive(elem_id="exact", apply_default_css=False)
    return more


def kinds(known: Facts, also: str = "") -> list[tuple[str, str]]:
    """What can be chosen to forget; several at once (`also`) only where an address says so."""
    fit = (
        ["concepts"] if known.draws else [kind for kind in KINDS if kind not in ("written", "concepts") or kind == also]
    )
    return [(KINDS[kind], kind) for kind in fit]


def written_info(known: Facts) -> str:
    """How to write it, with words that fit the model."""
    forms = (
        "a grumpy cat · a wolf -> a dog" if known.free else "cat · twemoji style · cat in twemoji style · cat -> dog"
    )
    return f"{forms}, where the arrow says what is drawn instead. With commas between, or one a line."


def written_label(known: Facts) -> str:
    """What the field for words is called."""
    return "What it should forget, in words" if known.free else "Or write it"


def keep_widgets(made: Widgets, first: Facts) -> Parts:
    """What to keep: everything else, or a list."""
    more: Parts = {"near": Alive(elem_id="near")}
    made["keep_mode"] = gr.Radio(
        keep_modes(first),
        value="all",
        visible=not first.free,
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
            visible=not first.many and not first.draws,
        )
        made["keep_many"] = gr.Dropdown(
            first.classes if first.many else [],
            multiselect=True,
            label="Classes to keep",
            elem_id="keep_many",
            interactive=True,
            visible=first.many,
        )
        more |= tiles(made, first, "keep", {})
    made["keep_phrases"] = gr.Textbox(
        label="What it should keep, in words",
        info="With commas between, or one a line. Left empty, everyday things are kept, such as a dog, a tree or a house.",
        lines=2,
        max_lines=6,
        elem_id="keep_phrases",
        interactive=True,
        visible=first.free,
    )
    made["keep_extra"] = gr.State(())
    return more


def keep_modes(known: Facts) -> list[tuple[str, str]]:
    """Everything else, or a list."""
    return [("Everything else", "all"), (f"Only some {'objects and styles' if known.draws else 'classes'}", "some")]


def target_step(first: Facts) -> tuple[Widgets, Parts]:
    """Step 2."""
    made: Widgets = {}
    heading("What should it forget?", "Everything you do not choose is kept.")
    more = forget_widgets(made, first)
    heading("What should it keep?", "What is kept is practised while it forgets (the retain set).")
    more |= keep_widgets(made, first)
    return made, more


def visible_kind(kind: str) -> dict[str, bool]:
    """Which columns a kind shows."""
    names: Sequence[str] = (
        "on_classes", "on_random", "gallery", "on_like", "on_list", "on_found", "on_written", "on_concepts",
    )  # fmt: skip
    shown = {"images": ("gallery",), "like": ("gallery", "on_like")}.get(kind, (f"on_{kind}",))
    return {name: name in shown for name in names}
