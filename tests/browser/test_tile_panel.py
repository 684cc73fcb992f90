"""The mask over a network's tensors, in a real browser: the slider moves it at once, and nothing is asked of the server."""

import json

import numpy as np
import pytest

from app import theme, view
from app.figures.tiles import share
from backends.api import findings
from backends.api.home import ASSETS
from backends.api.panels import Found

FOLDER = ASSETS / "runs" / "example-forget-sandal"
RUN = """([script, value]) => new Function('element', 'props', 'watch', 'trigger', script)(
  document.getElementById('host'), { value }, () => {}, () => {})"""
LIT = """tile => [...tile.querySelectorAll('canvas')].map(canvas => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let lit = 0;
  for (let at = 0; at < data.length; at += 4) lit += Math.max(data[at], data[at + 2]) > 125;
  return lit;
})"""  # what is outside has no channel above 104


@pytest.fixture(scope="module")
def panel():
    stored = json.loads((FOLDER / "inspect" / "weight_saliency" / "found.json").read_text("utf-8"))
    (tiles,) = Found.model_validate(stored).panels
    return tiles


@pytest.fixture(params=[{}, {"viewport": {"width": 390, "height": 844}}], ids=["wide", "phone"])
def shown(request, watched, panel):
    one = watched(**request.param)
    one.page.set_content(f'<style>{theme.CSS}</style><div id="host"><div class="lethe"></div></div>')
    one.page.add_script_tag(content=(theme.STATIC / "tiles.js").read_text("utf-8"))
    one.page.evaluate(RUN, [(theme.STATIC / "panels.js").read_text("utf-8"), view.panels([panel], FOLDER)])
    one.page.wait_for_timeout(300)
    one.requests.clear()
    yield one.page
    assert one.errors == one.requests == []
    assert one.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def texts(page, selector):
    return page.locator(f"lethe-tiles {selector} b").all_inner_texts()


def check(page, panel, at):
    """Everything on the page is that of the mask of this size."""
    stored = findings.arrays(FOLDER, panel.arrays)
    for name, selector in (("salient", ".inside"), ("furthest", ".furthest")):
        shares = [share(int(count), int(of)) for count, of in zip(stored[name][:, at], stored["weights"], strict=True)]
        assert texts(page, selector) == shares
    overlap = f"{100 * stored['both'][:, at].sum() / stored['salient'][:, at].sum():.0f}\u00a0%"
    assert page.locator("lethe-tiles .overlap b").inner_text() == overlap
    assert page.locator("lethe-tiles .overlap i").inner_text() == f"{panel.chance[at]:.0f}\u00a0%"
    assert (
        page.locator("lethe-tiles output")
        .inner_text()
        .startswith(f"{panel.percent[at]} % of the weights with a gradient")
    )
    assert page.locator(".lethe-says").inner_text() == panel.says_at[at]
    sizes = [tile.rows * tile.columns for group in panel.groups for tile in group.tiles]
    page.wait_for_timeout(100)
    lit = page.locator("lethe-tiles figure").first.evaluate(LIT)
    parts = [stored[name][0, at] / stored["weights"][0] for name in ("salient", "furthest")]
    assert lit == [max(1, int(sizes[0] * part + 0.5)) for part in parts]


def test_dragging_the_slider_moves_the_mask_and_the_overlap(shown, panel):
    slider = shown.locator("lethe-tiles input")
    check(shown, panel, panel.start)
    before = texts(shown, ".inside")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    shown.mouse.move(box["x"] + box["width"] * panel.start / 99, middle)
    shown.mouse.down()
    for part in (0.4, 0.6):
        shown.mouse.move(box["x"] + box["width"] * part, middle, steps=5)
    shown.mouse.up()
    at = int(slider.input_value())
    assert 50 < at < 70 and texts(shown, ".inside") != before
    shown.locator("lethe-tiles figure").first.scroll_into_view_if_needed()
    check(shown, panel, at)


def test_by_keyboard_it_goes_by_one_percent_and_says_where_it_takes_everything(shown, panel):
    slider = shown.locator("lethe-tiles input")
    slider.focus()
    shown.keyboard.press("ArrowRight")
    shown.locator("lethe-tiles figure").first.scroll_into_view_if_needed()
    check(shown, panel, panel.start + 1)
    assert (
        slider.get_attribute("aria-valuetext") == f"{panel.percent[panel.start + 1]} % of the weights with a gradient"
    )
    shown.keyboard.press("End")
    assert shown.locator("lethe-tiles output").inner_text() == "100 % of the weights with a gradient: every one of them"
    with_gradient = np.array(findings.arrays(FOLDER, panel.arrays)["salient"])[:, -1].sum()
    assert with_gradient == panel.with_gradient


def test_the_same_panel_again_keeps_the_slider_where_it_is(shown, panel):
    shown.locator("lethe-tiles input").fill("70")
    shown.evaluate(
        "document.querySelector('lethe-tiles').replaceWith(document.querySelector('lethe-tiles').cloneNode(true))"
    )
    assert shown.locator("lethe-tiles input").input_value() == "70"
