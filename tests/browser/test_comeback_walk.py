"""Does it come back?: the tests of a run that came with Lethe, and one's own run tested with one press."""

import shutil

import pytest

from backends.api.home import ASSETS

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHIPPED = "example-author-refused"


@pytest.fixture
def untested(studio_home):
    """A finished run of one's own that nobody attacked yet."""
    to = studio_home / "runs" / "20260101-000000-untested"
    shutil.copytree(ASSETS / "runs" / SHIPPED, to, ignore=shutil.ignore_patterns("attack"))
    yield to
    shutil.rmtree(to)


def test_one_press_tests_a_run_and_its_third_mark_changes(studio, watched, screenshots, untested):
    seen = watched()
    page = seen.page
    page.goto(f"{studio}/run?id={untested.name}")
    third = page.locator("#run-marks .lethe-mark-card", has_text="Really gone?")
    third.get_by_text("Test it").click()
    page.get_by_role("button", name="Test it", exact=True).click()
    page.locator("#back-bar button[data-look]").wait_for()
    page.locator("#run-back .lethe-back").wait_for(timeout=240_000)
    page.screenshot(path=screenshots / "back-testing.png")
    page.locator("#back-bar button[data-look]").wait_for(state="detached", timeout=240_000)
    rows = page.locator(".lethe-back-list button[data-attack]")
    assert rows.count() >= 5
    word = page.locator(".lethe-back-court h3").inner_text().split("\n")[-1].strip()
    third.get_by_text(word).wait_for()
    assert page.locator("#back-deep").is_visible()
    assert (untested / "attack").is_dir() and list((untested / "attack").glob("*/attacked.npz"))
    assert seen.errors == [] and seen.outside(studio) == []


def test_the_picture_of_the_comeback_is_in_the_first_viewport_and_each_test_has_its_own(studio, watched, screenshots):
    seen = watched()
    page = seen.page
    page.goto(f"{studio}/run?id={SHIPPED}&tab=back")
    page.locator("#run-back .lethe-back-test:not([hidden]) .main-svg").first.wait_for()
    for part in (".lethe-back-list h3", ".lethe-back-test:not([hidden]) .lethe-panel h3"):
        assert page.locator(part).first.bounding_box()["y"] < 700
    assert page.locator(".lethe-back-test:not([hidden]) .lethe-stages mark").first.is_visible(), (
        "the fact that came back is seen"
    )
    page.screenshot(path=screenshots / "back.png")
    shown = page.locator(".lethe-back-test:not([hidden])").get_attribute("data-attack")
    other = page.locator(f".lethe-back-list button[data-attack]:not([data-attack={shown}])").last
    other.focus()
    page.keyboard.press("Enter")
    now = page.locator(".lethe-back-test:not([hidden])")
    assert now.count() == 1 and now.get_attribute("data-attack") == other.get_attribute("data-attack")
    assert other.get_attribute("aria-pressed") == "true"
    page.get_by_text("The statistics behind it").click()
    assert page.locator(".lethe-back-statistics table").is_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function("document.documentElement.scrollWidth <= 390")  # once the plots have followed
    page.screenshot(path=screenshots / "back-phone.png")
    assert seen.errors == [] and seen.outside(studio) == []
