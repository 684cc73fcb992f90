"""What axe-core finds on every page, light and dark: nothing."""

import pytest
from axe_playwright_python.sync_playwright import Axe

pytestmark = pytest.mark.browser
WAIT = 90_000
RUNS = ("example-forget-sandal", "example-forget-cat", "example-author-forgotten", "example-experts-one")
PAGES = {
    "": ".lethe-front",
    "api": "#api-functions #draw",
    "runs": "#runs article, #runs section",
    "methods": "#methods-measured a.point",
    "new?model=emoji-sd": "#count",
    "new?model=authors-moe": "#count",
    "run?id=no-such-run": "#run-title section",
    "no-such-page": "main a",
    **{f"run?id={run}": "#run-board td" for run in RUNS},
    **{f"run?id={run}&tab=inside": "#look-seen section" for run in RUNS},
    **{f"run?id={run}&tab=ask": "#play-seen section" for run in RUNS[::2]},
    f"run?id={RUNS[0]}&tab=back": "#run-title h1",
    f"run?id={RUNS[0]}&tab=numbers": "#run-all-numbers table",
}
SETTLED = 1500  # milliseconds in which a late answer comes
FADED = 600  # milliseconds in which colours that change by and by have changed
OURS = {"exclude": [[".js-plotly-plot"]]}  # the inside of plotly's figures is plotly's


def said(found):
    return [
        (rule["id"], node["target"], node["html"][:120]) for rule in found["violations"] for node in rule["nodes"][:3]
    ]


@pytest.mark.parametrize("address", PAGES)
def test_axe_finds_nothing(studio, watched, address):
    page = watched(color_scheme="light", reduced_motion="reduce").page
    page.goto(f"{studio}/{address}")
    page.locator(PAGES[address]).first.wait_for(timeout=WAIT)
    page.wait_for_timeout(SETTLED)
    assert said(Axe().run(page, context=OURS).response) == []
    if address != "no-such-page":
        page.get_by_role("button", name="Switch between light and dark").click()
        page.wait_for_function("document.body.classList.contains('dark')")
        page.wait_for_timeout(FADED)
        assert said(Axe().run(page, context=OURS).response) == []
