"""What a job is watched by, in words: those of images, drawings and answers, and those that a family has of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.figures.chats import MARKED, TRUE_ANSWER
from backends.api.languages import later


@dataclass(frozen=True)
class Watching:
    """The words around the watched items of a job.

    Attributes:
        title: of the items while the job works.
        how: how to read them then.
        steps: how to read them with a slider through the steps.
        mean: what a curve is, in the middle of a sentence.
        subject: of what the curves say, as a sentence begins.
        axis: of the curves.
        share: what the bar below a response stands for.
    """

    title: str
    how: str
    steps: str
    mean: str
    subject: str
    axis: str = "probability, %"
    share: str = TRUE_ANSWER


IMAGES = Watching(
    title=later("What the model still recognises"),
    how=later(
        "Under each image: how sure the model is of the right answer, before → now. An image fades as the model loses "
        "it."
    ),
    steps=later(
        "The full bar is the probability that the model gives to the true class at this step, the faint one behind it "
        "that of the model before; below stands what the model takes the image for."
    ),
    mean=later("the mean probability that the model gives to the true class of the watched images"),
    subject=later("The probability of the true class"),
)
DRAWINGS = Watching(
    title=later("What the model still draws"),
    how=later(
        "Left what the model drew before, right what it draws now of the same words and from the same noise. Below: "
        "how sure the judge, a model that looks at pictures, is that they show what was asked, before → now."
    ),
    steps=later(
        "Each picture is what the model draws at this step, always of the same words and from the same noise. The full "
        "bar is how sure the judge is that it shows what was asked, the faint one behind it the same of the model "
        "before."
    ),
    mean=later("how sure the judge is, on average, that the watched pictures show what was asked"),
    subject=later("How sure the judge is of what was asked"),
)
ANSWERS = Watching(
    title=later("What the model still says"),
    how="Under each question: what the model answered before, and what it answers now. Below: the probability, a token (a word or a "
    f"piece of one), that it gives to the true answer, before → now. {MARKED}",
    steps=later(
        "Below each question stands what the model answers at this step. The full bar is the probability, a token, "
        "that it gives to the true answer, the faint one behind it that of the model before."
    ),
    mean=later("the mean probability, a token, that the model gives to the true answers of the watched questions"),
    subject=later("The probability of the true answer"),
)


def is_drawing(item: dict[str, Any]) -> bool:
    """Whether a watched item is something that the model draws, not an image it is asked about."""
    return "prompt" in item


def is_chat(item: dict[str, Any]) -> bool:
    """Whether a watched item is a question that the model answers."""
    return "question" in item


def of_items(items: Sequence[dict[str, Any]]) -> Watching:
    """The words for items whose family has none of its own."""
    if any(is_drawing(item) for item in items):
        return DRAWINGS
    return ANSWERS if any(is_chat(item) for item in items) else IMAGES
