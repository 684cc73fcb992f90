"""Worst-case prompts, measured: how much of the erased prompts an eraser leaves, of the hardest, of random and of the easiest ones."""

import time
from pathlib import Path
from statistics import mean, stdev
from typing import Annotated, Any, Final

import typer

from ..api import files
from ..api.home import ASSETS

MODEL: Final = "emoji-sd"
TARGETS: Final = ("car", "house")
MODES: Final = ("worst", "random", "easiest")
SEEDS: Final = (0, 1, 2)
DRAWN: Final = 4  # pictures of each prompt that the judge is asked
MEASURED = ASSETS / "measured" / "systems" / "worst-prompts.json"
HEAD = f"""# Worst-case prompts, measured

Made by `python -m backends.zoo worst-prompts` on {MODEL}: of the eight prompts that ask for an object in a style, two are searched with the default
settings of `worst_case_prompts` and erased by ESD with its settings for this model. The judge is then asked of {DRAWN} pictures of each prompt how sure it is
of the object, in percent: of the two that were erased, and of the other six, which nobody erased. *Moved*: how far the predictions of the
chosen two moved in trial erasing, a mean of squares, over all rounds, times 100. Mean over the seeds, and the standard deviation.

The settings and the loss of the search were chosen on cat, banana and umbrella: of four losses tried, this one, which is the paper's kind, was the
only one that is always lower for prompts which the judge still sees drawn after a joint erasing (rank correlations from -0.6 to -0.05; an earlier one, as a
share of the way to what ESD teaches, found the opposite of the hardest).
"""


def main(
    minutes: Annotated[float, typer.Option(help="Start no job after this many minutes; 0: go on to the end.")] = 0,
    to: Annotated[Path, typer.Option(help="Folder of the table.")] = Path("docs/results"),
) -> None:
    """Measure what is not measured yet (some twenty minutes on one core), and write the table."""
    end = time.monotonic() + 60 * minutes
    for target in TARGETS:
        for seed in SEEDS:
            for mode in MODES:
                rows = files.read_json(MEASURED, [])
                if any((row["target"], row["mode"], row["seed"]) == (target, mode, seed) for row in rows):
                    continue
                if minutes and time.monotonic() > end:
                    break
                files.write_json(MEASURED, [*rows, _measured(target, mode, seed)])
                typer.echo(f"{target}, {mode}, seed {seed}", err=True)
    files.write_bytes(to / "worst-prompts.md", table(files.read_json(MEASURED, [])).encode())


def _measured(target: str, mode: str, seed: int) -> dict[str, Any]:
    import numpy as np

    from ..core import registry
    from ..core.run import Run
    from ..families.text_to_image.prompts import EvalPrompt
    from ..families.text_to_image.task import TextToImage
    from ..families.text_to_image.worst_prompts import MADE
    from ._train import Quiet

    class Keeping(Quiet):
        def record_made(self, name: str, arrays: Any) -> None:
            self.made = {name: arrays}

    task, keeper = TextToImage(MODEL), Keeping()
    task.resolve((target,))
    by_prompt = {shot.prompt: shot for shot in task.asking.suite}
    run, method = Run(task, keeper, seed), registry.get("methods", "worst_case_prompts")
    begun = time.monotonic()
    method.function(run, method.parse({"mode": mode}))
    seconds = time.monotonic() - begun
    arrays = keeper.made[MADE]
    prompts, chosen = [str(one) for one in arrays["prompts"]], arrays["chosen"]
    shots = [
        EvalPrompt("forget", prompt, number, by_prompt[prompt].object, by_prompt[prompt].style)
        for prompt in prompts
        for number in range(DRAWN)
    ]
    judged = task.draw_and_judge(run.model, shots)
    sure = (
        np.array([task.sure(judged, row, shot) for row, shot in enumerate(shots)]).reshape(len(prompts), DRAWN).mean(1)
    )
    return {
        "target": target,
        "mode": mode,
        "seed": seed,
        "chosen": [prompt for prompt, one in zip(prompts, chosen, strict=True) if one],
        "moved": round(100 * float(arrays["moved"].mean(0)[chosen].mean()), 2) if len(arrays["moved"]) else None,
        "erased": round(100 * float(sure[chosen].mean()), 2),
        "others": round(100 * float(sure[~chosen].mean()), 2),
        "seconds": round(seconds, 1),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The document, from the rows that are stored."""
    parts = [
        HEAD,
        "| target | prompts | moved | judge sure of the erased | of the others | chosen, by seed |",
        "|---|---|---:|---:|---:|---|",
    ]
    for target in TARGETS:
        for mode in MODES:
            ours = [row for row in rows if (row["target"], row["mode"]) == (target, mode)]
            if ours:
                cells = (_cell([row[name] for row in ours]) for name in ("moved", "erased", "others"))
                styles = "; ".join(", ".join(_style(one) for one in row["chosen"]) for row in ours)
                parts.append(f"| {' | '.join([target, mode, *cells, styles])} |")
    return "\n".join(parts) + "\n"


def _cell(values: list[float | None]) -> str:
    numbers = [value for value in values if value is not None]
    if not numbers:
        return "–"
    return f"{mean(numbers):.1f}" + (f" ± {stdev(numbers):.1f}" if len(numbers) > 1 else "")


def _style(prompt: str) -> str:
    return prompt.partition(" in ")[2].removesuffix(" style")
