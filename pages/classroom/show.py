"""Pieces of lessons: a finished run's images as they fade, its panels as charts, a question with its answer."""

from collections.abc import Sequence
from typing import Any, NoReturn

import plotly.graph_objects as go
import plotly.io
import streamlit as st

from app import families, figures, markup, theme
from app.figures.training import ROLES, class_name, drawing, sure
from backends.api import catalog, runs
from backends.api import findings as found
from backends.api.panels import AnyPanel, Found, Heatmap
from backends.api.runs import RunFolder

plotly.io.templates.default = "plotly_white"  # Streamlit sets its own for the whole process, the studio included


def example(needs: str = "classes") -> RunFolder | None:
    """A finished run to talk about: one that came with Lethe, else the newest of this home that forgot something named.

    Args:
        needs: the capability that the family of its model must have, one of `families.capabilities`.
    """
    finished = [
        run
        for run in runs.visible()
        if run.state.status == "done" and run.result and families.has(families.of_run(run), needs)
    ]
    plain = [run for run in finished if all(":" not in target for target in run.spec.forget)]
    return next((run for run in plain if run.shipped), plain[0] if plain else None)


def shipped(ways: dict[str, str], needs: str) -> dict[str, RunFolder]:
    """Runs that came with Lethe, by what a lesson calls them; where this copy has none, an own run, if there is one.

    Args:
        ways: the ids of the runs, by what a lesson calls them.
        needs: the capability that the family of an own run's model must have.
    """
    shipped_runs = {run.id: run for run in runs.visible() if run.shipped}
    run_by_way = {way: shipped_runs[run_id] for way, run_id in ways.items() if run_id in shipped_runs}
    own = None if run_by_way else example(needs)
    return run_by_way if own is None else {"Your run": own}


def no_run(of: str = "") -> NoReturn:
    """Say that there is nothing to show yet, and end the lesson. `of`: the kind of run that is missing, as "of a language model"."""
    kind = f" {of}" if of else ""
    st.info(f"There is no finished run{kind} on this computer yet. Make one in the studio; then this lesson shows it.")
    st.link_button("Open the studio", "/", type="primary")
    st.stop()


def images_html(run: RunFolder, sample: dict[str, Any], names: Sequence[str]) -> str:
    """The watched images at one step, as HTML; the less sure the model is of the right answer, the fainter."""
    groups = []
    for role in ROLES:
        items = [item for item in sample["items"] if item["role"] == role]
        if items:
            words = theme.ROLE_WORDS[role]
            pictures = "".join(_picture(run, item, role, names) for item in items)
            groups.append(
                f'<p style="margin:14px 0 6px;font-weight:600"><span style="{_mark(role)}"></span>{words[:1].upper()}{words[1:]}</p>'
                f'<div style="display:grid;grid-template-columns:repeat(auto-fill,minmax(76px,1fr));gap:10px">{pictures}</div>'
            )
    return "".join(groups)


def _mark(role: str) -> str:
    base = "display:inline-block;width:14px;height:14px;border-radius:50%;margin-right:8px;box-sizing:border-box;vertical-align:-1px;"
    if role == "neighbour":
        return base + f"border:3px solid {theme.ROLE[role]}"
    if role == "unrelated":
        return base + f"width:8px;height:8px;margin:0 11px 0 3px;vertical-align:2px;background:{theme.ROLE[role]}"
    return base + f"background:{theme.ROLE[role]}"


