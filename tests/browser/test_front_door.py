"""Home in a browser: what a person sees without scrolling, that the scenes play and can be stopped."""

import pytest

pytestmark = pytest.mark.browser
START = 90_000
INSIDE = """selector => [...document.querySelectorAll(selector)].map(one => {
  const at = one.getBoundingClientRect();
  return at.width > 0 && at.top >= 0 && at.left >= 0 && at.bottom <= innerHeight && at.right <= innerWidth;
})"""
MOMENTS = "[...document.querySelectorAll('.lethe-front')].map(one => [...one.querySelectorAll('.frame')].findIndex(frame => frame.hasAttribute('data-on')))"


@pytest.fixture
def opened(studio, browser):
    """Open Home in a window of its own."""
    contexts = []

    def open_home(**options):
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 800}, **options))
        page = contexts[-1].new_page()
        page.goto(studio)
        page.wait_for_selector(".lethe-front", timeout=START)
        page.wait_for_selector(".lethe-own :is(p, li)", timeout=START)
        return page

    yield open_home
    for context in contexts:
        context.close()


def test_all_of_home_is_in_the_first_viewport(opened, screenshots):
    page = opened()
    page.screenshot(path=screenshots / "home-1280.png")
    counts = {
        "h1": 1, ".lethe-front": 5, ".lethe-front .lethe-button": 10, ".lethe-door": 5, ".lethe-lessons a": 8, ".lethe-own h2": 1, "[data-pause]": 1,
    }  # fmt: skip
    for selector, count in counts.items():
        assert page.evaluate(INSIDE, selector) == [True] * count, selector
    page.set_viewport_size({"width": 390, "height": 844})
    page.screenshot(path=screenshots / "home-390.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    tops = page.evaluate(
        "['.lethe-front', '.lethe-door', '.lethe-lessons'].map(one => document.querySelector(one).getBoundingClientRect().top)"
    )
    assert tops == sorted(tops)


def test_scenes_play_until_they_are_paused_and_the_pause_is_remembered(opened):
    page = opened()
    page.mouse.move(640, 790)
    first = page.evaluate(MOMENTS)
    page.wait_for_function(
        f"first => JSON.stringify({MOMENTS}) !== first", arg=str(first).replace(" ", ""), timeout=START
    )
    page.get_by_role("button", name="Pause").click()
    stopped = page.evaluate(MOMENTS)
    page.wait_for_timeout(2500)
    assert page.evaluate(MOMENTS) == stopped
    page.reload()
    page.get_by_role("button", name="Play").wait_for(timeout=START)


def test_who_asks_for_less_motion_sees_before_and_after_at_rest(opened):
    page = opened(reduced_motion="reduce")
    last = page.evaluate(
        "[...document.querySelectorAll('.lethe-front')].map(one => one.querySelectorAll('.frame').length - 1)"
    )
    assert page.evaluate(MOMENTS) == last
    page.wait_for_timeout(2500)
    assert page.evaluate(MOMENTS) == last and not page.locator("[data-pause]").is_visible()
