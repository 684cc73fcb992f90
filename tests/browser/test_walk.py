"""From the first click to the look inside, as a person does it, with pictures kept."""

import json

import pytest
from watched import Watched

from backends.api.home import ASSETS

pytestmark = [pytest.mark.browser, pytest.mark.slow]

JOB = 400_000  # milliseconds for the default job; some 30 s on two idle cores
PAGES = ("new", "runs", "see", "ask", "inside", "methods")
TABS = ("see", "ask", "inside")  # of those, the tabs of a run's page
# Counts, ten times a second, the clocks that Gradio shows in parts that wait; and whether one that it puts in would be seen.
COUNT_CLOCKS = """() => { const kinds = ['.progress-text', '.meta-text', '.meta-text-center', '.eta-bar']; window.clocks = 0;
const shown = () => [...document.querySelectorAll(kinds)].filter(clock => clock.checkVisibility()).length;
setInterval(() => { clocks += shown(); }, 100);
window.shownClock = () => { const clock = document.createElement('div');
return kinds.some(kind => { clock.className = kind.slice(1); clock.textContent = '0.3s'; document.querySelector('#run-board').append(clock);
const shows = clock.checkVisibility(); clock.remove(); return shows; }); }; }"""
WAS_INERT = """() => { window.wasInert = {}; for (const part of ['job', 'start'])
new MutationObserver(() => { if (document.getElementById(part).inert) wasInert[part] = true; })
.observe(document.getElementById(part), { attributes: true, attributeFilter: ['inert'] }); }"""
NO_OVERFLOW = "document.documentElement.scrollWidth <= innerWidth"


def ready(page):
    """The first page has filled itself in."""
    page.locator("#count").wait_for()


def run_of(page):
    """The run that the browser left the form for."""
    page.wait_for_url("**/run?id=*")
    return page.url.split("id=")[1].split("&")[0]


def below(page, parts):
    """How far the lowest of some parts reaches, in pixels from the top of the window; none may be missing or above it."""
    boxes = [part.bounding_box() for part in page.locator(parts).all() if part.is_visible()]
    assert boxes and all(box["y"] >= 0 for box in boxes), parts
    return max(box["y"] + box["height"] for box in boxes)


@pytest.fixture(scope="module")
def run_id(studio, browser, screenshots):
    """The default job, started by the button as a person starts it; every other test looks at it."""
    seen = Watched(browser)
    page = seen.page
    seen.from_home(studio, "Clothes ResNet", "Make it forget")
    ready(page)
    page.screenshot(path=screenshots / "1-new.png")
    page.click("#start")
    page.locator("#run-title h1", has_text="Sandal").wait_for()
    found = run_of(page)
    page.evaluate(COUNT_CLOCKS)
    page.locator("#run-board td figure").first.wait_for(timeout=JOB)
    page.screenshot(path=screenshots / "5-running.png", full_page=True)
    page.locator("#run-marks .lethe-mark-card").first.wait_for(timeout=JOB)
    page.screenshot(path=screenshots / "6-done.png", full_page=True)
    assert page.evaluate("[clocks, shownClock()]") == [0, False], "Gradio's own clocks flash while a job works"
    assert seen.errors == [] and seen.outside(studio) == []
    seen.context.close()
    return found


def test_what_is_typed_counts_however_soon_start_is_pressed_and_comes_back_with_its_method(
    studio, studio_home, watched
):
    """Settings are drawn for the chosen method alone, so what was typed for another one must not be lost, nor a last key."""
    seen = watched()
    page = seen.page
    page.goto(f"{studio}/new?model=fashion-resnet&forget=random:1%25")
    ready(page)
    number = page.locator("#settings input[type=number]").first
    page.click("#settings > button")
    number.fill("7")
    page.locator("#say .needs").wait_for()
    page.locator("#method label").nth(1).click()
    page.locator("#detail summary", has_text="Fine-tuning").wait_for()
    page.wait_for_function("(document.querySelector('#settings input[type=number]')?.value ?? '7') !== '7'")
    page.locator("#method label").nth(0).click()
    page.wait_for_function("document.querySelector('#settings input[type=number]')?.value === '7'")
    page.click("#settings > button")
    number.fill("4")
    page.click("#start")
    run = run_of(page)
    spec = json.loads((studio_home / "runs" / run / "spec.json").read_text())
    assert spec["method"] == "salun" and spec["params"]["epochs"] == 4
    page.locator("#cancel").click()
    assert seen.errors == []


