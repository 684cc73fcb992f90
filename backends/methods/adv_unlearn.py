"""AdvUnlearn: erase the concept from the text encoder under adversarial prompts."""

import re
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.optim import Adam

from ..core.registry import method
from ..core.run import Run
from ..families.text_to_image.soft_prompts import drawn_words, prefixed
from ..families.text_to_image.task import TextToImage
from ._drawing import Pool, SpaceParams, adam, pool, prediction_loss


class AdvUnlearn(SpaceParams):
    """Adversarial unlearning of the text encoder."""

    steps: int = Field(default=30, ge=1, le=5000, description="Training steps; the attacker moves before each of them.")
    learning_rate: float = Field(default=1e-3, gt=0, le=0.1, description="Step size of the text encoder.")
    batch_size: int = Field(default=4, ge=1, le=64, description="Prompts in one step, each with an attack of its own.")
    warm_up: int = Field(default=6, ge=0, le=5000, description="First steps without an attack.")
    strength: float = Field(default=1.0, gt=0, le=10, description="How far to steer away (negative guidance, eta).")
    soft_words: int = Field(default=1, ge=1, le=8, description="Words that the attacker may put before a prompt.")
    attack: Literal["gradient", "sign"] = Field(
        default="gradient", description="gradient: Adam on the gradient. sign: on its sign (fast AT)."
    )
    attack_steps: int = Field(default=3, ge=1, le=100, description="Steps of the attacker; 30 in the paper.")
    attack_rate: float = Field(default=0.01, gt=0, le=1, description="Step size of the attacker; 0.001 in the paper.")
    attack_start: Literal["random", "latest"] = Field(
        default="random",
        description="Where an attack starts. random: from words drawn anew. latest: where the last one ended.",
    )
    retain: Literal["together", "in turn"] = Field(
        default="together",
        description="What is kept: in the same step, weighted (reg), or in a step of its own after it (iter).",
    )
    retain_weight: float = Field(
        default=0.3, ge=0, le=100, description="Weight of what is kept (gamma), when together."
    )
    retain_batch: int = Field(default=4, ge=1, le=64, description="Prompts to keep in one step; 5 in the paper.")
    layers: int = Field(
        default=0,
        ge=0,
        le=48,
        description="How many layers of the text encoder may move, from the first; 0 for all of it.",
    )
    component: Literal["all", "attention", "feed-forward"] = Field(
        default="all",
        description="Which part of these layers; all takes the last norm too, and without a limit the word table.",
    )
    last_norm: bool = Field(default=False, description="Move the last norm also with one component.")
    start_guidance: float = Field(
        default=3.0, ge=1, le=15, description="Guidance of the pictures that are drawn to train on."
    )
    pool: int = Field(default=16, ge=4, le=512, description="Pictures of the concept drawn to train on.")
    keep_pool: int = Field(default=16, ge=4, le=512, description="Pictures of what is kept.")
    pool_steps: int = Field(default=8, ge=2, le=50, description="Steps in which they are drawn.")


@method(
    id="adv_unlearn",
    title="AdvUnlearn",
    short="AdvUnlearn",
    summary="Erases the concept from the text encoder while an attacker keeps finding words that bring it back.",
    school="Before each lesson somebody tries to trick you into saying it, and the lesson is about that trick.",
    student=(
        "A min-max game. The attacker looks for word embeddings which, put before the prompt, make the model predict what the "
        "original predicts for the concept. The defender then trains ESD's target under that prefix: the unconditional "
        "prediction minus the pull of the clean concept, as the original sees both. A second term keeps other prompts as they "
        "were. Only the text encoder moves, so it can be put before another U-Net that reads the same words."
    ),
    source={
        "title": "Zhang et al., Defensive Unlearning with Adversarial Training for Robust Concept Erasure in Diffusion "
        "Models, NeurIPS 2024",
        "url": "https://arxiv.org/abs/2405.15234",
        "code": "https://github.com/OPTML-Group/AdvUnlearn",
    },
    label="same algorithm, smaller model",
    kind="push",
    departures=(
        "Trains on every way to ask for the concept, in batches in which each prompt has an attack of its own; the latents are "
        "drawn once by the frozen model, and attacks and steps take random places of their ways; what is kept are the other "
        "prompts of the model; the attacker takes fewer and larger steps that lead as far as the paper's 30; predictions are "
        "compared as the model predicts, unless noise is chosen; XL gets soft words in both text encoders; step counts and "
        "step sizes are those of the embedded model."
    ),
    needs=("pictures",),
    order=80,
)
def adv_unlearn(run: Run[TextToImage], params: AdvUnlearn) -> None:
    """Minimise ESD's loss over the text encoder, under the prefix that best makes the model predict as the original does."""
    asking = run.task.asking
    concept_pool, retain_pool = (
        pool(run, name, prompts, count, params.pool_steps, params.start_guidance)
        for name, prompts, count in (
            ("drawings of the concept", asking.forget_prompts, params.pool),
            ("drawings to keep", asking.keep_prompts, params.keep_pool),
        )
    )
    prompts = len(asking.forget_prompts)
    first = run.cached("first soft words", lambda: drawn_words(run.model, prompts, params.soft_words))
    latest = nn.ParameterList([table.clone().to(run.device) for table in first])
    optimizer = adam(trainable_parameters(run.model, params), params.learning_rate)
    for step in run.steps("attack and defend", params.steps, {"optimizer": optimizer, "soft words": latest}):
        x, t, conditional, unconditional, which = concept_pool.sample(params.batch_size)
        attack_words = [table.detach()[which][:, :0] for table in latest]
        if step.step >= params.warm_up:
            attack_words = _attack_prefix(run, params, concept_pool, which, latest)
        loss = prediction_loss(
            run.task.pipe,
            _prediction(run, x, t, which, attack_words),
            unconditional - params.strength * (conditional - unconditional),
            t,
            params.space,
        )
        run.log(defence=loss.detach())
        if params.retain == "together":
            loss = loss + params.retain_weight * _retain_loss(run, params, retain_pool)
        _step(optimizer, loss)
        if params.retain == "in turn":
            _step(optimizer, _retain_loss(run, params, retain_pool))


