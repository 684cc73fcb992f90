"""Colours, type, number formats: one look for figures and pages. The colours and what they mean are fixed in one table here.

`THEME` and `HEAD` go to `mount_gradio_app` (or `launch`). `HEAD` carries the stylesheet, because Gradio scopes `css=` to the
content and so misses the bar at the top and printing; it loads nothing from elsewhere.
"""

import math
from pathlib import Path
from typing import Final

import gradio as gr
import plotly.graph_objects as go
from gradio.themes.utils import colors, sizes
from markupsafe import Markup

from backends.api.languages import comma, later, tr

STATIC = Path(__file__).resolve().parent / "static"

# What a colour means. "amount" as a single series is neutral; as a scale it is cividis.
ROLE: Final[dict[str, str]] = {
    "forget": "#D55E00",
    "neighbour": "#0072B2",
    "unrelated": "#009E73",
    "reference": "#7A5195",
    "amount": "#6B7280",
    "difference": "#6B7280",
}
ROLE_WORDS: Final[dict[str, str]] = {
    "forget": later("forget set"),
    "neighbour": later("neighbours"),
    "unrelated": later("unrelated"),
    "reference": later("retrained reference"),
    "amount": later("all"),
    "difference": later("difference"),
}
# The three models of a run, by when their outputs were made.
MODEL_WORDS: Final[dict[str, str]] = {
    "before": later("original"),
    "after": later("unlearned"),
    "reference": ROLE_WORDS["reference"],
}
# What is told apart by number, as experts and layers: fill and ink of the number n stand at n modulo their count. Light and dark
# fills alternate; each has 4.5:1 to its ink and about 3:1 to paper, light and dark, and none is one of the roles' colours.
CATEGORIES: Final[tuple[tuple[str, str], ...]] = (
    ("#3263C3", "#FFFFFF"), ("#E35F8F", "#000000"), ("#2E7C35", "#FFFFFF"), ("#B29000", "#000000"), ("#3199BD", "#000000"),
    ("#853DC2", "#FFFFFF"), ("#949494", "#000000"), ("#A83F59", "#FFFFFF"), ("#0D7878", "#FFFFFF"), ("#A080D7", "#000000"),
    ("#6B6F0E", "#FFFFFF"), ("#22A57A", "#000000"),
)  # fmt: skip
# Blue and orange of their own, so that a difference is not taken for neighbours or for what is to be forgotten.
LOWER, HIGHER = "#3A86C8", "#C98500"
DIFFERENCE: Final[list[tuple[float, str]]] = [
    (0.0, "#1B4F8A"),
    (0.25, "#56B4E9"),
    (0.5, "#FFFFFF"),
    (0.75, "#E69F00"),
    (1.0, "#8A4B00"),
]
AMOUNT: Final[str] = "Cividis"
BEFORE_OPACITY: Final[float] = 0.45
NOT_MEASURED: Final[str] = later("not measured")

FONT: Final[str] = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", Arial, sans-serif'
_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "Helvetica Neue", "Arial", "sans-serif")
_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace")
_INK, _QUIET, _GRID, _ZERO_LINE = "#15171c", "#4b515e", "#e8eaef", "#9aa1ad"

# Ink on paper: interface colours carry no meaning, so that the four that do stand out.
_NEUTRAL = colors.Color(
    name="lethe",
    c50="#f7f7f9", c100="#f1f2f5", c200="#dcdfe6", c300="#c3c8d2", c400="#767d8a", c500="#5b6270", c600="#4b515e",
    c700="#3a3f4a", c800="#23272f", c900="#1b1e25", c950="#111318",
)  # fmt: skip
_TEXT = sizes.Size("16px", "16px", "16px", "16px", "18px", "22px", "28px", name="lethe")


