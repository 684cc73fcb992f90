"""Link previews: what a link to the studio shows where it is posted, our own title, sentence and picture instead of Gradio's."""

import html
import re
from dataclasses import dataclass
from typing import Final

from backends.api import catalog, pairs, runs
from backends.api.errors import LetheError

TITLE: Final = "Lethe, a studio for machine unlearning"
TEXT: Final = (
    "Make a model forget something, then see what changed and where. Runs in the browser, on a processor alone."
)
PICTURE: Final = "/vendor/preview.png"
LONGEST: Final = 300  # characters of a sentence; services cut off earlier
CARD = re.compile(r'\s*<meta\s+(?:property="og:|name="twitter:|name="description")[^>]*>')


@dataclass(frozen=True)
class Preview:
    """The preview of the link of one run."""

    title: str
    text: str


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
    return Preview(_short(f"Forget {forget}: {titles.get(spec.model, 'an own model')}"), _short(verdict))


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
    return head.replace("</style>", f"</style>{meta_tags(root, preview)}", 1) + mark + remainder


def meta_tags(root: str, preview: Preview | None) -> str:
    """The meta tags that services read."""
    title, text = (preview.title, preview.text) if preview else (TITLE, TEXT)
    content_by_tag = {
        'property="og:type"': "website",
        'property="og:site_name"': "Lethe",
        'property="og:title"': title,
        'property="og:description"': text,
        'property="og:image"': root + PICTURE,
        'property="og:image:width"': "1200",
        'property="og:image:height"': "630",
        'name="description"': text,
        'name="twitter:card"': "summary_large_image",
        'name="twitter:title"': title,
        'name="twitter:description"': text,
        'name="twitter:image"': root + PICTURE,
    }
    return "".join(f'<meta {name} content="{html.escape(content)}">' for name, content in content_by_tag.items())
