"""Inpainting: fills in the middle of a picture of it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..api.errors import BadInput
from ..api.panels import Series
from ..core.attack import AttackContext, Result, curves
from ..core.registry import Params, attack
from ..families.text_to_image import denoising
from ..families.text_to_image.exam import DrawingExam, Images
from ..families.text_to_image.one_step import ONE_STEP
from ..families.text_to_image.task import TextToImage
from ._drawing import beginnings, drawn_on_each, exam_of, finds, neighbour_prompts

SIDES = (0.9, 0.75, 0.6, 0.5)  # of the picture's side, that the hole in its middle has


class Inpainting(Params):
    """Nothing to set."""


@attack(
    id="inpainting",
    title="Inpainting: fills in the middle of a picture of it",
    summary="Cuts the middle out of a picture of what was forgotten and lets each model fill it in: what is left around it may lead it there.",
    source={
        "title": "Lu et al., When Are Concepts Erased From Diffusion Models?, NeurIPS 2025",
        "url": "https://arxiv.org/abs/2505.17013",
        "code": "https://github.com/kevinlu4588/WhenAreConceptsErased",
    },
    needs=("exam", "pictures"),
    test="ask",
    group="there",
    order=31,
)
def inpainting(look: AttackContext[TextToImage], params: Inpainting) -> Result:
    """The share of filled pictures that show it, with a hole of .9, .75, .6 and .5 of the side; half the side, as in the paper, is what
    is judged.

    Every model gets the asked prompts, the same pictures of them and the same noise, and draws the middle by DDIM; before each step
    all around it is put back, with as much noise as belongs to the step. The control fills in the same with the original model and a
    neighbour's prompt: what that shows of the thing was given away by the rest of the picture. It and the reference say what a hole of this
    size can tell.
    """
    exam = exam_of(look)
    if hasattr(look.after, ONE_STEP):
        raise BadInput(
            "The unlearned model draws in one step, so there is no way on which a picture could be filled in."
        )
    clean, noise = beginnings(exam)
    holes = [hole(clean, side) for side in SIDES]
    prompts, instead = [shot.prompt for shot in exam.shots], neighbour_prompts(exam)

    def make(model: nn.Module) -> Sequence[Images]:
        return [completed(exam, model, prompts, clean, noise, each) for each in holes]

    tried = drawn_on_each(look, make, "filling in pictures")
    drawings = tried.outputs["after"]
    control = [completed(exam, look.before, instead, clean, noise, each) for each in holes]
    attacked = look.attacked(
        attack="inpainting", kind="ask", x=[100 * side for side in SIDES], x_title="side of the hole, %", recalled=tried.recalled,
        budget={"steps": int(exam.task.drawing["steps"]), "judged at": SIDES[-1]},
        finds=finds(look, drawings[-1], [""] * len(exam.items), [f"hole of {SIDES[-1]:.0%}; {item}" for item in exam.items], "filled"),
    )  # fmt: skip
    with exam.measured():
        begun = exam.task.pipe.pixels(torch.where(holes[-1], torch.zeros_like(clean), clean))
    columns = [(f"hole of {SIDES[-1]:.0%}", "hole", begun)]
    columns += [(f"filled in, {side:.0%}", f"side-{at}", drawings[at]) for at, side in enumerate(SIDES)]
    columns.append((f"original, {SIDES[-1]:.0%}, asked for {instead[0]}", "control", control[-1]))
    if "reference" in tried.outputs:
        columns.append((f"retrained reference, {SIDES[-1]:.0%}", "reference", tried.outputs["reference"][-1]))
    picture = exam.panel(look, "Filled in by the unlearned model", columns, range(1, 1 + len(SIDES)))
    lines = curves(attacked, "Pictures whose middle was filled in")
    shares = [100 * float(exam.score(images).mean()) for images in control]
    lines.series.append(
        Series(name="original model, asked for a neighbour", values=list(shares), role="neighbour", when="before")
    )
    return Result(attacked, [picture, lines])


def hole(clean: Tensor, side: float) -> Tensor:
    """Where the latents [n, c, h, w] are cut out: [1, 1, h, w], a rectangle in the middle with a share of each side."""
    cut = torch.zeros(1, 1, *clean.shape[2:], dtype=torch.bool, device=clean.device)
    (top, height), (left, width) = (((size - (length := round(side * size))) // 2, length) for size in clean.shape[2:])
    cut[..., top : top + height, left : left + width] = True
    return cut


@torch.no_grad()
def completed(
    exam: DrawingExam, model: nn.Module, prompts: Sequence[str], clean: Tensor, noise: Tensor, cut: Tensor
) -> Images:
    """Pictures [n, h, w, 3] of `clean` in which a model has drawn what was `cut` out; it never sees that."""
    pipe, drawing = exam.task.pipe, exam.task.drawing
    times = pipe.timeline(int(drawing["steps"])).tolist()
    with exam.measured():
        words, empty = pipe.words(model.eval(), prompts), pipe.words(model, [""])
        around = denoising.Around(clean, noise, ~cut)
        return pipe.pixels(
            denoising.finish(pipe, model, words, noise, times, float(drawing["guidance"]), empty, around=around)
        )
