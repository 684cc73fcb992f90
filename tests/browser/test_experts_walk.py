"""A mixture of experts by mouse: forget with all weights and with one expert, and look where the words go in both."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]
JOB = 400_000  # milliseconds for a job on two busy cores
NO_OVERFLOW = "document.documentElement.scrollWidth <= document.documentElement.clientWidth + 1"


@pytest.fixture(scope="module")
def forgotten(studio, browser):
    """Ids of two finished runs: plain NPO, and SEUF."""
    from watched import Watched

    seen = Watched(browser)
    page, made = seen.page, {}
    for method in ("npo", "seuf"):
        if method == "seuf":  # which is recommended
            seen.from_home(studio, "Team of experts", "Make it forget")
        else:
            page.goto(f"{studio}/new?model=authors-moe&forget=Ivo%20Pemberly&method={method}")
        page.locator("#count", has_text="20 questions to forget").wait_for(timeout=JOB)
        page.click("#start")
        page.locator("#run-marks .lethe-mark-card").first.wait_for(timeout=JOB)
        made[method] = page.url.split("id=")[1].split("&")[0]
    page.context.close()
    return made


def test_both_routings_side_by_side_and_the_old_one_forced(studio, watched, screenshots, forgotten):
    seen = watched()
    page = seen.page
    page.goto(f"{studio}/run?id={forgotten['npo']}&with={forgotten['seuf']}&tab=inside&inspector=routing")
    page.locator("#look-seen .lethe-two section").nth(1).wait_for(timeout=JOB)
    page.click("#look-go")
    boxes = page.locator("#look-seen lethe-routing")
    boxes.nth(1).wait_for(timeout=JOB)
    boxes.nth(1).locator(".disc").first.wait_for(timeout=JOB)
    assert boxes.count() == 2

    first = boxes.first
    assert "choices went to another expert" in first.locator(".count").inner_text()
    first.locator("select[data-choice='layer']").select_option("1")
    first.locator(".experts button[data-expert='4']").click()
    first.locator(".other .note", has_text="back without this expert").wait_for(timeout=JOB)
    assert first.locator(".experts button[aria-pressed='true']").count() == 1
    page.screenshot(path=screenshots / "experts-routing.png", full_page=True)

    page.locator("#look-group label", has_text="Is it still there?").click()
    page.locator("#look-inspector label", has_text="Forced routing").click()
    page.locator("#look-seen", has_text="Nobody has looked").wait_for(timeout=JOB)
    page.click("#look-go")
    verdicts = page.locator("#look-seen .lethe-card", has_text="Is it more than rerouted?")
    verdicts.nth(1).wait_for(timeout=JOB)
    assert verdicts.count() == 2
    for at in (0, 1):
        assert "after with the old routing" in verdicts.nth(at).inner_text()
    page.screenshot(path=screenshots / "experts-forced.png", full_page=True)

    other = watched(viewport={"width": 390, "height": 844}, color_scheme="dark")
    other.page.goto(f"{studio}/run?id={forgotten['npo']}&with={forgotten['seuf']}&tab=inside&inspector=routing")
    other.page.locator("#look-seen lethe-routing").nth(1).wait_for(timeout=JOB)
    assert other.page.evaluate(NO_OVERFLOW), "the page is wider than the phone"
    other.page.screenshot(path=screenshots / "experts-routing-phone.png", full_page=True)
    assert seen.errors == other.errors == [] and seen.outside(studio) == []


def test_both_are_compared_and_asked(studio, watched, screenshots, forgotten):
    seen = watched()
    page = seen.page
    page.goto(f"{studio}/run?id={forgotten['npo']}&with={forgotten['seuf']}")
    page.locator("#run-board .lethe-board").nth(1).wait_for(timeout=JOB)
    assert "Selected-Expert Unlearning" in page.locator("#run-board").inner_text()
    page.screenshot(path=screenshots / "experts-compare.png", full_page=True)
    page.goto(f"{studio}/run?id={forgotten['seuf']}&tab=ask")
    page.locator("#play-seen", has_text="The likeliest word at every step").wait_for(timeout=JOB)
    assert seen.errors == [] and seen.outside(studio) == []
