"""What the answering process can be asked about concept vectors: which columns spell some words, or carry an answer."""

from collections.abc import Sequence
from typing import Any

from ..api import families
from ..api.errors import BadInput
from ..api.params import line, whole_number
from ..families.language.concept_vectors import Place, attributed_columns, concepts, first_words, spelling_vectors, word
from ..families.language.concept_vectors import vectors as columns
from ..families.language.task import MOST as TOKENS
from ..families.language.tokens import answers
from ..families.language.vector_trace import FIRST, cosines, overlaps
from ..models.source import is_model
from .session import Desk

LONGEST, MOST = 500, 60  # characters of words or a question, vectors in one answer
SHOWN = 8  # words of each


def vectors(
    desk: Desk, run_or_model: str, words: str = "", question: str = "", count: int = 12, data: str = ""
) -> list[dict[str, Any]]:
    """The vectors of the model before that spell some words most, or that its answer to a question leans on most, and what
    became of them in the model after a run.

    Args:
        desk: what is held open.
        run_or_model: a finished run, or a model.
        words: with commas between them; empty for the names and facts of what a run was to forget.
        question: to find the vectors that its answer leans on instead, whatever they spell.
        count: how many, 1 to 60.
        data: as in the job, for a model.

    Returns:
        A dictionary each, best first: `layer` and `column` (both from 0), `of` (whose it is, where that is known), `before`
        (its first words) and, for a run, `after`, `cosine` and `kept` (the share of its first 50 words that stayed).

    Raises:
        BadInput: no words or too many, a number out of range, or a model without feed-forward columns.
    """
    alone = is_model(run_or_model) or bool(data)
    opened: Any = None if alone else desk.run(run_or_model)
    task = desk.task(run_or_model, data) if alone else opened.task
    families.require(task.family, "dense columns", task.id)
    before = desk.model(run_or_model, data) if alone else opened.model("before")
    most, question_line = whole_number("count", count, 1, MOST), line("The question", question, LONGEST)
    if question_line:
        places = _attributed_places(task, before, question_line, most)
    else:
        places = spelling_vectors(
            before, task.reader, _words_to_spell(task, line("The text", words, LONGEST), from_run=not alone), most
        )
    return _described(task, places, before, None if alone else opened.model("after"))


def _described(task: Any, places: Sequence[Place], before: Any, after: Any) -> list[dict[str, Any]]:
    was = first_words(before, places, FIRST)
    descriptions = [
        {"layer": place.layer, "column": place.column, "of": place.of, "before": _first_words(task, row)}
        for place, row in zip(places, was, strict=True)
    ]
    if after is None:
        return descriptions
    now = first_words(after, places, FIRST)
    same = cosines(*(columns(model, places).cpu().numpy() for model in (before, after)))
    rows = zip(descriptions, now, same, overlaps(was, now), strict=True)
    return [
        one | {"after": _first_words(task, row), "cosine": float(cosine), "kept": float(stayed)}
        for one, row, cosine, stayed in rows
    ]


def _attributed_places(task: Any, model: Any, question: str, count: int) -> list[Place]:
    response = answers(model, task.reader, [question], TOKENS)
    return [
        Place(layer, column)
        for layer, column, _ in attributed_columns(model, task.reader.pairs([question], response), count)
    ]


def _words_to_spell(task: Any, words: str, *, from_run: bool) -> dict[str, list[str]]:
    if words:
        return {"": words.split(",")}
    if not from_run:
        raise BadInput("No words were given; name some that the vectors should spell, as in magic, wizard.")
    return concepts(task.questions.forget)


def _first_words(task: Any, row: Any) -> list[str]:
    return [word(task.reader, token) for token in row[:SHOWN].tolist()]
