"""One sentence as the answer: a sign and words, in ink."""

from app import markup
from backends.api.panels import Verdict


def verdict(panel: Verdict) -> str:
    """The answer as HTML."""
    return markup.verdict(panel.says or panel.title, panel.sign, panel.title if panel.says else "")
