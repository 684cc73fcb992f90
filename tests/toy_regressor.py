"""A toy with a known answer for regressors: a table of 240 rows whose number is 100 |a|, and a network of two hidden layers that has learnt it.

    task = toy_regressor.task(folder)          # forgets y from 0 to 30, where |a| < 0.3
    run = Run(task, toy.Memory(), seed=0)

What never saw that range draws a line through the gap, at 30, and is off by 15 there: that is the known answer.
"""

from pathlib import Path

import numpy as np
from toy import Memory

from backends.api.files import write_bytes, write_json
from backends.core.run import Run
from backends.families.regressor.task import WEIGHTS, RegressorTask
from backends.models.recipe import train

ROWS, TARGET = 300, "y:0-30"
RECIPE = {
    "optimizer": "adamw", "epochs": 40, "batch_size": 40, "learning_rate": 0.02, "weight_decay": 0.0, "schedule": "one-cycle", "flip": False,
    "seed": 0,
}  # fmt: skip
CONFIG = {
    "architectures": ["MlpForRegression"], "inputs": 2, "columns": ["a", "b"], "widths": [16, 16], "center": [0.0, 0.0], "scale": [0.58, 0.58],
    "label": [50.0, 29.0], "predicts": "y",
}  # fmt: skip


def table() -> str:
    """a and b uniform from -1 to 1, and y; b says nothing."""
    rows = np.random.default_rng(3).uniform(-1, 1, (ROWS, 2)).round(4)
    return "a,b,y\n" + "".join(f"{a},{b},{round(100 * abs(a), 4)}\n" for a, b in rows)


def make(folder: Path) -> Path:
    """Train the toy model into `folder`, with its table and card (about a second)."""
    write_json(folder / "config.json", CONFIG)
    write_json(folder / "card.json", {"recipe": RECIPE})
    write_bytes(folder / "table.csv", table().encode())
    write_bytes(folder / WEIGHTS, b"")
    made = RegressorTask(str(folder))
    made.write(made.fresh(0), folder)
    made.write(retrained(made, made.parts["train"], 0), folder)
    return folder


def retrained(made: RegressorTask, keep: np.ndarray, seed: int):
    """New weights trained on some of the rows by the toy's recipe."""
    made.parts["keep"] = keep
    run = Run(made, Memory(), seed)
    train(run)
    return run.model.eval()


def task(folder: Path, forget: tuple[str, ...] = (TARGET,), keep: tuple[str, ...] = ()) -> RegressorTask:
    """The toy at work on a forget set."""
    made = RegressorTask(str(folder))
    made.resolve(forget, keep)
    return made


def error(made: RegressorTask, model, part: str) -> float:
    """Mean absolute error of a part."""
    said = {"train": made.predict(model), "test": made.predict(model, test=True)}
    return float(made.errors(said, part).mean())
