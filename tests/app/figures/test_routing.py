"""The picture of routing: its data are those of the panel, its colours can be read, and it stays small for a large model."""

import json
import random
from html import unescape
from pathlib import Path

import pytest

from app import figures, theme, view
from app.figures import routing
from backends.api.home import ASSETS
from backends.api.panels import Found, Heatmap, Routed, RoutingShift, Switch

from .panels import ONE_OF_EACH

SHIPPED = sorted((ASSETS / "runs").glob("example-experts-*/inspect/routing/found.json"))
PANEL = next(panel for panel in ONE_OF_EACH if panel.kind == "routing")
LARGEST = 3_000_000  # bytes of a page


def drawn(panel: RoutingShift, run: str = "a-run") -> dict:
    """What flow.js is given."""
    html = str(figures.figure(panel, Path(run)))
    return json.loads(unescape(html.split('data-panel="')[1].split('"')[0]))


def brute(text: Routed) -> tuple[int, int]:
    """Choices that moved, and all, counted one by one."""
    moved = every = 0
    for layer in range(len(text.after)):
        for token in range(len(text.tokens)):
            for expert in text.after[layer][token]:
                every += 1
                moved += 0 if expert in text.before[layer][token] else 1
    return moved, every


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parents[2].name)
def test_the_picture_holds_the_panels_own_values(path):
    panels = Found.model_validate_json(path.read_text()).panels
    (panel,) = (one for one in panels if isinstance(one, RoutingShift))
    content = drawn(panel, path.parents[2].name)
    assert content["run"] == path.parents[2].name
    for name, value in panel.model_dump(mode="json", exclude={"kind", "title", "how", "says"}).items():
        assert content[name] == value
    for text in panel.texts:
        assert routing.moved(text) == brute(text)
        assert f"{brute(text)[0]} of {brute(text)[1]}" in figures.table(panel)


def test_all_shipped_runs_have_the_picture():
    assert len(SHIPPED) == 3


def test_what_a_token_or_a_question_holds_is_no_markup():
    text = PANEL.texts[0].model_copy(update={"question": "<script>alert(1)</script>", "tokens": ['"<img>', "</lethe>"]})
    panel = PANEL.model_copy(update={"texts": [text]})
    html = view.panel(panel)
    assert "<script" not in html and "<img" not in html and "&lt;script" in html
    assert drawn(panel)["texts"][0]["tokens"] == ['"<img>', "</lethe>"]


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_every_number_can_be_read_and_no_expert_has_the_colour_of_a_role():
    fills = [fill for fill, _ in theme.CATEGORIES]
    assert len(set(fills)) == len(fills) >= 8 and not set(fills) & set(theme.ROLE.values())
    for fill, ink in theme.CATEGORIES:
        assert contrast(fill, ink) >= 4.5
        assert contrast(fill, "#ffffff") >= 3 and contrast(fill, "#111318") >= 3


def test_seven_billion_parameters_make_a_page_of_less_than_three_megabytes():
    """64 experts, 8 a token, in 32 layers; seven sentences of 60 tokens."""
    draw = random.Random(0)
    routes = [[[draw.sample(range(64), 8) for _ in range(60)] for _ in range(32)] for _ in range(2)]
    text = Routed(role="forget", question="Who?", tokens=[" token"] * 60, before=routes[0], after=routes[1])
    layers = [f"layer {at + 1}" for at in range(32)]
    panel = RoutingShift(title="t", how="h", layers=layers, experts=64, texts=[text] * 7)
    use = [[1.5625] * 64] * 32
    columns = [f"expert {at + 1}" for at in range(64)]
    option = Heatmap(title="original", how="h", rows=layers, columns=columns, z=use)
    switch = Switch(title="s", how="h", options=[option] * 3)
    html = view.panels([panel, switch, switch])
    assert len(html.encode()) < LARGEST and "where most moved" in html
    assert "where most moved" not in view.panel(PANEL)


def test_the_positions_of_a_switch_share_their_scale():
    """As the look makes it: both models on one scale, the difference centred on 0."""
    (panel,) = (
        panel
        for panel in Found.model_validate_json(SHIPPED[0].read_text()).panels
        if isinstance(panel, Switch) and "forget" in panel.title
    )
    before, after, moved = (figures.figure(option).data[0] for option in panel.options)
    assert (before.zmin, before.zmax) == (after.zmin, after.zmax)
    assert before.zmax == max(max(row) for option in panel.options[:2] for row in option.z)
    assert moved.zmin == -moved.zmax and [option.title for option in panel.options] == [
        "original",
        "unlearned",
        "difference",
    ]
    for row, was, now in zip(*(option.z for option in (panel.options[2], *panel.options[:2])), strict=True):
        assert row == pytest.approx([b - a for a, b in zip(was, now, strict=True)])
    html = view.panel(panel)
    assert html.count('class="option"') == 3 and html.count("hidden>") == 2
