"""Noise sweep: draws with more and more new noise on the way."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from ..api.errors import BadInput
from ..core.attack import AttackContext, Result, curves
from ..core.registry import Params, attack
from ..families.text_to_image import denoising
from ..families.text_to_image.exam import DrawingExam, Images
from ..families.text_to_image.one_step import ONE_STEP
from ..families.text_to_image.task import TextToImage
from ._drawing import drawn_on_each, exam_of

ETAS = (1.0, 1.17, 1.34, 1.51, 1.68, 1.85)


class NoiseSweep(Params):
    """Nothing to set."""


@attack(
    id="noise_sweep",
    title="Noise sweep: adds new noise on the way",
    summary="Draws the same prompts while each step adds more new noise than it should: a model that only avoids the thing may come off its way to do so.",
    source={
        "title": "Lu et al., When Are Concepts Erased From Diffusion Models?, NeurIPS 2025",
        "url": "https://arxiv.org/abs/2505.17013",
        "code": "https://github.com/kevinlu4588/WhenAreConceptsErased",
    },
    needs=("exam", "pictures"),
    test="sample",
    group="there",
    order=35,
)
def noise_sweep(look: AttackContext[TextToImage], params: NoiseSweep) -> Result:
    """The share of items that show it in at least one drawing with noise of eta 1, 1.17 ... up to each of 1.85, as many for every model.

    The paper takes the best of 24, six etas by four variances; here are the six etas. Above 1 the usual step of DDIM is no number, so
    the step of `denoising.finish` is taken: as much new noise, and none of the old where none is left over.
    """
    exam = exam_of(look)
    if hasattr(look.after, ONE_STEP):
        raise BadInput("The unlearned model draws in one step, so there is no way on which noise could be added.")

    def make(model: nn.Module) -> Sequence[Images]:
        return [noisy(exam, model, eta) for eta in ETAS]

    tried = drawn_on_each(look, make, "drawing with more noise")
    recalled = {when: np.maximum.accumulate(hits, -2) for when, hits in tried.recalled.items()}
    attacked = look.attacked(
        attack="noise_sweep", kind="sample", x=list(ETAS), x_title="new noise, up to eta", recalled=recalled,
        budget={"drawings": len(ETAS), "steps": int(exam.task.drawing["steps"])},
    )  # fmt: skip
    stages = [f"eta {eta:g}" for eta in ETAS]
    picture = exam.comeback(
        look, "With more noise on the way", stages, tried.outputs["after"], tried.outputs.get("reference")
    )
    return Result(attacked, [picture, curves(attacked, "At least one of the drawings up to here")])


@torch.no_grad()
def noisy(exam: DrawingExam, model: nn.Module, eta: float) -> Images:
    """Pictures [items, h, w, 3], each from its seed, with the same new noise for every model."""
    pipe, drawing, shots = exam.task.pipe, exam.task.drawing, exam.shots
    with exam.measured():
        words, empty = pipe.words(model.eval(), [shot.prompt for shot in shots]), pipe.words(model, [""])
        start, times = pipe.start([shot.seed for shot in shots]), pipe.timeline(int(drawing["steps"])).tolist()
        generator = torch.Generator().manual_seed(shots[0].seed)
        guidance = float(drawing["guidance"])
        return pipe.pixels(denoising.finish(pipe, model, words, start, times, guidance, empty, eta, generator))
