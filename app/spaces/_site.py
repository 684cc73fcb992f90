"""A studio's pages as files: which there are, and where an address of the studio leads among them."""

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode

from markupsafe import Markup

from backends.api import catalog, findings
from backends.api.catalog import Look
from backends.api.runs import RunFolder

HOME, YOURSELF, LESSONS = "index.html", "yourself.html", "lessons.html"
STUDIO: Final = "studio:"  # before an address that only a studio answers
TAKEN: Final = re.compile(r'(?<=\s)href="([^"]*)"')
ELSEWHERE: Final = re.compile(r"[a-z][a-z0-9+.-]*:|#|//", re.IGNORECASE)


@dataclass(frozen=True)
class Page:
    """One file of a static Space.

    Attributes:
        file: its name.
        title: what stands in the browser's tab.
        text: one sentence on what it shows.
        body: its HTML, with the addresses of the studio.
        here: the page of the bar that it belongs to.
    """

    file: str
    title: str
    text: str
    body: Markup
    here: str = HOME


@dataclass(frozen=True)
class Site:
    """What a static Space shows.

    Attributes:
        runs: its finished runs.
        studio: address of a studio; empty where its visitors are told how to start one.
        save: keeps a file beside the pages: its name and what it holds.
    """

    runs: Sequence[RunFolder]
    studio: str
    save: Callable[[str, bytes], None]

    def kept_looks(self, run: RunFolder) -> list[Look]:
        """The looks whose findings lie in a run, by the question that they answer."""
        fits = [entry for entry in catalog.load().looks if entry.works_with.get(run.spec.family or "") is not False]
        looked = [entry for entry in fits if findings.read(run, entry.id, findings.kind_of(entry.id)) is not None]
        return sorted(looked, key=lambda entry: entry.group != "change")

    def file(self, run: RunFolder, tab: str = "", look: str = "") -> str:
        """The file of a page of a run; `look` names what the tab Inside shows."""
        if tab == "inside":
            names = [entry.id for entry in self.kept_looks(run)]
            if not names:
                return f"run-{run.id}.html"
            return f"run-{run.id}-{look if look in names else names[0]}.html"
        return f"run-{run.id}-{tab}.html" if tab in ("back", "numbers", "card") else f"run-{run.id}.html"

    def again(self, run: RunFolder) -> str:
        """Where a run is done once more: the form of a studio, by the run's id where every studio has it, or the commands."""
        if not self.studio:
            return f"{YOURSELF}#{quote(run.id)}"
        if run.shipped:
            return f"new?clone={quote(run.id)}"
        spec = run.spec
        parts = [("model", spec.model), ("method", spec.method), ("seed", str(spec.seed))]
        targets = [("forget", text) for text in spec.forget] + [("keep", text) for text in spec.keep]
        return "new?" + urlencode(parts + targets, quote_via=quote)

    def linked(self, body: str) -> Markup:
        """The same HTML with the studio's addresses led to the files of this Space, or else to a studio."""
        return Markup(TAKEN.sub(self._link, body))

    def _link(self, match: re.Match[str]) -> str:
        at = html.unescape(match[1])
        needs_studio = at.startswith(STUDIO)
        if not needs_studio and (not at or ELSEWHERE.match(at)):
            return match[0]
        at = at.removeprefix(STUDIO).removeprefix("../").removeprefix("./")
        inside = "" if needs_studio else self._inside(at)
        if inside:
            return Markup('href="{}"').format(inside)
        if self.studio:
            return Markup('href="{}/{}" target="_blank" rel="noopener"').format(self.studio, at)
        return Markup('href="{}{}"').format(YOURSELF, self._which(at))

    def _inside(self, at: str) -> str:
        """The file that an address of the studio leads to; empty where only a studio has it."""
        path, _, query = at.partition("?")
        parts = dict(parse_qsl(query))
        by_id = {run.id: run for run in self.runs}
        if path.partition("#")[0].endswith((".html", ".json")) and not path.startswith("card/"):
            return at
        if path == "" or path == "runs":
            return HOME if not path else f"{HOME}#runs"
        if path.startswith("classroom"):
            lesson = path.removeprefix("classroom").strip("/")
            return f"lesson-{lesson}.html" if lesson else LESSONS
        if path.startswith("card/"):
            return f"run-{path.removeprefix('card/').removesuffix('.html')}-card.html"
        run = by_id.get(parts.get("id", "")) if path == "run" else None
        if run is None or parts.get("tab") == "ask" or parts.keys() - {"id", "tab", "inspector"}:
            return ""
        return self.file(run, parts.get("tab", ""), parts.get("inspector", ""))

    def _which(self, at: str) -> str:
        """The part of the page on how to do it yourself that is about the run that an address names."""
        query = dict(parse_qsl(at.partition("?")[2]))
        name = query.get("id") or query.get("clone") or ""
        return f"#{quote(name)}" if name in {run.id for run in self.runs} else ""
