"""Cards of concept vectors of a run that came with Lethe, in a real browser: seen, switched off by keyboard, asked, shared by address."""

import re

import pytest
import torch

from backends.engine.session import Desk
from backends.families.language.concept_vectors import columns
from backends.families.language.task import MOST
from backends.families.language.tokens import answers

SHIPPED = "example-author-forgotten"
JOB = 240_000  # ms; a look opens both models, on a machine that does other work
NO_OVERFLOW = "document.documentElement.scrollWidth <= window.innerWidth"


@pytest.fixture
def inside(studio, watched):
    """The tab Inside with the cards of a shipped run."""
    one = watched()
    page = one.page
    page.goto(f"{studio}/run?id={SHIPPED}&tab=inside&inspector=concept_vectors")
    page.locator("#switch-seen article").first.wait_for(timeout=JOB)
    if not page.locator(".lethe-vectors").count():
        page.click("#look-go")
    page.locator(".lethe-vectors .lethe-vector").first.wait_for(timeout=JOB)
    yield one
    assert one.errors == [] and one.outside(studio) == []


def responses(page, side):
    """What the original and the unlearned model answer on a card, without the probability beside it."""
    return page.evaluate(
        "side => [...document.querySelectorAll(`#switch-seen [data-side=${side}] dd`)].map(dd => { const one = dd.cloneNode(true); one.querySelector('.share')?.remove(); return one.textContent.trim(); })",
        side,
    )


def likely(page, side):
    """The probability of the true answer on a card, by the original model, in percent."""
    text = page.locator(f"#switch-seen [data-side={side}] dd .share").first.inner_text()
    return float(re.search(r"([\d.]+) %", text)[1])


def test_a_vector_is_switched_off_by_keyboard_and_the_answers_are_those_of_a_zeroed_column(
    inside, studio, watched, screenshots
):
    page = inside.page
    cards = page.locator(".lethe-vectors > .cards > article")
    boxes = [cards.nth(at).bounding_box() for at in range(3)]
    assert cards.count() == 3 and len({box["y"] for box in boxes}) == 1 and boxes[0]["height"] < 520
    assert page.locator(".lethe-vectors details article").count() == 9
    assert "went from 100 % to 5 %" in page.locator(".lethe-panel[data-kind=vectors] > .lethe-says").inner_text()
    switch = cards.first.locator(".lethe-off")
    switch.focus()
    page.keyboard.press("Space")
    assert switch.get_attribute("aria-checked") == "true"
    page.locator("#switch-seen p", has_text="With layer").wait_for(timeout=JOB)

    opened = Desk().run(SHIPPED)
    layer, column = map(int, cards.first.get_attribute("data-place").split("."))
    question = page.locator("#switch-seen h4 .lethe-quiet").first.inner_text()
    with torch.no_grad():
        for at, when in enumerate(("before", "after")):
            model = opened.model(when)
            assert responses(page, "on")[at] == answers(model, opened.task.reader, [question], MOST)[0]
            columns(model, layer)[column] = 0
            assert responses(page, "off")[at] == answers(model, opened.task.reader, [question], MOST)[0]

    page.screenshot(path=screenshots / "vectors.png", full_page=True)
    other = watched(viewport={"width": 390, "height": 844})
    other.page.goto(page.url)
    other.page.locator("#switch-seen p", has_text="With layer").wait_for(timeout=JOB)
    other.page.locator(f'.lethe-off[data-vector="{layer}.{column}"][aria-checked="true"]').first.wait_for()
    assert responses(other.page, "off") == responses(page, "off")
    assert other.page.evaluate(NO_OVERFLOW), "the page is wider than the phone"
    for scheme in other.both_schemes():
        other.page.screenshot(path=screenshots / f"vectors-phone-{scheme}.png", full_page=True)
    assert other.errors == []


def test_all_that_an_answer_leans_on_is_switched_off_at_once(inside):
    page = inside.page
    page.locator("#switch-more > button").click()
    page.locator("#switch-others .lethe-off").nth(19).wait_for(timeout=JOB)
    page.locator("#switch-others button", has_text="Switch off all 20").click()
    page.locator("#switch-seen p", has_text="With 20 vectors off").wait_for(timeout=JOB)
    on, off = likely(page, "on"), likely(page, "off")
    assert on > 95 > off + 10, f"the original gave the true answer {on} % and {off} % without its vectors"
    page.locator("#switch-others button", has_text="All on").click()
    page.locator("#switch-seen", has_text="Switch a vector off above").wait_for(timeout=JOB)
    assert page.locator('.lethe-off[aria-checked="true"]').count() == 0
    page.fill("#switch-also textarea, #switch-also input", "77.1")
    page.click("#switch-go")
    page.locator("#switch-seen", has_text="There is no layer 77; the model has layers 0 to 5.").wait_for(timeout=JOB)
