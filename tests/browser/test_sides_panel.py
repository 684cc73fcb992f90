"""Items under a threshold, in a real browser: dragging changes sides and counts at once, and nothing is asked of the server."""

import numpy as np
import pytest
from PIL import Image

from app import theme, view
from backends.core.sides import Scored, sides

RUN = """([script, value]) => new Function('element', 'props', 'watch', 'trigger', script)(
  document.getElementById('host'), { value }, () => {}, () => {})"""
RNG = np.random.default_rng(2)
SCORES = {"forget": RNG.beta(8, 2, 300), "kept": RNG.beta(9, 1, 2000), "new": RNG.beta(5, 3, 500)}


@pytest.fixture(scope="module")
def panel():
    ids = {name: [f"{name}-{at}" for at in range(len(values))] for name, values in SCORES.items()}
    return sides(
        [
            Scored("forgotten images", "forget", ids["forget"], SCORES["forget"], pictures={one: f"{one}.png" for one in ids["forget"][:6]}),
            Scored("kept images", "neighbour", ids["kept"], SCORES["kept"], "TPR"),
            Scored("new images", "unrelated", ids["new"], SCORES["new"], "FPR"),
        ],
        0.7, scale="odds", title="Sides", how="Drag.", says="", x_title="probability", start_name="Attacker's best",
    )  # fmt: skip


@pytest.fixture(
    params=[{}, {"viewport": {"width": 390, "height": 844}}, {"color_scheme": "dark"}], ids=["wide", "phone", "dark"]
)
def shown(request, watched, panel, tmp_path):
    one = watched(**request.param)
    for at in range(6):
        Image.new("L", (4, 4), 40 * at).save(tmp_path / f"forget-{at}.png")
    dark = "dark" if request.param.get("color_scheme") else ""
    one.page.set_content(
        f'<body class="{dark}"><style>{theme.CSS}</style><div class="gradio-container"><div id="host"><div class="lethe"></div></div></div>'
    )
    one.page.add_script_tag(content=(theme.STATIC / "sides.js").read_text("utf-8"))
    one.page.evaluate(RUN, [(theme.STATIC / "panels.js").read_text("utf-8"), view.panels([panel], tmp_path)])
    one.page.wait_for_timeout(200)
    one.requests.clear()
    yield one.page
    assert one.errors == one.requests == []
    assert one.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def check(page, panel, at):
    """All that the page says is what a threshold makes of every score."""
    line = panel.thresholds[at]
    for number, values in enumerate(SCORES.values()):
        lane = page.locator("lethe-sides .field section").nth(number)
        assert lane.locator(".count b").inner_text() == f"{(values >= line).sum():,}"
        assert lane.locator(".count strong").inner_text() == f"{100 * (values >= line).mean():.1f}\u00a0%"
        sides_by_dot = lane.locator(".dots i").evaluate_all(
            "dots => dots.map(dot => [Number(dot.dataset.value), dot.classList.contains('in')])"
        )
        assert all((value >= line) == inside for value, inside in sides_by_dot) and len(sides_by_dot) == 120
    right = 50 * ((SCORES["kept"] >= line).mean() + (SCORES["new"] < line).mean())
    assert float(page.locator("lethe-sides .right b").inner_text().split()[0]) == pytest.approx(right, abs=0.051)
    called = page.locator("lethe-sides .sorted .in figure").count()
    assert called == (SCORES["forget"][:6] >= line).sum()
    assert called + page.locator("lethe-sides .sorted .out figure").count() == 6


def test_the_threshold_is_dragged_over_the_dots(shown, panel):
    check(shown, panel, panel.start)
    field = shown.locator("lethe-sides .dots").first
    field.scroll_into_view_if_needed()
    box = field.bounding_box()
    shown.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 40)
    shown.mouse.down()
    shown.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + 44, steps=5)
    shown.mouse.up()
    at = int(shown.locator("lethe-sides input").input_value())
    assert 0.6 < at / len(panel.thresholds) < 0.8
    check(shown, panel, at)
    shown.locator("lethe-sides .again").click()
    check(shown, panel, panel.start)


def test_the_keyboard_moves_it_and_a_screen_reader_hears_the_threshold(shown, panel):
    slider = shown.locator("lethe-sides input")
    slider.focus()
    for _ in range(3):
        shown.keyboard.press("ArrowLeft")
    check(shown, panel, panel.start - 3)
    assert slider.get_attribute("aria-valuetext") == shown.locator("lethe-sides output").inner_text()
    shown.keyboard.press("End")
    check(shown, panel, len(panel.thresholds) - 1)
    shown.keyboard.press("Home")
    check(shown, panel, 0)
