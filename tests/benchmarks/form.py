"""The form of the page New run: how much an event carries, how many parts the page has, and how soon typing is answered."""

import json
import shutil
import time
from collections.abc import Iterator
from statistics import median

from playwright.sync_api import Locator, Page, Request, sync_playwright

from app import site

from .studio import started

TRIES = 15
# milliseconds from a key in a settings field or a click on a tile until the sentence over the start button is another one
ANSWERED = """() => new Promise(answered => { const say = document.querySelector('#say'), begun = performance.now(), old = say.innerText;
const seen = new MutationObserver(() => { if (say.innerText !== old) { seen.disconnect(); answered(performance.now() - begun); } });
seen.observe(say, {subtree: true, childList: true, characterData: true}); document.querySelectorAll('#classes input')[8].click(); })"""


def form() -> Iterator[str]:
    """Values an event sends, components of the page, and the time until a click and a typed number are answered."""
    blocks = site.build()
    first = [block for block in blocks.blocks.values() if getattr(block, "page", None) == "new"]
    yield f"components of the page New run: {len(first)}; of all pages: {len(blocks.blocks)}"
    process, address = started()
    try:
        yield from _in_a_browser(address)
    finally:
        process.terminate()
        process.wait(20)


def _in_a_browser(address: str) -> Iterator[str]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        sent: list[int] = []
        page.on("request", lambda request: sent.extend(_values(request)))
        page.goto(f"{address}/new")
        page.locator("#count").wait_for(timeout=300_000)
        page.locator("#classes label").nth(8).wait_for()
        clicks = [page.evaluate(ANSWERED) for _ in _settled(page, TRIES)]
        yield f"a click on a tile is answered after {median(clicks):.0f} ms (median of {TRIES}; most {max(clicks):.0f})"
        page.click("#settings > button")
        number = page.locator("#settings input[type=number]:visible").first
        typed = [_typed(page, number, value) for value, _ in enumerate(_settled(page, TRIES), 2)]
        yield f"a number typed in the settings is answered after {median(typed):.0f} ms (median of {TRIES}; most {max(typed):.0f})"
        yield f"values that an event of the form sends: {max(sent)}"
        browser.close()


def _values(request: Request) -> list[int]:
    if request.method != "POST" or "/run/predict" not in request.url:
        return []
    return [len(json.loads(request.post_data or "{}").get("data", []))]


def _settled(page: Page, tries: int) -> Iterator[int]:
    for number in range(tries):
        page.wait_for_timeout(700)  # what hangs on the last change has been answered
        yield number


def _typed(page: Page, number: Locator, value: int) -> float:
    """Milliseconds from a typed value until the request that it caused was answered."""
    with page.expect_response(lambda response: "/run/predict" in response.url) as answer:
        begun = time.perf_counter()
        number.fill(str(value))
    answer.value.finished()
    return 1000 * (time.perf_counter() - begun)
