"""Answers of language models, as the pages ask for them: those that a run was judged by, and any question."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from app.generated_images import evenly_spaced
from app.inference import LIVE
from backends.api import run_outputs, runs
from backends.api.errors import BadInput
from backends.api.languages import tr
from backends.api.panels import Role


@dataclass(frozen=True)
class Chat:
    """The answers of the model before and the model after to one question, and of the retrained reference, where
    there is one. `was` and `now`: the probability of the true answer, a token, from 0 to 1."""

    number: int
    role: Role
    question: str
    truth: str
    before: str
    after: str
    was: float
    now: float
    again: str | None = None
    aim: float | None = None


def all_chats(run_id: str) -> list[Chat]:
    """All questions that a finished run was judged by, from its folder: no model is opened.

    Raises:
        BadInput: there is no such run, or its folder lacks what was said.
    """
    run = runs.find(run_id)
    suite, before, after = run_outputs.suite(run), run_outputs.answers(run, "before"), run_outputs.answers(run, "after")
    if suite is None or before is None or after is None or not len(suite) == len(before) == len(after):
        raise BadInput(tr("The folder of run {id} no longer holds what its models answered.", id=run.id))
    again = run_outputs.answers(run, "reference")
    return [
        Chat(
            at, prompt["role"], prompt["prompt"], prompt["truth"], before[at][0], after[at][0], before[at][1], after[at][1],
            *(again[at] if again is not None and len(again) == len(suite) else ()),
        )
        for at, prompt in enumerate(suite)
    ]  # fmt: skip


def evenly_sampled(chats: Sequence[Chat], each: int) -> list[Chat]:
    """At most `each` of a role, from the first to the last of it at even distances."""
    return [chats[at] for at in evenly_spaced([{"role": chat.role} for chat in chats], each)]


def role_prompts(run_id: str) -> list[tuple[Role, str]]:
    """One question of each role, as a run was judged by them.

    Raises:
        BadInput: the run's folder lacks them.
    """
    return [(chat.role, chat.question) for chat in evenly_sampled(all_chats(run_id), 1)]


def ask(what: str, question: str, **wishes: Any) -> dict[str, Any]:
    """The responses of a run or a model to a question; see the live operation `answer`. `wishes`: truth, dose.

    Raises:
        BadInput: the question or the model will not do; the sentence says why.
        LetheError: it could not be asked.
    """
    responses: dict[str, Any] = LIVE.ask("answer", run_or_model=what, question=question, **wishes)
    return responses


def ask_stream(what: str, question: str, **wishes: Any) -> Iterator[dict[str, Any]]:
    """The responses of a run or a model to a question as they grow: of who still writes only `said`; the last is complete.

    Raises:
        BadInput: the question or the model will not do; the sentence says why.
        LetheError: it could not be asked.
    """
    return LIVE.stream("answer", run_or_model=what, question=question, **wishes)
