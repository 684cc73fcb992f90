"""Every kind of panel: drawn, in the colours of its roles, with words beside it, and never a number that was not measured."""

import json
import math
import re
from html import unescape
from itertools import combinations
from pathlib import Path

import plotly.graph_objects as go
import plotly.io
import pytest
from hypothesis import HealthCheck, given, settings

from app import figures, theme, view
from app.axes import Axis
from app.figures import heatmaps, points
from app.figures.tradeoff import HIGH, LETTER, LINE, WIDE, TradeoffPoint, tradeoff
from backends.api import files, languages
from backends.api.catalog import Metric
from backends.api.home import ASSETS
from backends.api.panels import (
    Bars,
    Heatmap,
    Histogram,
    Lines,
    Picture,
    Pictures,
    Piece,
    Point,
    Points,
    RoutingShift,
    Series,
    Sides,
    Verdict,
    Words,
)

from .panels import ONE_OF_EACH, panels, values

WORDS = {"title": "t", "how": "h"}


def drawn(panel) -> go.Figure:
    figure = figures.figure(panel)
    assert isinstance(figure, go.Figure)
    return figure


@given(panels())
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_panel_becomes_strict_json_or_html(panel):
    figure = figures.figure(panel)
    if isinstance(figure, str):
        assert figure.startswith("<")
    else:
        json.loads(figure.to_json(), parse_constant=pytest.fail)
        assert figure.layout.height
    assert "NaN" not in figures.table(panel).replace('data-sort="NaN"', "") or "NaN" in repr(panel)


@pytest.mark.parametrize("panel", ONE_OF_EACH, ids=lambda panel: panel.kind)
def test_every_kind_says_what_it_shows_and_how_to_read_it(panel):
    shown = unescape(view.panel(panel))
    for words in (panel.title, panel.how, panel.says):
        assert words in shown


@pytest.mark.parametrize(
    "panel",
    [*ONE_OF_EACH[:5], *(panel for panel in ONE_OF_EACH if panel.kind in ("routing", "sides"))],
    ids=lambda panel: panel.kind,
)
def test_every_plot_has_its_numbers_as_a_table(panel):
    assert "<table" in figures.table(panel)


@pytest.mark.parametrize(
    "panel",
    [
        Bars(labels=[], series=[], **WORDS),
        Bars(labels=["a"], series=[values(None)], **WORDS),
        Histogram(edges=[], series=[], **WORDS),
        Lines(x=[], series=[], **WORDS),
        Lines(x=[0], series=[values(math.nan)], **WORDS),
        Heatmap(rows=["a"], columns=["b"], z=[[None]], **WORDS),
        Points(points=[], **WORDS),
        Pictures(columns=["a"], rows=[], **WORDS),
        Words(columns=["a"], rows=[], **WORDS),
        RoutingShift(layers=["layer 1"], experts=2, texts=[], **WORDS),
        Sides(sets=[], thresholds=[], **WORDS),
    ],
    ids=lambda panel: panel.kind,
)
def test_nothing_measured_is_said_in_words(panel):
    assert "lethe-nothing" in str(figures.figure(panel))


@pytest.mark.parametrize("role", ["forget", "neighbour", "unrelated", "amount"])
def test_bars_take_their_colour_from_the_role(role):
    before, after = drawn(
        Bars(labels=["a"], series=[values(1, role=role, when="before"), values(2, role=role, when="after")], **WORDS)
    ).data
    assert after.marker.color == theme.ROLE[role]
    red, green, blue = (int(theme.ROLE[role][at : at + 2], 16) for at in (1, 3, 5))
    assert before.marker.color == f"rgba({red},{green},{blue},0.45)"


def test_the_class_to_be_forgotten_is_vermilion_among_the_bars():
    (bar,) = drawn(Bars(labels=["Bag", "Sandal"], series=[values(1, 2)], marked=[1], **WORDS)).data
    assert list(bar.marker.color) == [theme.ROLE["amount"], "#D55E00"]


def test_the_reference_is_a_dashed_purple_stroke_not_a_bar():
    figure = drawn(Bars(labels=["a", "b"], series=[values(1, 2), values(3, None, role="reference")], **WORDS))
    stroke = figure.data[1]
    assert stroke.type == "scatter" and stroke.line.color == "#7A5195" and stroke.line.dash == "5px,3px"
    assert list(stroke.y) == [3, 3, None, None, None, None]


