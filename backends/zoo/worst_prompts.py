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
WAYS: Final = (  # mode and loss of the search
    ("worst", "judge"),
    ("easiest", "judge"),
    ("worst", "prediction"),
    ("easiest", "prediction"),
    ("random", ""),
)
KEY: Final = ("target", "seed", "mode", "loss")
SEEDS: Final = (0, 1, 2)
DRAWN: Final = 4  # pictures of each prompt that the judge is asked
MEASURED = ASSETS / "measured" / "systems" / "worst-prompts.json"
HEAD = f"""# Worst-case prompts, measured

Made by `python -m backends.zoo worst-prompts` on {MODEL}: of the eight prompts that ask for an object in a style, two are searched with the default
settings of `worst_case_prompts` and erased by ESD with its settings for this model. The judge is then asked of {DRAWN} pictures of each prompt how sure it is
of the object, in percent: of the two that were erased, and of the other six, which nobody erased. Mean over three seeds, and the standard deviation.
The search works for its purpose where the worst prompts leave more than random ones, and the easiest less. The settings were looked at on cat, banana and umbrella.

By the judge the worst prompts left more than the easiest on both objects, and about as much as random ones: a little less on the car, a little more on the
house, within the spread. By the prediction it went as it should on the car and the other way on the house. The judge became the default after
an earlier form of the search, by the prediction, had turned round on the house; so the house is no fresh test of that choice. What a set leaves varies from
seed to seed as much as between the sets; two prompts of eight are few.
"""


def main(
    minutes: Annotated[float, typer.Option(help="Start no job after this many minutes; 0: go on to the end.")] = 0,
    to: Annotated[Path, typer.Option(help="Folder of the table.")] = Path("docs/results"),
) -> None:
    """Measure what is not measured yet (some twenty minutes on one core), and write the table."""
    end = time.monotonic() + 60 * minutes
    for target in TARGETS:
        for seed in SEEDS:
            for mode, loss in WAYS:
                rows = files.read_json(MEASURED, [])
                if any([row[name] for name in KEY] == [target, seed, mode, loss] for row in rows):
                    continue
                if minutes and time.monotonic() > end:
                    break
                files.write_json(MEASURED, [*rows, _measured(target, seed, mode, loss)])
                typer.echo(f"{target}, {mode} {loss}, seed {seed}", err=True)
    files.write_bytes(to / "worst-prompts.md", table(files.read_json(MEASURED, [])).encode())


def _measured(target: str, seed: int, mode: str, loss: str) -> dict[str, Any]:
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
    method.function(run, method.parse({"mode": mode} | ({"loss": loss} if loss else {})))
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
        "seed": seed,
        "mode": mode,
        "loss": loss,
        "chosen": [prompt for prompt, one in zip(prompts, chosen, strict=True) if one],
        "erased": round(100 * float(sure[chosen].mean()), 2),
        "others": round(100 * float(sure[~chosen].mean()), 2),
        "seconds": round(seconds, 1),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The document, from the rows that are stored."""
    parts = [
        HEAD,
        "| target | prompts | judge sure of the erased | of the others | chosen, by seed |",
        "|---|---|---:|---:|---|",
    ]
    for target in TARGETS:
        for mode, loss in WAYS:
            ours = [row for row in rows if (row["target"], row["mode"], row["loss"]) == (target, mode, loss)]
            if ours:
                cells = (_cell([row[name] for row in ours]) for name in ("erased", "others"))
                styles = "; ".join(", ".join(_style(one) for one in row["chosen"]) for row in ours)
                parts.append(f"| {' | '.join([target, f'{mode}, by {loss}' if loss else mode, *cells, styles])} |")
    return "\n".join(parts) + "\n"


def _cell(values: list[float]) -> str:
    return f"{mean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else "")


def _style(prompt: str) -> str:
    return prompt.partition(" in ")[2].removesuffix(" style")
