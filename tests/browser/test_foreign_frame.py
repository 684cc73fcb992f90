"""The studio in a frame of another site, as on a Space; without storage; and what its policy lets a browser do."""

import json
import re

import pytest
from conftest import chromium
from playwright.sync_api import expect

PAGES = ("new", "runs", "methods")
MORE = {  # pages in other states, and what stands on them once they are filled
    "": ".lethe-scene",
    "run?id=example-forget-sandal&tab=ask": "#play-seen section",
    "run?id=example-forget-sandal&tab=inside": "#look-seen section",
    "run?id=example-forget-sandal&tab=numbers": "#run-all-numbers table",
    "?run=example-forget-sandal": "#run-board td figure",
    "?run=no-such-run": "#run-title section",
    "compare?run=example-author-forgotten&with=example-forget-sandal": "#run-board section",
    "compare?run=example-author-forgotten": "#run-more section",
    "methods?tab=measured": "#methods-measured a.point",
    "methods?tab=sweep": "#sweep-seen section",
}
SPACE = "https://huggingface.co/spaces/me/lethe"
OTHER = "https://other.example/page"
# The frame is on this machine and the page around it is not: only this test's Chromium has to be told that this is meant.
LOCAL = "--disable-features=LocalNetworkAccessChecks"
KNOWN = "(() => { try { return localStorage.getItem('lethe-identity'); } catch { return null; } })()"
SECRET = re.compile(
    r'"([A-Za-z0-9_-]{32})"'
)  # the identity as an event sends it; what is kept is enciphered anew each time
SLOW = 60_000


@pytest.fixture
def storeless(browser, tmp_path):
    """A page of a Chromium whose settings refuse all storage, and what went wrong in it."""
    settings = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    (tmp_path / "Default").mkdir()
    (tmp_path / "Default" / "Preferences").write_text(json.dumps(settings))
    context = browser.browser_type.launch_persistent_context(
        str(tmp_path), executable_path=chromium(settings=True), args=["--no-sandbox", LOCAL]
    )
    page, errors = context.new_page(), []
    page.set_default_timeout(60_000)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    yield page, errors
    context.close()


def sends(page, frame=None):
    """The identity that the page, or a frame in it, sends with its next event."""
    with page.expect_request(lambda request: SECRET.search(request.post_data or ""), timeout=SLOW) as sent:
        (frame or page).wait_for_function(KNOWN)
    return SECRET.search(sent.value.post_data)[1]


def framed(page, studio, site):
    """A page of another site that frames the studio; gives the frame."""
    body = f'<iframe src="{studio}/" width="1200" height="760"></iframe>'
    page.route(f"{site}**", lambda route: route.fulfill(content_type="text/html", body=body))
    page.goto(site)
    return page.frames[1]


def ours(errors):
    """Without what Gradio says when a page is left while it still asks."""
    return [text for text in errors if "AbortError" not in text and "Connection errored out" not in text]


def test_no_page_breaks_its_own_policy(studio, watched):
    """Every page opens, draws and asks without anything that its Content-Security-Policy refuses; its headings are in order."""
    one, wrong = watched(), {}
    for address in (*PAGES, *MORE):
        one.page.goto(f"{studio}/{address}")
        expect(one.page.locator("gradio-app .nav-holder a[href$='/runs']")).to_be_visible(timeout=SLOW)
        if address in MORE:
            expect(one.page.locator(MORE[address]).first).to_be_visible(timeout=SLOW)
        else:
            one.filled(address)
        wrong[address] = one.wrong_headings()
    one.page.goto(f"{studio}/classroom/")
    expect(one.page.get_by_role("link", name="+ New run").first).to_be_visible(timeout=SLOW)
    one.filled("classroom/")
    assert ours(one.errors) == []
    assert not any(wrong.values()), wrong
    assert one.outside(studio) == []


def test_a_frame_of_any_other_site_is_refused(studio, storeless):
    page, errors = storeless
    with page.expect_console_message(lambda message: "frame-ancestors" in message.text, timeout=SLOW):
        framed(page, studio, OTHER)
    assert any("frame-ancestors" in text for text in errors)


def test_in_a_frame_without_storage_the_form_opens_and_the_page_says_so(studio, storeless):
    page, errors = storeless
    frame = framed(page, studio, SPACE)
    expect(frame.locator(".lethe-unkept")).to_contain_text("Your browser lets this page keep nothing", timeout=SLOW)
    expect(frame.get_by_text("Make a model forget.")).to_be_visible(timeout=SLOW)
    frame.wait_for_function(KNOWN)
    frame.locator("gradio-app .nav-holder a[href$='/runs']").click()
    frame.wait_for_url("**/runs")
    first = sends(page, frame)
    with page.expect_request(lambda request: SECRET.search(request.post_data or ""), timeout=SLOW) as sent:
        frame.locator("gradio-app .nav-holder a[href$='/methods']").click()
        frame.wait_for_url("**/methods")
    assert SECRET.search(sent.value.post_data)[1] == first
    assert ours(errors) == []


def test_the_identity_goes_with_links_and_reloads_but_not_into_the_address(studio, storeless):
    page, errors = storeless
    page.goto(f"{studio}/runs")
    first = sends(page)
    page.reload()
    assert sends(page) == first
    for address in PAGES[2:] + PAGES[:1]:
        link = page.locator(f"gradio-app .nav-holder a[href$='/{address}']")
        with page.expect_request(lambda request: SECRET.search(request.post_data or ""), timeout=SLOW) as sent:
            link.click()
            page.wait_for_url(f"**/{address}")
        assert SECRET.search(sent.value.post_data)[1] == first and "lethe-kept" not in page.url
        expect(page.locator(".lethe-unkept")).to_be_visible(timeout=SLOW)
    hrefs = page.locator("a[href]").evaluate_all("links => links.map(link => link.href)")
    assert hrefs and not any("lethe-kept" in href for href in hrefs)
    assert ours(errors) == []


def test_the_identity_goes_through_the_classroom_and_back(studio, storeless):
    """To it, from lesson to lesson, through a reload, and by both kinds of link back, in the same tab."""
    page, errors = storeless
    page.goto(f"{studio}/runs")
    first = sends(page)
    for back in ("Lethe", "in the studio"):
        page.locator("gradio-app .nav-holder a[href$='classroom/']").click()
        page.wait_for_url("**/classroom/**")
        page.locator("a[href$='forget_a_drawing']").first.click(timeout=SLOW)
        page.wait_for_url("**/classroom/forget_a_drawing")
        page.reload()
        link = page.get_by_role("link", name=back).first
        expect(link).to_be_visible(timeout=SLOW)
        assert page.evaluate(KNOWN) and "lethe-kept" not in page.url
        with page.expect_request(lambda request: SECRET.search(request.post_data or ""), timeout=SLOW) as sent:
            link.click()
        assert SECRET.search(sent.value.post_data)[1] == first
        page.wait_for_url(lambda address: "classroom" not in address and "lethe-kept" not in address)
    assert len(page.context.pages) == 2  # the empty one it began with, and this
    assert ours(errors) == []


def test_who_has_storage_takes_no_identity_from_a_link(studio, watched):
    """Else whoever sends a link would see the runs that its reader starts."""
    page = watched().page
    page.goto(f"{studio}/runs#lethe-kept=%7B%22lethe-identity%22%3A%22theirs%22%7D")
    page.wait_for_function(KNOWN)
    assert page.evaluate(KNOWN) != "theirs" and "lethe-kept" not in page.url
    expect(page.locator(".lethe-unkept")).to_have_count(0)
