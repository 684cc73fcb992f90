"""From Home to the four pictures, one walk a family: before and after under a slider, saliency, routing, concept vectors."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHANGE, THERE = "Where did it change?", "Is it still there?"
SALIENCY = (CHANGE, "weight_saliency", "lethe-tiles canvas")
ROUTING = (CHANGE, "routing", "lethe-routing .disc")
VECTORS = (THERE, "concept_vectors", ".lethe-vectors .lethe-vector")
FITTING = {
    "Emoji painter": [SALIENCY],
    "Clothes ResNet": [SALIENCY],
    "Authors": [SALIENCY, VECTORS],
    "Team of experts": [SALIENCY, ROUTING],
}
SHOWN = "[...document.querySelectorAll('#run-board :is(tr[data-when=after] td, td[data-when=after])')].map(cell => cell.innerHTML).join()"


@pytest.mark.parametrize("title", FITTING)
def test_from_home_to_the_pictures_that_fit_the_family(studio, watched, screenshots, title):
    seen = watched()
    page = seen.page
    seen.from_home(studio, title, "See how")
    page.locator("#run-title h1", has_text=title).wait_for()
    page.locator("#run-more details").first.wait_for()  # the reference has joined; nothing is drawn anew from here on
    slider = page.locator("#run-board input[type=range]")
    slider.focus()
    assert slider.bounding_box()["y"] < 800
    unlearned = page.evaluate(SHOWN)
    page.keyboard.press("Home")
    assert page.locator("#run-board output").inner_text() == "original" and page.evaluate(SHOWN) != unlearned
    page.get_by_role("tab", name="Inside").click()
    for group, look, picture in FITTING[title]:
        page.locator("#look-group label", has_text=group).click()
        page.locator(f"#look-inspector label:has(input[value={look}])").click()
        page.locator(f"#look-seen {picture}").first.wait_for()
        page.wait_for_function("document.getElementById('look-seen').getBoundingClientRect().top < innerHeight - 200")
        page.screenshot(path=screenshots / f"picture-{look}-{title.split()[0].lower()}.png")
    assert seen.errors == [] and seen.outside(studio) == []
