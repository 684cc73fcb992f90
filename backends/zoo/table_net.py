"""A small network for a table: the embedded one for scikit-learn's diabetes data, or one for a person's own CSV file."""

import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from ..api.home import ASSETS

MODEL, DATA = "diabetes-net", "diabetes-table"
TARGET, LABEL, SEED = "progression:25-100", "progression", 1
RECIPE = {
    "optimizer": "adamw", "epochs": 60, "batch_size": 64, "learning_rate": 0.01, "weight_decay": 1e-3, "schedule": "one-cycle", "flip": False,
    "seed": 0,
}  # fmt: skip
SOURCE = {
    "title": "Efron, Hastie, Johnstone and Tibshirani, Least Angle Regression, 2004, as shipped with scikit-learn",
    "url": "https://www4.stat.ncsu.edu/~boos/var.select/diabetes.html",
    "licence": "BSD-3-Clause (scikit-learn's copy)",
}
README = """# Diabetes

442 patients: age, sex, body mass index, blood pressure and six blood values, and as `progression` how far their diabetes went within a year.
The data of Efron, Hastie, Johnstone and Tibshirani, Least Angle Regression, 2004, unscaled, as scikit-learn ships them under BSD-3-Clause
(`sklearn.datasets.load_diabetes`). To write the file again: `python -m backends.zoo table-net`.
"""


def main(
    table: Annotated[
        Path | None, typer.Option(help="A CSV file of numbers with a header; left out, scikit-learn's diabetes data.")
    ] = None,
    target: Annotated[str, typer.Option(help="The column that is predicted; left out, the last one.")] = "",
    to: Annotated[
        Path | None, typer.Option(help="Folder to write the model and its table to, for a table of your own.")
    ] = None,
    forget: Annotated[str, typer.Option(help="What jobs on the embedded model forget by default.")] = TARGET,
) -> None:
    """Train a network with two hidden layers on a table (seconds); `lethe unlearn --model FOLDER` takes what it writes."""
    from ..api.errors import BadInput
    from ..families.regressor import table as tables

    try:
        if table is None:
            _embedded(forget)
            return
        if to is None:
            raise BadInput("Nothing was said to write to; give --to FOLDER.")
        data = tables.read(table, target)
        recipe = {**RECIPE, "batch_size": min(64, max(8, len(data.train) // 4))}
        card = {
            "title": table.stem, "summary": f"Predicts {data.label} from {len(data.columns)} columns.", "recipe": recipe,
            "source": {"title": f"Trained on {table.name}", "licence": "as its table"},
        }  # fmt: skip
        _written(to.name, data, card, to)
        shutil.copyfile(table, to / tables.FILE)
    except BadInput as error:
        raise SystemExit(str(error)) from None


def _written(name: str, data: Any, card: dict[str, Any], to: Path) -> None:
    from ..api.files import write_bytes
    from ._regressors import make, readme

    values = data.train.values
    scale = [round(float(one), 5) or 1.0 for one in values.std(0)]
    config = {
        "architectures": ["MlpForRegression"], "inputs": values.shape[1], "columns": list(data.columns), "widths": [32, 32],
        "center": [round(float(one), 5) for one in values.mean(0)], "scale": scale,
    }  # fmt: skip
    write_bytes(to / "README.md", readme(make(name, config, data, card, to)).encode())


def _embedded(forget: str) -> None:
    import csv
    import io

    from sklearn.datasets import load_diabetes

    from ..api.files import write_bytes, write_json
    from ..families.regressor import FAMILY
    from ..families.regressor import table as tables
    from ._regressors import LICENCE, reference

    frame = load_diabetes(scaled=False)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow([*frame.feature_names, LABEL])
    rows.writerows(
        [f"{value:g}" for value in (*row, label)] for row, label in zip(frame.data, frame.target, strict=True)
    )
    folder = ASSETS / "data" / DATA
    write_bytes(folder / tables.FILE, text.getvalue().encode())
    write_bytes(folder / "README.md", README.encode())
    data = tables.read(folder / tables.FILE, LABEL, DATA)
    about = {
        "title": "Diabetes", "summary": "442 patients with ten measurements each, and how far their diabetes went within a year.",
        "family": FAMILY.id, "train_count": len(data.train), "test_count": len(data.test), "source": SOURCE,
    }  # fmt: skip
    write_json(folder / "card.json", about)
    card = {
        "title": "Diabetes", "summary": "Predicts from ten measurements how far a patient's diabetes goes within a year.", "recipe": RECIPE,
        "default_forget": [forget], "default_method": "blindspot", "order": 86,
        "source": {"title": f"Trained by `python -m backends.zoo table-net` on assets/data/{DATA}", "url": SOURCE["url"],
                   "licence": LICENCE + "the table is under BSD-3-Clause"},
    }  # fmt: skip
    _written(MODEL, data, card, ASSETS / "models" / MODEL)
    for seed in (SEED, SEED + 1, SEED + 2):
        reference(MODEL, forget, seed, first=seed == SEED)
