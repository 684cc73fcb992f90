"""A static Space as its visitors have it: files from a plain file server below some path, and no other network."""

import html
import json
import re
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from test_axe import FADED, OURS, said
from watched import HEADINGS

from backends.api.home import ASSETS

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]
BELOW = "some/path"  # a Space may stand below any path
LARGEST, MOST = 10 * 2**20, 60 * 2**20
CAT, EXPERTS, AUTHOR = "run-example-forget-cat", "run-example-experts-one", "run-example-author-refused"
KINDS = (
    "index.html", "lessons.html", "lesson-hidden_or_erased.html", "lesson-forgotten_or_rerouted.html", "yourself.html",
    f"{CAT}.html", f"{CAT}-weight_saliency.html", f"{CAT}-accuracy_grid.html", f"{EXPERTS}-routing.html",
    f"{AUTHOR}.html", f"{AUTHOR}-concept_vectors.html", f"{AUTHOR}-back.html", f"{AUTHOR}-numbers.html",
)  # fmt: skip
# Playwright loses "networkidle" now and then on a busy machine, and would wait for it in vain.
ALIVE = "!document.querySelector('[data-part]:not([data-alive])') && document.fonts.status === 'loaded'"
DRAWN = "() => [...document.querySelectorAll('canvas')].slice(0, 40).map(one => one.toDataURL()).join()"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words):
        pass


@pytest.fixture(scope="session")
def space(tmp_path_factory):
    """A folder that the command wrote, and what it said."""
    root = tmp_path_factory.mktemp("static")
    command = [sys.executable, "-m", "app.cli", "space", "--sdk", "static", "--to", str(root / BELOW), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return root, json.loads(done.stdout)


@pytest.fixture(scope="session")
def address(space):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=space[0]))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/{BELOW}"
    server.shutdown()


@pytest.fixture
def visit(watched, address):
    """visit(file): a page that is open, and that can reach nothing but the files."""

    def opened(file, **context):
        seen = watched(**({"color_scheme": "light", "reduced_motion": "reduce"} | context))
        failed = seen.failed = []
        seen.page.on("requestfailed", lambda request: failed.append(request.url))
        seen.page.on("response", lambda response: failed.append(response.url) if response.status >= 400 else None)
        seen.page.route(lambda url: not url.startswith(address), lambda route: route.abort())
        seen.page.goto(f"{address}/{file}")
        seen.page.wait_for_function(ALIVE)
        return seen

    return opened


def test_it_is_small_and_every_link_of_it_leads_somewhere(space):
    folder = space[0] / BELOW
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert max(sizes.values()) <= LARGEST and sum(sizes.values()) <= MOST
    assert {*space[1]["files"], ".lethe-space.json"} == sizes.keys() and space[1]["bytes"] <= sum(sizes.values())
    assert (folder / "README.md").read_text("utf-8").startswith("---\n") and "\nsdk: static\n" in (
        folder / "README.md"
    ).read_text("utf-8")
    pages = sorted(folder.glob("*.html"))
    assert len(pages) > 60 and len(json.loads((folder / "runs.json").read_text("utf-8"))) == len(
        list((ASSETS / "runs").glob("example-*"))
    )
    links = 0
    for page in pages:
        text = page.read_text("utf-8")
        assert not re.search(r"<script(?![^>]*(src=|application/json))", text), page.name
        for link in re.findall(r'\s(?:href|src)="([^"]+)"', text):
            to = urlsplit(html.unescape(link))
            if to.scheme in ("http", "https", "data"):
                assert to.scheme == "data" or link not in re.findall(r'\ssrc="([^"]+)"', text), (page.name, link[:80])
                continue
            target = folder / (unquote(to.path) or page.name)
            assert target.is_file(), (page.name, link)
            assert not to.fragment or f'id="{unquote(to.fragment)}"' in target.read_text("utf-8"), (page.name, link)
            links += 1
    assert links > 500


@pytest.mark.parametrize("file", KINDS)
def test_a_page_loads_nothing_else_and_axe_finds_nothing(visit, file):
    seen = visit(file)
    page = seen.page
    assert page.locator("main h1").count() == 1
    for section in page.locator(".lethe-plot:visible").all()[:6]:
        section.scroll_into_view_if_needed()
    page.wait_for_timeout(800)
    assert (seen.failed, seen.errors) == ([], [])
    assert seen.wrong_headings() == [], page.evaluate(HEADINGS)
    for _ in seen.both_schemes():
        page.wait_for_timeout(FADED)
        found = Axe().run(page, context=OURS).response["violations"]
        assert said({"violations": [rule for rule in found if rule["impact"] in ("serious", "critical")]}) == []