def _theme() -> gr.themes.Base:
    theme = gr.themes.Base(
        primary_hue=_NEUTRAL,
        secondary_hue=_NEUTRAL,
        neutral_hue=_NEUTRAL,
        text_size=_TEXT,
        radius_size=sizes.radius_lg,
        spacing_size=sizes.spacing_lg,
        font=_FONTS,
        font_mono=_MONO,
    )
    return theme.set(
        body_background_fill="#f7f7f9",
        body_background_fill_dark="#0b0c0f",
        background_fill_primary="#ffffff",
        background_fill_primary_dark="#111318",
        background_fill_secondary="#f1f2f5",
        background_fill_secondary_dark="#1b1e25",
        body_text_color=_INK,
        body_text_color_dark="#f1f2f4",
        body_text_color_subdued=_QUIET,
        body_text_color_subdued_dark="#b4bac6",
        block_background_fill="#ffffff",
        block_background_fill_dark="#111318",
        block_border_color="#dcdfe6",
        block_border_color_dark="#2b2f38",
        border_color_primary="#dcdfe6",
        border_color_primary_dark="#2b2f38",
        layout_gap="20px",
        block_shadow="none",
        block_shadow_dark="none",
        block_label_text_color=_QUIET,
        block_label_text_color_dark="#b4bac6",
        block_label_text_weight="500",
        block_title_text_color=_INK,
        block_title_text_color_dark="#f1f2f4",
        block_title_text_weight="600",
        block_info_text_color=_QUIET,
        block_info_text_color_dark="#b4bac6",
        link_text_color=_INK,
        link_text_color_dark="#f1f2f4",
        link_text_color_hover=_INK,
        link_text_color_hover_dark="#ffffff",
        link_text_color_visited=_INK,
        link_text_color_visited_dark="#f1f2f4",
        input_background_fill="#ffffff",
        input_background_fill_dark="#111318",
        input_border_color="#767d8a",
        input_border_color_dark="#7d8594",
        input_border_width="1px",
        input_placeholder_color=_QUIET,
        input_placeholder_color_dark="#b4bac6",
        input_shadow="none",
        input_shadow_focus="none",
        checkbox_border_color="#767d8a",
        checkbox_border_color_dark="#7d8594",
        checkbox_background_color_selected=_INK,
        checkbox_background_color_selected_dark="#f1f2f4",
        checkbox_border_color_selected=_INK,
        checkbox_border_color_selected_dark="#f1f2f4",
        checkbox_label_background_fill="#ffffff",
        checkbox_label_background_fill_dark="#111318",
        checkbox_label_background_fill_hover="#f1f2f5",
        checkbox_label_background_fill_hover_dark="#1b1e25",
        checkbox_label_background_fill_selected="#f1f2f5",
        checkbox_label_background_fill_selected_dark="#1b1e25",
        checkbox_label_border_color="#dcdfe6",
        checkbox_label_border_color_dark="#2b2f38",
        checkbox_label_border_color_selected=_INK,
        checkbox_label_border_color_selected_dark="#f1f2f4",
        checkbox_label_text_color=_INK,
        checkbox_label_text_color_dark="#f1f2f4",
        checkbox_label_text_color_selected=_INK,
        checkbox_label_text_color_selected_dark="#f1f2f4",
        slider_color=_INK,
        slider_color_dark="#f1f2f4",
        loader_color=_INK,
        loader_color_dark="#f1f2f4",
        button_primary_background_fill=_INK,
        button_primary_background_fill_dark="#f1f2f4",
        button_primary_background_fill_hover="#3a3f4a",
        button_primary_background_fill_hover_dark="#c3c8d2",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#111318",
        button_primary_text_color_hover="#ffffff",
        button_primary_text_color_hover_dark="#111318",
        button_primary_border_color=_INK,
        button_secondary_background_fill="#ffffff",
        button_secondary_background_fill_dark="#111318",
        button_secondary_background_fill_hover="#f1f2f5",
        button_secondary_background_fill_hover_dark="#1b1e25",
        button_secondary_border_color="#767d8a",
        button_secondary_border_color_dark="#7d8594",
        button_secondary_text_color=_INK,
        button_secondary_text_color_dark="#f1f2f4",
        button_border_width="1px",
        button_large_text_weight="600",
        color_accent=_INK,
        color_accent_soft="#f1f2f5",
        color_accent_soft_dark="#1b1e25",
        border_color_accent=_INK,
        border_color_accent_dark="#f1f2f4",
        table_text_color=_INK,
        table_text_color_dark="#f1f2f4",
        table_even_background_fill="#ffffff",
        table_even_background_fill_dark="#111318",
        table_odd_background_fill="#f7f7f9",
        table_odd_background_fill_dark="#16191f",
        accordion_text_color=_INK,
        accordion_text_color_dark="#f1f2f4",
    )


def _template() -> go.layout.Template:
    axis = dict(
        gridcolor=_GRID, zerolinecolor=_ZERO_LINE, linecolor="#dcdfe6", automargin=True, title=dict(standoff=12, font=dict(size=16)), ticks="",
    )  # fmt: skip
    return go.layout.Template(
        layout=go.Layout(
            font=dict(family=FONT, size=16, color=_INK),
            paper_bgcolor="#ffffff",
            plot_bgcolor="#ffffff",
            colorway=[ROLE["amount"], ROLE["neighbour"], ROLE["unrelated"], ROLE["forget"], ROLE["reference"]],
            margin=dict(l=16, r=16, t=16, b=16),
            xaxis=axis,
            yaxis=axis,
            legend=dict(orientation="h", x=0, y=1.02, yanchor="bottom", font=dict(size=16), title_text=""),
            hoverlabel=dict(font=dict(size=16, family=FONT), align="left"),
            colorscale=dict(sequential=AMOUNT, diverging=DIFFERENCE),
            bargap=0.28,
            height=400,
        )
    )


