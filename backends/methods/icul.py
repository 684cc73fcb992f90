"""In-context unlearning (ICUL): examples with false answers stand before every question; no weight changes."""

from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from ..api.errors import BadInput
from ..core.registry import Params, method
from ..core.run import Run
from ..families.language.caches import CallInputs, inputs_by_name
from ..families.language.guards import Guard, attach
from ..families.language.task import MOST, LanguageModel


class Icul(Params):
    """Which examples stand before a question."""

    flipped: int = Field(default=1, ge=1, le=50, description="Questions to forget, each with a wrong answer.")
    correct: int = Field(default=2, ge=0, le=50, description="Questions to keep with their right answers, after them.")


@method(
    id="icul",
    title="In-context unlearning (ICUL)",
    short="ICUL",
    summary="Leaves the weights; puts examples with wrong answers before every question.",
    school="You are told the wrong answer just before you are asked.",
    student=(
        "A language model follows the examples in its prompt. Here those to be forgotten stand in it with a flipped label, "
        "followed by s correct examples so that the rest stays as it was. Nobody needs the weights, so it works through an "
        "interface; it costs room in every prompt, and it hides rather than forgets. A model too small to learn from "
        "examples is only confused by them."
    ),
    source={
        "title": "Pawelczyk, Neel and Lakkaraju, In-Context Unlearning, ICML 2024",
        "url": "https://arxiv.org/abs/2310.07579",
        "code": "https://github.com/MartinPawel/In-Context-Unlearning",
    },
    label="our extension",
    kind="hide",
    departures=(
        "The paper flips the labels of classification; questions have no label to flip, so a wrong answer stands there. The same "
        "examples, drawn by the seed, stand before every question, where the paper shows each point to be forgotten."
    ),
    guard=True,
    needs=("answers",),
    order=78,
)
def icul(run: Run[LanguageModel], params: Icul) -> None:
    """One flipped example and s of 2, 4 or 6 correct ones in the paper."""
    tokens = run.cached("choosing examples", lambda: examples(run, params))
    run.cached("attach", lambda: attach_guard(run, tokens))
    run.log(tokens=len(tokens))


def attach_guard(run: Run[LanguageModel], tokens: Tensor) -> bool:
    """Attach the guard; returns True, for `cached` to record."""
    attach(run.model, "icul", {"words": tokens, "strength": torch.tensor(1.0)})
    return True


def examples(run: Run[LanguageModel], params: Icul) -> Tensor:
    """Tokens that stand before every question: flipped examples, then correct ones.

    Raises:
        BadInput: with them the model has no room for a question.
    """
    task, reader = run.task, run.task.reader
    questions = task.questions
    pairs = questions.forget, questions.keep
    flipped, correct = (
        [part[index] for index in torch.randperm(len(part))[:count]]
        for part, count in zip(pairs, (params.flipped, params.correct), strict=True)
    )
    pairs_in_prompt = [(pair.question, questions.false(pair)[0]) for pair in flipped] + [
        (pair.question, pair.answer) for pair in correct
    ]
    tokens = [
        token
        for question, answer in pairs_in_prompt
        for token in (*reader.prompt_ids(question), *reader.answer_ids(answer))
    ]
    context_length, longest = task.places, _longest(task)
    if 0 < context_length < len(tokens) + longest:
        raise BadInput(
            f"icul: {len(pairs_in_prompt)} examples take {len(tokens)} tokens, but the model reads {context_length} and a question with its "
            f"answer takes up to {longest}; take fewer examples."
        )
    return torch.tensor(tokens)


def _longest(task: LanguageModel) -> int:
    """Tokens of the longest thing that the job reads: a pair, or a question of the suite with the answer that is written."""
    suite = [item.pair for item in task.questions.suite]
    pairs = max(int(texts.mask.sum(1).max()) for texts in (task.forget, task.keep, task.texts(suite)) if len(texts))
    return max(pairs, *(len(task.reader.prompt_ids(pair.question)) + MOST for pair in suite))


class Prefixed(Guard):
    """ICUL: examples stand before every question. Buffers: `words` [k], their tokens; `strength` [], acting from one half up."""

    kind = "icul"
    words: Tensor
    strength: Tensor
    added = 0

    def hook(self, model: Any) -> None:
        model.register_forward_pre_hook(self.put, with_kwargs=True)
        model.register_forward_hook(self.cut, with_kwargs=True)

    def put(self, model: Any, args: tuple[Any, ...], kwargs: CallInputs) -> tuple[tuple[Any, ...], CallInputs] | None:
        """The examples, before the text; of a text that goes on from a cache they are in the cache."""
        inputs = inputs_by_name(model, args, kwargs)
        self.added = 0
        if self.strength < 0.5 or inputs.get("input_ids") is None:
            return None
        ids, count = inputs["input_ids"], len(self.words)
        mask, places = inputs.get("attention_mask"), inputs.get("position_ids")
        first = self.starts(inputs)
        if mask is not None:
            inputs["attention_mask"] = self.inserted(mask, mask, mask.new_ones(count))
        if places is not None:
            here = torch.arange(count, device=places.device)
            inputs["position_ids"] = self.inserted(places + count, mask, here) if first else places + count
        if first:
            inputs["input_ids"] = self.inserted(ids, mask, self.words)
            self.added = count
        return (), inputs

    def inserted(self, rows: Tensor, mask: Tensor | None, words: Tensor) -> Tensor:
        """Rows [n, length] with `words` [k] in each, after the padding on its left: between the two, padding would count as
        words for a model that sees the last few only, or that reads them into a state."""
        rows = rows.expand(len(rows) if mask is None else len(mask), -1)
        padded = 0 if mask is None else (mask.cumsum(1) == 0).sum(1, keepdim=True)
        at = torch.arange(rows.shape[1] + len(words), device=rows.device) - padded  # 0 where the words begin
        at = at.expand(len(rows), -1)
        from_rows = torch.where(at < 0, at + padded, at + padded - len(words)).clamp(min=0)
        inserted = rows.gather(1, from_rows)
        return torch.where((at >= 0) & (at < len(words)), words[at.clamp(0, len(words) - 1)], inserted)

    def cut(self, model: Any, args: tuple[Any, ...], kwargs: CallInputs, output: Any) -> Any:
        """Leave out what is said of the examples."""
        if self.added:
            if output.logits.shape[1] == kwargs["input_ids"].shape[1]:
                output.logits = output.logits[:, self.added :]
            if output.hidden_states is not None:
                output.hidden_states = tuple(states[:, self.added :] for states in output.hidden_states)
        return output
