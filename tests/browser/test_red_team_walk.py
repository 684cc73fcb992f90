"""Red team by hand on a language run: a find is put into the field, tried, counted for this browser alone, and cleared."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]
RUN = "example-experts-busiest"  # an attack found prompts, and the model still names facts


def count(page, name):
    return page.locator(f'.lethe-tally [data-count="{name}"]').inner_text()


def test_a_find_is_tried_by_hand_and_counted_for_this_browser_alone(studio, watched, screenshots):
    seen = watched()
    page = seen.page
    page.goto(f"{studio}/run?id={RUN}&tab=back")
    page.locator("#red-team").wait_for(timeout=60_000)
    page.locator("#run-back .lethe-back-test:not([hidden])").wait_for()
    assert page.locator("#red-team").bounding_box()["y"] > 700, "the answer comes first"
    page.locator('.lethe-back-list button[data-attack="ask_otherwise"]').click()
    shown = page.locator('.lethe-back-test[data-attack="ask_otherwise"]')
    shown.get_by_text("What it found").click()
    find = shown.locator("button[data-try]").first
    words = find.get_attribute("data-try")
    find.click()
    field = page.locator("#try-prompt textarea")
    field.wait_for()
    page.wait_for_function("words => document.querySelector('#try-prompt textarea').value === words", arg=words)
    page.locator("#try-go").click()
    page.locator(".lethe-tally").wait_for(timeout=120_000)
    sides = page.locator("#try-answers section[data-when]")
    assert [one.get_attribute("data-when") for one in sides.all()] == ["before", "after", "reference"]
    assert (count(page, "tries"), count(page, "hits"), count(page, "reference")) == ("1", "1", "0")
    page.locator("#try-answers [role=status]").get_by_text("A hit.").wait_for()
    page.screenshot(path=screenshots / "red-team.png")

    field.fill("")
    page.locator("#try-go").click()
    page.locator("#try-answers").get_by_text("Write a question or prompt first.").wait_for()
    field.fill("x" * 700)
    page.keyboard.press("Enter")
    page.locator("#try-answers").get_by_text("at most 500 are allowed").wait_for()
    assert count(page, "tries") == "1", "what cannot be asked is not counted"

    page.reload()  # the count is kept
    page.get_by_role("button", name="Red team: try it by hand").click()
    page.locator(".lethe-tally").wait_for()
    assert count(page, "tries") == "1"
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function("document.documentElement.scrollWidth <= 390")
    page.locator("#red-team").screenshot(path=screenshots / "red-team-phone.png")

    other = watched().page
    other.goto(f"{studio}/run?id={RUN}&tab=back")
    other.get_by_role("button", name="Red team: try it by hand").click()
    other.locator("#try-prompt textarea").wait_for()
    assert other.locator(".lethe-tally").count() == 0, "nothing of another visitor is shown"

    page.locator("[data-clear]").click()
    page.locator(".lethe-tally").wait_for(state="detached")
    assert seen.errors == [] and seen.outside(studio) == []
