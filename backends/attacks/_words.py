"""Shared by the attacks that search words for a prompt: which words may be tried, and prompts with free places for them.

A prompt with free places is its fixed parts, one more than free places: ("a", "", "in flat style") has two places after "a". What is
searched is always read as the prompt would be if it were typed, so that the words found can be pasted.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..api.attacked import Find
from ..api.errors import BadInput
from ..core.attack import Outcome, Tried, tried_by
from ..families.text_to_image import denoising, new_words
from ..families.text_to_image.exam import DrawingExam, Images
from ..families.text_to_image.pipeline import Pipeline, Words
from ..families.text_to_image.soft_prompts import encoders
from ._drawing import FINDS, Look, exam_of

Parts = Sequence[str]
Progress = Callable[[int, int], None]  # (done, of how many)
LEAST = 8  # words to choose among
ROWS = 4  # pictures in a step of a search
EARLIEST, LATEST = 0.2, 0.9  # of the way to pure noise: before, any prompt denoises; after, none does


def silent(done: int, of: int) -> None:
    """Tell nobody."""


def forbidden(text: str, names: Sequence[str]) -> bool:
    """Whether a word is a part of one of the names or holds one, whatever the case."""
    return any(text.casefold() in name.casefold() or name.casefold() in text.casefold() for name in names)


def allowed_words(pipe: Pipeline, names: Sequence[str], most: int = 50_000) -> list[str]:
    """Words of one token that can be typed, in the vocabulary's order, without those that are `forbidden`; a fixed random sample of more
    than `most`.

    Typed means: written before a prompt and read by the tokenizer, they are that one token again.
    """
    tokenizer = pipe.tokenizers[0]
    special = set(tokenizer.all_special_ids)
    texts = {token: tokenizer.decode([token]).strip() for token in range(len(tokenizer)) if token not in special}
    readable = [
        (token, text) for token, text in texts.items() if text.isprintable() and text and not forbidden(text, names)
    ]
    read = tokenizer([text for _, text in readable], add_special_tokens=False).input_ids
    typed = [text for (token, text), ids in zip(readable, read, strict=True) if list(ids) == [token]]
    if len(typed) <= most:
        return typed
    chosen = np.sort(np.random.default_rng(0).permutation(len(typed))[:most])
    return [typed[place] for place in chosen]


def to_search(exam: DrawingExam) -> list[str]:
    """The words that may be searched.

    Raises:
        BadInput: the tokenizer has hardly any.
    """
    words = allowed_words(exam.task.pipe, exam.names)
    if len(words) < LEAST:
        raise BadInput(
            f"The tokenizer of {exam.task.id} has {len(words)} words that could be searched; at least {LEAST} are needed."
        )
    return words


def never(exam: DrawingExam) -> str:
    """What is not searched, in words."""
    return f"{', '.join(exam.names)}; its pieces; words that hold it"


def tables(pipe: Pipeline, model: nn.Module, words: Sequence[str]) -> list[Tensor]:
    """For each text encoder the embeddings [words, d] of words of one token."""
    return [
        encoder.get_input_embeddings().weight.detach()[[ids[-1] for ids in new_words.token_ids(pipe, words, which)]]
        for which, encoder in enumerate(encoders(model))
    ]


def filled(parts: Parts, words: Sequence[str]) -> str:
    """A prompt with words in its free places, as it is typed."""
    pieces = [parts[0]]
    for word, part in zip(words, parts[1:], strict=True):
        pieces += [word, part]
    return " ".join(piece for piece in pieces if piece)


def places(pipe: Pipeline, parts: Parts) -> list[int]:
    """The token at which each free place stands.

    Raises:
        BadInput: there is no room for them beside begin and end.
    """
    lengths = [pipe.count(part) if part else 0 for part in parts[:-1]]
    at = [1 + place + sum(lengths[: place + 1]) for place in range(len(lengths))]
    if at and at[-1] > pipe.tokens - 2:
        raise BadInput(f"{len(at)} free words do not fit: a prompt of {pipe.id} has {pipe.tokens} tokens.")
    return at


def read(
    pipe: Pipeline, model: nn.Module, prompts: Sequence[Parts], words: Sequence[str], vectors: Sequence[Tensor]
) -> Words:
    """Embeddings of prompts by the model's text encoder, with vectors read in place of the words in their free places.

    Args:
        pipe: of the model.
        model: whose text encoder reads; gradients flow to the vectors.
        prompts: n of them, with as many free places each.
        words: that stand there, the same in all.
        vectors: one [places, d] for each text encoder.
    """
    texts = [filled(parts, words) for parts in prompts]
    at = torch.tensor([places(pipe, parts) for parts in prompts], device=pipe.device)
    with ExitStack() as hooks:
        for encoder, each in zip(encoders(model), vectors, strict=True):
            hooks.enter_context(encoder.get_input_embeddings().register_forward_hook(_put(at, each)))
        with pipe.autocast():
            return pipe.read_ids(model, pipe.ids(texts), pipe.ids(texts, 1) if pipe.large else None)


def _put(at: Tensor, vectors: Tensor) -> Callable[[nn.Module, Any, Tensor], Tensor]:
    def put(_: nn.Module, inputs: Any, embedded: Tensor) -> Tensor:
        rows = torch.arange(len(at), device=at.device)[:, None]
        return embedded.index_put((rows, at), vectors.to(embedded.dtype).expand(len(at), -1, -1))

    return put


class Batch(NamedTuple):
    """Some of the lesson's pictures to be denoised: their prompts [n], latents and noise [n, c, h, w], time steps [n]."""

    prompts: list[str]
    clean: Tensor
    noise: Tensor
    t: Tensor


