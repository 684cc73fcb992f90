"""Worst-case prompts: the candidates of a search, hardest first, as drawn before and after."""

from math import nan
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field

from ..api import run_outputs
from ..api.panels import AnyPanel, Bars, Heatmap, Picture, Pictures, Series, Verdict
from ..core.evidence import InspectContext
from ..core.registry import Params, inspector
from ..families.text_to_image import worst_prompts as prompts_searched
from ..families.text_to_image.prompts import EvalPrompt
from ..families.text_to_image.task import TextToImage
from ..families.text_to_image.worst_prompts import MADE, NONE_MADE, Searched
from ._common import enlarged, exact, percent

When = Literal["before", "after"]
SIDE = 128
WHENS: tuple[When, ...] = ("before", "after")
NAMES: dict[When, str] = {"before": "original", "after": "unlearned"}


class WorstPrompts(Params):
    """How much to draw."""

    pictures: int = Field(
        default=3, ge=1, le=16, description="Pictures of each prompt, by each model; the first is shown."
    )
    prompts: int = Field(
        default=8,
        ge=2,
        le=60,
        description="Prompts that are drawn at most: half of them the hardest, half the easiest.",
    )


def _none_made(look: InspectContext[TextToImage]) -> str:
    return "" if run_outputs.method_arrays(look.run, MADE) is not None else NONE_MADE


@inspector(
    id="worst_prompts",
    lacks=_none_made,
    title="Worst-case prompts: which are hardest to erase",
    summary="Candidates of the search from the hardest to the easiest, as drawn before and after, and how their weights moved.",
    source={
        "title": "Fan et al., Challenging Forgets: Unveiling the Worst-Case Forget Sets in Machine Unlearning, ECCV 2024",
        "url": "https://arxiv.org/abs/2403.07362",
        "code": "https://github.com/OPTML-Group/Unlearn-WorstCase",
    },
    needs=("pictures",),
    order=27,
    group="there",
)
def worst_prompts(look: InspectContext[TextToImage], params: WorstPrompts) -> list[AnyPanel]:
    """The prompts by their loss in trial erasing, those first where it failed most; marked, what was erased in the end."""
    if _none_made(look):
        return [
            Verdict(
                title="Which prompts are hardest to erase",
                how="A search for them keeps its candidates in its run.",
                says=NONE_MADE,
                sign="unknown",
            )
        ]
    searched = prompts_searched.of_run(look.run)
    places = _ends(searched.order, params.prompts)
    shots = _shots(look.task, [searched.prompts[at] for at in places], params.pictures)
    drawings = {when: _drawings(look, when, shots) for when in WHENS}
    means = {when: sure.reshape(len(places), params.pictures).mean(1) for when, (_, sure) in drawings.items()}
    panels: list[AnyPanel] = [
        _pictures(look, searched, places, params.pictures, drawings),
        _bars(look.task, searched, places, means),
    ]
    return [*panels, _weights(searched)] if len(searched.losses) else panels


def _ends(order: list[int], most: int) -> list[int]:
    """The first and the last of an order, at most so many."""
    half = -(-most // 2)
    return order if len(order) <= most else [*order[:half], *order[len(order) - (most - half) :]]


def _shots(task: TextToImage, prompts: list[str], each: int) -> list[EvalPrompt]:
    """So many pictures of each prompt, by seeds from 0."""
    first = {shot.prompt: shot for shot in reversed(task.asking.suite)}
    return [
        EvalPrompt("forget", prompt, seed, first[prompt].object, first[prompt].style, first[prompt].phrase)
        for prompt in prompts
        for seed in range(each)
    ]


def _drawings(
    look: InspectContext[TextToImage], when: When, shots: list[EvalPrompt]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Pictures of this model, and how sure the judge is of what was to be forgotten in each, from 0 to 1; NaN where nobody judges."""
    model = look.before if when == "before" else look.after
    steps = int(look.task.drawing["steps"])
    with exact(look.task):
        latents = look.task.draw_latents(
            model.eval(),
            [shot.prompt for shot in shots],
            [shot.seed for shot in shots],
            on_step=lambda number, *_: look.tell(f"drawing, {NAMES[when]}", number, steps),
        )
    images = look.task.pipe.pixels(latents)
    judged = look.task.judge.look(images, [shot.prompt for shot in shots]) if look.task.judge else {}
    return images, np.array([look.task.sure(judged, row, shot) for row, shot in enumerate(shots)])


def _pictures(
    look: InspectContext[TextToImage],
    searched: Searched,
    places: list[int],
    each: int,
    drawings: dict[When, tuple[NDArray[np.uint8], NDArray[np.float64]]],
) -> Pictures:
    rows = []
    for row, place in enumerate(places):
        cells = []
        for when in WHENS:
            images, sure = drawings[when]
            at = row * each
            path = look.picture(f"{when}-{place}", enlarged(Image.fromarray(images[at]), SIDE))
            text = searched.prompts[place] if when == "before" else ""
            share = "" if np.isnan(sure[at]) else percent(100 * sure[at])
            cells.append(
                Picture(
                    path=path,
                    caption=": ".join(filter(None, (text, share))),
                    role="forget" if searched.chosen[place] else "amount",
                )
            )
        rows.append(cells)
    erased = ", ".join(searched.prompts[at] for at in searched.order if searched.chosen[at])
    return Pictures(
        title="From the hardest to the easiest",
        how="A row is a prompt, drawn by both models from the same noise; below each picture, how sure the judge is that it shows what was to "
        "be forgotten. In the first row trial erasing failed most.",
        says=f"Erased in the end: {erased}.",
        columns=[NAMES[when] for when in WHENS],
        rows=rows,
    )


def _bars(task: TextToImage, searched: Searched, places: list[int], means: dict[When, NDArray[np.float64]]) -> Bars:
    marked = [row for row, place in enumerate(places) if searched.chosen[place]]
    others = [row for row in range(len(places)) if row not in marked]
    own, of_others = (float(means["after"][rows].mean()) if rows else nan for rows in (marked, others))
    return Bars(
        title="Is it still drawn?",
        how="How sure the judge is that the pictures show what was to be forgotten, as a mean, from the hardest prompt to the easiest. Marked "
        "are the prompts that were erased.",
        says=f"After erasing, the judge is {percent(100 * own)} sure of the erased prompts and {percent(100 * of_others)} of the other ones.",
        labels=[searched.prompts[at] for at in places],
        series=[
            Series(name=NAMES[when], values=[100 * float(value) for value in mean], when=when)
            for when, mean in means.items()
        ],
        unit="%",
        horizontal=True,
        marked=marked,
    )


def _weights(searched: Searched) -> Heatmap:
    order = searched.order
    far = searched.losses.mean(0)
    return Heatmap(
        title="The weights over the rounds",
        how="A row is a prompt, a column a round: the prompt's weight after it, from 0 to 1. The prompts with the largest weights in the end "
        "are the set.",
        says=f"In trial erasing “{searched.prompts[order[0]]}” had the lowest loss ({far[order[0]]:.3f}), and “{searched.prompts[order[-1]]}” the "
        f"highest ({far[order[-1]]:.3f}); a low loss says that erasing failed.",
        rows=[searched.prompts[at] for at in order],
        columns=["start", *(str(number) for number in range(1, len(searched.weights)))],
        z=[[float(value) for value in searched.weights[:, at]] for at in order],
        row_title="prompt",
        column_title="round",
        numbers=True,
        marked=[row for row, at in enumerate(order) if searched.chosen[at]],
    )