def trainable_parameters(model: nn.Module, params: AdvUnlearn) -> list[nn.Parameter]:
    """Choose the text encoder's parameters to train and freeze everything else."""
    model.requires_grad_(False)
    parameters = [parameter for name, parameter in model.named_parameters() if is_trainable(name, params)]
    for parameter in parameters:
        parameter.requires_grad_(True)
    return parameters


def is_trainable(name: str, params: AdvUnlearn) -> bool:
    """Whether the parameter of this name trains: layers by number and part, the last norm, and the word tables with all."""
    if not name.startswith("text_encoder"):
        return False
    if "final_layer_norm" in name:
        return params.component == "all" or params.last_norm
    layer = re.search(r"\.layers\.(\d+)\.(\w+)", name)
    if layer is None:
        return params.component == "all" and params.layers == 0
    part = {"all": layer[2], "attention": "self_attn", "feed-forward": "mlp"}[params.component]
    return layer[2] == part and (params.layers == 0 or int(layer[1]) < params.layers)


def random_stops(concept: Pool, which: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A random stop for each prompt of `which` [n], among the trajectories sampled with it: x_t, t, conditional prediction."""
    row = torch.multinomial((concept.which == which[:, None]).float(), 1)[:, 0]
    stop = torch.randint(len(concept.t), (len(which),), device=row.device)
    return concept.x[stop, row], concept.t[stop], concept.conditional[stop, row]


def _attack_prefix(
    run: Run[TextToImage], params: AdvUnlearn, concept: Pool, which: Tensor, latest: nn.ParameterList
) -> list[Tensor]:
    """Adversarial soft words [n, k, d], one set a row: `attack_steps` steps towards the original's prediction for the concept."""
    start = (
        [table.detach()[which].clone() for table in latest]
        if params.attack_start == "latest"
        else drawn_words(run.model, len(which), params.soft_words)
    )
    attack_words = [soft_words.requires_grad_(True) for soft_words in start]
    optimizer = Adam(attack_words, lr=params.attack_rate)
    for _ in range(params.attack_steps):
        x, t, target = random_stops(concept, which)
        # summed over the rows, so that each row is attacked as if it were alone
        loss = len(which) * prediction_loss(
            run.task.pipe, _prediction(run, x, t, which, attack_words), target, t, params.space
        )
        for soft_words, slope in zip(attack_words, torch.autograd.grad(loss, attack_words), strict=True):
            soft_words.grad = slope.sign() if params.attack == "sign" else slope
        optimizer.step()
    run.log(attack=loss.detach() / len(which))
    with torch.no_grad():
        for table, soft_words in zip(latest, attack_words, strict=True):
            table[which] = soft_words
    return [soft_words.detach() for soft_words in attack_words]


def _prediction(run: Run[TextToImage], x: Tensor, t: Tensor, which: Tensor, attack_words: list[Tensor]) -> Tensor:
    """The model's prediction for forget prompts `which` with the attack's soft words before them."""
    pipe, prompts = run.task.pipe, run.task.asking.forget_prompts
    embeddings = prefixed(pipe, run.model, [prompts[row] for row in which.tolist()], attack_words)
    return pipe.predict(run.model, x, t, embeddings)


def _retain_loss(run: Run[TextToImage], params: AdvUnlearn, retain_pool: Pool) -> Tensor:
    """Mean squared error against the original's predictions, over retain prompts."""
    pipe, prompts = run.task.pipe, run.task.asking.keep_prompts
    x, t, target, _, which = retain_pool.sample(params.retain_batch)
    embeddings = pipe.words(run.model, [prompts[row] for row in which.tolist()])
    loss = prediction_loss(pipe, pipe.predict(run.model, x, t, embeddings), target, t, params.space)
    run.log(keep=loss.detach())
    return loss


def _step(optimizer: Adam, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