def _picture(run: RunFolder, item: dict[str, Any], role: str, names: Sequence[str]) -> str:
    probabilities = item["probabilities"]
    confidence, predicted = (
        float(probabilities[item["label"]]),
        max(range(len(probabilities)), key=lambda at: probabilities[at]),
    )
    predicted_class = class_name(names, predicted)
    uri = markup.data_uri(run.path, f"samples/items/{item['id']}.png")
    return (
        '<figure style="margin:0;min-width:0"><div style="background:rgba(128,128,128,.16);border-radius:8px;overflow:hidden">'
        f'<img src="{uri}" alt="{markup.esc(class_name(names, item["label"]))}" style="display:block;width:100%;image-rendering:pixelated;'
        f'transition:opacity .4s;opacity:{0.06 + 0.94 * confidence:.2f}"></div>'
        f'<div style="height:6px;border-radius:3px;margin-top:5px;background:rgba(128,128,128,.25)"><div style="height:6px;border-radius:3px;'
        f'width:{100 * confidence:.0f}%;background:{theme.ROLE[role]}"></div></div>'
        f'<figcaption style="font-size:15px;line-height:1.3;margin-top:3px">{100 * confidence:.0f} %<br>says {markup.esc(predicted_class)}</figcaption></figure>'
    )


def drawings_html(run: RunFolder, sample: dict[str, Any]) -> str:
    """The drawings of the watched prompts at one step, as HTML."""
    groups = []
    for role in ROLES:
        items = [item for item in sample["items"] if item["role"] == role]
        if items:
            words = theme.ROLE_WORDS[role]
            drawings = "".join(_drawing(run, item, role) for item in items)
            groups.append(
                f'<p style="margin:14px 0 6px;font-weight:600"><span style="{_mark(role)}"></span>{words[:1].upper()}{words[1:]}</p>'
                f'<div style="display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:14px">{drawings}</div>'
            )
    return "".join(groups)


def _drawing(run: RunFolder, item: dict[str, Any], role: str) -> str:
    confidence = sure(item)
    is_measured = theme.measured(confidence)
    bar = f'<div style="height:6px;border-radius:3px;width:{100 * confidence if is_measured else 0:.0f}%;background:{theme.ROLE[role]}"></div>'
    confidence_text = f"{100 * confidence:.0f} % sure" if is_measured else theme.NOT_MEASURED
    return (
        f'<figure style="margin:0;min-width:0"><img src="{drawing(run.path, item)}" alt="{markup.esc(item["prompt"])}" '
        'style="display:block;width:100%;border-radius:8px;image-rendering:auto">'
        f'<div style="height:6px;border-radius:3px;margin-top:6px;background:rgba(128,128,128,.25)">{bar}</div>'
        f'<figcaption style="font-size:15px;line-height:1.3;margin-top:3px">{markup.esc(item["prompt"])}<br>{confidence_text}</figcaption></figure>'
    )


def answers_html(sample: dict[str, Any]) -> str:
    """The answers to the watched questions at one step, as HTML."""
    groups = []
    for role in ROLES:
        items = [item for item in sample["items"] if item["role"] == role]
        if items:
            words = theme.ROLE_WORDS[role]
            answers = "".join(_answer(item, role) for item in items)
            groups.append(
                f'<p style="margin:14px 0 6px;font-weight:600"><span style="{_mark(role)}"></span>{words[:1].upper()}{words[1:]}</p>{answers}'
            )
    return "".join(groups)


def _answer(item: dict[str, Any], role: str) -> str:
    confidence = sure(item)
    is_measured = theme.measured(confidence)
    bar = f'<div style="height:6px;border-radius:3px;width:{100 * confidence if is_measured else 0:.0f}%;background:{theme.ROLE[role]}"></div>'
    confidence_text = f"{100 * confidence:.0f} % a word" if is_measured else theme.NOT_MEASURED
    right = item["said"] == item["truth"]
    truth = "" if right else f"<br>It was: {markup.esc(item['truth'])}"
    return (
        '<div style="margin:0 0 14px;padding:10px 14px;border-radius:8px;background:rgba(128,128,128,.12);font-size:16px;line-height:1.45;'
        f'overflow-wrap:anywhere"><div style="opacity:.8">{markup.esc(item["question"])}</div>'
        f'<div style="font-weight:600">{markup.esc(item["said"]) or "(nothing)"}</div>'
        f'<div style="height:6px;border-radius:3px;margin-top:8px;background:rgba(128,128,128,.25)">{bar}</div>'
        f'<div style="font-size:15px;opacity:.8">the true answer: {confidence_text}{truth}</div></div>'
    )


