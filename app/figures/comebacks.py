"""What comes back: a question, and below it the answers from stage to stage of an attack; what was to be forgotten is marked."""

from markupsafe import Markup

from app.templating import render
from backends.api.panels import Comeback, ComingBack


def comeback(panel: Comeback) -> Markup:
    """The items as HTML: the first is open, the others fold out."""
    return render("comeback.items", [_shown(item) for item in panel.items])


def _shown(item: ComingBack) -> ComingBack:
    """An item without stages at which nothing changed: of equal answers in a row the first is shown, and the last of all."""
    stages = [
        stage
        for at, stage in enumerate(item.stages)
        if at in (0, len(item.stages) - 1) or stage.text != item.stages[at - 1].text
    ]
    first = next((at for at, stage in enumerate(stages) if stage.back), len(stages) - 1)
    kept = sorted({0, max(0, first - 1), first, len(stages) - 1})  # the start, the turn, the end
    return item.model_copy(update={"stages": [stages[at] for at in kept]})
