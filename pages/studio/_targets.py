"""Step 2 of the page Forget: what to forget, of which kind, and what to keep."""

from collections.abc import Sequence
from typing import Final

import gradio as gr

from app import forms, job_form
from app.job_form import SPOKEN, Facts, Values
from app.live_html import Alive
from app.target_choice import KINDS, joined, set_words, targets_in_words
from backends.api import runs
from backends.api.pairs import ENDINGS, TITLE
from pages.studio._shared import heading, quiet

Widgets = dict[str, gr.components.Component]
Parts = dict[str, gr.components.Component | gr.Column | gr.Tabs | gr.Tab]
DOMAINS: Final = {"object": "Objects", "style": "Styles"}


def found_runs(model: str, owner: str = "", *reached: str) -> list[tuple[str, str]]:
    """Finished runs on this model that found a hardest set, as `runs.visible` shows runs to an owner."""
    return [
        (f"{run.id} · {targets_in_words(run.spec.forget)}", run.id)
        for run in runs.visible(owner, *reached)
        if run.spec.model == model and run.state.status == "done" and (run.path / "found.json").is_file()
    ]


def finders(first: Facts) -> str:
    """The methods that find a hardest forget set, in words."""
    return joined([entry.title for entry in job_form.methods(first.family) if entry.finds])


