"""What the answering process can be asked about models that draw: pictures of a prompt, and the pictures of a run's suite."""

import copy
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from PIL import Image
from torch import nn

from ..api import families
from ..api.errors import BadInput
from ..api.home import ASSETS
from ..api.params import line, whole_number, within
from ..core.evidence import When
from ..core.run import set_dose
from .recorder import data_url
from .session import Desk, OpenRun, cached, silent

LONGEST = 1000  # characters of a prompt
SEEDS, STEPS, GUIDANCE, DOSE = 8, 100, 20.0, 1.5  # the most of each in one request


def draw(
    desk: Desk,
    run_or_model: str,
    prompt: str,
    seeds: Sequence[int] = (0, 1, 2, 3),
    steps: int = 0,
    guidance: float | None = None,
    dose: float = 1.0,
    data: str = "",
    size: int = 0,
    reference: bool = False,
) -> dict[str, Any]:
    """Pictures of one prompt as data addresses of PNGs: `before`, and for a run `after`, one a seed.

    Args:
        desk: what is held open.
        run_or_model: a finished run, or a model.
        prompt: what to draw.
        seeds: at most 8.
        steps: how many; 0 for the model's own.
        guidance: weight of the words; None for the model's own.
        dose: how much of the run's change to apply, 0 (none) to 1.5.
        data: as in the job, for a model.
        size: pixels a side; 0 for the model's own.
        reference: let the retrained reference of a run draw too, where there is one.

    Returns:
        Also `seconds`, `steps`, `guidance`, `size` and `cut`: how many tokens of the prompt were too many and not read. The
        pictures before are remembered, so a dial that is turned draws only those after. At every step the desk's `tell` hears how
        far it is.

    Raises:
        BadInput: an empty or endless prompt, numbers out of range, or a model that draws nothing.
    """
    task, models = _models(desk, run_or_model, dose, data, reference=bool(reference))
    prompt_line = line("The prompt", prompt, LONGEST, "write what to draw, as in a cat in twemoji style")
    numbers = _seeds(seeds)
    count = whole_number("steps", steps or int(task.drawing["steps"]), 1, STEPS)
    weight = within("guidance", task.drawing["guidance"] if guidance is None else guidance, 0, GUIDANCE)
    side = int(size)
    cells = task.pipe.cells_of(side)
    begun, tell = time.monotonic(), getattr(desk, "tell", silent)

    def pictures_of(model: nn.Module) -> list[str]:
        def step(number: int, *_: object) -> None:
            tell({"phase": "drawing", "done": number, "of": count})

        prompts = [prompt_line] * len(numbers)
        latents = task.draw_latents(model, prompts, numbers, steps=count, guidance=weight, size=side, on_step=step)
        return [data_url(Image.fromarray(row)) for row in task.pipe.pixels(latents)]

    request_key = (task.id, task.data, task.precision, prompt_line, tuple(numbers), count, weight, side)
    pictures = {
        when: cached(desk.drawings, request_key, partial(pictures_of, model))
        if when == "before"
        else pictures_of(model)
        for when, model in models.items()
    }
    return pictures | {
        "seconds": round(time.monotonic() - begun, 3),
        "steps": count,
        "guidance": weight,
        "size": cells[0] * task.pipe.scale_factor,
        "cut": max(0, task.pipe.count(prompt_line) - (task.pipe.tokens - 2)),
    }


def suite(desk: Desk, run: str) -> list[dict[str, Any]]:
    """The prompts a run was judged by, in their order: `role`, `prompt`, `object`, `style`, `seed`."""
    suite_prompts: list[dict[str, Any]] = _require_pictures(desk.run(run).task).suite()
    return suite_prompts


def drawn(desk: Desk, run: str, items: list[int]) -> dict[str, Any]:
    """Pictures of a run's suite by position, `before` and `after`, as data addresses of PNGs; at most 200."""
    opened = desk.run(run)
    count = len(_require_pictures(opened.task).asking.suite)
    wrong = [item for item in items if not isinstance(item, int) or not 0 <= item < count]
    if wrong or len(items) > 200:
        raise BadInput(f"At most 200 pictures can be asked for, by numbers from 0 to {count - 1}.")
    whens: tuple[When, ...] = ("before", "after")
    return {when: [data_url(Image.fromarray(opened.outputs(when)["images"][item])) for item in items] for when in whens}


def _models(
    desk: Desk, run_or_model: str, dose: float, data: str, *, reference: bool = False
) -> tuple[Any, dict[str, nn.Module]]:
    if (ASSETS / "models" / run_or_model).is_dir() or data:
        return _require_pictures(desk.task(run_or_model, data)), {"before": desk.model(run_or_model, data)}
    run = desk.run(run_or_model)
    task = _require_pictures(run.task)
    before, after = run.model("before"), run.model("after")
    assert before is not None and after is not None
    amount = within("dose", dose, 0, DOSE)
    models = {"before": before, "after": after if amount == 1 else dosed(run, amount)}
    retrained = run.model("reference") if reference else None
    return task, models if retrained is None else models | {"reference": retrained}


def dosed(run: OpenRun, dose: float) -> nn.Module:
    """The model before plus `dose` times the run's change; one such model is held for each run."""
    before, after = run.model("before"), run.model("after")
    assert before is not None and after is not None
    if run.dosed is None:
        run.dosed = copy.deepcopy(after)  # with whatever the method attached to it
    set_dose(run.dosed, before, after, dose)
    return run.dosed


def _require_pictures(task: Any) -> Any:
    families.require(task.family, "pictures", task.id)
    return task


def _seeds(raw_seeds: Any) -> list[int]:
    numbers = list(raw_seeds) if isinstance(raw_seeds, (list, tuple)) else [raw_seeds]
    if not 1 <= len(numbers) <= SEEDS or not all(isinstance(n, int) and 0 <= n < 2**31 for n in numbers):
        raise BadInput(f"Give 1 to {SEEDS} seeds, whole numbers from 0 to {2**31 - 1}.")
    return numbers
