"""Forget-Me-Not: teach the picture not to look at the concept's words."""

from collections.abc import Iterator

import torch
from pydantic import Field
from torch import Tensor

from ..api.concepts import Concept
from ..api.errors import BadInput
from ..engine.run import Run
from ..models.attention import Looks, captured
from ..models.diffusion import Pipeline
from ..registry import method
from ._drawing import PicturesParams, Weights, adamw, chosen, ends, pictures, words


class ForgetMeNot(PicturesParams):
    """Forget-Me-Not."""

    steps: int = Field(
        default=35, ge=1, le=5000, description="Training steps; nothing but their number keeps the model from harm."
    )
    learning_rate: float = Field(default=1e-4, gt=0, le=0.1, description="Step size.")
    weights: Weights = Field(default="whole U-Net", description="Which weights may move.")
    end_token: bool = Field(
        default=True, description="Look away from the end token too, which stands for the prompt as a whole."
    )
    padding: bool = Field(default=False, description="And from the padding after it.")


@method(
    id="forget_me_not",
    title="Forget-Me-Not: look away from the word",
    summary="The model learns to give the concept's words no attention while it draws; nothing is said of what to draw instead.",
    school="Keep your eyes off the word until it means nothing to you.",
    student=(
        "Cross-attention gives each place of the picture a probability over the tokens of the prompt. Attention re-steering "
        "noises pictures of the concept and makes the norm of all the probabilities that lie on its tokens small, in every "
        "layer and head. There is no denoising loss and nothing that holds the rest, so it must stop early. Attention sums to "
        "one, so what the concept loses goes to other tokens (in Stable Diffusion usually the first); what other tokens say "
        "of it stays."
    ),
    source={
        "title": "Zhang et al., Forget-Me-Not: Learning to Forget in Text-to-Image Diffusion Models, CVPR Workshops 2024",
        "url": "https://arxiv.org/abs/2303.17591",
        "code": "https://github.com/SHI-Labs/Forget-Me-Not",
    },
    label="same algorithm, smaller model",
    departures=(
        "The pictures are drawn by the frozen model instead of collected; every way to ask for the concept is used, in "
        "batches, with the norm taken picture by picture; the gradient is not scaled to a norm of 1 before AdamW, which hardly "
        "minds a common factor; concepts that have no name (textual inversion) are left out."
    ),
    works_with={"text-to-image": True},
    order=40,
)
def forget_me_not(run: Run, params: ForgetMeNot) -> None:
    """min |A[all layers, heads, pixels, tokens of the concept]|; in the authors' code 35 steps of one picture at 2e-6."""
    pipe, asking = run.task.pipe, run.task.asking
    asked = words(run, run.original, asking.forget_prompts)
    where = concept_tokens(run, asked.ids, params.end_token, params.padding)
    drawn = pictures(run, "drawing what is to be forgotten", asking.forget_prompts, params)
    moving = list(chosen(run.model, params.weights).values())
    optimizer = adamw(moving, params.learning_rate)
    for _ in run.steps("look away", params.steps, {"optimizer": optimizer}):
        x, t, _, which = drawn.draw(params.batch_size)
        with captured(run.model.unet) as looks:
            pipe.predict(run.model, x, t, asked[which])
        loss = looked(looks, where[which])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.log(loss=loss.detach())


def looked(looks: Looks, where: Tensor) -> Tensor:
    """Norm of the attention on the marked tokens over all layers, heads and pixels, mean over the rows.

    Args:
        looks: of one pass, see `captured`.
        where: bool [rows, tokens].
    """
    marked = where[:, None, None, :]
    layers = [torch.linalg.vector_norm(look * marked, dim=(1, 2, 3)) for _, look in looks]
    return torch.linalg.vector_norm(torch.stack(layers), dim=0).mean()


def concept_tokens(run: Run, ids: Tensor, end_token: bool, padding: bool) -> Tensor:
    """Where the forget prompts, token ids [n, tokens], name their concept, bool [n, tokens].

    Raises:
        BadInput: a prompt does not hold the concept's name as words of its own.
    """
    pipe, asking = run.task.pipe, run.task.asking
    named = [concept for concept in asking.forget for _ in asking.forms(concept)]
    where = torch.zeros_like(ids, dtype=torch.bool)
    for row, (concept, end) in enumerate(zip(named, ends(pipe, ids), strict=True)):
        for name in names(concept):
            found = list(occurrences(ids[row, 1:end].tolist(), tokens_of(pipe, name), end == ids.shape[1] - 1))
            if not found:
                raise BadInput(
                    f"The prompt {asking.forget_prompts[row]!r} was to hold {name!r} as words of its own; "
                    "forget_me_not has to know where they stand."
                )
            where[row, [1 + place for place in found]] = True
        where[row, end] |= end_token
        where[row, end + 1 :] |= padding
    return where


def names(concept: Concept) -> list[str]:
    """The words that mean it: object, style, or both."""
    return [name for name in (concept.object, concept.style, concept.phrase) if name]


def tokens_of(pipe: Pipeline, name: str) -> list[int]:
    """Token ids of a name within a prompt."""
    return list(pipe.tokenizers[0](name, add_special_tokens=False).input_ids)


def occurrences(said: list[int], name: list[int], cut: bool) -> Iterator[int]:
    """Every place in `said` that belongs to a copy of `name`; of a prompt that was cut, to what is left of one at its end."""
    for start in range(len(said)):
        part = said[start : start + len(name)]
        if part == (name[: len(part)] if cut else name):
            yield from range(start, start + len(part))