FORMS = {
    "fashion-resnet": ("images to forget", "#classes label.selected", "#classes label"),
    "fashion-vit": ("images to forget", "#classes label.selected", "#classes label"),
    "emoji-sd": ("prompts to forget", "#objects label.selected", "#objects label, #styles label"),
    "authors-lm": ("questions to forget", "#authors", "#kind label"),
    "authors-moe": ("questions to forget", "#authors", "#kind label"),
}  # of each model: what is counted, what is chosen, what can be chosen


@pytest.mark.parametrize("model", FORMS)
def test_the_first_viewport_has_the_models_the_target_the_recommended_method_and_start(
    studio, watched, screenshots, model
):
    seen = watched()
    page = seen.page
    counted, chosen, choices = FORMS[model]
    page.goto(f"{studio}/new?model={model}")
    page.locator("#count", has_text=counted).wait_for()
    if chosen.endswith("label.selected"):
        page.wait_for_function("document.querySelector('#tile_style style')?.textContent.includes('data:image')")
    for scheme in seen.both_schemes():
        page.screenshot(path=screenshots / f"new-{model}-{scheme}.png")
    bar = page.locator("#bar").bounding_box()
    assert bar["y"] + bar["height"] <= 800 and page.locator("#start").bounding_box()["y"] > bar["y"]
    assert page.locator("#model label").count() == len([*(ASSETS / "models").glob("*/card.json")]) + 1
    for parts in (
        "#model label:nth-of-type(-n + 5)",
        chosen,
        choices,
        "#keep_mode label",
        "#method label:first-of-type",
    ):
        assert below(page, parts) <= bar["y"], parts
    pictures = page.locator("#model label").evaluate_all(
        "all => all.map(card => getComputedStyle(card, '::before').backgroundImage.split('url(').length - 1)"
    )
    assert min(pictures[:-1]) >= 1 and page.locator("#model label.selected input").get_attribute("value") == model
    assert page.evaluate(NO_OVERFLOW) and seen.wrong_headings() == []
    assert seen.errors == [] and seen.outside(studio) == []


def test_one_page_from_the_model_to_the_sentence(studio, watched, screenshots):
    seen = watched()
    page = seen.page
    page.goto(f"{studio}/new")
    ready(page)
    page.locator("#classes label", has_text="Bag").click()
    page.locator("#say", has_text="Sandal and Bag").wait_for()
    page.locator("#count", has_text="4,000 images to forget, 16,000 to keep").wait_for()
    page.locator("#near", has_text="Sneaker").wait_for()
    ring = "getComputedStyle(document.querySelector('#classes label:nth-of-type(8)')).borderTopColor"
    page.wait_for_function(f"{ring} === 'rgb(0, 114, 178)'")  # Sneaker, a neighbour
    page.screenshot(path=screenshots / "2-forget.png")
    for label in ("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Shirt", "Sneaker", "Ankle boot"):
        page.locator("#classes label", has_text=label).last.click()
    page.locator("#say .lethe-wrong", has_text="leave at least one to keep").wait_for()
    page.reload()
    ready(page)
    page.locator("#kind label", has_text="Single images").click()
    page.locator("#picked_tick label").nth(2).click()
    page.locator("#count", has_text="1 image to forget").wait_for()
    page.screenshot(path=screenshots / "2-images.png")
    rows = page.locator("#method label")
    assert [rows.nth(at).is_visible() for at in range(rows.count())].count(True) == 3
    page.locator("#more button").click()
    page.locator("#method label", has_text="Selective Synaptic Dampening (SSD)").click()
    page.locator("#say", has_text="Selective Synaptic Dampening (SSD)").wait_for()
    page.locator("#more button").click()
    visible = [rows.nth(at).inner_text() for at in range(rows.count()) if rows.nth(at).is_visible()]
    assert (
        len(visible) == 4 and "Selective Synaptic Dampening (SSD)" in visible[3]
    )  # the first three, and the chosen one
    page.screenshot(path=screenshots / "3-method.png", full_page=True)
    assert seen.errors == [] and seen.outside(studio) == []


