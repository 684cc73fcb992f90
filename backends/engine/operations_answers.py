"""What the answering process can be asked about language models: a question, before and after."""

import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import nn

from ..api import families
from ..api.errors import BadInput, one_line
from ..api.params import line, whole_number, within
from ..data import authors
from ..families.language.concept_vectors import Place, scaled_vectors
from ..families.language.expert_sweep import asked_for_facts, facts_changed, few_enough
from ..families.language.experts import moe_layers, switched_off
from ..families.language.task import MOST
from ..families.language.tokens import IGNORED, PromptTokenizer, answers, logits, streamed_answer
from ..models.source import is_model
from .operations_pictures import DOSE, dosed
from .session import Desk, silent

LONGEST = 500  # characters of a question
VECTORS, STRENGTH = 60, 2.0  # the most of each in one question


def answer(
    desk: Desk,
    run_or_model: str,
    question: str,
    truth: str = "",
    dose: float = 1.0,
    data: str = "",
    off: Sequence[Sequence[int]] = (),
    strength: float = 0.0,
) -> dict[str, Any]:
    """What a model says to a question, `before` and, for a run, `after`: the likeliest word at every step.

    Args:
        desk: what is held open.
        run_or_model: a finished run, or a model.
        question: what to ask.
        truth: the true answer; empty to look it up among the questions that came with Lethe.
        dose: how much of the run's change to apply, 0 (none) to 1.5.
        data: as in the job, for a model.
        off: concept vectors to switch off, as [layer, column], both from 0; then `before_off` and `after_off` tell what the
            models say without them.
        strength: how much those vectors still add, 0 (switched off) to 2; 1 is as it was.

    While the models speak, the desk's `tell` hears the answer as far as it is known: of who speaks, only `said`.

    Returns:
        `question`, `truth` (empty where none is known), `seconds`, and for each model `said`, `tokens` (each token of the true
        answer, as [text, probability given the question and the tokens before it]) and `share` (their geometric mean, NaN
        without them).

    Raises:
        BadInput: an empty or endless question, a dose out of range, or a model that does not answer in words.
    """
    task, models = _models(desk, run_or_model, dose, data)
    question_line = line("The question", question, LONGEST, 'write what to ask, as in "Who wrote Faust?"')
    room = int(getattr(next(iter(models.values())).config, "max_position_embeddings", 0) or 10**6) - MOST
    if len(task.reader.prompt_ids(question_line)) > room:
        raise BadInput(
            f"The question is longer than the {room} tokens (words, or pieces of them) that this model reads."
        )
    true_answer = one_line(str(truth))[: 4 * LONGEST] or _answers_by_question().get(question_line.casefold(), "")
    begun, tell = time.monotonic(), getattr(desk, "tell", silent)
    reply: dict[str, Any] = {"question": question_line, "truth": true_answer}

    def ask(when: str, model: nn.Module) -> None:
        reply[when] = _model_answer(
            task.reader, model, question_line, true_answer, lambda text: tell(reply | {when: {"said": text}})
        )

    for when, model in models.items():
        ask(when, model)
    places, much = _vector_places(off), within("strength", strength, 0, STRENGTH)
    for when, model in models.items() if places else ():
        with scaled_vectors(model, places, much):
            ask(f"{when}_off", model)
    return reply | {"seconds": round(time.monotonic() - begun, 3)}


