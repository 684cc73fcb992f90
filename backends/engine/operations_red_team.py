"""What the answering process can be asked by a person who tries a run by hand: one question to all its models, and what gives it back."""

import time
from typing import Any

from ..api import families
from ..api.errors import BadInput
from ..api.params import whole_number
from .recorder import data_url
from .session import Desk, silent

SEEDS = 2**31 - 1


def red_team(desk: Desk, run: str, question: str, seed: int = 0) -> dict[str, Any]:
    """What the original, the unlearned and the retrained model of a finished run make of one question, and which of them give back what
    was to be forgotten, as the run's family says (see `backends.core.red_team`).

    Args:
        desk: what is held open; its `tell` hears the answers so far.
        run: a finished run.
        question: words, the name of an item of the data, or a picture as a data address, as the family takes it.
        seed: of what is random in an answer, the same for every model; from 0 on.

    Returns:
        `models`, the models that are asked: "before", "after" and, where there is one, "reference"; for each `text`, `picture` (a data
        address; empty of a model that draws nothing) and `hit`; and `seconds`.

    Raises:
        BadInput: there is no such run, it is not done, its family cannot be tried by hand, or the question will not do.
    """
    opened = desk.run(run)
    name = families.get(opened.task.family).red_team
    if not name:
        raise BadInput(f"{families.get(opened.task.family).subject} cannot be tried by hand here.")
    team = families.load(name)(opened.task)
    shown_question, number = team.question(question), whole_number("seed", seed, 0, SEEDS)
    begun, tell = time.monotonic(), getattr(desk, "tell", silent)
    models = desk.models(run, reference=True)[1]
    answers: dict[str, Any] = {"models": [str(when) for when in models]}
    for when, model in models.items():
        tell(answers)
        reply = team.ask(model, shown_question, number)
        picture = data_url(reply.image) if reply.image is not None else ""
        answers[str(when)] = {"text": reply.text, "picture": picture, "hit": bool(team.hit(shown_question, reply))}
    return answers | {"seconds": round(time.monotonic() - begun, 3)}
