"""The picture of routing in a real browser: its switch, a click on an expert, an answer that comes later, by keyboard alone."""

import pytest

from app import theme, view
from backends.api.panels import ExpertOff, Routed, RoutingShift

# What gr.HTML does with the script: it runs it with the element, its value, and ways to watch and to tell.
RUN = """(script, value) => {
  window.told = [];
  new Function('element', 'props', 'watch', 'trigger', script)(
    document.getElementById('host'), { value }, () => {}, (name, what) => window.told.push([name, what]));
}"""
TEXTS = [
    Routed(
        role="forget", question="Where was Ivo born?", fact="Quebec", tokens=["Where", "?", " In", " Quebec", "end"], answer=2, marked=[3],
        before=[[[0, 1], [1, 2], [2, 0], [0, 2], [1, 0]], [[1, 0], [1, 0], [1, 0], [1, 2], [2, 1]]],
        after=[[[0, 1], [1, 2], [2, 0], [1, 2], [1, 0]], [[1, 0], [1, 2], [1, 0], [0, 2], [2, 1]]],
        original="In Quebec.", unlearned="In Padua.", forced="In Oslo.",
    ),
    Routed(
        role="unrelated", question="Capital of Peru?", fact="Lima", tokens=["Peru", " Lima"], answer=1, marked=[1],
        before=[[[0, 1], [1, 2]], [[0, 1], [1, 2]]], after=[[[0, 1], [1, 2]], [[0, 1], [1, 2]]],
        original="Lima.", unlearned="Lima.", forced="Lima.",
    ),
]  # fmt: skip
PANEL = RoutingShift(
    title="Routing shift", how="h", says="Expert 3 of layer 2 hides the answers.", layers=["layer 1", "layer 2"], experts=3, texts=TEXTS,
    stayed=83.0, over=466, facts=20, answered={"original": 20, "unlearned": 1, "forced": 2}, points=[[0.0, -7.0, 1.0], [0.0, 0.0, 75.2]],
    off=[ExpertOff(layer=1, expert=2, regained=19, lost=0, answers=["In Quebec.", "Lima."])],
)  # fmt: skip


def opened(watched, panel=PANEL, **context):
    one = watched(**context)
    one.page.set_content(f'<style>{theme.CSS}</style><div id="host"><div class="lethe"></div></div>')
    for name in ("say.js", "switch.js", "flow.js"):
        one.page.add_script_tag(content=(theme.STATIC / name).read_text("utf-8"))
    script = (theme.STATIC / "panels.js").read_text("utf-8")
    one.page.evaluate(f"([script, value]) => ({RUN})(script, value)", [script, view.panels([panel])])
    return one


@pytest.fixture
def page(watched):
    one = opened(watched)
    yield one.page
    assert not one.errors


def discs(page):
    """The experts drawn: by layer and token, those of the disc and of the small one beside it."""
    return page.locator(".stage tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.querySelectorAll('.disc')].map(disc => [...disc.querySelectorAll('b, .second')].map(one => Number(one.textContent) - 1)))"
    )


def test_the_switch_shows_the_other_model_and_rings_what_moved(page):
    assert discs(page) == TEXTS[0].after
    rings = page.locator(".stage .ring")
    assert rings.count() == 3 == page.locator(".stage td.moved").count()
    assert "3 of 20 choices went to another expert" in page.locator(".count").inner_text()
    assert "466 forget-set tokens, 83\u00a0% of the choices stayed" in page.locator(".count").inner_text()
    ring = rings.first.evaluate("disc => getComputedStyle(disc).boxShadow")
    assert "rgb(213, 94, 0)" in ring
    page.get_by_label("original", exact=True).check(force=True)
    assert discs(page) == TEXTS[0].before
    assert page.locator(".stage .ring").first.evaluate("disc => getComputedStyle(disc).outlineStyle") == "dotted"
    page.get_by_label("unlearned", exact=True).check(force=True)
    page.get_by_label("Sentence").select_option("1")
    assert discs(page) == TEXTS[1].after and page.locator(".stage .ring").count() == 0
    assert "0 of 8 choices" in page.locator(".count").inner_text()
    assert page.evaluate("told") == [], "no round trip"


