"""Forget-Me-Not (FMN): train cross-attention away from the concept's words."""

from collections.abc import Iterator

import torch
from pydantic import Field
from torch import Tensor

from ..api.concepts import Concept
from ..api.errors import BadInput
from ..core.registry import method
from ..core.run import Run
from ..families.text_to_image.attention import Looks, captured
from ..families.text_to_image.pipeline import Pipeline
from ..families.text_to_image.task import TextToImage
from ._drawing import PicturesParams, Weights, adamw, encode_prompts, end_positions, latent_images, trainable_parameters


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
    title="Forget-Me-Not (FMN)",
    short="FMN",
    summary="Learns to give the concept's words no attention while it draws.",
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
    kind="push",
    departures=(
        "The pictures are drawn by the frozen model instead of collected; every way to ask for the concept is used, in "
        "batches, with the norm taken picture by picture; the gradient is not scaled to a norm of 1 before AdamW, which hardly "
        "minds a common factor; concepts that have no name (textual inversion) are left out."
    ),
    needs=("pictures",),
    order=40,
)
def forget_me_not(run: Run[TextToImage], params: ForgetMeNot) -> None:
    """min |A[all layers, heads, pixels, tokens of the concept]|; in the authors' code 35 steps of one picture at 2e-6."""
    pipe, asking = run.task.pipe, run.task.asking
    embeddings = encode_prompts(run, run.original, asking.forget_prompts)
    token_mask = concept_tokens(run, embeddings.ids, params.end_token, params.padding)
    images = latent_images(run, "drawing what is to be forgotten", asking.forget_prompts, params)
    parameters = list(trainable_parameters(run.model, params.weights).values())
    optimizer = adamw(parameters, params.learning_rate)
    for _ in run.steps("look away", params.steps, {"optimizer": optimizer}):
        x, t, _, which = images.sample(params.batch_size)
        with captured(run.model.get_submodule("unet")) as attention:
            pipe.predict(run.model, x, t, embeddings[which])
        loss = attention_norm(attention, token_mask[which])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.log(loss=loss.detach())


def attention_norm(attention: Looks, token_mask: Tensor) -> Tensor:
    """Norm of the attention on the marked tokens over all layers, heads and pixels, mean over the rows.

    Args:
        attention: of one forward pass, see `captured`.
        token_mask: bool [rows, tokens].
    """
    marked = token_mask[:, None, None, :]
    layers = [torch.linalg.vector_norm(layer_attention * marked, dim=(1, 2, 3)) for _, layer_attention in attention]
    norms: Tensor = torch.linalg.vector_norm(torch.stack(layers), dim=0)
    return norms.mean()


def concept_tokens(run: Run[TextToImage], ids: Tensor, end_token: bool, padding: bool) -> Tensor:
    """Mask of the tokens of the forget prompts, ids [n, tokens], that name their concept, bool [n, tokens].

    Raises:
        BadInput: a prompt does not hold the concept's name as words of its own.
    """
    pipe, asking = run.task.pipe, run.task.asking
    concepts = [concept for concept in asking.forget for _ in asking.forms(concept)]
    mask = torch.zeros_like(ids, dtype=torch.bool)
    for row, (concept, end) in enumerate(zip(concepts, end_positions(pipe, ids), strict=True)):
        for name in names(concept):
            positions = list(occurrences(ids[row, 1:end].tolist(), tokens_of(pipe, name), end == ids.shape[1] - 1))
            if not positions:
                raise BadInput(
                    f"The prompt {asking.forget_prompts[row]!r} was to hold {name!r} as words of its own; "
                    "forget_me_not has to know where they stand."
                )
            mask[row, [1 + position for position in positions]] = True
        mask[row, end] |= end_token
        mask[row, end + 1 :] |= padding
    return mask


def names(concept: Concept) -> list[str]:
    """The words that name a concept: object, style, or both."""
    return [name for name in (concept.object, concept.style, concept.phrase) if name]


def tokens_of(pipe: Pipeline, name: str) -> list[int]:
    """Token ids of a name within a prompt."""
    return list(pipe.tokenizers[0](name, add_special_tokens=False).input_ids)


def occurrences(tokens: list[int], name: list[int], cut: bool) -> Iterator[int]:
    """Positions in `tokens` that belong to a copy of `name`; where the prompt was cut, to the beginning of one at its end too."""
    for start in range(len(tokens)):
        part = tokens[start : start + len(name)]
        if part == (name[: len(part)] if cut else name):
            yield from range(start, start + len(part))
