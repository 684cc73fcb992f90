"""One sentence as the answer: a sign and words, in ink."""

from markupsafe import Markup

from app import markup
from backends.api.panels import Verdict


def verdict(panel: Verdict) -> Markup:
    """The answer as HTML."""
    return markup.verdict(panel.says or panel.title, panel.sign, panel.title if panel.says else "")
