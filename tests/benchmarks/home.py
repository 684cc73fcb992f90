"""Home in Chromium, on a warm server: how soon it is visible and usable, against a page that does nothing, and how much it carries."""

import os
import shutil
import time
from collections.abc import Iterator
from statistics import median

from .studio import get, started

TIMES = 5
PLAIN = "data:text/html,<h1>plain</h1>"
READY = "document.querySelector('#own-runs .lethe-own p, #own-runs .lethe-own li') !== null"


def home() -> Iterator[str]:
    """Medians over new windows with an empty cache: the first paint with the scenes, own runs there, and bytes over the wire."""
    from playwright.sync_api import sync_playwright

    process, address = started()
    try:
        get(address)
        get(address)
        with sync_playwright() as playwright:
            path = os.environ.get("CHROMIUM") or shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            visible, usable, plain, carried = [], [], [], []
            for _ in range(TIMES):
                context = browser.new_context(viewport={"width": 1280, "height": 800})
                page = context.new_page()
                begun = time.monotonic()
                page.goto(PLAIN)
                plain.append(time.monotonic() - begun)
                begun = time.monotonic()
                page.goto(address, wait_until="commit")
                page.wait_for_selector(".lethe-front")
                visible.append(time.monotonic() - begun)
                page.wait_for_function(READY)
                usable.append(time.monotonic() - begun)
                carried.append(
                    page.evaluate("performance.getEntries().reduce((sum, one) => sum + (one.transferSize || 0), 0)")
                )
                context.close()
            browser.close()
        bare = median(plain)
        yield f"visible: {1000 * median(visible):.0f} ms, {median(visible) / bare:.0f} times a page of one line ({1000 * bare:.0f} ms)"
        yield f"usable, own runs there: {1000 * median(usable):.0f} ms, {median(usable) / bare:.0f} times"
        yield f"over the wire: {median(carried) / 1000:.0f} kB of page, scripts and styles"
        yield f"the page itself: {len(get(address)) / 1000:.0f} kB before compression"
    finally:
        process.terminate()
        process.wait(20)
