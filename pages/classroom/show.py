"""Pieces of lessons: a finished run's images as they fade, its panels as charts, a question with its answer."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NoReturn

import plotly.graph_objects as go
import plotly.io
import streamlit as st
from markupsafe import Markup

from app import families, figures, markup, theme
from app.figures.training import ROLES, class_name, drawing, sure
from app.templating import render
from backends.api import catalog, runs
from backends.api import findings as found
from backends.api.languages import later, tr
from backends.api.panels import AnyPanel, Found, Heatmap, RoutingShift, Switch
from backends.api.runs import RunFolder

plotly.io.templates.default = "plotly_white"  # Streamlit sets its own for the whole process, the studio included

STUDIO: Final = "../"  # from a lesson to the studio, also behind a proxy that adds a path
SECTIONS: Final = "lethe-sections"  # of the lesson that runs, in the session


@contextmanager
def section(title: str) -> Iterator[None]:
    """A section of a lesson with its heading: what stands within it is one screen in projector mode."""
    titles = st.session_state.setdefault(SECTIONS, [])
    if title not in titles:
        titles.append(title)
    with st.container(key=f"section-{titles.index(title) + 1}"):
        st.header(title)
        yield


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
    return run_by_way if own is None else {tr("Your run"): own}


def no_run(of: str = "") -> NoReturn:
    """Say that there is nothing to show yet, and end the lesson. `of`: the kind of run that is missing, as "of a language model"."""
    kind = f" {of}" if of else ""
    st.info(
        tr(
            "There is no finished run{kind} on this computer yet. Make one in the studio; then this lesson shows it.",
            kind=kind,
        )
    )
    st.link_button(tr("Open the studio"), f"{STUDIO}new", type="primary")
    st.stop()


def images_html(run: RunFolder, sample: dict[str, Any], names: Sequence[str]) -> Markup:
    """The watched images at one step, as HTML; the less sure the model is of the right answer, the fainter."""
    return _by_role(sample, lambda item, role: _picture(run, item, role, names), width=76, gap=10)


def _by_role(
    sample: dict[str, Any], show: Callable[[dict[str, Any], str], Markup], *, width: int = 0, gap: int = 0
) -> Markup:
    """The watched items by role, in columns at least so many pixels wide, or below each other."""
    groups = []
    for role in ROLES:
        items = [show(item, role) for item in sample["items"] if item["role"] == role]
        if items:
            words = tr(theme.ROLE_WORDS[role])
            name = words[:1].upper() + words[1:]
            groups.append(render("classroom.group", _mark(role), name, markup.join(items), width, gap))
    return markup.join(groups)


def _mark(role: str) -> str:
    base = "display:inline-block;width:14px;height:14px;border-radius:50%;margin-right:8px;box-sizing:border-box;vertical-align:-1px;"
    if role == "neighbour":
        return base + f"border:3px solid {theme.ROLE[role]}"
    if role == "unrelated":
        return base + f"width:8px;height:8px;margin:0 11px 0 3px;vertical-align:2px;background:{theme.ROLE[role]}"
    return base + f"background:{theme.ROLE[role]}"


def _picture(run: RunFolder, item: dict[str, Any], role: str, names: Sequence[str]) -> Markup:
    probabilities = item["probabilities"]
    confidence, predicted = (
        float(probabilities[item["label"]]),
        max(range(len(probabilities)), key=lambda at: probabilities[at]),
    )
    predicted_class = class_name(names, predicted)
    uri = markup.data_uri(run.path, f"samples/items/{item['id']}.png")
    truth = class_name(names, item["label"])
    return render("classroom.picture", uri, truth, confidence, theme.ROLE[role], predicted_class)


def drawings_html(run: RunFolder, sample: dict[str, Any]) -> Markup:
    """The drawings of the watched prompts at one step, as HTML."""
    return _by_role(sample, lambda item, role: _drawing(run, item, role), width=150, gap=14)


def _drawing(run: RunFolder, item: dict[str, Any], role: str) -> Markup:
    share, confidence = _confidence(item, later("% sure"))
    return render("classroom.drawing", drawing(run.path, item), item["prompt"], share, theme.ROLE[role], confidence)


def _confidence(item: dict[str, Any], unit: str) -> tuple[float, str]:
    """How sure the model or its judge is: the length of the bar, from 0 to 1, and in words."""
    share = sure(item)
    return (share, f"{100 * share:.0f} {tr(unit)}") if theme.measured(share) else (0.0, tr(theme.NOT_MEASURED))


def answers_html(sample: dict[str, Any]) -> Markup:
    """The answers to the watched questions at one step, as HTML."""
    return _by_role(sample, _answer)


def _answer(item: dict[str, Any], role: str) -> Markup:
    share, confidence = _confidence(item, later("% a word"))
    colour = theme.ROLE[role]
    return render("classroom.answer", item["question"], item["said"], share, colour, confidence, item["truth"])


def table(heads: Sequence[str], rows: dict[str, list[str]]) -> Markup:
    """A small table as HTML, that fits a telephone: a name and numbers in each row."""
    return render("classroom.table", heads, rows)


def role_scores(run: RunFolder, role: str) -> dict[str, float]:
    """A run's first metric in percent on the questions of one role: before, after and retrained, where measured."""
    for entry in catalog.load().metrics:
        values_by_moment = run.metrics.get(entry.id, {}).get("parts", {})
        if entry.unit == "%" and role in values_by_moment.get("after", {}):
            return {when: values[role] for when, values in values_by_moment.items() if role in values}
    return {}


def score_text(values: dict[str, float], when: str) -> str:
    """A number of `role_scores` as a table has it, or the words for one that was not measured."""
    return theme.percent(values[when]) if theme.measured(values.get(when)) else tr(theme.NOT_MEASURED)


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
    if isinstance(content, Switch):
        names = [option.title for option in content.options]
        chosen = st.segmented_control(content.title, names, default=names[content.start], key=f"{key}-switch")
        content = content.options[names.index(chosen or names[content.start])]
        st.markdown(content.says)
    figure = figures.figure(content, run.path)
    if isinstance(content, RoutingShift):
        dark = st.context.theme.type == "dark"
        st.iframe(str(render("classroom.routing", theme.ROUTING_CSS, theme.ROUTING_JS, theme.FONT, figure, dark)))
    elif isinstance(figure, Markup):
        st.html(figure)
    else:
        st.plotly_chart(
            _in_colours(figure), key=key, theme=None, config={"displaylogo": False, "displayModeBar": False}
        )
    st.caption(tr("**How to read it.** {how}", how=content.how))


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
        st.success(tr("Yes. {because}", because=because[:1].upper() + because[1:]), icon="✅")
    else:
        st.info(tr("Not quite; think again, or read on. A hint: {because}", because=because), icon="💡")