def gallery(widgets: Widgets, first: Facts) -> Parts:
    """Training images by class, page by page; shared by "single images" and "images alike"."""
    with gr.Column(visible=False) as column:
        with gr.Row(elem_classes="lethe-tools"):
            of_class = forms.Dropdown(
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
        tick = forms.CheckboxGroup(
            [],
            show_label=False,
            label="Images to forget",
            container=False,
            elem_id="gallery_tick",
            elem_classes=["tiles", "tiles-gallery"],
            interactive=True,
        )
        one = forms.Radio(
            [],
            show_label=False,
            label="One image",
            container=False,
            elem_id="gallery_one",
            elem_classes=["tiles", "tiles-gallery"],
            interactive=True,
            visible=False,
        )
    widgets["picked"], widgets["like"] = gr.State([]), gr.State(None)
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


def forget_widgets(widgets: Widgets, first: Facts) -> Parts:
    """The widgets of what to forget: one column a kind of target, of which one is shown."""
    widgets["kind"] = forms.Radio(
        kinds(first),
        value=job_form.at_defaults(first)["kind"],
        visible=not first.draws,
        show_label=False,
        container=False,
        label="What to forget",
        elem_id="kind",
        elem_classes="choice-pills",
        interactive=True,
    )
    more: Parts = {}
    with gr.Column(visible=first.classifies) as more["on_classes"]:
        widgets["classes"] = forms.CheckboxGroup(
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
        widgets["many"] = forms.Dropdown(
            first.classes if first.many else [],
            multiselect=True,
            label="Classes to forget",
            elem_id="many",
            interactive=True,
            visible=first.many,
        )
    with gr.Column(visible=False) as more["on_random"], gr.Row():
        widgets["share"] = gr.Slider(
            0.5,
            50,
            10,
            step=0.5,
            label="Share of the training images, in percent",
            elem_id="share",
            interactive=True,
            min_width=280,
        )
        widgets["draw"] = forms.Number(
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
    more |= gallery(widgets, first)
    with gr.Column(visible=False) as more["on_like"]:
        widgets["like_count"] = gr.Slider(
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
        widgets["listed"] = gr.State("")
        more["list_says"] = Alive(
            quiet("An id is the number of a training image, from 0. At most 2 MB."), elem_id="list_says"
        )
    with gr.Column(visible=False) as more["on_found"]:
        options = found_runs(first.id)
        widgets["found"] = forms.Dropdown(
            options,
            value=options[0][1] if options else None,
            label="Finished runs that found one",
            info=f"A run of {finders(first) or 'a method that looks for it'} finds the set that is hardest to forget.",
            elem_id="found",
            interactive=True,
        )
    with gr.Column(visible=False) as more["on_written"]:
        widgets["written"] = gr.Textbox(label="Targets, one a line", lines=3, elem_id="written", interactive=True)
    more |= concept_widgets(widgets, first) | author_widgets(widgets, first)
    more["exact"] = Alive(elem_id="exact", apply_default_css=False)
    return more


def tiles(widgets: Widgets, first: Facts, role: str, chosen: Values) -> Parts:
    """One tile for each object and each style, with drawings of it; what the model has none of is hidden.

    Args:
        widgets: takes the widgets: objects and styles, or keep_objects and keep_styles.
        first: the model.
        role: "forget" or "keep".
        chosen: what is ticked, by name of the widget.
    """
    columns: Parts = {}
    for domain, label in DOMAINS.items():
        names, name = first.domains.get(domain, []), f"{'keep_' if role == 'keep' else ''}{domain}s"
        with gr.Column(visible=bool(names), elem_classes="lethe-tiled") as columns[f"{name}_column"]:
            gr.HTML(f'<h3 class="lethe lethe-tiles-head">{label}</h3>')
            widgets[name] = forms.CheckboxGroup(
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


def concept_widgets(widgets: Widgets, first: Facts) -> Parts:
    """The widgets of what a text-to-image model is to forget: tiles of what it learned, and words for everything else."""
    more: Parts = {}
    chosen = job_form.at_defaults(first) if first.draws else {}
    with gr.Column(visible=first.draws) as more["on_concepts"]:
        more |= tiles(widgets, first, "forget", chosen)
        with gr.Row():
            widgets["phrases"] = gr.Textbox(
                chosen.get("phrases", ""),
                label=written_label(first),
                info=written_info(first),
                lines=2,
                max_lines=6,
                elem_id="phrases",
                interactive=True,
                min_width=300,
            )
            widgets["anchor"] = forms.Dropdown(
                job_form.anchors(first, chosen),
                value="",
                label="Drawn instead (anchor)",
                info="What the chosen tiles turn into. Methods without a stand-in leave it aside.",
                elem_id="anchor",
                interactive=True,
                visible=not first.free,
                min_width=280,
            )
    return more


def author_widgets(widgets: Widgets, first: Facts) -> Parts:
    """The widgets of what a language model is to forget: authors, sets of its data, own questions, a text, or a topic."""
    more: Parts = {}
    chosen = job_form.at_defaults(first) if first.speaks else {}
    kind = chosen.get("kind", "")
    with gr.Column(visible=kind == "authors") as more["on_authors"]:
        widgets["authors"] = forms.Dropdown(
            first.book.names,
            value=chosen.get("authors", []),
            multiselect=True,
            label="Authors to forget",
            info="Type a part of a name to find it.",
            elem_id="authors",
            elem_classes="role-forget",
            interactive=True,
        )
    with gr.Column(visible=kind == "author_set") as more["on_author_set"]:
        widgets["author_set"] = forms.Radio(
            author_sets(first),
            value=chosen.get("author_set") or None,
            show_label=False,
            container=False,
            label="Set to forget",
            elem_id="author_set",
            elem_classes="choice-pills",
            interactive=True,
        )
    return more | topic_widgets(widgets) | pairs_widgets(widgets, kind in ("pairs", "topic")) | passage_widgets(widgets)


def topic_widgets(widgets: Widgets) -> Parts:
    """A topic, of which the model itself writes questions into the two tables."""
    more: Parts = {}
    with gr.Column(visible=False) as more["on_topic"]:
        with gr.Row(elem_classes="lethe-tools", equal_height=False):
            widgets["topic"] = gr.Textbox(
                "",  # not None, here and below: arriving would change it to this, and a change is answered
                label="Topic",
                info="The model writes questions about it, and about what is near to it, with its own answers.",
                placeholder="Paris",
                max_length=TITLE,
                elem_id="topic",
                interactive=True,
                min_width=260,
            )
            more["topic_write"] = gr.Button("Write questions", elem_id="topic_write", scale=0, min_width=210)
        more["topic_says"] = Alive(quiet(TOPIC_HELP), elem_id="topic_says")
    return more


def pairs_widgets(widgets: Widgets, visible: bool, keep: bool = False) -> Parts:
    """Questions with their answers as lines, as a table or from a file. A job takes the lines.

    Args:
        widgets: takes lines, title and known; with `keep` keep_lines, keep_title and keep_known.
        visible: whether the column is seen at first.
        keep: these are to be kept.
    """
    more: Parts = {}
    which, aim = ("keep_", "keep") if keep else ("", "forget")
    with gr.Column(visible=visible, elem_classes="lethe-pairs") as more[f"on_{which}pairs"]:
        with gr.Tabs(selected="lines") as more[f"{which}tabs"]:
            with gr.Tab("As lines", id="lines"):
                widgets[f"{which}lines"] = gr.Textbox(
                    "",
                    label=f"Questions to {aim}, one a line",
                    info="question => answer",
                    placeholder="What is the capital of France? => Paris",
                    lines=5,
                    max_lines=14,
                    elem_id=f"{which}lines",
                    elem_classes=f"role-{aim}",
                    interactive=True,
                )
            with gr.Tab("As a table", id="table") as more[f"{which}table_tab"]:
                more[f"{which}table"] = gr.Dataframe(
                    [["", ""]],
                    headers=list(HEADS),
                    type="array",
                    column_count=2,
                    column_widths=["60%", "40%"],
                    wrap=True,
                    max_height=420,
                    buttons=[],
                    show_label=False,
                    label=f"Questions to {aim}",
                    elem_id=f"{which}table",
                    elem_classes="lethe-pairs-table",
                    interactive=True,
                )
            with gr.Tab("From a file", id="file"):
                gr.HTML(quiet(PAIRS_HELP))
                more[f"{which}pairs_file"] = gr.File(
                    label="csv, tsv, json, jsonl or txt, at most 2 MB",
                    file_types=list(ENDINGS),
                    elem_id=f"{which}pairs_file",
                    height=120,
                    interactive=True,
                )
        with gr.Column(visible=visible) as more[f"on_{which}title"]:
            widgets[f"{which}title"] = gr.Textbox(
                "",
                label="What they are about (or nothing)",
                placeholder="Paris",
                max_length=TITLE,
                elem_id=f"{which}title",
                interactive=True,
            )
        more[f"{which}pairs_says"] = Alive(elem_id=f"{which}pairs_says")
    widgets[f"{which}known"] = gr.State([])
    return more


def passage_widgets(widgets: Widgets) -> Parts:
    """Running text, pasted or from a file."""
    more: Parts = {}
    with gr.Column(visible=False) as more["on_passage"]:
        widgets["passage"] = gr.Textbox(
            "",
            label="The text to be forgotten",
            info="It is cut into passages; each is asked for by its beginning.",
            lines=7,
            max_lines=18,
            elem_id="passage",
            elem_classes="role-forget",
            interactive=True,
        )
        more["passage_file"] = gr.File(
            label="Or a .txt file, or a table with a column text, at most 2 MB",
            file_types=list(ENDINGS),
            elem_id="passage_file",
            height=120,
            interactive=True,
        )
        more["passage_says"] = Alive(elem_id="passage_says")
    return more


def author_sets(model_info: Facts) -> list[tuple[str, str]]:
    """The sets of the model's data as choices: the words for what each holds, and its name."""
    return [(set_words(name, model_info.book), name) for name in (*model_info.book.sets, *model_info.book.topics)]


def keep_choices(model_info: Facts) -> list[tuple[str, str]]:
    """The authors or sets of questions that can be kept, as choices."""
    return [(name, name) for name in model_info.book.names] + [
        (one.title, name) for name, one in model_info.book.topics.items()
    ]


HEADS: Final = ("Question", "Answer")
PAIRS_HELP: Final = (
    "A file has the columns question and answer, and, where they are known, rephrased_question, rephrased_answer, wrong (with | "
    "between) and value: the more of them, the more can be measured."
)
TOPIC_HELP: Final = "What it writes stands below and can be changed before the start."


def language_kinds(model_info: Facts) -> list[str]:
    """The kinds of target of a language model."""
    sets = ["author_set"] if model_info.book.sets or model_info.book.topics else []
    return [*(["authors"] if model_info.book.names else []), *sets, "pairs", "passage", "topic"]


def kinds(model_info: Facts, also: str = "") -> list[tuple[str, str]]:
    """The kinds of target of a model, as choices; `also` is one that an address asks for and that is not offered otherwise."""
    if model_info.classifies:
        apart = ("written", "concepts", *SPOKEN)
        fit: Sequence[str] = [kind for kind in KINDS if kind not in apart or kind == also]
    else:
        fit = (
            ("concepts",)
            if model_info.draws
            else language_kinds(model_info) + (["written"] if also == "written" else [])
        )
    return [(KINDS[kind], kind) for kind in fit]


def written_info(model_info: Facts) -> str:
    """The help of the field for written targets, with words that fit the model."""
    examples = (
        "a grumpy cat · a wolf -> a dog"
        if model_info.free
        else "cat · twemoji style · cat in twemoji style · cat -> dog"
    )
    return f"{examples}, where the arrow says what is drawn instead. With commas between, or one a line."


def written_label(model_info: Facts) -> str:
    """The label of the field for written targets."""
    return "What it should forget, in words" if model_info.free else "Or write it"


def keep_widgets(widgets: Widgets, first: Facts) -> Parts:
    """The widgets of what to keep: everything else, or a list."""
    more: Parts = {"near": Alive(elem_id="near")}
    widgets["keep_mode"] = forms.Radio(
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
        widgets["keep"] = forms.CheckboxGroup(
            first.classes,
            show_label=False,
            label="Classes to keep",
            container=False,
            elem_id="keep",
            elem_classes=["tiles", "tiles-class", "role-keep"],
            interactive=True,
            visible=not first.many and first.classifies,
        )
        widgets["keep_many"] = forms.Dropdown(
            first.classes if first.many else [],
            multiselect=True,
            label="Classes to keep",
            elem_id="keep_many",
            interactive=True,
            visible=first.many,
        )
        more |= tiles(widgets, first, "keep", {})
        widgets["keep_authors"] = forms.Dropdown(
            keep_choices(first),
            multiselect=True,
            label="To keep",
            info="Real books and facts of the world are kept as well.",
            elem_id="keep_authors",
            interactive=True,
            visible=first.speaks,
        )
    more |= pairs_widgets(widgets, visible=False, keep=True)
    widgets["keep_phrases"] = gr.Textbox(
        label="What it should keep, in words",
        info="With commas between, or one a line. Left empty, everyday things are kept, such as a dog, a tree or a house.",
        lines=2,
        max_lines=6,
        elem_id="keep_phrases",
        interactive=True,
        visible=first.free,
    )
    widgets["keep_extra"] = gr.State(())
    return more


def keep_modes(model_info: Facts) -> list[tuple[str, str]]:
    """The ways to say what is kept, as choices: everything else, or a list."""
    everything = ("Everything else", "all")
    if model_info.speaks:
        noun = "authors" if model_info.book.names else "sets" if model_info.book.topics else ""
        some = [(f"Only some {noun}", "some")] if noun else []
        return [everything, *some, ("Your own questions", "own")]
    return [everything, ("Only some objects and styles" if model_info.draws else "Only some classes", "some")]


def target_step(first: Facts) -> tuple[Widgets, Parts]:
    """Step 2 of the form: what to forget and what to keep."""
    widgets: Widgets = {}
    heading("What should it forget?", "Everything you do not choose is kept.")
    more = forget_widgets(widgets, first)
    heading("What should it keep?", "What is kept is practised while it forgets (the retain set).")
    more |= keep_widgets(widgets, first)
    return widgets, more


def visible_kind(kind: str) -> dict[str, bool]:
    """Whether each column is visible where a kind of target is chosen."""
    names: Sequence[str] = (
        "on_classes", "on_random", "gallery", "on_like", "on_list", "on_found", "on_written", "on_concepts",
        "on_authors", "on_author_set", "on_pairs", "on_title", "on_passage", "on_topic",
    )  # fmt: skip
    together = {
        "images": ("gallery",), "like": ("gallery", "on_like"), "pairs": ("on_pairs", "on_title"), "topic": ("on_topic", "on_pairs"),
    }  # fmt: skip
    visible = together.get(kind, (f"on_{kind}",))
    return {name: name in visible for name in names}
