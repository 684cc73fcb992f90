"""The run's page in its first viewport: head, marks, board and bullets, and the slider that asks nobody over the recorded steps."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SHIPPED = ["example-forget-sandal", "example-forget-cat", "example-author-forgotten", "example-experts-one"]
PARTS = [
    "#run-title h1",
    "#run-marks .lethe-marks",
    "#run-board table",
    "#run-board .slide",
    "#run-side .lethe-bullet:last-of-type",
]
SHOWN = (
    "document.querySelectorAll('#run-board [data-when=after] td[data-item], #run-board td[data-when=after][data-item]')"
)
NO_OVERFLOW = "document.documentElement.scrollWidth <= innerWidth"


def opened(page, studio, run_id, more=""):
    page.goto(f"{studio}/run?id={run_id}{more}")
    page.locator("#run-board td[data-item]").first.wait_for()
    page.locator("#run-more details").first.wait_for(timeout=120_000)


@pytest.mark.parametrize("run_id", SHIPPED)
def test_the_answer_is_in_the_first_viewport_and_the_page_has_two_screens(studio, watched, run_id):
    seen = watched()
    page = seen.page
    opened(page, studio, run_id)
    for part in PARTS:
        box = page.locator(part).last.bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= 800, f"{part} is out of sight"
    assert page.evaluate("document.documentElement.scrollHeight") <= 1600
    assert seen.wrong_headings() == [] and seen.errors == [] and seen.outside(studio) == []


def test_the_same_stands_in_the_same_place_before_any_script_works(studio, watched, screenshots):
    """The page as the server sends it has the first viewport; when its scripts work, nothing has moved."""
    page = watched().page
    boxes = """root => ['h1', '.lethe-marks', '.lethe-board table', '.slide', '.lethe-bullet'].map(part => {
        const box = document.querySelector(root + ' ' + part).getBoundingClientRect();
        return [box.x, box.y, box.width, box.height].map(Math.round); })"""
    page.route("**/assets/*.js", lambda route: route.abort())
    page.goto(f"{studio}/run?id={SHIPPED[1]}")
    first = page.evaluate(boxes, "#lethe-first")
    page.screenshot(path=screenshots / "see-first.png")
    page.unroute("**/assets/*.js")
    opened(page, studio, SHIPPED[1])
    page.locator("#lethe-first").wait_for(state="detached")
    near = [
        abs(was - now) <= 4
        for part in zip(first, page.evaluate(boxes, "gradio-app"), strict=True)
        for was, now in zip(*part, strict=True)
    ]
    assert all(near) and max(y + height for _, y, _, height in first) <= 800


@pytest.mark.parametrize("run_id", SHIPPED)
def test_the_slider_goes_through_the_recorded_steps_without_a_request(studio, watched, run_id):
    seen = watched()
    page = seen.page
    opened(page, studio, run_id)
    slider = page.locator("#run-board input[type=range]")
    last = int(slider.get_attribute("data-last"))
    slider.focus()
    asked, views = len(seen.requests), [page.evaluate(f"[...{SHOWN}].map(cell => cell.innerHTML)")]
    for _ in range(last):
        page.keyboard.press("ArrowLeft")
        views.append(page.evaluate(f"[...{SHOWN}].map(cell => cell.innerHTML)"))
    new = [url for url in seen.requests[asked:] if "queue" in url or "/run/" in url or "call" in url]
    assert new == [] and page.locator("#run-board output").inner_text() == "original" and "step=0" in page.url
    steps = page.evaluate(
        "JSON.parse(document.querySelector('#run-board [data-board]').dataset.board).steps.map(s => Object.values(s.cells))"
    )
    texts = "cells => cells.map(html => {const box = document.createElement('div'); box.innerHTML = html; return box.innerHTML;})"
    assert views == [page.evaluate(texts, cells) for cells in reversed(steps)]


def test_a_dose_is_drawn_and_its_address_shows_the_same_to_another_browser(studio, watched, screenshots):
    page = watched().page
    opened(page, studio, "example-forget-sandal")
    unlearned = page.evaluate(f"[...{SHOWN}].map(cell => cell.innerText)")
    page.locator("#run-board input[type=range]").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.locator("#run-board output", has_text="dose 1.2").wait_for()
    page.wait_for_timeout(400)
    page.locator("#run-board .lethe-board:not([data-asking])").wait_for(timeout=120_000)
    shown = page.evaluate(f"[...{SHOWN}].map(cell => cell.innerText)")
    assert page.locator("#run-board output").inner_text() == "dose 1.2" and shown != unlearned
    assert "dose=1.2" in page.url
    page.screenshot(path=screenshots / "see-dose.png")
    other = watched().page
    other.goto(page.url)
    other.locator("#run-board output", has_text="dose 1.2").wait_for(timeout=120_000)
    other.wait_for_timeout(400)
    other.locator("#run-board .lethe-board:not([data-asking])").wait_for(timeout=120_000)
    assert other.evaluate(f"[...{SHOWN}].map(cell => cell.innerText)") == shown


def test_two_runs_go_through_their_steps_under_one_slider(studio, watched):
    page = watched().page
    opened(page, studio, "example-author-forgotten", "&with=example-author-refused")
    sliders = page.locator("#run-board input[type=range]")
    sliders.nth(1).wait_for()
    ends = [int(sliders.nth(at).get_attribute("data-last")) for at in (0, 1)]
    sliders.first.focus()
    page.keyboard.press("Home")
    assert [sliders.nth(at).input_value() for at in (0, 1)] == ["0", "0"]
    assert page.locator("#run-board output").all_inner_texts() == ["original", "original"]
    sliders.nth(1).focus()
    for _ in range(ends[1]):
        page.keyboard.press("ArrowRight")
    assert [int(sliders.nth(at).input_value()) for at in (0, 1)] == ends
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.locator("#run-board output").all_inner_texts() == ["dose 1.2", "dose 1.2"]
    page.wait_for_timeout(400)
    page.wait_for_function("document.querySelectorAll('.lethe-board[data-asking]').length === 0", timeout=240_000)
    assert page.locator("#run-board output").all_inner_texts() == ["dose 1.2", "dose 1.2"], "both answers came"


@pytest.mark.parametrize("run_id", SHIPPED)
def test_a_phone_shows_it_without_scrolling_sideways(studio, watched, screenshots, run_id):
    seen = watched(viewport={"width": 390, "height": 844})
    opened(seen.page, studio, run_id)
    assert seen.page.evaluate(NO_OVERFLOW), "the page is wider than the phone"
    for scheme in seen.both_schemes():
        seen.page.screenshot(path=screenshots / f"see-phone-{run_id}-{scheme}.png")
