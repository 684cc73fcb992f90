"""What lessons show: a finished run's images fading, its panels as charts, a question with an answer."""

from collections.abc import Sequence
from typing import Any, NoReturn

import plotly.graph_objects as go
import plotly.io
import streamlit as st

from app import families, figures, parts, theme
from app.figures.training import ROLES, class_name, drawing, sure
from backends.api import catalog, found, runs
from backends.api.panels import AnyPanel, Found, Heatmap
from backends.api.runs import RunFolder

plotly.io.templates.default = "plotly_white"  # Streamlit sets its own for the whole process, the studio included


def example(family: str = "classifier") -> RunFolder | None:
    """A finished run to talk about: one that came with Lethe, else the newest of this home that forgot something named."""
    finished = [
        run for run in runs.visible() if run.state.status == "done" and run.result and families.of_run(run) == family
    ]
    plain = [run for run in finished if all(":" not in target for target in run.spec.forget)]
    return next((run for run in plain if run.shipped), plain[0] if plain else None)


def shipped(names: dict[str, str], family: str) -> dict[str, RunFolder]:
    """Runs that came with Lethe, by what a lesson calls them; where this copy has none, an own run of the family, if any."""
    there = {run.id: run for run in runs.visible() if run.shipped}
    found = {called: there[name] for called, name in names.items() if name in there}
    own = None if found else example(family)
    return found if own is None else {"Your run": own}


def no_run(of: str = "") -> NoReturn:
    """Say that there is nothing to show yet, and end the lesson. `of`: what a run would have to be of, as "of a language model"."""
    kind = f" {of}" if of else ""
    st.info(f"There is no finished run{kind} on this computer yet. Make one in the studio; then this lesson shows it.")
    st.link_button("Open the studio", "/", type="primary")
    st.stop()


def fading(run: RunFolder, sample: dict[str, Any], names: Sequence[str]) -> str:
    """The watched images at one step as HTML; the less sure the model is of the right answer, the fainter."""
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
    shares = item["probabilities"]
    sure, best = float(shares[item["label"]]), max(range(len(shares)), key=lambda at: shares[at])
    said = class_name(names, best)
    uri = parts.data_uri(run.path, f"samples/items/{item['id']}.png")
    return (
        '<figure style="margin:0;min-width:0"><div style="background:rgba(128,128,128,.16);border-radius:8px;overflow:hidden">'
        f'<img src="{uri}" alt="{parts.esc(class_name(names, item["label"]))}" style="display:block;width:100%;image-rendering:pixelated;'
        f'transition:opacity .4s;opacity:{0.06 + 0.94 * sure:.2f}"></div>'
        f'<div style="height:6px;border-radius:3px;margin-top:5px;background:rgba(128,128,128,.25)"><div style="height:6px;border-radius:3px;'
        f'width:{100 * sure:.0f}%;background:{theme.ROLE[role]}"></div></div>'
        f'<figcaption style="font-size:15px;line-height:1.3;margin-top:3px">{100 * sure:.0f} %<br>says {parts.esc(said)}</figcaption></figure>'
    )


def redrawn(run: RunFolder, sample: dict[str, Any]) -> str:
    """What a model that draws makes of the watched prompts at one step, as HTML."""
    groups = []
    for role in ROLES:
        items = [item for item in sample["items"] if item["role"] == role]
        if items:
            words = theme.ROLE_WORDS[role]
            drawn = "".join(_drawing(run, item, role) for item in items)
            groups.append(
                f'<p style="margin:14px 0 6px;font-weight:600"><span style="{_mark(role)}"></span>{words[:1].upper()}{words[1:]}</p>'
                f'<div style="display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:14px">{drawn}</div>'
            )
    return "".join(groups)


def _drawing(run: RunFolder, item: dict[str, Any], role: str) -> str:
    share = sure(item)
    known = theme.measured(share)
    bar = f'<div style="height:6px;border-radius:3px;width:{100 * share if known else 0:.0f}%;background:{theme.ROLE[role]}"></div>'
    said = f"{100 * share:.0f} % sure" if known else theme.NOT_MEASURED
    return (
        f'<figure style="margin:0;min-width:0"><img src="{drawing(run.path, item)}" alt="{parts.esc(item["prompt"])}" '
        'style="display:block;width:100%;border-radius:8px;image-rendering:auto">'
        f'<div style="height:6px;border-radius:3px;margin-top:6px;background:rgba(128,128,128,.25)">{bar}</div>'
        f'<figcaption style="font-size:15px;line-height:1.3;margin-top:3px">{parts.esc(item["prompt"])}<br>{said}</figcaption></figure>'
    )


def answered(sample: dict[str, Any]) -> str:
    """What a language model answers to the watched questions at one step, as HTML."""
    groups = []
    for role in ROLES:
        items = [item for item in sample["items"] if item["role"] == role]
        if items:
            words = theme.ROLE_WORDS[role]
            said = "".join(_answer(item, role) for item in items)
            groups.append(
                f'<p style="margin:14px 0 6px;font-weight:600"><span style="{_mark(role)}"></span>{words[:1].upper()}{words[1:]}</p>{said}'
            )
    return "".join(groups)


