"""Link previews: what a link to the studio shows where it is posted, our own title, sentence and picture instead of Gradio's."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from markupsafe import Markup

from backends.api import catalog, pairs, runs, stage_words
from backends.api.errors import LetheError
from backends.api.languages import later, tr

TITLE: Final = later("Lethe, a studio for machine unlearning")
TEXT: Final = later(
    "Make a model forget something, then see what changed and where. Runs in the browser, on a processor alone."
)
PICTURE: Final = "/vendor/preview.png"
LONGEST: Final = 300  # characters of a sentence; services cut off earlier
STYLED: Final = "</style>"  # what our tags come after
CARD = re.compile(r'\s*<meta\s+(?:property="og:|name="twitter:|name="description")[^>]*>')


@dataclass(frozen=True)
class Preview:
    """What a link shows; `picture` is an address below the studio's."""

    title: str
    text: str
    picture: str = PICTURE


def of(run_id: str) -> Preview | None:
    """The preview of a run's link; None without one, or where the run cannot be read."""
    if not run_id:
        return None
    try:
        run = runs.find(run_id)
        spec, result = run.spec, run.result
        titles = {entry.id: entry.title for entry in catalog.load().models}
        forget = ", ".join(pairs.target_titles(spec.forget))
    except (LetheError, OSError, ValueError):
        return None
    verdict = str((result or {}).get("verdict") or "This run has not finished; open the link to see how far it is.")
    title = _short(f"{tr(stage_words.of_run(run).short, target=forget)}: {titles.get(spec.model, tr('an own model'))}")
    return Preview(title, _short(verdict), f"/vendor/preview/{quote(run.id)}.png")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def with_preview(page: str, root: str, preview: Preview | None) -> str:
    """The page with our own meta tags in the place of whatever tags it has.

    Args:
        page: HTML.
        root: the address of the studio, as a visitor reaches it; a picture's address must be whole.
        preview: what is shown, the studio itself if None.
    """
    head, mark, remainder = page.partition("<script>")  # before the configuration, which may hold any text
    head = CARD.sub("", head)
    return head.replace(STYLED, STYLED + str(meta_tags(root, preview)), 1) + mark + remainder


def meta_tags(root: str, preview: Preview | None) -> Markup:
    """The meta tags that services read."""
    preview = preview or Preview(TITLE, TEXT)
    content_by_tag = {
        "og:type": "website",
        "og:site_name": "Lethe",
        "og:title": preview.title,
        "og:description": preview.text,
        "og:image": root + preview.picture,
        "og:image:width": "1200",
        "og:image:height": "630",
        "description": preview.text,
        "twitter:card": "summary_large_image",
        "twitter:title": preview.title,
        "twitter:description": preview.text,
        "twitter:image": root + preview.picture,
    }
    tag = Markup('<meta {}="{}" content="{}">')
    return Markup("").join(
        tag.format("property" if name.startswith("og:") else "name", name, content)
        for name, content in content_by_tag.items()
    )