def table(heads: Sequence[str], rows: dict[str, list[str]]) -> str:
    """A small table as HTML, that fits a telephone: a name and numbers in each row."""
    cell = 'style="padding:7px 3px;font-weight:500;text-align:right;border-bottom:1px solid rgba(128,128,128,.3)"'
    names = "".join(f"<th {cell}>{markup.esc(head)}</th>" for head in heads)
    body = "".join(
        f'<tr><th {cell.replace("right", "left")} scope="row">{markup.esc(name)}</th>'
        + "".join(f"<td {cell}>{markup.esc(value)}</td>" for value in values)
        + "</tr>"
        for name, values in rows.items()
    )
    return f'<table style="width:100%;border-collapse:collapse;font-size:16px"><tr><td {cell}></td>{names}</tr>{body}</table>'


def role_scores(run: RunFolder, role: str) -> dict[str, float]:
    """A run's first metric in percent on the questions of one role: before, after and retrained, where measured."""
    for entry in catalog.load().metrics:
        values_by_moment = run.metrics.get(entry.id, {}).get("parts", {})
        if entry.unit == "%" and role in values_by_moment.get("after", {}):
            return {when: values[role] for when, values in values_by_moment.items() if role in values}
    return {}


def score_text(values: dict[str, float], when: str) -> str:
    """A number of `role_scores` as a table has it, or the words for one that was not measured."""
    return theme.percent(values[when]) if theme.measured(values.get(when)) else theme.NOT_MEASURED


def accuracy_grid(run: RunFolder) -> Heatmap | None:
    """The share of right drawings of each object in each style after a run, if an inspector measured it."""
    card = next((entry.card for entry in catalog.load().models if entry.id == run.spec.model), {})
    objects = card.get("domains", {}).get("object")
    for entry in catalog.load().inspectors:
        findings = found.read(run, entry.id)
        for candidate in Found.model_validate(findings).panels if findings else []:
            if isinstance(candidate, Heatmap) and candidate.rows == objects and candidate.scale == "amount":
                return candidate
    return None


def forget_predictions(sample: dict[str, Any], names: Sequence[str]) -> dict[str, int]:
    """How often each class is predicted for the images to be forgotten, most often first."""
    counts: dict[str, int] = {}
    for item in sample["items"]:
        if item["role"] == "forget":
            probabilities = item["probabilities"]
            predicted_class = class_name(names, max(range(len(probabilities)), key=lambda at: probabilities[at]))
            counts[predicted_class] = counts.get(predicted_class, 0) + 1
    return dict(sorted(counts.items(), key=lambda pair: -pair[1]))


def panel(run: RunFolder, content: AnyPanel, key: str) -> None:
    """A panel: its title, what it says, its chart, how to read it."""
    st.markdown(f"**{content.title}**")
    if content.says:
        st.markdown(content.says)
    figure = figures.figure(content, run.path)
    if isinstance(figure, str):
        st.html(figure)
    else:
        st.plotly_chart(
            _in_colours(figure), key=key, theme=None, config={"displaylogo": False, "displayModeBar": False}
        )
    st.caption(f"**How to read it.** {content.how}")


def _in_colours(figure: go.Figure) -> go.Figure:
    """The figure on the page's background, light or dark."""
    dark = st.context.theme.type == "dark"
    ink, grid = ("#f1f2f4", "#23272f") if dark else ("#15171c", "#e8eaef")
    figure.update_layout(paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", font_color=ink)
    figure.update_xaxes(gridcolor=grid, zerolinecolor=grid)
    figure.update_yaxes(gridcolor=grid, zerolinecolor=grid)
    return figure


def question(text: str, choices: Sequence[str], right: int, because: str, key: str) -> None:
    """A question with an answer check: kind when wrong, and always with the reason."""
    chosen = st.radio(text, choices, index=None, key=key)
    if chosen is None:
        return
    if chosen == choices[right]:
        st.success(f"Yes. {because[:1].upper()}{because[1:]}", icon="✅")
    else:
        st.info(f"Not quite; think again, or read on. A hint: {because}", icon="💡")