def _answer(item: dict[str, Any], role: str) -> str:
    share = sure(item)
    known = theme.measured(share)
    bar = f'<div style="height:6px;border-radius:3px;width:{100 * share if known else 0:.0f}%;background:{theme.ROLE[role]}"></div>'
    likely = f"{100 * share:.0f} % a word" if known else theme.NOT_MEASURED
    right = item["said"] == item["truth"]
    truth = "" if right else f"<br>It was: {parts.esc(item['truth'])}"
    return (
        '<div style="margin:0 0 14px;padding:10px 14px;border-radius:8px;background:rgba(128,128,128,.12);font-size:16px;line-height:1.45;'
        f'overflow-wrap:anywhere"><div style="opacity:.8">{parts.esc(item["question"])}</div>'
        f'<div style="font-weight:600">{parts.esc(item["said"]) or "(nothing)"}</div>'
        f'<div style="height:6px;border-radius:3px;margin-top:8px;background:rgba(128,128,128,.25)">{bar}</div>'
        f'<div style="font-size:15px;opacity:.8">the true answer: {likely}{truth}</div></div>'
    )


def table(heads: Sequence[str], rows: dict[str, list[str]]) -> str:
    """A small table as HTML, that fits a telephone: a name and numbers in each row."""
    cell = 'style="padding:7px 3px;font-weight:500;text-align:right;border-bottom:1px solid rgba(128,128,128,.3)"'
    names = "".join(f"<th {cell}>{parts.esc(head)}</th>" for head in heads)
    body = "".join(
        f'<tr><th {cell.replace("right", "left")} scope="row">{parts.esc(name)}</th>'
        + "".join(f"<td {cell}>{parts.esc(value)}</td>" for value in values)
        + "</tr>"
        for name, values in rows.items()
    )
    return f'<table style="width:100%;border-collapse:collapse;font-size:16px"><tr><td {cell}></td>{names}</tr>{body}</table>'


def left(run: RunFolder, role: str) -> dict[str, float]:
    """What a run's first number in percent says of questions of one role: before, after and trained again, where measured."""
    for entry in catalog.load().metrics:
        told = run.metrics.get(entry.id, {}).get("parts", {})
        if entry.unit == "%" and role in told.get("after", {}):
            return {when: values[role] for when, values in told.items() if role in values}
    return {}


def share(values: dict[str, float], when: str) -> str:
    """A number of `left` as a table has it, or that there is none."""
    return theme.percent(values[when]) if theme.measured(values.get(when)) else theme.NOT_MEASURED


def learned(run: RunFolder) -> Heatmap | None:
    """How much of everything a model learned to draw is right after the run, things by styles; None where nobody looked."""
    card = next((entry.card for entry in catalog.load().models if entry.id == run.spec.model), {})
    things = card.get("domains", {}).get("object")
    for entry in catalog.load().inspectors:
        seen = found.read(run, entry.id)
        for shown in Found.model_validate(seen).panels if seen else []:
            if isinstance(shown, Heatmap) and shown.rows == things and shown.scale == "amount":
                return shown
    return None


def taken_for(sample: dict[str, Any], names: Sequence[str]) -> dict[str, int]:
    """What the model takes the images to be forgotten for, most often first."""
    counts: dict[str, int] = {}
    for item in sample["items"]:
        if item["role"] == "forget":
            shares = item["probabilities"]
            said = class_name(names, max(range(len(shares)), key=lambda at: shares[at]))
            counts[said] = counts.get(said, 0) + 1
    return dict(sorted(counts.items(), key=lambda pair: -pair[1]))


def panel(run: RunFolder, shown: AnyPanel, key: str) -> None:
    """A panel as everywhere: what it says, its picture, how to read it."""
    st.markdown(f"**{shown.title}**")
    if shown.says:
        st.markdown(shown.says)
    drawn = figures.figure(shown, run.path)
    if isinstance(drawn, str):
        st.html(drawn)
    else:
        st.plotly_chart(_in_colours(drawn), key=key, theme=None, config={"displaylogo": False, "displayModeBar": False})
    st.caption(f"**How to read it.** {shown.how}")


def _in_colours(drawn: go.Figure) -> go.Figure:
    """The figure on the page's background, light or dark."""
    dark = st.context.theme.type == "dark"
    ink, grid = ("#f1f2f4", "#23272f") if dark else ("#15171c", "#e8eaef")
    drawn.update_layout(paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", font_color=ink)
    drawn.update_xaxes(gridcolor=grid, zerolinecolor=grid)
    drawn.update_yaxes(gridcolor=grid, zerolinecolor=grid)
    return drawn


def question(text: str, choices: Sequence[str], right: int, because: str, key: str) -> None:
    """A question with an answer check: kind when wrong, and always with the reason."""
    chosen = st.radio(text, choices, index=None, key=key)
    if chosen is None:
        return
    if chosen == choices[right]:
        st.success(f"Yes. {because[:1].upper()}{because[1:]}", icon="✅")
    else:
        st.info(f"Not quite; think again, or read on. A hint: {because}", icon="💡")
