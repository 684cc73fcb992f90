"""Train the model of the fifth family into the assets of the installation that is imported: `python make.py`, a second or two."""

import numpy as np
import torch
from backends.families.tabular import table
from backends.families.tabular.task import Network, TabularRegression, columns_of
from safetensors.torch import save_file

from backends.api import files
from backends.api.home import ASSETS
from backends.core.run import Run
from backends.models.recipe import train

MODEL = "diabetes-mlp"
RECIPE = {
    "optimizer": "adamw", "epochs": 60, "batch_size": 114, "learning_rate": 0.02, "weight_decay": 0.0, "schedule": "one-cycle",
    "flip": False, "seed": 0,
}  # fmt: skip
SOURCE = {"title": "Efron et al., Least Angle Regression, 2004, as shipped with scikit-learn"}


class Unwatched:
    """A keeper that keeps nothing."""

    def report(self, phase, step, of, values): ...
    def due(self):
        return False

    def sample(self, phase, step, of, name, model): ...


def make() -> None:
    data = table.load()
    seen = slice(0, data.train_count)
    config = {
        "architectures": ["MlpForTabularRegression"], "columns": list(data.columns), "hidden": [32, 32],
        "center": data.values[seen].mean(0).tolist(), "scale": data.values[seen].std(0).tolist(),
        "label": [float(data.labels[seen].mean()), float(data.labels[seen].std())],
    }  # fmt: skip
    card = {
        "title": "Diabetes, predicted by a small network", "summary": "Predicts how far a patient's diabetes goes within a year.",
        "family": "tabular", "data": "diabetes", "source": SOURCE, "default_forget": ["age<40"], "default_method": "fine_tune",
        "columns": columns_of(data), "train_count": data.train_count, "recipe": RECIPE, "order": 90,
    }  # fmt: skip
    folder = ASSETS / "models" / MODEL
    files.write_json(folder / "card.json", card)
    about = {
        "title": "Diabetes",
        "summary": "442 patients with ten measurements each.",
        "family": "tabular",
        "source": SOURCE,
    }
    files.write_json(ASSETS / "data" / "diabetes" / "card.json", about)
    files.write_json(folder / "config.json", config)
    torch.manual_seed(0)
    save_file(Network(config).state_dict(), folder / "model.safetensors")
    task = TabularRegression(MODEL)
    task.parts["keep"] = task.parts["train"]
    run = Run(task, Unwatched(), seed=0)
    train(run)
    task.write(run.model.eval(), folder)
    outputs = task.outputs(task.load())
    print({part: round(float(np.mean(task.errors(outputs, part))), 2) for part in ("train", "test")})


if __name__ == "__main__":
    make()
