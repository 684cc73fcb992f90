"""Greedy coordinate gradient (GCG): searches words after the question that make the model answer."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from ..api.attacked import Find
from ..api.errors import BadInput
from ..core.attack import Result, curves
from ..core.registry import Params, attack
from ..families.language.exam import LanguageExam
from ..families.language.tokens import PromptTokenizer, Texts
from ._inserted import Inserted
from ._language import Look, behind_guard, exam_of

STOPS = (0, 5, 10, 20)
AT_ONCE = 13  # suffixes in a pass
TOP = 64  # words a place may be swapped for, those with the steepest gradient


class Gcg(Params):
    """How much is tried."""

    words: int = Field(default=5, ge=1, le=20, description="Words put to the question.")
    candidates: int = Field(default=32, ge=4, le=512, description="Swaps of one word tried at each step.")
    seeds: int = Field(default=1, ge=1, le=5, description="How often, each time with other random numbers.")


@attack(
    id="gcg",
    title="Greedy coordinate gradient (GCG): searches words that make it answer",
    summary="Searches a few words that, put to any question, make some forgotten facts likely, and asks for the others with them.",
    source={
        "title": "Zou et al., Universal and Transferable Adversarial Attacks on Aligned Language Models, 2023",
        "url": "https://arxiv.org/abs/2307.15043",
        "code": "https://github.com/llm-attacks/llm-attacks",
    },
    lacks=behind_guard,
    needs=("exam", "answers", "weights"),
    test="words",
    group="there",
    quick=False,
    order=32,
)
def gcg(look: Look, params: Gcg) -> Result:
    """The share of held-out items after 0, 5, 10, 20 steps, the same words for all questions. x = 0 is the plain question.

    Each step takes the gradient of the loss by the choice of each word, draws swaps of one word among the TOP steepest, and keeps the best
    of them. The paper puts 20 tokens after the question, takes 256 of the steepest, 512 swaps and 500 steps, adds questions one by one, and
    aims at the affirmative start of an answer. Here the words stand before the question where a space does, for a small model answers
    nothing after words that it does not expect there; the loss is that of the whole answers of the taught facts and of as many kept ones,
    so that the words do not break what the model knows. Only tokens that begin a word are tried, so that they can be typed and read back
    as the same tokens; none that is part of a forgotten fact or of the name.
    """
    exam, steps = exam_of(look), list(STOPS)
    found: list[str] = []  # of the unlearned model
    allowed = _allowed(exam)

    def way(model: nn.Module, seed: int) -> Iterator[nn.Module]:
        yield model
        for inserted, ids in searched(model, exam, allowed, params.words, params.candidates, seed, steps[1:]):
            if look.now == "after":
                found.append(exam.task.reader.tokenizer.decode(ids.tolist()))
            yield inserted

    tried = look.try_on_each(way, len(steps), "searching words and asking", seeds=range(params.seeds))
    suffix = found[len(steps) - 2]  # of the first seed, the last step
    attacked = look.attacked(
        attack="gcg", kind="words", x=[float(one) for one in steps], x_title="steps of the search", recalled=tried.recalled, kept=tried.kept,
        budget={"words": params.words, "candidates": params.candidates, "steps": steps[-1], "taught": len(exam.taught), "seeds": params.seeds},
        finds=_finds(exam, suffix, tried.outputs["after"][-1]),
    )  # fmt: skip
    title = f"{params.words} words searched on {exam.lessons['forgotten']}, then asked for {len(exam.items)} others"
    stages = ["plain question", *(f"step {step}" for step in steps[1:])]
    picture = exam.comeback(
        look,
        f"What the words bring back: “{suffix.strip()}”",
        stages,
        tried.outputs["after"],
        tried.outputs.get("reference"),
    )
    return Result(attacked, [picture, curves(attacked, title)])


def searched(
    model: Any,
    exam: LanguageExam,
    allowed: NDArray[np.int64],
    count: int,
    candidates: int,
    seed: int,
    stops: Sequence[int],
) -> Iterator[tuple[Inserted, NDArray[np.int64]]]:
    """(the model with the suffix that was found, its tokens [count]) after each number of steps."""
    words: Tensor = model.requires_grad_(False).eval().get_input_embeddings().weight
    texts = lesson(exam).to(words.device)
    rng = np.random.default_rng(seed)
    ids, step = rng.choice(allowed, count), 0
    for stop in stops:
        while step < stop:
            swaps = swapped(ids, steepest(_inserted(model, exam, words, ids), texts, words, allowed), candidates, rng)
            tried = np.concatenate((ids[None], swaps))
            ids = tried[suffix_losses(model, exam, words, texts, tried).argmin()]
            step += 1
        yield _inserted(model, exam, words, ids), ids


def _inserted(model: nn.Module, exam: LanguageExam, words: Tensor, ids: NDArray[np.int64]) -> Inserted:
    reader = exam.task.reader
    return Inserted(
        model, reader, words[torch.from_numpy(ids).to(words.device)], "before" if _spaced(reader) else "after"
    )


def lesson(exam: LanguageExam) -> Texts:
    """What the words are searched on: the taught facts and as many kept ones."""
    return exam.task.texts([*exam.taught, *exam.others()[: len(exam.taught)]])


def _spaced(reader: PromptTokenizer) -> bool:
    """Whether a space stands before a question, so that words put there are read as the tokens that were searched."""
    return reader.prompt("Who?").partition("Who?")[0].endswith(" ")


def with_words(exam: LanguageExam, question: str, words: str) -> str:
    """The question as it is typed with the words, which begin with a space."""
    return f"{words.strip()} {question}" if _spaced(exam.task.reader) else f"{question}{words}"


def steepest(inserted: Inserted, texts: Texts, words: Tensor, allowed: NDArray[np.int64]) -> NDArray[np.int64]:
    """The TOP allowed words of each place by which the loss would fall fastest, [places, TOP], to first order."""
    vectors = inserted.vectors.detach().clone().requires_grad_(True)
    with torch.enable_grad():
        loss = inserted.loss(texts, vectors.expand(len(texts), -1, -1)).mean()
        (gradient,) = torch.autograd.grad(loss, vectors)
    by_word = gradient @ words[torch.from_numpy(allowed).to(words.device)].T
    fastest: NDArray[np.int64] = allowed[by_word.topk(min(TOP, len(allowed)), largest=False).indices.cpu().numpy()]
    return fastest


def swapped(
    ids: NDArray[np.int64], choices: NDArray[np.int64], count: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """`count` suffixes [count, places] that differ from one in a single place, drawn among the choices of that place."""
    places = rng.integers(len(ids), size=count)
    swaps = np.repeat(ids[None], count, 0)
    swaps[np.arange(count), places] = choices[places, rng.integers(choices.shape[1], size=count)]
    return swaps


@torch.no_grad()
def suffix_losses(
    model: nn.Module, exam: LanguageExam, words: Tensor, texts: Texts, suffixes: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The loss of each suffix on the taught facts, [suffixes]; infinite where it is no number."""
    inserted, count, losses = _inserted(model, exam, words, suffixes[0]), len(texts), []
    for part in torch.from_numpy(suffixes).to(words.device).split(AT_ONCE):
        several = texts[list(range(count)) * len(part)]
        losses.append(inserted.loss(several, words[part].repeat_interleave(count, 0)).view(len(part), count).mean(1))
    each: NDArray[np.float64] = np.nan_to_num(torch.cat(losses).double().cpu().numpy(), nan=np.inf)
    return each


