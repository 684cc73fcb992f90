"""A finished run's page in Chromium, on a warm server: how soon its first viewport stands, and how soon a step of the slider is painted."""

import os
import shutil
import time
from collections.abc import Iterator
from statistics import median

from .studio import get, started

TIMES = 5
RUNS = ("example-forget-sandal", "example-forget-cat", "example-author-forgotten", "example-experts-one")
# The slider put at one step after another; each is over when the browser has painted it.
SLIDE = """async () => {
  const slider = document.querySelector('#run-board input[type=range]'), took = [];
  const painted = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
  const steps = JSON.parse(document.querySelector('.lethe-board[data-board]').dataset.board).steps.length;
  for (let round = 0; round < 3; round++) for (let at = 0; at < steps; at++) {
    const begun = performance.now();
    slider.value = at;
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    await painted();
    took.push(performance.now() - begun);
  }
  return took;
}"""


def run_page() -> Iterator[str]:
    """Medians over new windows with an empty cache, for the example of each family: marks, board and numbers to be seen, then to
    be used; a step painted."""
    from playwright.sync_api import sync_playwright

    process, address = started()
    try:
        get(address)
        with sync_playwright() as playwright:
            path = os.environ.get("CHROMIUM") or shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            for run in RUNS:
                seen, stood, steps = [], [], []
                for _ in range(TIMES):
                    context = browser.new_context(viewport={"width": 1280, "height": 800})
                    page = context.new_page()
                    begun = time.monotonic()
                    page.goto(f"{address}/run?id={run}", wait_until="commit")
                    page.locator(":is(#lethe-first, gradio-app) .lethe-board table").first.wait_for()
                    seen.append(time.monotonic() - begun)
                    for part in ("#run-marks .lethe-mark-card", "#run-board td", ".lethe-bullets"):
                        page.locator(part).first.wait_for()
                    stood.append(time.monotonic() - begun)
                    page.wait_for_timeout(1000)
                    steps += page.evaluate(SLIDE)
                    context.close()
                worst = sorted(steps)[int(0.95 * (len(steps) - 1))]
                yield (
                    f"{run}: first viewport seen {1000 * median(seen):.0f} ms, live {1000 * median(stood):.0f} ms; a step of the slider {median(steps):.0f} ms, "
                    f"95 % within {worst:.0f} ms"
                )
            browser.close()
    finally:
        process.terminate()
        process.wait(20)
