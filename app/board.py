"""The board of a run: what the original, the unlearned and the retrained model make of the same watched items, under one slider.

It is made of the run's samples alone, so it is the same while the run works and after it, and the same for every family of models.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import gradio as gr
from markupsafe import Markup

from app import families, markup, run_results, theme
from app.figures.chats import marked
from app.figures.training import ROLES, Sample, class_name, drawing, step_name, sure
from app.figures.watching import is_chat, is_drawing
from app.target_choice import targets_in_words
from app.templating import render
from backends.api import stage_words
from backends.api.files import number
from backends.api.languages import tr
from backends.api.runs import RunFolder

Item = dict[str, Any]
DOSES: Final = (1.1, 1.2, 1.3, 1.4, 1.5)  # of the change, beyond the model that the job left
PICTURES: Final[dict[str, int]] = {"forget": 3, "neighbour": 2, "unrelated": 2}  # columns of a role
QUESTIONS: Final[dict[str, int]] = {"forget": 2, "neighbour": 1, "unrelated": 1}  # rows of a role
SCRIPT: Final = (theme.STATIC / "board.js").read_text("utf-8")


class Boards(gr.HTML):
    """One board or two; a position beyond the last step comes as `dose` with `run` and `dose`."""

    def __init__(self, value: str = "", **other: Any) -> None:
        super().__init__(
            value=value, html_template='<div class="lethe lethe-boards"></div>', js_on_load=SCRIPT, apply_default_css=False, **other
        )  # fmt: skip

    def get_block_name(self) -> str:
        return "html"


class Dosed(gr.HTML):
    """Hands what a model makes of the items at a dose to the board; it is not seen."""

    def __init__(self, **other: Any) -> None:
        js = "watch('value', () => document.dispatchEvent(new CustomEvent('lethe-dosed', {detail: props.value})));"
        super().__init__(value="", html_template="<span></span>", js_on_load=js, elem_classes="no-room", **other)

    def get_block_name(self) -> str:
        return "html"


@dataclass(frozen=True)
class Reference:
    """The row of the retrained reference: its items, none yet where it is still asked; `note`, why there is no such row."""

    items: Sequence[Item] | None = None
    note: str = ""


def shape(items: Sequence[Item]) -> str:
    """How the watched items are shown: "drawn", "said" or "seen"."""
    if any(map(is_drawing, items)):
        return "drawn"
    return "said" if any(map(is_chat, items)) else "seen"


def chosen(samples: Sequence[Sample]) -> list[Item]:
    """The items that the board shows, by role: of each as many as there is room for, first those that the original model has right."""
    first = samples[0].get("items", [])
    most = QUESTIONS if shape(first) == "said" else PICTURES
    selected = []
    for role in ROLES:
        mine = [item for item in first if item["role"] == role]
        right = sorted(mine, key=lambda item: not _is_right(item))
        seen = {item.get("label", item["id"]): item for item in reversed(right)}  # one of each class first
        ordered = [*reversed(seen.values()), *(item for item in right if item not in seen.values())]
        selected += sorted(ordered[: most[role]], key=mine.index)
    return selected


def _is_right(item: Item) -> bool:
    shares = item.get("probabilities")
    return not shares or shares[item["label"]] == max(shares)


def board(run: RunFolder, reference: Reference, *, words: str = "", key: str = "", doses: bool = False) -> Markup:
    """The board of a run as far as it has samples; empty without any.

    Args:
        run: the run.
        reference: the row of the retrained reference.
        words: above it, which of two runs it is.
        key: tells two of them in one address apart.
        doses: whether the slider goes on beyond the unlearned model.
    """
    samples = run.samples()
    if not samples or not samples[0].get("items"):
        return Markup()
    items, cell, after = chosen(samples), cell_of(run), tr(stage_words.of_run(run).after)
    steps = [
        {
            "name": _name(sample, at, len(samples), after if run.result is not None else ""),
            "cells": cells(sample.get("items", []), items, cell),
        }
        for at, sample in enumerate(samples)
    ]
    rows = [("before", theme.MODEL_WORDS["before"]), ("after", after)]
    retrained: dict[str, Markup] = {}
    if not reference.note:
        rows.append(("reference", tr("never saw {forget}", forget=targets_in_words(run.spec.forget, run.spec.family))))
        retrained = cells(reference.items or [], items, cell)
    heads = [(item["id"], item["role"], _caption(item, run), theme.ROLE_WORDS[item["role"]]) for item in items]
    beyond = list(DOSES) if doses else []
    return render(
        "board.board",
        kind=shape(items),
        words=words,
        key=key,
        data=json.dumps({"steps": steps, "doses": beyond, "run": run.id}),
        heads=heads,
        rows=rows,
        before=cells(samples[0]["items"], items, cell),
        after=cells(samples[-1].get("items", []), items, cell),
        retrained=retrained,
        last=len(steps) - 1,
        most=len(steps) - 1 + len(beyond),
        position=steps[-1]["name"],
        note=reference.note,
        help=_help(samples, families.view_of(run), doses),
    )


def _help(samples: Sequence[Sample], view: families.View, doses: bool) -> str:
    count = len(samples)
    more = tr(", then more of the same change") if doses else ""
    same = (
        tr("Same words and same seed in every row.")
        if shape(samples[0]["items"]) == "drawn" and view.watching is None
        else tr("The same {watched} everywhere.", watched=view.watched)
    )
    each = (
        tr(" The percentage is {measured_by}.", measured_by=view.measured_by)
        if view.measured_by and shape(samples[0]["items"]) == "said"
        else ""
    )
    return tr("Drag: {count} recorded steps{more}. {same}{each}", count=count, more=more, same=same, each=each)


def _name(sample: Sample, at: int, count: int, after: str) -> str:
    """A step in words; `after`: the last, where the run has ended."""
    if at == 0:
        return tr(theme.MODEL_WORDS["before"])
    return after if after and at == count - 1 else step_name(sample)


def _caption(item: Item, run: RunFolder) -> str:
    if is_drawing(item):
        return str(item["prompt"])
    return str(item["question"]) if is_chat(item) else class_name(run_results.class_names(run), item["label"])


def cells(now: Sequence[Item], items: Sequence[Item], cell: Callable[[Item], Markup]) -> dict[str, Markup]:
    """What stands in the place of each item that the board shows, by its id."""
    by_id = {item["id"]: item for item in now}
    return {item["id"]: cell(by_id[item["id"]]) for item in items if item["id"] in by_id}


def cell_of(run: RunFolder) -> Callable[[Item], Markup]:
    """How one item of a sample of this run is shown."""
    names = run_results.class_names(run)

    def cell(item: Item) -> Markup:
        share = sure(item)
        percent = theme.percent(round(100 * share)) if theme.measured(share) else ""
        if is_drawing(item):
            picture = (
                item["picture"] if str(item.get("picture", "")).startswith("data:image/") else drawing(run.path, item)
            )
            return render("board.drawn", picture, item["prompt"])
        if is_chat(item):
            text = marked(str(item["said"]), str(item["truth"]), str(item["question"]))
            return render("board.said", text, percent)
        shares = [number(p) for p in item["probabilities"]]
        best = class_name(names, max(range(len(shares)), key=lambda at: shares[at]))
        picture = markup.data_uri(run.path, f"samples/items/{item['id']}.png")
        return render(
            "board.recognised",
            picture,
            class_name(names, item["label"]),
            share,
            percent,
            best,
            best == class_name(names, item["label"]),
        )

    return cell


def dosed(run: RunFolder, dose: float, items: Sequence[Item]) -> str:
    """What the model at a dose makes of the board's items, as the JSON that the board takes."""
    samples = run.samples()
    shown = cells(items, chosen(samples), cell_of(run)) if samples and samples[0].get("items") else {}
    return json.dumps({"run": run.id, "alpha": dose, "cells": shown})