def _allowed(exam: LanguageExam) -> NDArray[np.int64]:
    """Tokens that begin a word, read back as themselves, and are no part of a forgotten fact or a name.

    Raises:
        BadInput: the tokenizer has hardly any.
    """
    tokenizer = exam.task.reader.tokenizer
    secret = " ".join(f"{pair.value or pair.answer} {pair.about}" for pair in (*exam.asked, *exam.taught)).casefold()
    texts = tokenizer.batch_decode([[at] for at in range(len(tokenizer))])
    words = [
        (at, text)
        for at, text in enumerate(texts)
        if text[:1] == " " and text[1:].isalpha() and text.strip().casefold() not in secret
    ]
    back = tokenizer([text for _, text in words], add_special_tokens=False).input_ids if words else []
    allowed = [at for (at, _), ids in zip(words, back, strict=True) if list(ids) == [at]]
    if len(allowed) < TOP:
        raise BadInput(
            f"The tokenizer of {exam.task.id} has {len(allowed)} tokens that begin a word and could be searched; at least {TOP} are needed."
        )
    return np.array(allowed, np.int64)


def _finds(exam: LanguageExam, suffix: str, outputs: Sequence[str]) -> list[Find]:
    """The questions with the suffix, those that it makes the unlearned model answer first."""
    scores = exam.score(outputs)
    order = np.argsort(-scores, kind="stable")[:4]
    return [
        Find(
            words=with_words(exam, exam.items[at], suffix),
            output=outputs[at],
            note="names the fact" if scores[at] >= 0.5 else "",
        )
        for at in order
    ]
