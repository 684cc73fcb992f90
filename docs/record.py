"""Record the moving picture and the four pictures of README.md from a studio that really runs: `python docs/record.py`.

It starts a studio with an empty home, opens it in Chromium ($CHROMIUM, a system one, or Playwright's own), lets the emoji
painter forget the cat, and photographs the page while the run goes on. The pictures of the look inside are of the
runs that come with Lethe. Needs the packages of the tests (`make chromium`); takes some minutes on two cores.
"""

import argparse
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageChops
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
MOVIE = ROOT / "docs" / "lethe.webp"
PICTURES = ROOT / "docs" / "screenshots"
VIEW = {"width": 1280, "height": 800}
FORM = "/new?model=emoji-sd&forget=cat&method=esd"
JOB = 1_800_000  # milliseconds that the run may take, on a machine that does other work
LARGEST = 3_000_000  # bytes of the moving picture
WIDTH = 900  # of its pixels
WAITING = 16  # of its frames that only show progress; those with new pictures all stay
HOLD, CHANGE, STEP, SLIDE = (
    2000,
    700,
    140,
    260,
)  # milliseconds that a frame is shown: to read it, with new pictures, of a movement
THUMB = 16  # pixels of a slider's handle
INSIDE = {
    "saliency": ("example-forget-sandal", "weight_saliency", 0),
    "routing": ("example-experts-one", "routing", 0),
    "vectors": ("example-author-hidden", "concept_vectors", 0),
}  # picture -> run that comes with Lethe, inspector, and which of its panels stands at the top

Frames = list[tuple[Image.Image, int]]


@contextmanager
def studio(port: int) -> Iterator[str]:
    """Address of a studio with a home of its own, which ends with the block."""
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "-m", "app.server", "--port", str(port)]
        environment = os.environ | {"LETHE_HOME": home, "PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if address := re.search(r"http://[\d.]+:\d+", line):
                    yield address[0]
                    return
            raise SystemExit("The studio ended before it listened.")
        finally:
            process.terminate()
            process.wait(20)


@contextmanager
def opened() -> Iterator[Page]:
    """A page of Chromium, one viewport large."""
    names = ("chromium", "chromium-browser", "google-chrome")
    system = next((path for name in names if (path := shutil.which(name))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM") or system, args=["--no-sandbox"]
        )
        page = browser.new_page(viewport=VIEW)  # type: ignore[arg-type]
        page.set_default_timeout(JOB)
        yield page
        browser.close()


def photographed(page: Page) -> Image.Image:
    """The viewport as it is now."""
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def form(page: Page, address: str) -> Frames:
    """The form, filled in by its address; then Start under the mouse."""
    page.goto(address + FORM)
    page.locator("#count", has_text="to forget").wait_for()
    page.wait_for_timeout(3000)
    frames = [(photographed(page), HOLD)]
    page.hover("#start")
    page.wait_for_timeout(500)
    return [*frames, (photographed(page), 900)]


def running(page: Page) -> Frames:
    """The run from Start to its verdict: every frame with new pictures, and of those between some, evenly."""
    page.click("#start")
    page.locator("#run-board td img").first.wait_for()
    finished = page.locator("#run-marks details")  # first marks come earlier
    changes: Frames = []
    waiting: list[tuple[int, Image.Image]] = []  # how many changes came before, frame
    before = ""
    while not finished.count():
        pictures = page.locator("#run-board td img").evaluate_all("all => all.map(image => image.src).join()")
        frame = photographed(page)
        if pictures != before:
            changes.append((frame, CHANGE))
        elif not waiting or ImageChops.difference(frame, waiting[-1][1]).getbbox():
            waiting.append((len(changes), frame))
        before = pictures
        page.wait_for_timeout(400)
    page.wait_for_timeout(2000)
    every = max(1, -(-len(waiting) // WAITING))
    between = [(number, 1, (frame, STEP)) for number, frame in waiting[::every]]
    ordered = sorted([*between, *((number, 2, frame) for number, frame in enumerate(changes))], key=lambda one: one[:2])
    return [*(frame for *_, frame in ordered), (photographed(page), HOLD)]


def compared(page: Page) -> Frames:
    """The run's page, its slider dragged from the original model to the unlearned one."""
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(1000)
    page.screenshot(path=PICTURES / "compare.png")
    slider = page.locator("#run-board input[type=range]").first
    box, steps = slider.bounding_box(), int(slider.get_attribute("max") or 1)
    last = int(slider.input_value())
    assert box is not None
    height, width = box["y"] + box["height"] / 2, box["width"] - THUMB
    places = [box["x"] + THUMB / 2 + width * at / steps for at in range(last + 1)]
    page.mouse.move(places[-1], height)
    page.mouse.down()
    frames: Frames = []
    for place in [*reversed(places), *places]:
        page.mouse.move(place, height)
        page.wait_for_timeout(150)
        frames.append((photographed(page), SLIDE))
    page.mouse.up()
    return [*frames, (photographed(page), HOLD)]


def inside(page: Page, address: str, name: str) -> None:
    """One picture of the look inside a run that comes with Lethe; it is looked into first where nobody has."""
    run, inspector, number = INSIDE[name]
    page.goto(f"{address}/run?id={run}&tab=inside&inspector={inspector}")
    page.locator("#look-seen .lethe-panel, #look-seen:has-text('Nobody has looked')").first.wait_for()
    if not page.locator("#look-seen .lethe-panel").count():
        page.click("#look-go")
        page.locator("#look-seen .lethe-panel").first.wait_for()
    page.wait_for_timeout(4000)
    panels = page.locator("#look-seen .lethe-panel, #look-seen .lethe-card")
    page.evaluate("top => scrollBy(0, top - 70)", panels.nth(number).bounding_box()["y"])  # type: ignore[index]
    page.wait_for_timeout(1500)
    page.screenshot(path=PICTURES / f"{name}.png")


def written(frames: Frames, path: Path) -> int:
    """Save the frames as an animated WebP in the best quality that is small enough, and return its bytes.

    Raises:
        SystemExit: it is too large in the lowest.
    """
    height = round(WIDTH * VIEW["height"] / VIEW["width"])
    first, *others = (frame.resize((WIDTH, height), Image.Resampling.LANCZOS) for frame, _ in frames)
    for quality in (70, 55, 40, 25):
        durations = [duration for _, duration in frames]
        first.save(path, save_all=True, append_images=others, duration=durations, loop=0, quality=quality, method=4)
        if path.stat().st_size <= LARGEST:
            return path.stat().st_size
    raise SystemExit(f"{path.name} has {path.stat().st_size:,} bytes; at most {LARGEST:,} are wanted.")


def main() -> None:
    """Record all of it, or with --only some of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--only", action="append", choices=["movie", *INSIDE], help="leave the other pictures as they are"
    )
    parser.add_argument("--port", type=int, default=0, help="port of the studio; 0 takes a free one")
    arguments = parser.parse_args()
    parts, begun = arguments.only or ["movie", *INSIDE], time.monotonic()
    PICTURES.mkdir(parents=True, exist_ok=True)
    with studio(arguments.port) as address, opened() as page:
        if "movie" in parts:
            size = written([*form(page, address), *running(page), *compared(page)], MOVIE)
            print(f"{MOVIE.name}: {size:,} bytes")
        for name in INSIDE:
            if name in parts:
                inside(page, address, name)
    print(f"{time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
