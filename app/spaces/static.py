"""A static Space: finished runs and lessons as plain files. Everyone may host one, it never sleeps, and needs no server.

The pages are those of pages/static, drawn by the same code as the studio's; each script of the studio stands in one file.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import pages.static
from app import board, comeback, preview_pictures, speech, theme, view
from app.inference import LIVE
from app.spaces import HEAD, Kind, Order, front_matter
from app.spaces._site import HOME, LESSONS, YOURSELF, Page, Site
from app.templating import render
from backends.api import files, languages, runs
from backends.api.errors import LetheError
from backends.api.languages import later
from pages.studio import home

SDK: Final = "static"
MOST: Final = 60 * 2**20  # bytes
PLOTLY: Final = "plotly.min.js"
# All of it comes from these files; what is drawn holds its pictures, and styles stand in attributes.
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "base-uri 'none'",
        "form-action 'none'",
    )
)
# (name, address, whether it is what to do next)
BAR: Final = (
    (later("Runs"), HOME, False), (later("Lessons"), LESSONS, False), (later("Run it yourself"), YOURSELF, True),
)  # fmt: skip
FIGURES: Final = ("say", "drawings", "switch", "flow", "tiles", "sides")  # scripts that find what is theirs
PARTS: Final = {"panels": view.SCRIPT, "comeback": comeback.SCRIPT, "board": board.SCRIPT, "home": home.PLAY}
ABOUT: Final = """# Lethe: finished runs

What models made before and after they were made to forget something, where they changed, and what came back under attack. Open
`index.html`, also without a network. Every number and picture was computed by Lethe, a studio for machine unlearning; `run-*.json` hold them,
with the commands that compute them again.
"""


def write(order: Order, folder: Path) -> None:
    """Fill a folder with the pages of every run that comes with Lethe, and of one's own that were asked for.

    Raises:
        LetheError: a run cannot be read.
    """
    shipped = [run for run in runs.visible() if run.shipped]
    site = Site([*order.runs, *shipped], order.studio, partial(_save, folder))
    with languages.speaking(order.language):
        try:
            for page in _pages(site):
                linked = replace(page, body=site.linked(page.body))
                site.save(page.file, render("static.page", linked, BAR, POLICY, order.language).encode())
        finally:
            LIVE.stop()  # asked for what the retrained references make of the watched items
        for run in site.runs:
            site.save(f"run-{run.id}.png", preview_pictures.of_run(run.id))
        _assets(site)


def _save(folder: Path, name: str, content: bytes) -> None:
    files.write_bytes(folder / name, content)


def _pages(site: Site) -> Iterator[Page]:
    """The pages that the modules of pages/static make."""
    for module in pkgutil.iter_modules(pages.static.__path__):
        if not module.name.startswith("_"):
            yield from importlib.import_module(f"pages.static.{module.name}").pages(site)


def script() -> str:
    """Every script of the pages as one file: what finds its own figures, then each part as a function.

    Raises:
        LetheError: a script loads plotly in another way than is known here.
    """
    address = "'/vendor/plotly.min.js'"
    if address not in view.SCRIPT:
        raise LetheError(
            "The script of the panels does not load plotly where it did; the pages would lack their plots."
        )
    each = [f"parts.{name} = (element, props, trigger, watch) => {{\n{text}\n}};\n" for name, text in PARTS.items()]
    figures = [(theme.STATIC / f"{name}.js").read_text("utf-8") for name in FIGURES]
    runner = (theme.STATIC / "static.js").read_text("utf-8")
    words = f"window.letheSpeech = {files.dumps({'words': speech.words()})};\n"
    body = "".join([words, *figures, "const parts = {};\n", *each, runner]).replace(address, f"'{PLOTLY}'")
    return f"(() => {{\n{body}\n}})();\n"


def _assets(site: Site) -> None:
    """What the pages load, and what the Hub reads."""
    import plotly

    css = "".join([theme.CSS, *((theme.STATIC / f"{name}.css").read_text("utf-8") for name in ("studio", "static"))])
    site.save("lethe.css", css.encode())
    site.save("lethe.js", script().encode())
    for name in ("scheme.js", "favicon.svg"):
        site.save(name, (theme.STATIC / name).read_bytes())
    site.save(PLOTLY, (Path(plotly.__file__).parent / "package_data" / PLOTLY).read_bytes())
    head = {**HEAD} | {"sdk": SDK, "app_file": HOME, "short_description": "What models forget, and what is left of it."}
    site.save("README.md", (front_matter(head) + ABOUT).encode())
    site.save("runs.json", files.dumps([{"id": run.id, "json": f"run-{run.id}.json"} for run in site.runs], 2).encode())


KIND: Final = Kind(
    SDK, "Finished runs and lessons as plain pages, without a server: everyone may host it, it costs nothing and never sleeps.",
    write, MOST, static=True,
)  # fmt: skip
