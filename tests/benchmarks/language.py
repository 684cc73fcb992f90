"""How long forgetting takes on the embedded language model, and what is saved by each of the ways that make it quick.

Ratios are of processor seconds with one thread, both sides in turns, so that other work on the machine weighs little.
"""

import time
from collections.abc import Callable, Iterator
from statistics import median

import torch

from backends.core.run import Run
from backends.engine import outputs
from backends.engine.loading import open_task
from backends.families.language import prefix_sharing, tokens
from backends.families.language.task import MOST, LanguageModel
from backends.families.language.tokens import Texts, mean_nll, nll
from backends.methods._language import reference_nll

from .drawing import Silent
from .jobs import default, default_job

MODEL, ROUNDS = "authors-lm", 3
QUESTIONS = 64  # answered, or weighed with all their answers


def language() -> Iterator[str]:
    """The default job by phase, then each saving by itself."""
    yield from default_job(MODEL)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        task = open_task(MODEL, "", {"precision": "float32", "threads": 1})
        task.resolve(default(MODEL)["forget"])
        yield from savings(task, task.load())
    finally:
        torch.set_num_threads(threads)


def savings(task: LanguageModel, model: torch.nn.Module) -> Iterator[str]:
    """Each as a ratio of the plain way to ours."""
    asked = [item.pair for item in task.questions.suite[:QUESTIONS]]
    every = several(task, asked)
    plain, ours = in_turns(lambda: one_by_one(model, every), lambda: tokens.nll_and_greedy(model, every))
    yield f"likelihoods of {len(every)} answers to {len(asked)} questions, each read by itself: {plain / ours:.1f} times trees"
    ids, mask = task.reader.prompts([pair.question for pair in asked])
    plain, ours = in_turns(lambda: generated(task, model, ids, mask), lambda: greedy(task, model, ids, mask))
    yield f"greedy answers to {len(asked)} questions by generate: {plain / ours:.1f} times ours"
    run = Run(task, Silent(), 0)
    step, asking = in_turns(lambda: learned(run), lambda: nll_of(run))
    yield f"asking the frozen model at every step instead of once would make a step of NPO {1 + asking / step:.2f} times as long"
    first, again = in_turns(
        lambda: reference_nll(Run(task, Silent(), 0), "x", task.forget), lambda: reference_nll(run, "x", task.forget)
    )
    yield f"log-likelihoods of the frozen model, made: {first / max(again, 1e-6):.0f} times taken from the job"
    computed, shipped = in_turns(lambda: task.outputs(model), lambda: outputs._shipped(task, model), 1)
    yield f"what the model says as it is, computed: {computed / max(shipped, 1e-6):.0f} times read from beside it ({computed:.1f} s saved)"


def in_turns(first: Callable[[], object], second: Callable[[], object], rounds: int = ROUNDS) -> tuple[float, float]:
    """Median processor seconds of both, each `rounds` times, in turns."""
    took: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for times, function in zip(took, (first, second), strict=True):
            begun = time.process_time()
            function()
            times.append(time.process_time() - begun)
    return median(took[0]), median(took[1])


def several(task: LanguageModel, pairs: list[object]) -> Texts:
    """Every answer that is weighed of some questions: the true, the rephrased and the wrong ones."""
    rows = [
        (pair.question, text)  # type: ignore[attr-defined]
        for pair in pairs
        for text in (pair.answer, pair.rephrased_answer, *pair.wrong)  # type: ignore[attr-defined]
    ]
    return task.reader.pairs([question for question, _ in rows], [text for _, text in rows])


@torch.no_grad()
def one_by_one(model: torch.nn.Module, every: Texts, rows: int = 64) -> torch.Tensor:
    """Summed nats of every answer, without what they share."""
    return torch.cat([nll(model, every[part])[0] for part in torch.arange(len(every)).split(rows)])


def greedy(task: LanguageModel, model: torch.nn.Module, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Ours."""
    return prefix_sharing.greedy(model, ids, mask, MOST, task.reader.end, task.reader.pad)


def generated(task: LanguageModel, model: torch.nn.Module, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Transformers' own."""
    made = model.generate(  # type: ignore[operator]
        input_ids=ids, attention_mask=mask, max_new_tokens=MOST, do_sample=False, eos_token_id=task.reader.end,
        pad_token_id=task.reader.pad, temperature=None, top_p=None, top_k=None,
    )  # fmt: skip
    return made[:, ids.shape[1] :]  # type: ignore[no-any-return]


def learned(run: Run) -> None:
    """The passes of a step of NPO with what it keeps."""
    task: LanguageModel = run.task  # type: ignore[assignment]
    texts_ = task.forget[torch.arange(16)]
    (nll(run.model, texts_)[0].mean() + mean_nll(run.model, task.keep[torch.arange(16)])).backward()
    run.model.zero_grad()


@torch.no_grad()
def nll_of(run: Run) -> None:
    """What asking the frozen model costs in the same step."""
    task: LanguageModel = run.task  # type: ignore[assignment]
    nll(run.original, task.forget[torch.arange(16)])
