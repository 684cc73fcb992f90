"""A real studio in a process of its own, and a real Chromium."""

import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from watched import Watched

START = 120  # seconds; generous for a machine that does other work


@pytest.fixture(scope="session")
def screenshots():
    """Where the pictures of the walk are kept: $LETHE_SCREENSHOTS, else out/screenshots."""
    where = Path(os.environ.get("LETHE_SCREENSHOTS") or Path(__file__).resolve().parents[2] / "out" / "screenshots")
    where.mkdir(parents=True, exist_ok=True)
    return where


@pytest.fixture(scope="session")
def studio_home(new_home):
    """Where the studio of these tests keeps its runs."""
    return new_home()


@pytest.fixture(scope="session")
def studio(studio_home):
    """Address of a studio with an empty home."""
    environment = os.environ | {"LETHE_HOME": str(studio_home), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "app.server", "--port", "0"], env=environment, stdout=subprocess.PIPE, text=True
    )
    stop = threading.Timer(START, process.kill)
    stop.start()
    try:
        assert process.stdout is not None
        said = ""
        while not (found := re.search(r"http://[\d.]+:\d+", said)):
            line = process.stdout.readline()
            assert line, f"the studio ended with {process.poll()} instead of starting within {START} s"
            said += line
        stop.cancel()
        yield found[0]
    finally:
        stop.cancel()
        process.terminate()
        process.wait(20)


WINDOWED = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium(*, settings: bool = False) -> str | None:
    """$CHROMIUM, a system one, or None for Playwright's own.

    `settings`: one that reads a person's settings, which the quick one without windows (headless shell) does not.
    """
    named = os.environ.get("CHROMIUM")
    names = [] if settings else [named or "", "chromium-headless-shell"]
    found = next((path for name in (*names, *WINDOWED) if name and (path := shutil.which(name))), None)
    return found or named


@pytest.fixture(scope="session")
def browser():
    """Chromium. Where there is none the test fails: a walk that did not happen is no pass."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def watched(browser):
    """Make watched pages; all are closed at the end."""
    made = []

    def make(**context):
        made.append(Watched(browser, **context))
        return made[-1]

    yield make
    for one in made:
        one.context.close()
