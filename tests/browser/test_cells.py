"""A matrix whose cells have pictures, in a real browser: shown on a click, and by keyboard alone."""

from pathlib import Path

import plotly
import pytest
from PIL import Image

from app import theme, view
from backends.api.panels import Heatmap, Picture

# What gr.HTML does with the script: it runs it with the element, its value, and ways to watch and to tell.
RUN = """(script, value) => {
  window.told = [];
  new Function('element', 'props', 'watch', 'trigger', script)(
    document.getElementById('host'), { value }, () => {}, (name, what) => window.told.push(what));
}"""


@pytest.fixture
def shown(watched, tmp_path):
    """A page with two matrices of the same pictures: rows cat and dog, columns flat and noto."""
    cells = []
    for row in range(2):
        cells.append([])
        for column in range(2):
            Image.new("RGB", (8, 8), (100 * row, 100 * column, 0)).save(tmp_path / f"{row}{column}.png")
            cells[row].append([Picture(path=f"{row}{column}.png", caption=f"seen as {row}{column}")])
    grids = [
        Heatmap(title=title, how="h", rows=["cat", "dog"], columns=["flat", "noto"], z=[[0, 1], [2, 3]], pictures=cells)
        for title in ("One", "Other")
    ]
    one = watched()
    one.page.set_content(f'<style>{theme.CSS}</style><div id="host"><div class="lethe"></div></div>')
    one.page.add_script_tag(path=Path(plotly.__file__).parent / "package_data" / "plotly.min.js")
    script = (theme.STATIC / "panels.js").read_text("utf-8")
    one.page.evaluate(f"([script, value]) => ({RUN})(script, value)", [script, view.panels(grids, tmp_path)])
    one.page.wait_for_function("document.querySelectorAll('.lethe-plot[data-bound]').length === 2")
    yield one.page
    assert not one.errors


def panel(page, at):
    return page.locator(".lethe-panel").nth(at)


@pytest.mark.parametrize("at", [0, 1], ids=["the one that brings them", "another of the same pictures"])
def test_a_click_shows_the_pictures_of_its_cell(shown, at):
    seen = panel(shown, at).locator(".lethe-preview")
    assert seen.locator("img").count() == 0 and "Click a cell" in seen.inner_text()
    drawing = panel(shown, at).locator(".lethe-plot .nsewdrag").first
    drawing.scroll_into_view_if_needed()
    box = drawing.bounding_box()
    shown.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.25)
    seen.locator("img").wait_for()
    assert "cat → noto" in seen.inner_text() and "seen as 01" in seen.inner_text()
    assert shown.evaluate("told.map(one => [one.panel, one.id])") == [[at, "cat → noto"]]


def test_by_keyboard_arrows_choose_and_enter_shows(shown):
    plot, seen = panel(shown, 0).locator(".lethe-plot"), panel(shown, 0).locator(".lethe-preview")
    plot.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight"):  # there is no third row: it stays on the last
        shown.keyboard.press(key)
    assert seen.locator("img").count() == 0
    plot.locator(".hoverlayer .hovertext", has_text="dog → noto").wait_for()
    shown.keyboard.press("Enter")
    assert "dog → noto" in seen.inner_text() and "seen as 11" in seen.inner_text()
    assert shown.evaluate("told.map(one => [one.x, one.y, one.z, one.id])") == [[1, 1, 3, "dog → noto"]]