THEME: Final = _theme()
TEMPLATE: Final = _template()
STYLES: Final = (
    "lethe",
    "drawings",
    "chats",
    "network",
    "pictures",
    "flow",
    "tiles",
    "sides",
    "home",
    "vectors",
    "methods",
    "run",
    "ask",
    "comeback",
    "red_team",
    "slice_grid",
)
SCRIPTS: Final = (
    "say",
    "remember",
    "unkept",
    "head",
    "tabs",
    "form",
    "run",
    "drawings",
    "switch",
    "flow",
    "tiles",
    "sides",
    "slice_grid",
)
CSS: Final[str] = "".join((STATIC / f"{name}.css").read_text("utf-8") for name in STYLES)
JS: Final[str] = "".join((STATIC / f"{name}.js").read_text("utf-8") for name in SCRIPTS)
# The picture of routing where the rest of the stylesheet is not, as in the classroom.
ROUTING_CSS: Final = Markup((STATIC / "flow.css").read_text("utf-8"))
ROUTING_JS: Final = Markup("".join((STATIC / f"{name}.js").read_text("utf-8") for name in ("say", "flow")))
HEAD: Final[str] = f'<meta name="color-scheme" content="light dark"><style>{CSS}</style><script>{JS}</script>'


NEXT_TO_NOTHING: Final = 0.0005  # a tile shows three digits


def measured(value: float | str | None) -> bool:
    """False for what look.md calls "not measured": None, NaN, or the string "NaN" of a JSON file."""
    return value is not None and not math.isnan(float(value))


def percent(value: float | str | None) -> str:
    """99.53 -> "99.5 %", 100 -> "100 %"; what was not measured says so."""
    return f"{_short(float(value))} %" if value is not None and measured(value) else tr(NOT_MEASURED)


def _short(value: float) -> str:
    """One decimal, and none where it would be a 0."""
    return comma(f"{round(value, 1) + 0.0:.1f}".removesuffix(".0"))


def points(value: float | str | None) -> str:
    """A difference of percentages with its sign: 1.25 -> "+1.2 points", 0 -> "0 points"."""
    if value is None or not measured(value):
        return tr(NOT_MEASURED)
    return tr("{number} points", number=f"{'+' if round(float(value), 1) > 0 else ''}{_short(float(value))}")


def seconds(value: float | str | None) -> str:
    """0.42 -> "0.4 s", 75 -> "1 min 15 s", 7300 -> "2 h 1 min"."""
    if value is None or not measured(value):
        return tr(NOT_MEASURED)
    number = float(value)
    if number < 9.95:
        return comma(f"{number:.1f} s")
    rounded = round(number)
    if rounded < 60:
        return f"{rounded} s"
    if rounded < 3600:
        return f"{rounded // 60} min {rounded % 60} s" if rounded % 60 else f"{rounded // 60} min"
    return f"{rounded // 3600} h {rounded % 3600 // 60} min"


def megabytes(value: float | str | None) -> str:
    """Bytes -> "312 MB"."""
    if value is None or not measured(value):
        return tr(NOT_MEASURED)
    number = float(value) / 2**20
    return comma(f"{number:.1f} MB" if number < 9.95 else f"{number:,.0f} MB")


def large(value: float | str | None, unit: str = "") -> str:
    """A number as a tile shows it: `quantity`, but what is next to nothing is said in words."""
    if unit in ("", "%") and value is not None and measured(value) and 0 < abs(float(value)) < NEXT_TO_NOTHING:
        return tr("practically 0") + (f" {unit}" if unit else "")
    return quantity(value, unit)


def quantity(value: float | str | None, unit: str = "") -> str:
    """A number in the unit its metric declares: "%", "s", "points", "MB" (of megabytes), "bytes", or any other word."""
    if value is None or not measured(value):
        return tr(NOT_MEASURED)
    match unit:
        case "%":
            return percent(value)
        case "points":
            return tr("{number} points", number=_short(float(value)))
        case "s" | "seconds":
            return seconds(value)
        case "MB":
            return megabytes(float(value) * 2**20)
        case "bytes":
            return megabytes(value)
        case _:
            return f"{comma(f'{float(value):.3g}')} {tr(unit) if unit else ''}".strip()
