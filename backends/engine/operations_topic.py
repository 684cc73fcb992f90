"""What the answering process can be asked about a topic that a language model is to forget: to write questions about it."""

import time
from dataclasses import asdict
from typing import Any

from ..api import families
from ..api.columns import COLUMNS
from ..api.errors import BadInput
from ..api.pairs import TITLE, counted, quoted
from ..api.params import line, within
from ..data import authors, sets
from ..data.authors import QAPair
from ..families.language import topics
from .session import Desk

MOST = 50  # questions of each kind
ENOUGH = 3  # questions below which a model is said to be unable to write any


def write_questions(
    desk: Desk, model: str, topic: str, count: int = 10, seed: int = 0, data: str = ""
) -> dict[str, Any]:
    """Questions about a topic to be forgotten, and about its neighbours to be kept, which the model writes and answers itself.

    A model that cannot gets questions that came with it, as far as they mention the topic.

    Args:
        desk: what is held open.
        model: a language model.
        topic: free text of at most 80 characters.
        count: how many questions of each kind at most, 1 to 50.
        seed: of the sampling.
        data: as in the job.

    Returns:
        `title` (the topic), `forget` and `keep` (objects with the fields of `backends.api.pairs.Pair`), `near` (the neighbours),
        `written` (whether the model wrote them), `says` (one sentence) and `seconds`.

    Raises:
        BadInput: no topic, an endless one, a model that answers in no words, or nothing can be found about it.
    """
    begun = time.monotonic()
    about = line("The topic", topic, TITLE, "write what to forget, as in Paris or the Eiffel Tower")
    if not any(sign.isalnum() for sign in about):
        raise BadInput(f"The topic was {about!r}, which holds no words; write plain words.")
    many = int(within("count", count, 1, MOST))
    task = desk.task(model, data)
    families.require(task.family, "answers", task.id)
    opened = desk.model(model, data)
    written_questions = topics.questions(opened, task.reader, about, many, int(seed))
    forget = topics.answered(opened, task.reader, written_questions)
    wrote = len(forget) >= min(ENOUGH, many)
    if wrote:
        near = topics.neighbours(opened, task.reader, about, int(seed))
        each = -(-many // max(1, len(near)))
        beside = [
            topics.questions(opened, task.reader, one, each, int(seed) + 100 * at, [about])
            for at, one in enumerate(near, 1)
        ]
        forget_keys = {pair.question.casefold() for pair in forget}
        others = {one.casefold(): one for part in beside for one in part if one.casefold() not in forget_keys}
        keep = topics.answered(opened, task.reader, list(others.values())[:many])
        summary = f"It wrote {counted(len(forget))} about {about}" + (
            f", and {counted(len(keep))} about {', '.join(near)}." if keep else ", and none about anything near to it."
        )
    else:
        near, (forget, keep) = [], topics.mentioning(_taught_questions(task.brings), about, many)
        summary = (
            f"This model cannot write questions about {quoted(about)}; these are {counted(len(forget))} that came with it "
            "and mention it, beside others in like words."
        )
    if not forget:
        raise BadInput(
            f"This model cannot write questions about {quoted(about)}, and none that came with it mentions it; write them "
            "yourself, as question => answer."
        )
    return {
        "title": about, "forget": [_row(pair) for pair in forget], "keep": [_row(pair) for pair in keep], "near": near,
        "written": wrote, "says": summary, "seconds": round(time.monotonic() - begun, 3),
    }  # fmt: skip


def _taught_questions(data: str) -> list[QAPair]:
    """Every question that came with a model, and the general ones."""
    authors_data = authors.load()
    people = [pair for person in authors_data.authors for pair in person.pairs] if data == authors.ID else []
    listed = [pair for one in sets.load(data).values() for pair in one.pairs]
    return [*people, *listed, *authors_data.real_authors, *authors_data.world_facts]


def _row(pair: QAPair) -> dict[str, Any]:
    return {name: value for name, value in asdict(pair).items() if name in COLUMNS and value}