def test_a_missing_bar_says_not_measured_and_is_not_zero():
    figure = drawn(Bars(labels=["a", "b"], series=[values(1, math.nan)], **WORDS))
    assert list(figure.data[0].y) == [1, None]
    assert [note.text for note in figure.layout.annotations] == ["not measured"]
    assert "not measured" in figures.table(Bars(labels=["a", "b"], series=[values(1, math.nan)], **WORDS))


def test_differences_are_coloured_by_their_sign():
    (bar,) = drawn(Bars(labels=["a", "b"], series=[values(-1, 1, role="difference")], **WORDS)).data
    assert list(bar.marker.color) == [theme.LOWER, theme.HIGHER]


def test_lines_before_are_dotted_after_solid_reference_dashed_with_gaps():
    panel = Lines(
        x=[0, 1, 2],
        series=[
            values(1, math.nan, 3, role="forget", when="before"),
            values(1, 2, 3, role="forget", when="after"),
            values(1, 2, 3, role="reference"),
        ],
        **WORDS,
    )
    before, after, reference = drawn(panel).data
    assert [line.line.dash for line in (before, after, reference)] == ["dot", "solid", "dash"]
    assert list(before.y) == [1, None, 3] and before.connectgaps is False


def test_a_spread_is_a_band_where_both_numbers_are_known():
    panel = Lines(x=[0, 1, 2], series=[values(1, 2, None, spread=[0.5, None, 1])], **WORDS)
    band = drawn(panel).data[0]
    assert list(band.x) == [0, 0] and list(band.y) == [1.5, 0.5]


def test_differences_in_a_matrix_are_centred_on_zero():
    (cells,) = drawn(Heatmap(rows=["a"], columns=["b", "c"], z=[[-2.0, 8.0]], scale="difference", **WORDS)).data
    assert (cells.zmin, cells.zmax, cells.zmid) == (-8, 8, 0)
    assert [colour for _, colour in cells.colorscale] == [colour for _, colour in theme.DIFFERENCE]


def test_amounts_in_a_matrix_are_cividis_and_marked_rows_are_framed():
    figure = drawn(Heatmap(rows=["a", "b"], columns=["c"], z=[[1.0], [None]], marked=[1], **WORDS))
    assert figure.data[0].colorscale[0][1].lower() == "#00224e"
    assert figure.data[0].z[1][0] is None
    frame = figure.layout.shapes[0]
    assert frame.line.color == "#D55E00" and (frame.y0, frame.y1) == (0.5, 1.5)


def test_points_have_the_marker_of_their_role_and_move_from_before_to_after():
    items = [
        Point(id=role, label=role, role=role, before=(0, 0), after=(4, 2))
        for role in ("forget", "neighbour", "unrelated")
    ]
    figure = drawn(Points(points=items, **WORDS))
    dots = {trace.customdata[0]: trace.marker for trace in figure.data if trace.mode == "markers"}
    assert dots["forget"].symbol == "circle" and dots["neighbour"].symbol == "circle-open"
    assert dots["unrelated"].size < dots["forget"].size
    assert {name: marker.color for name, marker in dots.items()} == {name: theme.ROLE[name] for name in dots}
    first, last = figure.frames[0].data[0], figure.frames[-1].data[0]
    assert (first.x[0], first.y[0]) == (0, 0) and (last.x[0], last.y[0]) == (4, 2)
    assert [step.label for step in figure.layout.sliders[0].steps if step.label] == ["before", "after"]


def test_the_preview_of_a_point_escapes_what_the_data_say():
    panel = Points(points=[Point(id="1", label="<script>", role="forget", before=(0, 0), text="a & b")], **WORDS)
    shown = points.previews(panel, Path("/nonexistent"))["1"]
    assert "<script>" not in shown and "a &amp; b" in shown


