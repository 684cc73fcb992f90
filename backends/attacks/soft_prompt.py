"""Soft prompt: learns vectors in place of words that make the model answer."""

from collections.abc import Iterator
from typing import Any

import torch
from pydantic import Field
from torch import nn

from ..core.attack import Result, curves
from ..core.registry import Params, attack
from ..families.language.exam import LanguageExam
from ._inserted import Inserted
from ._language import Look, behind_guard, exam_of

STOPS = (0, 15, 30, 60)
KNOWN = 15  # kept facts that are learned with the taught ones


class SoftPrompt(Params):
    """What is learned."""

    vectors: int = Field(default=4, ge=1, le=20, description="Vectors put before every question.")
    rate: float = Field(default=0.01, gt=0, le=1, description="Learning rate of Adam.")
    seeds: int = Field(default=1, ge=1, le=5, description="How often, each time from other vectors.")


@attack(
    id="soft_prompt",
    title="Soft prompt: learns vectors that make it answer",
    summary="Learns a few vectors, read before every question, on some forgotten facts, with every weight left alone, and asks for the others.",
    source={
        "title": "Schwinn et al., Soft Prompt Threats: Attacking Safety Alignment and Unlearning in Open-Source LLMs through the Embedding Space, NeurIPS 2024",
        "url": "https://arxiv.org/abs/2402.09063",
        "code": "https://github.com/SchwinnL/LLM_Embedding_Attack",
    },
    lacks=behind_guard,
    needs=("exam", "answers", "weights"),
    test="words",
    group="there",
    quick=False,
    order=30,
)
def soft_prompt(look: Look, params: SoftPrompt) -> Result:
    """The share of held-out items after 0, 15, 30, 60 steps of Adam on the vectors, one set for all questions. x = 0 is the plain question.

    The paper's universal form: 20 vectors after the question, 100 steps of the sign of the gradient, on the affirmative start of an
    answer. Here a few vectors stand before the prompt, Adam learns them, and the loss is that of the whole answers of the taught facts and of as
    many as 15 kept ones: without these, vectors break what even the original says. The form for a single question is left out, since
    vectors that are fitted to an answer hold that answer. What it finds cannot be typed.
    """
    exam, steps = exam_of(look), list(STOPS)

    def way(model: nn.Module, seed: int) -> Iterator[nn.Module]:
        yield model
        yield from learned(model, exam, params.vectors, params.rate, seed, steps[1:])

    tried = look.try_on_each(way, len(steps), "learning vectors and asking", seeds=range(params.seeds))
    attacked = look.attacked(
        attack="soft_prompt", kind="words", x=[float(one) for one in steps], x_title="steps on the vectors", recalled=tried.recalled,
        kept=tried.kept,
        budget={"vectors": params.vectors, "steps": steps[-1], "rate": params.rate, "taught": len(exam.taught), "seeds": params.seeds},
    )  # fmt: skip
    title = f"{params.vectors} vectors learned on {exam.lessons['forgotten']}, then asked for {len(exam.items)} others"
    stages = ["plain question", *(f"step {step}" for step in steps[1:])]
    picture = exam.comeback(
        look, "What the vectors bring back", stages, tried.outputs["after"], tried.outputs.get("reference")
    )
    return Result(attacked, [picture, curves(attacked, title)])


def learned(model: Any, exam: LanguageExam, count: int, rate: float, seed: int, stops: list[int]) -> Iterator[Inserted]:
    """The model with the vectors that were learned after each number of steps; they begin as embeddings of words drawn at random."""
    words = model.requires_grad_(False).eval().get_input_embeddings().weight
    texts = exam.task.texts([*exam.taught, *exam.others()[:KNOWN]]).to(words.device)
    drawn = torch.randint(len(words), (count,), generator=torch.Generator().manual_seed(seed)).to(words.device)
    vectors = nn.Parameter(words[drawn].clone())
    inserted = Inserted(model, exam.task.reader, vectors, "start")
    optimizer, step = torch.optim.Adam([vectors], rate), 0
    for stop in stops:
        with torch.enable_grad():
            while step < stop:
                optimizer.zero_grad()
                inserted.loss(texts).mean().backward()
                optimizer.step()
                step += 1
        yield inserted