@pytest.mark.parametrize("file", KINDS)
def test_a_page_fits_a_telephone(visit, file):
    seen = visit(file, viewport={"width": 390, "height": 844})
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert (seen.failed, seen.errors) == ([], [])


def test_the_slider_goes_from_the_unlearned_model_to_the_original_by_keyboard(visit):
    seen = visit(f"{CAT}.html")
    board, row = seen.page.locator(".lethe-board"), "tr[data-when='{}'] img >> nth=0"
    after, before = (board.locator(row.format(when)) for when in ("after", "before"))
    unlearned = after.get_attribute("src")
    assert unlearned != before.get_attribute("src") and board.locator("output").text_content() == "unlearned"
    board.locator("input[type=range]").focus()
    seen.page.keyboard.press("Home")
    assert board.locator("output").text_content() == "original"
    assert after.get_attribute("src") == before.get_attribute("src")
    seen.page.keyboard.press("End")
    assert after.get_attribute("src") == unlearned


def test_the_threshold_changes_the_picture_of_the_weights(visit):
    seen = visit(f"{CAT}-weight_saliency.html")
    tiles = seen.page.locator("lethe-tiles").first
    tiles.locator("canvas").first.scroll_into_view_if_needed()
    seen.page.wait_for_timeout(300)
    drawn, words = seen.page.evaluate(DRAWN), tiles.locator("output").text_content()
    tiles.locator("input").focus()
    seen.page.keyboard.press("End")
    seen.page.wait_for_timeout(300)
    assert seen.page.evaluate(DRAWN) != drawn and tiles.locator("output").text_content() != words


def test_a_plot_is_drawn_and_a_list_of_tests_shows_each(visit):
    seen = visit(f"{AUTHOR}-back.html")
    seen.page.locator(".lethe-back-test:not([hidden]) .lethe-plot .main-svg").first.wait_for()
    buttons = seen.page.locator(".lethe-back-list button")
    shown = seen.page.locator(".lethe-back-test:visible")
    first = shown.first.get_attribute("data-attack")
    buttons.last.click()
    assert shown.first.get_attribute("data-attack") == buttons.last.get_attribute("data-attack") != first
    assert seen.page.locator("[data-try]:visible").count() == 0


def test_routing_is_switched_to_that_of_the_original_model(visit):
    seen = visit(f"{EXPERTS}-routing.html")
    figure = seen.page.locator(".lethe-panel[data-kind='routing']").first
    table, unlearned = figure.locator("table").first, figure.locator("table").first.inner_text()
    figure.locator("input[value='before']").check(force=True)
    seen.page.wait_for_timeout(800)
    assert table.inner_text() != unlearned
    assert seen.errors == []


def test_the_runs_are_reached_from_the_front_and_a_lesson_has_its_answers(visit):
    seen = visit("index.html")
    seen.page.get_by_role("link", name="Emoji painter forgets cat").click()
    seen.page.get_by_role("navigation", name="This run").get_by_role("link", name="Inside").click()
    seen.page.get_by_role("link", name="Weight saliency").click()
    assert seen.page.url.endswith(f"{CAT}-weight_saliency.html")
    seen.page.get_by_role("link", name="Lessons").click()
    seen.page.get_by_role("link", name="Hidden or erased?").click()
    answer = seen.page.locator(".lethe-static-question details").first
    answer.locator("summary").click()
    assert answer.get_by_text("The model still held them: nobody told it those facts again.").is_visible()
    assert (seen.failed, seen.errors) == ([], [])


def test_it_opens_without_a_server(space, watched):
    seen = watched(color_scheme="dark")
    for file in (f"{CAT}.html", f"{CAT}-weight_saliency.html", f"{AUTHOR}-back.html"):
        seen.page.goto((space[0] / BELOW / file).as_uri())
        seen.page.wait_for_timeout(800)
        assert seen.page.evaluate("document.body.classList.contains('dark')")
        assert seen.page.locator("[data-part]:not([data-alive])").count() == 0
    seen.page.goto((space[0] / BELOW / f"{CAT}.html").as_uri())
    seen.page.locator(".lethe-board input[type=range]").focus()
    seen.page.keyboard.press("Home")
    assert seen.page.locator(".lethe-board output").text_content() == "original"
    assert seen.errors == []
