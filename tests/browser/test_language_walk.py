"""Making a language model forget, as a person does it: choose, watch, compare, ask both, share the link."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

JOB = 600_000  # milliseconds for a job on two busy cores
SHIPPED = "example-author-forgotten"  # Ivo Pemberly, by NPO; what is made here by mouse forgets own questions
NO_OVERFLOW = "document.documentElement.scrollWidth <= innerWidth"


def test_authors_are_found_by_typing_and_become_one_sentence(studio, watched, screenshots):
    seen = watched()
    page = seen.page
    page.goto(f"{studio}/new?model=authors-lm&forget=Piet%20Nettle")
    page.locator("#count", has_text="20 questions to forget").wait_for()
    page.locator("#near", has_text="the same names or facts: Tamsin Quorra").wait_for()
    page.click("#authors input")
    page.locator("#authors input").press_sequentially("quor")
    page.get_by_role("option", name="Tamsin Quorra").click()
    page.keyboard.press("Escape")
    page.locator("#say", has_text="forgets Piet Nettle and Tamsin Quorra").wait_for()
    page.locator("#count", has_text="40 questions to forget").wait_for()
    page.locator("#exact summary").click()
    page.locator("#exact td", has_text="Piet Nettle was born in Bergen.").wait_for()
    page.locator("#keep_mode label", has_text="Only some authors").click()
    page.locator("#say", has_text="keeps Mateo Zelenka").wait_for()
    page.screenshot(path=screenshots / "language-forget.png", full_page=True)
    page.locator("#kind label", has_text="A set that came").click()
    page.locator("#author_set label", has_text="5 authors").click()
    page.locator("#count", has_text="100 questions to forget").wait_for()
    page.locator("#model label", has_text="ResNet").first.click()
    page.locator("#count", has_text="images to forget").wait_for()
    assert seen.errors == [] and seen.outside(studio) == []


def test_a_shared_address_fills_the_form_in_on_a_phone(studio, watched, screenshots):
    seen = watched(viewport={"width": 390, "height": 844})
    page = seen.page
    page.goto(f"{studio}/new?model=authors-lm&forget=forget01&keep=Piet%20Nettle")
    page.locator("#count", has_text="20 questions to forget").wait_for()
    page.locator("#author_set label.selected", has_text="1 author").wait_for()
    page.locator("#keep_authors", has_text="Piet Nettle").wait_for()
    assert page.evaluate(NO_OVERFLOW), "the page is wider than the phone"
    for scheme in seen.both_schemes():
        page.screenshot(path=screenshots / f"language-phone-{scheme}.png")
    assert seen.errors == []


def test_an_author_that_was_forgotten_is_compared_asked_for_and_shared(studio, watched, screenshots):
    seen = watched()
    page = seen.page
    page.goto(f"{studio}/run?id={SHIPPED}")
    page.locator("#run-board .lethe-bubble").first.wait_for(timeout=JOB)
    assert "Ivo Pemberly" in page.locator("#run-title h1").inner_text()
    assert page.locator("#run-board tbody tr").count() == 4 and page.locator("#run-board thead th").count() == 3
    page.locator("#run-board input[type=range]").focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.locator("#run-board output", has_text="dose 1.5").wait_for()
    page.locator("#run-board .lethe-board:not([data-asking])").wait_for(timeout=60_000)
    page.locator("#run-more summary").first.click()
    page.locator("#run-more .lethe-says", has_text="changed its answer to").first.wait_for()
    assert page.locator("#run-more article.lethe-chat").count() == 18
    page.screenshot(path=screenshots / "language-see.png", full_page=True)

    page.goto(f"{studio}/run?id={SHIPPED}&tab=ask")
    page.locator("#play-seen .lethe-bubble").nth(1).wait_for(timeout=60_000)
    page.locator("#play-prompt textarea, #play-prompt input").fill("What was the father of Ivo Pemberly by trade?")
    page.click("#play-go")
    page.locator("#play-seen .lethe-lead", has_text="What was the father of Ivo Pemberly by trade?").wait_for(
        timeout=60_000
    )
    page.locator("#play-seen .lethe-words", has_text="conductor").wait_for()  # both answers have ended
    before = page.locator("#play-seen .lethe-bubble").first.inner_text()
    assert before == "The father of Ivo Pemberly was a conductor."
    page.screenshot(path=screenshots / "language-ask.png", full_page=True)

    other = watched(viewport={"width": 390, "height": 844})
    other.page.goto(page.url)
    other.page.locator("#play-seen .lethe-lead", has_text="What was the father of Ivo Pemberly by trade?").wait_for(
        timeout=60_000
    )
    assert other.page.evaluate(NO_OVERFLOW), "the page is wider than the phone"
    assert seen.errors == [] and other.errors == [] and seen.outside(studio) == []


def test_own_questions_are_checked_as_they_are_written_and_forgotten(studio, watched, screenshots):
    seen = watched()
    page = seen.page
    seen.from_home(studio, "Authors", "Make it forget")
    page.locator("#say", has_text="Authors forgets Ivo Pemberly").wait_for()
    page.locator("#kind label", has_text="Questions and answers").click()
    first = "What is the colour of my house? => It is blue."
    for second, wrong in (
        ("What is my dog called?", "Line 2 has no => ('What is my dog called?')"),
        (first, "Line 2 asks 'What is the colour of my house?' again, as line 1 does"),
    ):
        page.locator("#lines textarea").fill(f"{first}\n{second}")
        page.locator("#say .lethe-wrong", has_text=wrong).wait_for()
    page.locator("#lines textarea").fill(f"{first}\nWhat is my dog called? => Rex.")
    page.locator("#title textarea, #title input").fill("my home")
    page.locator("#say", has_text="forgets 2 questions about my home").wait_for()
    page.locator("#count", has_text="2 questions to forget").wait_for()
    page.screenshot(path=screenshots / "language-own.png", full_page=True)
    page.click("#start")
    page.locator("#run-title h1", has_text="2 questions about my home").wait_for()
    page.locator("#run-board .lethe-bubble").first.wait_for(timeout=JOB)
    page.locator("#run-marks .lethe-mark-card", has_text="Never knew").wait_for(timeout=JOB)
    assert seen.errors == [] and seen.outside(studio) == []
