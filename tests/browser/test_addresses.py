"""Addresses: no lesson asks for what is not there, nothing comes from elsewhere, and one that leads nowhere has a way back."""

import pytest

pytestmark = pytest.mark.browser
START = 90_000


def test_every_request_of_a_lesson_is_answered_and_a_lost_page_leads_back(studio, browser):
    page = browser.new_page()
    try:
        refused, elsewhere, errors = [], [], []
        page.on("response", lambda sent: refused.append(sent.url) if sent.status >= 400 else None)
        page.on("request", lambda made: elsewhere.append(made.url) if made.url.startswith("http") else None)
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        page.goto(f"{studio}/classroom/refuse_forget_or_hide")
        page.wait_for_selector("h1", timeout=START)
        assert "/_stcore/health" in "".join(elsewhere)
        assert page.url.endswith("/classroom/refuse_forget_or_hide")
        assert (refused, errors) == ([], [])
        page.goto(f"{studio}/no-such-page/at-all")
        page.get_by_role("link", name="Back to the studio").click()
        page.wait_for_selector(".lethe-front", timeout=START)
        assert page.url == f"{studio}/"
        assert [url for url in elsewhere if not url.startswith(studio)] == []
    finally:
        page.close()


def test_only_the_link_to_the_form_looks_like_one_wherever_it_is_seen(studio, browser):
    page = browser.new_page()
    try:
        page.goto(f"{studio}/new?model=fashion-resnet")
        page.wait_for_selector(".lethe-languages a", timeout=START)
        marked = """() => [...document.querySelectorAll('.nav-holder a')]
            .filter(link => getComputedStyle(link, '::before').content.includes('+')).map(link => link.textContent.trim())"""
        assert page.evaluate(marked) == ["New run"]
    finally:
        page.close()
