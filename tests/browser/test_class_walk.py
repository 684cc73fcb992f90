"""A class in a browser: a teacher and two pupils, each in a browser of their own, and a real job of one of them."""

import json
import os
import re
import subprocess
import sys
import threading

import pytest
from axe_playwright_python.sync_playwright import Axe

pytestmark = pytest.mark.browser
START = 120
JOB = 300_000  # milliseconds; generous for a machine that does other work
FADED = 600


@pytest.fixture(scope="module")
def school(new_home):
    """A studio for a class: its address, the secret of the teacher's link, and the code, as the terminal prints them."""
    environment = os.environ | {"LETHE_HOME": str(new_home()), "PYTHONUNBUFFERED": "1"}
    command = [
        sys.executable,
        "-m",
        "app.cli",
        "serve",
        "--class",
        "--name",
        "Class 9b",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
    ]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    stop = threading.Timer(START, process.kill)
    stop.start()
    try:
        printed = ""
        while not (
            found := re.search(
                r"(http://[\d.]+:\d+)/class\?teacher=(\S+)\n.*with the code ([A-Z]{6})\n", printed, re.DOTALL
            )
        ):
            line = process.stdout.readline()
            assert line, f"the studio ended with {process.poll()} instead of starting within {START} s: {printed}"
            printed += line
        stop.cancel()
        yield found.groups()
    finally:
        stop.cancel()
        process.terminate()
        process.wait(20)


def check(page, screenshots, name):
    """Look at a page in both widths and both schemes: pictures, nothing wider than the screen, and what axe finds."""
    for width, height in ((1280, 800), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(FADED)
        page.screenshot(path=screenshots / f"{name}-{width}.png")
        assert page.evaluate("document.documentElement.scrollWidth") == width
    page.set_viewport_size({"width": 1280, "height": 800})
    for _ in range(2):
        found = Axe().run(page, context={"exclude": [[".js-plotly-plot"]]}).response["violations"]
        assert [(rule["id"], node["html"][:120]) for rule in found for node in rule["nodes"][:3]] == []
        page.get_by_role("button", name="Switch between light and dark").click()
        page.wait_for_timeout(FADED)
        dark = page.evaluate("document.body.classList.contains('dark')")
        page.screenshot(path=screenshots / f"{name}-{'dark' if dark else 'light'}.png")


def type_in(page, elem_id, text):
    page.locator(f"#{elem_id} :is(input, textarea)").fill(text)


def test_a_class_from_the_first_code_to_its_end(school, watched, screenshots):
    address, link, code = school
    teacher, anna, ben = (watched(color_scheme="light", reduced_motion="reduce") for _ in range(3))

    board = teacher.page
    board.goto(f"{address}/class?teacher={link}")
    board.locator("#class-head .code").wait_for()
    board.wait_for_function("!location.search.includes('teacher')")  # the projected address is no key
    assert board.locator("#class-head .code [aria-hidden]").all_inner_texts() == list(code)

    joining = anna.page
    joining.goto(f"{address}/class")
    joining.locator("#class-go").wait_for()
    check(joining, screenshots, "class-join")
    type_in(joining, "class-code", "BBBBBB")
    type_in(joining, "class-name", "Anna")
    joining.locator("#class-go").click()
    joining.get_by_text("That is not the code of Class 9b").wait_for()
    type_in(joining, "class-code", code.lower())
    joining.locator("#class-go").click()
    joining.get_by_text("You are Anna.").wait_for()

    stranger = ben.page  # who has not joined yet
    stranger.goto(f"{address}/new")
    stranger.locator("#count").wait_for()
    stranger.locator("#start").click()
    stranger.locator("#say").get_by_text("join with the code").wait_for()
    stranger.goto(f"{address}/class?code={code}")
    type_in(stranger, "class-name", "<b>Ben</b>")
    stranger.locator("#class-go").click()
    stranger.get_by_text("You are <b>Ben</b>.").wait_for()

    board.get_by_role("button", name="What pupils find chosen").click()
    board.locator("#class-model input").click()
    board.get_by_role("option", name="Clothes ResNet", exact=True).click()
    type_in(board, "class-forget", "Bag")
    board.locator("#class-set").click()
    board.locator("#class-set-says").get_by_text("forget: Bag").wait_for()

    joining.goto(f"{address}/new?forget=Sandal&method=ssd")
    joining.locator("#chosen").get_by_text("Chosen by your teacher").wait_for()
    joining.locator("#say .forget", has_text="Bag").wait_for()
    joining.locator("#count").wait_for()
    assert not joining.locator("#forget label").first.is_visible()
    assert joining.locator("#model label").filter(visible=True).count() == 1
    check(joining, screenshots, "class-new")
    joining.locator("#start").click()
    joining.wait_for_url("**/run?id=*")
    run_id = joining.url.partition("id=")[2]

    board.locator("#class-rows article", has_text="Anna").wait_for()
    board.locator("#class-rows article .mark").first.wait_for(timeout=JOB)
    check(board, screenshots, "class-board")
    board.set_viewport_size({"width": 1920, "height": 1080})
    board.screenshot(path=screenshots / "class-board-1920.png")
    with board.expect_popup() as opened:
        board.locator("#class-rows h3 a").first.click()
    assert run_id in opened.value.url
    opened.value.close()
    board.locator("#class-view label", has_text="Pupils").click()
    board.locator(".lethe-class-pupils article", has_text="<b>Ben</b>").get_by_text("No run yet.").wait_for()
    check(board, screenshots, "class-pupils")
    board.locator("#class-view label", has_text="All in one").click()
    board.locator("#class-plot .point", has_text="Anna").first.wait_for()
    check(board, screenshots, "class-together")

    stranger.goto(f"{address}/runs")
    stranger.locator("#runs .lethe-first-run").wait_for()
    assert run_id not in stranger.content()  # Ben is not shown Anna's run

    board.get_by_role("button", name="Export, or end the class").click()
    with board.expect_download() as saved:
        board.locator("#class-json").click()
    document = json.loads(saved.value.path().read_text())
    assert [(row["pupil"], row["run"], row["state"]) for row in document["runs"]] == [("Anna", run_id, "done")]
    board.locator("#class-over").click()
    board.locator("#class-end-says").get_by_text("Tick").wait_for()
    board.locator("#class-sure input").check()
    board.locator("#class-over").click()
    board.get_by_role("heading", name="The class has ended").wait_for()
    joining.goto(f"{address}/runs")
    joining.locator(f"article[data-run='{run_id}']").wait_for()
    assert not joining.locator(".lethe-class-line").is_visible()
    for one in (teacher, anna, ben):
        assert one.errors == [] and one.outside(address) == []
