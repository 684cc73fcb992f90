"""The tab Ask in a real browser: a stroke is drawn and three models name it; a slot is filled and three models answer."""

SANDAL, AUTHOR = "example-forget-sandal", "example-author-forgotten"
NO_OVERFLOW = "document.documentElement.scrollWidth <= innerWidth"
ANSWERED = 240_000  # milliseconds; the models are opened first
BARS = "ul => [...ul.querySelectorAll('li')].map(li => [li.innerText.split('\\n')[0].trim(), li.querySelector('i').style.width])"


def test_a_stroke_gets_three_sets_of_bars_in_the_first_viewport_and_the_link_holds_it(studio, watched, screenshots):
    seen = watched(viewport={"width": 1280, "height": 800})
    page = seen.page
    page.goto(f"{studio}/run?id={SANDAL}&tab=ask")
    page.locator("#play-seen [data-copy]").wait_for(timeout=ANSWERED)
    assert page.locator("#play-seen section[data-when]").count() == 3 and page.evaluate(NO_OVERFLOW)
    chosen = page.locator("#play-seen .lethe-lead").inner_text()

    canvas = page.locator("#play-pad canvas").bounding_box()
    page.mouse.move(canvas["x"] + 30, canvas["y"] + 150)
    page.mouse.down()
    for x, y in ((90, 80), (170, 140), (30, 150)):
        page.mouse.move(canvas["x"] + x, canvas["y"] + y, steps=6)
    page.mouse.up()
    page.locator("#play-seen", has_text="your picture").wait_for(timeout=ANSWERED)
    drawn = page.locator("#play-seen .lethe-lead").inner_text()
    assert drawn != chosen and "prompt=data%3Aimage%2Fpng" in page.url
    bars = [page.locator("#play-seen section[data-when] ul").nth(at).evaluate(BARS) for at in range(3)]
    for one in bars:
        assert len(one) == 10 and abs(sum(float(width.rstrip("%")) for _, width in one) - 100) < 6
    assert len({str(one) for one in bars}) == 3
    for at in range(3):
        box = page.locator("#play-seen section[data-when] ul").nth(at).bounding_box()
        assert box["y"] + box["height"] < 800, "the answers are in the first viewport"
    page.screenshot(path=screenshots / "ask-drawn.png")

    page.locator("#play-pad [data-prompt]").nth(3).focus()
    page.keyboard.press("Enter")
    page.locator("#play-seen", has_text="test image").wait_for(timeout=ANSWERED)
    link = page.url
    other = watched(viewport={"width": 390, "height": 844}, color_scheme="dark")
    other.page.goto(link)
    other.page.locator("#play-seen [data-copy]").wait_for(timeout=ANSWERED)
    assert other.page.evaluate(NO_OVERFLOW), "the page is wider than the phone"
    other.page.screenshot(path=screenshots / "ask-phone.png", full_page=True)
    assert seen.errors == [] and other.errors == [] and seen.outside(studio) == []


def test_a_filled_slot_is_answered_by_three_models_and_a_near_question_is_offered(studio, watched, screenshots):
    seen = watched(viewport={"width": 1280, "height": 800})
    page = seen.page
    page.goto(f"{studio}/run?id={AUTHOR}&tab=ask")
    page.locator("#play-seen [data-copy]").wait_for(timeout=ANSWERED)
    page.locator("#play-forms .form").select_option(label="What was the father of … by trade?")
    page.locator("#play-forms .slot select:visible").select_option("Ivo Pemberly")
    page.locator("#play-forms .go").click()
    question = "What was the father of Ivo Pemberly by trade?"
    page.locator("#play-seen .lethe-lead", has_text=question).wait_for(timeout=ANSWERED)
    page.locator("#play-seen [data-copy]").wait_for(timeout=ANSWERED)
    answers = page.locator("#play-seen .lethe-bubble").all_inner_texts()
    assert answers[0] == "The father of Ivo Pemberly was a conductor." and len(answers) == 3
    assert answers[0] not in answers[1:]
    assert page.locator("#play-seen h3").all_inner_texts()[:3] == [
        "original model",
        "unlearned model",
        "retrained reference",
    ]
    last = page.locator("#play-seen .lethe-bubble").nth(2).bounding_box()
    assert last["y"] + last["height"] < 800, "the answers are in the first viewport"
    page.screenshot(path=screenshots / "ask-slot.png")

    page.locator("#play-prompt textarea, #play-prompt input").fill("tell me about ivo pemberly please")
    page.click("#play-go")
    near = page.locator("#play-seen .lethe-nearest a").first
    near.wait_for(timeout=ANSWERED)
    question = near.inner_text()
    near.click()
    page.locator("#play-seen .lethe-lead", has_text=question).wait_for(timeout=ANSWERED)
    page.locator("#play-seen .lethe-words").wait_for(timeout=ANSWERED)  # all have ended
    page.locator("#play-seen .lethe-why a", has_text="Why?").click()
    page.wait_for_function(
        "text => [...document.querySelectorAll('#run-tab-inside textarea, #run-tab-inside input')].some(one => one.value === text)",
        arg=question,
        timeout=ANSWERED,
    )
    assert seen.errors == [] and seen.outside(studio) == []
