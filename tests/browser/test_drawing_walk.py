"""Forgetting something that a model draws, as a person does it: tiles and words, the run's pictures, the address."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

JOB = 600_000  # milliseconds for a job on two busy cores
FORM = "?model=emoji-sd&forget=cat%20-%3E%20dog&forget=flat%20style"
NO_OVERFLOW = "document.documentElement.scrollWidth <= innerWidth"


def test_tiles_and_words_become_one_sentence(studio, watched, screenshots):
    seen = watched()
    page = seen.page
    page.goto(f"{studio}/new?model=emoji-sd&forget=cat")
    page.locator("#count", has_text="10 prompts to forget").wait_for()
    page.wait_for_function("document.querySelector('#tile_style style')?.textContent.includes('data:image')")
    page.locator("#styles label", has_text="twemoji").click()
    page.locator("#say", has_text="cat and twemoji style").wait_for()
    page.locator("#near", has_text="get hurt first").wait_for()
    page.locator("#phrases textarea").press_sequentially("unicorn")
    page.locator("#say .lethe-wrong", has_text="never learned").wait_for()
    page.screenshot(path=screenshots / "drawing-wrong.png")
    for _ in "unicorn":
        page.locator("#phrases textarea").press("Backspace")
    page.locator("#phrases textarea").press("Tab")  # what was deleted is read when the field is left
    page.locator("#count", has_text="prompts to forget").wait_for()
    page.locator("#exact summary").click()
    page.locator("#exact td", has_text="cat").first.wait_for()
    page.screenshot(path=screenshots / "drawing-forget.png", full_page=True)
    page.locator("#model label", has_text="ResNet").first.click()
    page.locator("#count", has_text="images to forget").wait_for()
    assert seen.errors == [] and seen.outside(studio) == []


def test_a_shared_address_fills_the_form_in_on_a_phone(studio, watched, screenshots):
    seen = watched(viewport={"width": 390, "height": 844})
    page = seen.page
    page.goto(f"{studio}/new{FORM}&keep=bear")
    page.locator("#count", has_text="prompts to forget").wait_for()
    assert "cat (drawn as dog instead) and flat style" in page.locator("#say").inner_text()
    page.locator("#keep_objects label.selected", has_text="bear").wait_for()
    assert page.locator("#objects label.selected").all_inner_texts() == ["cat"]
    assert page.locator("#anchor input").input_value() == "dog"
    assert page.evaluate(NO_OVERFLOW), "the page is wider than the phone"
    for scheme in seen.both_schemes():
        page.screenshot(path=screenshots / f"drawing-phone-{scheme}.png")
    assert seen.errors == []


def test_a_run_shows_its_pictures_before_and_now_and_its_clone_the_same_form(studio, watched, screenshots):
    seen = watched()
    page = seen.page
    seen.from_home(studio, "Emoji painter", "Make it forget")
    page.locator("#say", has_text="Emoji painter forgets cat").wait_for()
    page.locator("#styles label", has_text="flat").first.click()
    page.locator("#say", has_text="cat and flat style").wait_for()
    page.locator("#say", has_text="31 prompts to forget").wait_for()
    page.click("#start")
    page.locator("#run-board td img").first.wait_for(timeout=JOB)
    page.locator("#run-marks details").wait_for(timeout=JOB)  # first marks come earlier
    page.locator("#run-board output", has_text="unlearned").wait_for()
    before, after = (page.locator(f"#run-board tr[data-when={when}] img") for when in ("before", "after"))
    assert before.count() == after.count() >= 4
    assert before.first.get_attribute("src") != after.first.get_attribute("src")
    page.screenshot(path=screenshots / "drawing-done.png", full_page=True)
    run_id = page.url.split("id=")[1].split("&")[0]
    page.goto(f"{studio}/new?clone={run_id}")
    page.locator("#count", has_text="prompts to forget").wait_for()
    assert "cat and flat style" in page.locator("#say").inner_text()
    assert seen.errors == [] and seen.outside(studio) == []