def test_a_click_on_another_model_wins_over_every_late_answer(studio, watched):
    """Two models are chosen in quick succession: what is shown at last is the second one's, and nothing can be pressed before."""
    seen = watched()
    page = seen.page
    page.goto(f"{studio}/new")
    ready(page)
    page.evaluate(WAS_INERT)
    page.locator("#model label", has_text="100 invented authors").click()
    assert page.evaluate("['job', 'start'].every(part => part in wasInert)")
    page.locator("#model label", has_text="Team of experts").click()
    page.locator("#say", has_text="Team of experts forgets Ivo Pemberly").wait_for()
    page.wait_for_function("!document.querySelector('#job').inert && !document.querySelector('#start').inert")
    page.locator("#count", has_text="20 questions to forget").wait_for()
    assert page.locator("#model label.selected").inner_text().startswith("Team of experts")
    assert page.locator("#method label.selected").inner_text().startswith("Selected-Expert Unlearning (SEUF)")
    assert page.locator("#say .lethe-wrong").count() == 0 and seen.errors == []


def test_an_own_model_that_does_not_open_is_one_sentence_and_the_others_stay(studio, watched, screenshots):
    seen = watched()
    page = seen.page
    page.goto(f"{studio}/new")
    ready(page)
    page.locator("#model label", has_text="Your own").click()
    page.locator("#say", has_text="Your own model is not open yet.").wait_for()
    assert not page.locator("#job").is_visible()
    page.locator("#own_model").locator("input, textarea").fill("/no/such/folder")
    page.click("#open_own")
    page.locator("#own_says .lethe-wrong").wait_for()
    page.screenshot(path=screenshots / "new-own.png")
    page.wait_for_function("!document.querySelector('#model').inert")
    page.locator("#model label", has_text="Emoji painter").click()
    page.locator("#say", has_text="Emoji painter forgets cat").wait_for()
    assert page.locator("#job").is_visible() and not page.locator("#open_own").is_visible()
    assert seen.errors == []


def test_another_browser_at_the_same_address_shows_the_same_run(studio, watched, run_id):
    page = watched().page
    page.goto(f"{studio}/run?id={run_id}")
    page.locator("#run-title h1", has_text="Sandal").wait_for()
    marks = page.locator("#run-marks .lethe-marks").inner_text()
    page.reload()
    page.locator("#run-title h1", has_text="Sandal").wait_for()
    assert page.locator("#run-marks .lethe-marks").inner_text() == marks
    page.locator("#run-board td figure").first.wait_for()
    slider = "document.querySelector('#run-board .slide').getBoundingClientRect().bottom"
    assert page.evaluate(f"scrollY === 0 && {slider} <= innerHeight"), "the pictures are out of sight"


def test_from_the_run_to_the_comparison_and_the_look_inside(studio, watched, run_id, screenshots):
    seen = watched()
    page = seen.page
    page.goto(f"{studio}/run?id={run_id}")
    page.locator("#run-more details").first.wait_for()
    page.screenshot(path=screenshots / "7-compare.png", full_page=True)
    page.goto(f"{studio}/run?id={run_id}&tab=inside&inspector=weight_change")
    page.locator("#look-seen .lethe-plot .main-svg").first.wait_for(timeout=120_000)
    assert seen.wrong_headings() == []
    page.screenshot(path=screenshots / "8-inside.png", full_page=True)
    assert seen.errors == [] and seen.outside(studio) == []