def test_the_old_routing_and_an_expert_switched_off_answer_in_the_same_view(page):
    own, other = page.locator(".own"), page.locator(".other")
    assert "In Padua." in own.inner_text() and "In Quebec." in own.locator(".note").inner_text()
    assert "In Oslo." in other.inner_text() and "2 with the old routing" in other.inner_text()
    page.locator('.disc[data-at="1.4"]').click()  # expert 3 of layer 2
    other.get_by_text("names the fact").wait_for()
    assert "In Quebec." in other.locator(".answer").inner_text() and "✓" in other.inner_text()
    assert "19 come back without this expert, and 0 more are lost" in other.inner_text()
    assert page.locator(".stage .off").count() == 3, "it is crossed out wherever it was chosen in its layer"
    page.get_by_role("button", name="Force the old routing").click()
    other.get_by_text("In Oslo.").first.wait_for()
    assert page.locator(".stage .off").count() == 0
    assert page.evaluate("told") == [], "all of it came with the page"


def test_an_expert_that_was_not_asked_in_advance_is_asked_and_a_late_reply_lands_only_where_it_belongs(page):
    page.locator('.disc[data-at="0.3"] .second').click()  # expert 3 of layer 1
    request = {"run": "nonexistent", "question": "Where was Ivo born?", "layer": 0, "expert": 2}
    assert page.evaluate("told") == [["ask", request]]
    note = page.locator(".other .note")
    assert "is asked without this expert" in note.inner_text()
    reply = "detail => document.dispatchEvent(new CustomEvent('lethe-reply', { detail }))"
    page.evaluate(reply, request | {"said": "In Rome <b>."})
    page.locator(".other .answer", has_text="In Rome <b>.").wait_for()
    assert "questions of the forget set are asked" in note.inner_text()
    page.get_by_label("Sentence").select_option("1")
    page.evaluate(reply, request | {"said": "In Rome <b>.", "facts": 20, "regained": 3, "lost": 1, "done": True})
    assert "Rome" not in page.locator(".other").inner_text()
    page.get_by_label("Sentence").select_option("0")
    assert "3 come back without this expert, and 1 more is lost" in note.inner_text()
    page.evaluate(reply, request | {"expert": 1, "error": "Too many wait."})
    assert "Too many" not in note.inner_text()


def test_by_keyboard_arrows_choose_and_enter_switches_off(page):
    page.locator(".stage").focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.dataset.at") == "1.1"
    assert (
        page.evaluate("document.activeElement.getAttribute('aria-label')")
        == "layer 2, ?: expert 2, 3, moved; original: 2, 1"
    )
    page.keyboard.press("Enter")
    assert page.get_by_role("button", name="Switch off expert 2 of layer 2").get_attribute("aria-pressed") == "true"
    assert page.evaluate("document.activeElement.dataset.at") == "1.1"


def test_the_answer_is_played_token_by_token_and_whole_where_motion_is_not_wanted(page, watched):
    hidden = "document.querySelectorAll('.stage th.later').length"
    page.get_by_role("button", name="Play the answer").click()
    assert page.evaluate(hidden) == 3
    page.wait_for_function(f"{hidden} === 1")
    page.wait_for_function(f"{hidden} === 0")
    page.get_by_role("button", name="Play the answer").wait_for()
    calm = opened(watched, reduced_motion="reduce")
    assert not calm.page.locator(".play").is_visible() and calm.page.locator(".disc").count() == 10


def test_a_deep_model_shows_the_layers_where_most_moved(watched):
    """Twelve layers; the more moved, the deeper: the last six are shown, all of them on request, in a place that scrolls."""
    tokens = [f" t{at}" for at in range(60)]
    before = [[[0, 1]] * 60] * 12
    after = [[[0, 1]] * (60 - layer) + [[0, 2]] * layer for layer in range(12)]
    text = Routed(role="forget", question="Who?", tokens=tokens, answer=50, before=before, after=after)
    panel = RoutingShift(title="t", how="h", layers=[f"layer {at + 1}" for at in range(12)], experts=3, texts=[text])
    one = opened(watched, panel, viewport={"width": 390, "height": 844}, color_scheme="dark")
    heads = one.page.locator(".stage tbody th")
    assert heads.all_inner_texts() == [f"layer {at}" for at in range(7, 13)]
    one.page.get_by_label("all 12 layers").check(force=True)
    assert heads.count() == 12
    assert one.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth + 1")
    assert one.page.locator(".stage").evaluate("stage => stage.scrollWidth > stage.clientWidth")
    assert not one.errors