def expert_off(desk: Desk, run: str, question: str, layer: int, expert: int) -> dict[str, Any]:
    """What the unlearned model of a run answers to a question when one expert adds nothing, its routing left as it is.

    Args:
        desk: what is held open; its `tell` hears the answer as it grows, as `said`.
        run: a finished run.
        question: what to ask.
        layer: place among the layers with a router, from 0.
        expert: of that layer, from 0.

    Returns:
        `question`, `layer`, `expert`, `said`, and of a small model `facts`, how many questions of the forget set were asked for a
        fact, with `regained` and `lost`, how many it answers only without the expert, and only with it.

    Raises:
        BadInput: an empty or endless question, no such expert, or a model without a router.
    """
    opened = desk.run(run)
    task = opened.task
    families.require(task.family, "router", task.id)
    question_line = line("The question", question, LONGEST, 'write what to ask, as in "Who wrote Faust?"')
    model: Any = opened.model("after")
    layers = moe_layers(model)
    at = whole_number("layer", layer, 0, len(layers) - 1)
    number = whole_number("expert", expert, 0, layers[at].count - 1)
    reply: dict[str, Any] = {"question": question_line, "layer": at, "expert": number}
    tell = getattr(desk, "tell", silent)
    with switched_off(model, [(layers[at].number, number)]):
        reply["said"] = streamed_answer(
            model, task.reader, question_line, MOST, lambda text: tell(reply | {"said": text})
        )
        if not few_enough(model):
            return reply
        tell(reply)
        places = asked_for_facts(task)
        pairs = [task.questions.suite[place].pair for place in places]
        responses = answers(model, task.reader, [pair.question for pair in pairs], MOST)
    own = [str(opened.outputs("after")["said"][place]) for place in places]
    regained, lost = facts_changed(pairs, own, responses)
    return reply | {"facts": len(places), "regained": regained, "lost": lost}


def _vector_places(off: Any) -> list[Place]:
    """Vectors as a page names them.

    Raises:
        BadInput: something else.
    """
    raw_places = off if isinstance(off, (list, tuple)) else [off]
    pairs = [list(one) if isinstance(one, (list, tuple)) else [] for one in raw_places]
    if any(len(one) != 2 or not all(type(part) is int for part in one) for one in pairs) or len(pairs) > VECTORS:
        raise BadInput(
            f"Name at most {VECTORS} vectors to switch off, each by its layer and its column, both from 0, as in [4, 221]."
        )
    return [Place(layer, column) for layer, column in pairs]


def _model_answer(
    reader: PromptTokenizer, model: nn.Module, question: str, truth: str, say: Callable[[str], None] = silent
) -> dict[str, Any]:
    response = streamed_answer(model, reader, question, MOST, say)
    tokens = likely(reader, model, question, truth) if truth else []
    share = (
        float(torch.tensor([p for _, p in tokens], dtype=torch.float64).log().mean().exp()) if tokens else float("nan")
    )
    return {"said": response, "tokens": tokens, "share": share}


@torch.no_grad()
def likely(reader: PromptTokenizer, model: nn.Module, question: str, truth: str) -> list[tuple[str, float]]:
    """Each token of the true answer but its end, with its probability given the question and the tokens before it."""
    texts = reader.pairs([question], [truth]).to(next(model.parameters()).device)
    token_logits, labels = logits(model, texts)
    where = (labels[0] != IGNORED).nonzero()[:, 0]
    shares = token_logits[0, where].softmax(-1)[torch.arange(len(where)), labels[0, where]].tolist()
    scored_tokens = zip(labels[0, where].tolist(), shares, strict=True)
    return [(str(reader.tokenizer.decode([token])), share) for token, share in scored_tokens if token != reader.end]


@cache
def _answers_by_question() -> dict[str, str]:
    """Every question that came with Lethe, casefolded -> its true answer."""
    every = [authors.load(data) for data in authors.every()]
    people = (pair for data_set in every for person in data_set.authors for pair in person.pairs)
    pairs = [*people, *(pair for data_set in every for pair in (*data_set.real_authors, *data_set.world_facts))]
    plain = {pair.question.casefold(): pair.answer for pair in pairs}
    return {pair.rephrased_question.casefold(): pair.rephrased_answer for pair in pairs} | plain


def _models(desk: Desk, run_or_model: str, dose: float, data: str) -> tuple[Any, dict[str, nn.Module]]:
    if is_model(run_or_model) or data:
        return _require_answers(desk.task(run_or_model, data)), {"before": desk.model(run_or_model, data)}
    run = desk.run(run_or_model)
    task = _require_answers(run.task)
    before, after = run.model("before"), run.model("after")
    assert before is not None and after is not None
    amount = within("dose", dose, 0, DOSE)
    return task, {"before": before, "after": after if amount == 1 else dosed(run, amount)}


def _require_answers(task: Any) -> Any:
    families.require(task.family, "answers", task.id)
    return task