def test_looks_wait_for_each_other_and_are_filed_under_their_own_name(studio, watched):
    seen = watched()
    page = seen.page
    page.goto(f"{studio}/run?id=example-forget-sandal&tab=inside&inspector=layer_similarity")
    page.locator("#look-seen", has_text="Centered kernel alignment (CKA)").wait_for()
    page.get_by_role("button", name="Settings").locator("visible=true").click()
    # some seconds, so that it is surely left before it ends
    page.get_by_label("Images", exact=True).locator("visible=true").fill("1024")
    page.click("#look-go")
    page.locator("#look-bar li", has_text="Centered kernel alignment (CKA)").wait_for()
    # it is quick, and asked for by itself
    page.locator("#look-inspector label", has_text="Weight change").dispatch_event("click")
    page.locator("#look-seen .lethe-panel", has_text="Relative change by layer").wait_for(timeout=240_000)
    assert page.locator("#look-seen h2", has_text="Weight change: which weights moved").count() == 1
    page.locator("#look-bar li", has_text="Centered kernel alignment (CKA)").get_by_text("Show").click(timeout=240_000)
    page.locator("#look-seen h2", has_text="Centered kernel alignment (CKA)").wait_for()
    page.locator("#look-seen .main-svg").first.wait_for()
    plot = page.locator("#look-seen .lethe-plot").first
    toolbar, opacity = plot.locator(".modebar").first, "e => Number(getComputedStyle(e).opacity)"
    assert toolbar.evaluate(opacity) == 0
    plot.hover()
    page.wait_for_function("Number(getComputedStyle(document.querySelector('#look-seen .modebar')).opacity) === 1")
    assert toolbar.bounding_box()["y"] + toolbar.bounding_box()["height"] <= plot.bounding_box()["y"] + 8
    page.locator("#look-group label", has_text="Is it still there?").click()
    page.locator("#look-unfit", has_text="This run has no filter").wait_for(timeout=120_000)
    assert page.locator("#look-inspector label").all_inner_texts() == ["Exposure"]
    assert seen.errors == [] and seen.outside(studio) == []


def test_the_list_of_runs_and_its_clone(studio, watched, run_id, screenshots):
    seen = watched()
    page = seen.page
    page.goto(f"{studio}/runs")
    row = page.locator(f"[data-run='{run_id}']").first
    row.wait_for()
    page.screenshot(path=screenshots / "9-runs.png")
    row.get_by_text("Clone").click()
    page.wait_for_function("new URLSearchParams(location.search).get('clone')")
    ready(page)
    assert "Sandal" in page.locator("#say").inner_text()
    assert seen.errors == []


def test_the_classroom_shows_the_run_and_opens_the_studio_in_the_right_state(studio, watched, run_id, screenshots):
    seen = watched()
    page = seen.page
    page.goto(f"{studio}/classroom/")
    page.get_by_role("link", name="What does it mean to forget a class?").click()
    page.get_by_role("heading", name="What does it mean to forget a class?").wait_for()
    page.locator("figure img").first.wait_for()
    page.screenshot(path=screenshots / "10-classroom.png", full_page=True)
    to = page.locator("a[href*='new?model=']").evaluate("link => link.href")
    assert seen.outside(studio) == [] and to.startswith(f"{studio}/new?model=")
    page.goto(to)
    ready(page)
    assert "Ankle boot" in page.locator("#say").inner_text()


@pytest.mark.parametrize("path", PAGES)
def test_a_phone_shows_every_page_without_scrolling_sideways(studio, watched, run_id, screenshots, path):
    seen = watched(viewport={"width": 390, "height": 844})
    page = seen.page
    page.goto(f"{studio}/run?id={run_id}&tab={path}" if path in TABS else f"{studio}/{path}")
    page.locator("h1").first.wait_for()
    seen.filled(path)
    for scheme in seen.both_schemes():
        assert page.evaluate(NO_OVERFLOW), "the page is wider than the phone"
        page.screenshot(path=screenshots / f"phone-{path}-{scheme}.png")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_classroom_in_its_own_colours(studio, watched, screenshots, scheme):
    seen = watched(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    seen.page.goto(f"{studio}/classroom/")
    seen.filled("classroom/")
    assert seen.page.evaluate(NO_OVERFLOW), "the page is wider than the phone"
    seen.page.screenshot(path=screenshots / f"phone-classroom-{scheme}.png")


def test_who_prefers_dark_pages_gets_dark_pages(studio, watched):
    seen = watched(color_scheme="dark")
    seen.page.goto(f"{studio}/runs")
    seen.filled("runs")
    assert seen.page.evaluate("document.body.classList.contains('dark')")


def test_the_keyboard_chooses_and_reaches_the_start_button(studio, watched):
    page = watched().page
    page.goto(f"{studio}/new")
    ready(page)
    page.locator("#model input:checked").focus()
    for name in ("Clothes ViT", "Emoji painter"):
        page.keyboard.press("ArrowDown")
        page.locator("#say", has_text=f"{name} forgets").wait_for()
    page.wait_for_function("!document.querySelector('#start').inert")
    outline = "getComputedStyle(document.activeElement.closest('label')).outlineStyle"
    assert page.evaluate(outline) != "none", "the chosen card shows no focus"
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement?.id") == "start":
            break
    assert page.evaluate("document.activeElement?.id") == "start"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