def test_pictures_outside_the_run_folder_are_not_shown(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (tmp_path / "secret.png").write_bytes(b"secret")
    (run / "own.png").write_bytes(b"own")
    panel = Pictures(columns=["a", "b"], rows=[[Picture(path="own.png"), Picture(path="../secret.png")]], **WORDS)
    shown = figures.figure(panel, run)
    assert shown.count("data:image/png;base64,") == 1 and "picture missing" in shown


@pytest.mark.parametrize("sign", ["yes", "partly", "no", "unknown"])
def test_a_verdict_is_a_sign_and_words(sign):
    shown = figures.figure(Verdict(sign=sign, says="It forgot.", **WORDS))
    assert "It forgot." in shown and f'data-sign="{sign}"' in shown


def test_our_template_holds_whatever_plotly_thinks_is_default():
    was = plotly.io.templates.default
    plotly.io.templates.default = "ggplot2"
    try:
        figure = drawn(ONE_OF_EACH[0])
    finally:
        plotly.io.templates.default = was
    assert figure.layout.template.layout.font.size == 16
    assert figure.layout.template.layout.plot_bgcolor == "#ffffff"


def test_class_names_cannot_bring_html_into_the_page():
    panel = Bars(labels=["<img src=x>", "b"], series=[Series(name="<b>", values=[1, 2])], **(WORDS | {"title": "<i>"}))
    assert not {"<img src=x>", "<i>"} & set(view.panel(panel).split("data-figure")[0].split("|"))
    assert "<img src=x>" not in view.panel(panel) and "<i>" not in view.panel(panel)


def axis(side, **more):
    works = {"summary": "S.", "source": {"title": "P"}, "works_with": {}, "unit": "%"}
    return Axis(Metric(id=side, title=side, **(works | {"direction": "higher", "measures": "keeping"} | more)), side)


AXES = axis("right", direction="reference", measures="forgetting", forgets="higher"), axis("up")


def test_the_trade_off_aims_at_the_reference_and_leaves_out_what_was_not_measured():
    places = [TradeoffPoint(label="a", x=99, y=80, address="run?id=r1"), TradeoffPoint(label="b", x=math.nan, y=50)]
    html = tradeoff(places, TradeoffPoint(label="again", x=100, y=90), *AXES)
    assert re.findall(r'data-x="(.*?)" data-y="(.*?)"', html) == [("100.0", "90.0"), ("99.0", "80.0")]
    assert 'href="run?id=r1"' in html and html.count('class="point') == 1 and '<span class="aim"' in html
    assert "lethe-nothing" in tradeoff([places[1]], None, *AXES)


def names_of(html):
    """The names that stand in a trade-off plot, as boxes of pixels on a laptop."""
    found = re.findall(
        r'left:([\d.]+)%;bottom:([\d.]+)%">.*?<b style="left:calc\(50% \+ (-?\d+)px\);bottom:calc\(50% \+ (-?\d+)px\)">(.*?)</b>',
        html.split('class="area"')[1], re.DOTALL,
    )  # fmt: skip
    boxes = {}
    for left, up, dx, dy, name in found:
        x, y = float(left) / 100 * WIDE + float(dx), float(up) / 100 * HIGH + float(dy)
        boxes[name] = (x, y, x + len(name) * LETTER, y + LINE)
    return boxes


def test_names_in_the_trade_off_do_not_lie_over_each_other_or_over_points():
    crowd = [TradeoffPoint(label=f"method {at}", x=50 + at / 100, y=50) for at in range(8)]
    far = [TradeoffPoint(label="far", x=0, y=0), TradeoffPoint(label="top", x=100, y=100)]
    boxes = names_of(tradeoff([*crowd, *far], None, *AXES))
    assert {"far", "top"} <= set(boxes) and len(boxes) < 10
    for (one, box), (other, second) in combinations(boxes.items(), 2):
        apart = box[2] <= second[0] or second[2] <= box[0] or box[3] <= second[1] or second[3] <= box[1]
        assert apart, (one, other)


def test_the_recommended_method_has_its_name_at_the_end_of_a_line_where_there_is_no_room_beside_it():
    row = [TradeoffPoint(label=f"m {x} {y}", x=x, y=y) for x in range(40, 61) for y in range(40, 61, 2)]
    middle = TradeoffPoint(label="recommended", x=50, y=51, first=True)
    corners = [TradeoffPoint(label="a", x=0, y=0), TradeoffPoint(label="z", x=100, y=100)]
    html = tradeoff([*row, *corners, middle], None, *AXES)
    assert "recommended" in names_of(html) and html.count('class="leader"') == 1


def test_a_whisker_is_one_standard_deviation_and_ends_at_the_edge_of_the_plot():
    wide = TradeoffPoint(label="a", x=50, y=50, spread=(2, 500))
    html = tradeoff([wide, TradeoffPoint(label="z", x=100, y=100)], None, *AXES)
    (left, width) = map(float, re.search(r'class="spread" style="left:(.*?)%;width:(.*?)%', html).groups())
    at = float(re.search(r'data-x="50.0".*?left:([\d.]+)%', html, re.DOTALL)[1])
    assert left + width / 2 == pytest.approx(at, abs=0.02)
    assert width == pytest.approx(100 * 4 / (1.16 * 50), abs=0.02)
    (low, height) = map(float, re.search(r'class="spread up".*?bottom:(.*?)%;height:(.*?)%', html).groups())
    assert (low, height) == (0, 100)


def test_names_of_tensors_lose_what_they_share():
    names = ["net.stages.0.conv.weight", "net.stages.1.conv.weight"]
    panel = Bars(labels=names, series=[values(1, 2)], horizontal=True, **WORDS)
    assert list(drawn(panel).layout.yaxis.ticktext) == ["0", "1"]
    assert list(drawn(panel).data[0].customdata) == names


def test_steps_that_look_like_numbers_do_not_push_out_those_that_do_not():
    assert drawn(Lines(x=["before", "32", "after"], series=[values(1, 2, 3)], **WORDS)).layout.xaxis.type == "category"


def grid(tmp_path, **said):
    """A matrix of two rows and a column, of which one cell shows a picture."""
    (tmp_path / "a.png").write_bytes(b"not looked into")
    shown = [[[Picture(path="a.png", caption="seen as <dog>")]], [[]]]
    return Heatmap(
        **({"rows": ["cat", "dog"], "columns": ["flat"], "z": [[1.0], [2.0]], "pictures": shown} | WORDS | said)
    )


def test_marked_columns_are_framed_like_marked_rows():
    figure = drawn(
        Heatmap(rows=["a", "b"], columns=["c", "d"], z=[[1, 2], [3, 4]], marked=[0], marked_columns=[1], **WORDS)
    )
    row, column = figure.layout.shapes
    assert (row.x0, row.x1, row.y0, row.y1) == (-0.5, 1.5, -0.5, 0.5)
    assert (column.x0, column.x1, column.y0, column.y1) == (0.5, 1.5, -0.5, 1.5)
    assert row.line == column.line and column.line.color == theme.ROLE["forget"]
    assert list(figure.layout.xaxis.ticktext) == ["c", "<b>d</b>"]


def test_a_cell_shows_its_pictures_by_the_name_it_has_under_the_pointer(tmp_path):
    panel = grid(tmp_path)
    shown = heatmaps.previews(panel, tmp_path)
    assert list(shown) == ["cat → flat"] == [drawn(panel).data[0].customdata[0][0]]
    assert "data:image/png;base64," in shown["cat → flat"]
    assert "seen as &lt;dog&gt;" in shown["cat → flat"] and "<dog>" not in shown["cat → flat"]


def test_only_a_matrix_with_pictures_is_walked_by_keyboard(tmp_path):
    html = view.panel(grid(tmp_path), tmp_path)
    assert 'data-cells tabindex="0"' in html and 'class="lethe-preview" aria-live="polite"' in html
    assert "arrow keys and Enter" in html
    plain = view.panel(Heatmap(rows=["a"], columns=["b"], z=[[1.0]], **WORDS))
    assert "data-cells" not in plain and "lethe-preview" not in plain


def test_pictures_that_several_matrices_show_are_sent_once(tmp_path):
    html = view.panels([grid(tmp_path), grid(tmp_path, title="u"), grid(tmp_path, title="v", pictures=[])], tmp_path)
    assert html.count("data:image/png") == 1 and html.count("data-cells") == 2


@pytest.mark.parametrize(("value", "way", "said"), [(0.25, "more", "+25 %"), (-1.0, "less", "-100 %")])
def test_a_piece_of_text_says_its_value_beside_its_colour(value, way, said):
    panel = Words(
        columns=["a"], rows=[[[Piece(text="<b>", value=value)]]], scale="difference", roles=["forget"], **WORDS
    )
    shown = figures.figure(panel)
    assert f'data-way="{way}"' in shown and said in shown and "&lt;b&gt;" in shown and 'data-role="forget"' in shown


def test_a_piece_without_a_value_is_plain_text():
    panel = Words(columns=["a"], rows=[[[Piece(text="so", value=math.nan)]]], **WORDS)
    assert "data-way" not in figures.figure(panel)


def test_what_came_with_lethe_is_drawn_in_german():
    """A word that a drawing library knows, as "top right", is no sentence: translated, the drawing fails."""
    drawn = 0
    with languages.speaking("de"):
        for path in sorted((ASSETS / "runs").glob("*/*/*/found.json")):
            drawn += len(view.panels(files.read_json(path)["panels"], path.parents[2]))
    assert drawn > 100_000
