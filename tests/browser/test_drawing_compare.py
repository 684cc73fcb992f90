"""See and Ask of a model that draws: the line is dragged, a prompt typed, a link shared."""

import json
import os
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

JOB = 600  # seconds for a job of few steps, whose pictures are judged
DRAWN = 120_000  # milliseconds for pictures, on a machine that does other work
NO_OVERFLOW = "document.documentElement.scrollWidth <= innerWidth"
SETTINGS = ("steps=4", "pool=4", "pool_steps=4")


@pytest.fixture(scope="module")
def drawing_run(studio, studio_home):
    """A finished run that forgot the cat, made in the studio's home by the command line."""
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    command = ["unlearn", "--model", "emoji-sd", "--method", "esd", "--forget", "cat", *settings, "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", *command],
        env=os.environ | {"LETHE_HOME": str(studio_home)},
        capture_output=True,
        text=True,
        timeout=JOB,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["run_id"]


@pytest.fixture
def compared(studio, drawing_run, watched):
    """The page Compare of that run, with its pictures there."""
    seen = watched()
    seen.page.goto(f"{studio}/run?id={drawing_run}")
    seen.page.locator("#run-more summary").first.click(timeout=DRAWN)
    seen.page.locator(".lethe-wipe").wait_for(timeout=DRAWN)
    return seen


def share(page):
    """Where the line stands, in percent from the left."""
    return float(page.locator(".lethe-wipe .stage").evaluate("e => e.style.getPropertyValue('--at')").rstrip("%"))


def test_the_line_is_dragged_and_moved_by_the_keyboard(compared, screenshots, studio):
    page = compared.page
    stage = page.locator(".lethe-wipe .stage")
    stage.scroll_into_view_if_needed()
    place = stage.bounding_box()
    assert place["width"] >= 256
    page.mouse.move(place["x"] + place["width"] / 2, place["y"] + 100)
    page.mouse.down()
    page.mouse.move(place["x"] + 0.8 * place["width"], place["y"] + 110, steps=5)
    page.mouse.up()
    dragged = share(page)
    assert 70 < dragged < 90
    page.keyboard.press("ArrowLeft")
    assert share(page) == dragged - 1
    page.keyboard.press("Home")
    assert share(page) == 0
    said = page.locator(".lethe-wipe input").get_attribute("aria-valuetext")
    assert said == "0 % before, 100 % after"
    page.screenshot(path=screenshots / "drawing-wipe.png")
    assert compared.errors == [] and compared.outside(studio) == []


def test_another_prompt_comes_under_the_line_and_the_grid_has_every_role(compared, screenshots):
    page = compared.page
    first = page.locator(".lethe-wipe img").first.get_attribute("src")
    page.locator(".lethe-wipe-choices label").last.click()
    words = page.locator(".lethe-wipe-choices label").last.inner_text()
    assert page.locator(".lethe-wipe figcaption").inner_text().startswith(words)
    assert page.locator(".lethe-wipe img").first.get_attribute("src") != first
    blocks = page.locator(".lethe-drawn")
    assert blocks.count() == 3
    for at in range(3):
        pictures = blocks.nth(at).locator("img")
        assert pictures.count() == 2 * blocks.nth(at).locator("figure").count() >= 8
        assert pictures.first.bounding_box()["width"] >= 128
    page.screenshot(path=screenshots / "drawing-compare.png", full_page=True)


def test_a_prompt_is_answered_by_both_models_and_the_link_brings_the_same_pictures(
    studio, drawing_run, watched, screenshots
):
    seen = watched()
    page = seen.page
    page.goto(f"{studio}/run?id={drawing_run}&tab=ask")
    page.locator("#play-seen .lethe-beside").wait_for(timeout=DRAWN)
    page.locator("#play-prompt").locator("input, textarea").fill("a dog <b>in</b> noto style")
    page.keyboard.press("Enter")
    page.locator("#play-seen .lethe-lead", has_text="a dog <b>in</b> noto style").wait_for(timeout=DRAWN)
    sides = page.locator("#play-seen .answers")
    assert [sides.nth(at).locator("img").count() for at in range(sides.count())] == [4, 4, 4], (
        "original, unlearned, reference"
    )
    assert "How it was made" in page.locator("#play-seen").inner_text()
    before = page.locator("#play-seen img").first.get_attribute("src")
    page.screenshot(path=screenshots / "playground.png", full_page=True)
    other = watched().page
    other.goto(page.url)
    other.locator("#play-seen .lethe-lead", has_text="a dog <b>in</b> noto style").wait_for(timeout=DRAWN)
    assert other.locator("#play-seen img").first.get_attribute("src") == before
    assert seen.errors == [] and seen.outside(studio) == []


def test_an_example_other_seeds_and_an_empty_prompt(studio, drawing_run, watched):
    page = watched().page
    page.goto(f"{studio}/run?id={drawing_run}&tab=ask")
    page.locator("#play-seen .lethe-beside").wait_for(timeout=DRAWN)
    chip = page.locator("#play-asks button").nth(1)
    words = chip.inner_text()
    chip.click()
    page.locator("#play-seen .lethe-lead", has_text=words).wait_for(timeout=DRAWN)
    page.click("#play-other")
    page.locator("#play-seen", has_text="seeds 4 to 7").wait_for(timeout=DRAWN)
    assert "seed=4" in page.url
    page.locator("#play-prompt").locator("input, textarea").fill("   ")
    page.click("#play-go")
    page.locator("#play-seen", has_text="The prompt was empty").wait_for(timeout=DRAWN)


@pytest.mark.parametrize("path", ["compare", "playground"])
def test_a_phone_shows_the_pictures_without_scrolling_sideways(studio, drawing_run, watched, screenshots, path):
    seen = watched(viewport={"width": 390, "height": 844})
    page = seen.page
    page.goto(f"{studio}/{path}?run={drawing_run}")
    page.locator("#run-board td img, #play-seen .lethe-beside").first.wait_for(timeout=DRAWN)
    assert page.evaluate(NO_OVERFLOW), "the page is wider than the phone"
    for scheme in seen.both_schemes():
        page.screenshot(path=screenshots / f"phone-drawing-{path}-{scheme}.png", full_page=True)
