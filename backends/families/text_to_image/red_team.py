"""Models that draw tried by hand: a prompt in a person's own words, and whether the judge sees in its picture what was to be forgotten."""

from PIL import Image
from torch import nn

from ...api.languages import tr
from ...api.params import line
from ...core.red_team import Reply
from .exam import DrawingExam
from .task import TextToImage

LONGEST = 1000  # characters of a prompt


class DrawingRedTeam:
    """A `RedTeam` of models that draw: one picture a try, as the model draws by default. A hit is a picture that the judge of the exam
    takes for what was to be forgotten before anything else, whatever the prompt; blank ones are none."""

    def __init__(self, task: TextToImage) -> None:
        """Raises `BadInput` where no judge can say what a picture shows."""
        self._exam = DrawingExam(task)

    def question(self, text: str) -> str:
        return line(tr("The prompt"), text, LONGEST, tr("write what to draw, as in a cat in twemoji style"))

    def ask(self, model: nn.Module, question: str, seed: int = 0) -> Reply:
        images = self._exam.draw(model, [question], [seed])
        ((name, forgotten),) = self._exam.recognised(images)
        return Reply(name, Image.fromarray(images[0]), forgotten)

    def hit(self, question: str, reply: Reply) -> bool:
        return bool(reply.evidence)