def batches(exam: DrawingExam, t: Tensor, seed: int) -> Iterator[Batch]:
    """A batch for each time step of `t` [steps], with new noise each, the same for every model."""
    taught, clean = exam.pictures("forgotten"), exam.clean("forgotten")
    rows = max(1, min(ROWS, exam.task.pipe.rows // 4))
    generator = torch.Generator().manual_seed(seed)
    for step in t.tolist():
        some = torch.randperm(len(clean), generator=generator)[:rows]
        x0 = clean[some.to(clean.device)]
        prompts = [taught.prompts[row] for row in some.tolist()]
        yield Batch(prompts, x0, denoising.noise_like(x0, generator), torch.full((len(x0),), step, device=x0.device))


def tried_prompts(
    look: Look, search: Callable[[nn.Module, Progress], Iterator[Sequence[str]]], places: int, phase: str
) -> tuple[Tried, list[list[str]]]:
    """What every model draws for the prompts that are searched for it, and the prompts [places, items] of the unlearned model.

    Args:
        look: the run.
        search: takes a model, and what to tell how far it is; gives a prompt for each item at each place.
        places: how often `search` comes back.
        phase: in words, for the progress.
    """
    exam = exam_of(look)

    def work(when: str, model: nn.Module) -> Outcome:
        prompts = list(search(model, lambda done, of: look.progress(done, 2 * of)))  # the other half is drawing
        images = []
        for place in drawings(exam, model, prompts):
            images.append(place)
            look.progress(places + len(images), 2 * places)
        recalled = np.stack([exam.score(each) for each in images])[None]
        return {"recalled": recalled, "prompts": [text for row in prompts for text in row], "drawn": np.stack(images)}

    outcomes = look.on_each(work, phase, shown=["drawn"])
    tried, flat = tried_by(outcomes, ["drawn"]), list(outcomes["after"][0]["prompts"])
    tried.outputs = {when: list(images) for when, (images,) in tried.outputs.items()}
    return tried, [flat[at : at + len(exam.items)] for at in range(0, len(flat), len(exam.items))]


def drawings(exam: DrawingExam, model: nn.Module, prompts: Sequence[Sequence[str]]) -> Iterator[Images]:
    """Pictures [items, h, w, 3] of each row of prompts, one an item, from the items' own seeds; the same prompts are drawn once."""
    seeds, cache = [shot.seed for shot in exam.shots], dict[tuple[str, ...], Images]()
    for row in map(tuple, prompts):
        if row not in cache:
            cache[row] = exam.draw(model, row, seeds)
        yield cache[row]


def word_finds(look: Look, images: Sequence[Images], prompts: Sequence[Sequence[str]], name: str) -> list[Find]:
    """For some items the first prompt that brings them back, those items first; for the others the last prompt that was tried.

    Args:
        look: the run.
        images: [places, items, h, w, 3] of the unlearned model.
        prompts: of the same, as they can be pasted in Ask.
        name: of the files.
    """
    exam = exam_of(look)
    judged = [exam.judgements(each) for each in images]
    back = np.array([[one.forgotten for one in row] for row in judged]) > 0
    first = np.where(back.any(0), back.argmax(0), len(back) - 1)
    order = np.argsort(~back.any(0), kind="stable")[:FINDS].tolist()
    return [
        Find(
            words=prompts[first[item]][item],
            output=judged[first[item]][item].name,
            picture=Path(look.picture(f"{name}-{item}", images[first[item]][item])).name,
            note=f"seed {exam.shots[item].seed}" + ("" if back[first[item]][item] else "; does not bring it back"),
        )
        for item in order
    ]
