"""Erased Stable Diffusion (ESD): train the prediction away from the concept, by the model's own negative guidance."""

from typing import Literal

from pydantic import Field
from torch import nn

from ..core.registry import method
from ..core.run import Run
from ..families.text_to_image.task import TextToImage
from ._drawing import SpaceParams, Weights, adam, encode_prompts, pool, prediction_loss, trainable_parameters


class Esd(SpaceParams):
    """Erased Stable Diffusion."""

    variant: Literal["x", "x strict", "u", "self-attention", "full"] = Field(
        default="x",
        description="Which weights may move. x: cross-attention, for what is asked for by name. x strict: its keys and values. "
        "u: all but cross-attention, for what shows unasked. full: all. In each of them linear layers and convolutions only.",
    )
    formula: Literal["original", "from concept"] = Field(
        default="original",
        description="original: empty - strength * (concept - empty), the paper. from concept: concept - strength * (concept - "
        "empty), the authors' later code; there strength 2 means what 1 means in the other.",
    )
    strength: float = Field(default=1.0, gt=0, le=10, description="How far to steer away (negative guidance, eta).")
    start_guidance: float = Field(
        default=3.0, ge=1, le=15, description="Guidance of the pictures that are drawn to train on."
    )
    pool: int = Field(
        default=32, ge=4, le=512, description="Pictures drawn to train on; each is used at every step of its way."
    )
    pool_steps: int = Field(default=10, ge=2, le=50, description="Steps in which they are drawn.")


VARIANTS: dict[str, Weights] = {
    "x": "cross-attention",
    "x strict": "cross-attention keys and values",
    "u": "not cross-attention",
    "self-attention": "self-attention",
    "full": "whole U-Net",
}
LAYERS = (nn.Linear, nn.Conv2d)  # the authors' list; norms stay


@method(
    id="esd",
    title="Erased Stable Diffusion (ESD)",
    short="ESD",
    summary="Learns to steer away from the concept, by its own guidance and without any pictures.",
    school="Each time somebody says the word, look the other way.",
    student=(
        "Classifier-free guidance says which way a prompt pulls a picture: the prediction with the prompt minus the one "
        "without. ESD trains the conditional prediction to equal the unconditional one minus that pull, as the frozen model "
        "sees them, on latents that the frozen model draws part of the way. Nothing holds the rest of the model: what "
        "shares weights with the concept is steered too."
    ),
    source={
        "title": "Gandikota et al., Erasing Concepts from Diffusion Models, ICCV 2023",
        "url": "https://arxiv.org/abs/2303.07345",
        "code": "https://github.com/rohitgandikota/erasing",
    },
    label="same algorithm, smaller model",
    kind="push",
    departures=(
        "Trains on every way to ask for the concept, in batches; the latents are drawn once by the frozen model, as in the "
        "authors' later code, and each is used at all its steps; predictions are compared as the model predicts, unless noise "
        "is chosen; fewer and larger steps, tuned for the embedded model. Which weights each variant moves is as in the "
        "authors' later code: there norms stay and u takes the layer that goes out and those of the time step, while their "
        "first code moved norms and left those two out of u."
    ),
    needs=("pictures",),
    order=30,
)
def esd(run: Run[TextToImage], params: Esd) -> None:
    """min |e(x_t, c) - [e*(x_t) - eta (e*(x_t, c) - e*(x_t))]|^2; the paper takes 1,000 steps of one picture at 1e-5."""
    pipe, prompts = run.task.pipe, run.task.asking.forget_prompts
    trajectories = pool(run, "drawing to train on", prompts, params.pool, params.pool_steps, params.start_guidance)
    embeddings = encode_prompts(run, run.original, prompts)
    optimizer = adam(
        list(trainable_parameters(run.model, VARIANTS[params.variant], LAYERS).values()), params.learning_rate
    )
    for _ in run.steps("steer away", params.steps, {"optimizer": optimizer}):
        x, t, conditional, unconditional, which = trajectories.sample(params.batch_size)
        base = unconditional if params.formula == "original" else conditional
        target = base - params.strength * (conditional - unconditional)
        loss = prediction_loss(pipe, pipe.predict(run.model, x, t, embeddings[which]), target, t, params.space)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.log(loss=loss.detach())
