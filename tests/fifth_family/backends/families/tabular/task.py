"""A small network that predicts a column of a table from the others, and the rows that it learned."""

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ...api import files
from ...api.errors import BadInput
from ...core.task import Batch, Index, Tell, silent
from ...models import reference
from ...models.recipe import Recipe
from ...models.source import model_folder
from . import table, targets

EACH = 6  # watched rows of a role
TOLD = ("age", "bmi", "bp")  # columns by which a row is told from others


class Network(nn.Module):
    """Two hidden layers between standardised columns and a standardised label; x [n, columns] to predictions [n]."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        sizes = [len(config["columns"]), *config["hidden"]]
        layers = [layer for one, more in pairwise(sizes) for layer in (nn.Linear(one, more), nn.ReLU())]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], 1))
        for name in ("center", "scale", "label"):
            self.register_buffer(name, torch.tensor(config[name]))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers((x - self.center) / self.scale)[:, 0] * self.label[1] + self.label[0]  # type: ignore[index, operator]


class TabularRegression:
    """A `Task` for regression on a table."""

    family = "tabular"
    shots = 10
    keeps, exact = True, False

    def __init__(
        self, model_id: str, data: str = "", device: str | torch.device = "cpu", precision: torch.dtype = torch.float32
    ) -> None:
        """Open a model; its data are the table that it was trained on.

        Raises:
            BadInput: no such model, or other data were named.
        """
        if data:
            raise BadInput(f"{model_id} brings its own table; leave the data empty.")
        self.id, self.folder = model_id, model_folder(model_id)
        self.device, self.precision = torch.device(device), precision
        self.config = files.read_json(self.folder / "config.json")
        self.recipe = Recipe.of(files.read_json(self.folder / "card.json", {}).get("recipe"), model_id).model_dump()
        self.table, self.notes = table.load(), list[str]()
        self.values, self.labels = torch.from_numpy(self.table.values), torch.from_numpy(self.table.labels)
        count = self.table.train_count
        self.parts: dict[str, Index] = {"train": np.arange(count), "test": np.arange(count, len(self.labels))}

    def again(self) -> "TabularRegression":
        return TabularRegression(self.id, "", self.device, self.precision)

    def resolve(self, forget: Sequence[str], keep: Sequence[str] = ()) -> None:
        forget_set, listed = self._rows(forget), self._rows(keep)
        retain_set = np.setdiff1d(self.parts["train"], forget_set)
        keep_set = np.setdiff1d(listed, forget_set) if keep else retain_set
        if not len(forget_set) or not len(keep_set):
            raise BadInput(
                f"{', '.join(forget)[:80]} leaves no row to {'keep' if len(forget_set) else 'forget'}; choose others."
            )
        self.parts |= {"forget": forget_set, "retain": retain_set, "keep": keep_set}
        distances = torch.cdist(self._standard(self.values[forget_set]), self._standard(self.values[retain_set]))
        self.neighbours: Index = retain_set[np.argsort(distances.amin(0).numpy(), kind="stable")[:EACH]]

    def _standard(self, x: Tensor) -> Tensor:
        return (x - torch.tensor(self.config["center"])) / torch.tensor(self.config["scale"])

    def _rows(self, texts: Sequence[str]) -> Index:
        """The training rows that any of the targets names."""
        marks = np.zeros(self.table.train_count, bool)
        card = {"columns": self.table.columns, "train_count": len(marks)}
        for target in (targets.checked(targets.parse(text), card) for text in texts):
            match target.kind:
                case "rows":
                    for low, high in target.spans:
                        marks[low : high + 1] = True
                case "where":
                    column = self.table.values[: len(marks), self.table.columns.index(target.column)]
                    compare = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}[target.sign]
                    marks |= compare(column, target.bound)
                case _:
                    order = np.random.default_rng([target.draw, 7]).permutation(len(marks))
                    marks[order[: max(1, round(len(marks) * target.share / 100))]] = True
        return np.flatnonzero(marks)

    def keep_as(self, other: "TabularRegression") -> None:
        self.parts |= {name: other.parts[name] for name in ("keep", "retain")}

    @property
    def neighbour_names(self) -> list[str]:
        return [f"row {row}" for row in self.neighbours]

    def named_sets(self, start: int) -> dict[str, Any]:
        return {part: len(self.parts[part]) for part in ("forget", "keep", "retain")}

    def examine(self) -> tuple[bool, str]:
        outputs = self.outputs(self.load())
        error = float(self.errors(outputs, "test").mean())
        return bool(np.isfinite(outputs["predictions"]).all()), f"is off by {error:.1f} % of the range on new rows"

    @property
    def forget_key(self) -> str:
        return reference.forget_key(self.parts["forget"])

    @property
    def architecture(self) -> str:
        return f"{self.config['architectures'][0]} {self.config['hidden']}"

    def trial(self) -> Callable[[], object]:
        model, batch = self.load().train(), self.batch(self.parts["train"][:128])
        return lambda: self.loss(self.forward(model, batch.x), batch.y).backward()

    def load(self, folder=None) -> nn.Module:
        model = Network(self.config)
        model.load_state_dict(load_file(self.folder / "model.safetensors"))
        return model.to(self.device).eval()

    def fresh(self, seed: int) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return Network(self.config).to(self.device)

    def batch(self, index: Index, *, test: bool = False, augment: bool = False) -> Batch:
        where = torch.as_tensor(index)
        forget = torch.from_numpy(np.isin(index, self.parts.get("forget", ())))
        return Batch(*(part.to(self.device) for part in (self.values[where], self.labels[where], where, forget)))

    def forward(self, model: nn.Module, x: Tensor) -> Tensor:
        return model(x)  # type: ignore[no-any-return]

    def loss(self, outputs: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
        """Squared error of standardised labels."""
        return nn.functional.mse_loss(outputs, labels, reduction=reduction) / self.config["label"][1] ** 2

    def describe(self, model: nn.Module) -> dict[str, Any]:
        return {
            "family": self.family,
            "columns": columns_of(self.table),
            "train_count": self.table.train_count,
            "parameters": sum(p.numel() for p in model.parameters()),
            "notes": self.notes,
        }

    @torch.no_grad()
    def outputs(self, model: nn.Module, tell: Tell = silent) -> dict[str, NDArray[Any]]:
        """Predictions [n] of all rows, those for training first."""
        return {"predictions": self.forward(model, self.values.to(self.device)).cpu().numpy()}

    def errors(self, outputs: dict[str, NDArray[Any]], part: str) -> NDArray[np.float32]:
        """Absolute error of each row of a part, in percent of the range of the labels."""
        rows = self.parts[part]
        return 100 * np.abs(outputs["predictions"][rows] - self.table.labels[rows]) / self.table.span

    def outputs_key(self) -> bytes:
        return self.table.values.tobytes() + self.table.labels.tobytes()

    def suite(self) -> list[dict[str, Any]]:
        """Every row with its role and its true label."""
        roles = dict.fromkeys(self.neighbours.tolist(), "neighbour") | dict.fromkeys(
            self.parts["forget"].tolist(), "forget"
        )
        return [
            {
                "role": roles.get(row, "unrelated"),
                "prompt": f"row {row}",
                "says": self._words(row),
                "truth": float(label),
            }
            for row, label in enumerate(self.table.labels)
        ]

    def _words(self, row: int) -> str:
        values = dict(zip(self.table.columns, self.table.values[row].tolist(), strict=True))
        return ", ".join(f"{name} {values[name]:g}" for name in TOLD)

    def sample(self, model: nn.Module) -> list[dict[str, Any]]:
        predictions = self.outputs(model.eval())["predictions"]
        rng = np.random.default_rng(0)
        rows = {
            "forget": rng.permutation(self.parts["forget"])[:EACH],
            "neighbour": self.neighbours,
            "unrelated": self.parts["test"][:EACH],
        }
        return [
            {
                "id": f"row-{row}",
                "role": role,
                "question": f"Row {row}: {self._words(row)}",
                "said": f"{predictions[row]:.0f}",
                "truth": f"{self.table.labels[row]:.0f}",
                "share": max(0.0, 1 - abs(float(predictions[row] - self.table.labels[row])) / self.table.span),
            }
            for role, some in rows.items()
            for row in some.tolist()
        ]

    @torch.no_grad()
    def ask(self, model: nn.Module, question: str) -> dict[str, Any]:
        """The prediction for a row by its number ("row 12"), or for values of columns ("age=50 bmi=30"; the others are average).

        Raises:
            BadInput: it names no row or no column of the table.
        """
        columns, truth, x = self.table.columns, "", torch.tensor([self.config["center"]])
        if row := re.fullmatch(r"row ([0-9]{1,9})", question.strip()):
            if int(row[1]) >= len(self.labels):
                raise BadInput(f"There is no row {row[1]}; the rows run from 0 to {len(self.labels) - 1}.")
            x, truth = self.values[[int(row[1])]], f"{self.table.labels[int(row[1])]:g}"
        else:
            given = re.findall(r"(\w+)\s*=\s*(-?[0-9.]+)", question)
            if not given or any(name not in columns for name, _ in given):
                raise BadInput(
                    f"{question[:60]!r} names no row; write row 12, or values like age=50 bmi=30 of {', '.join(columns)}."
                )
            for name, value in given:
                x[0, columns.index(name)] = float(value)
        prediction = float(self.forward(model, x.to(self.device)))
        return {"said": f"{prediction:.1f}", "truth": truth, "prediction": prediction}

    def write(self, model: nn.Module, folder: Path) -> None:
        files.write_json(folder / "config.json", self.config)
        save_file(model.cpu().state_dict(), folder / "model.safetensors", {"format": "pt"})


def columns_of(data: table.Table) -> dict[str, list[float]]:
    """Smallest and largest value of every column."""
    low, high = data.values.min(0).tolist(), data.values.max(0).tolist()
    return {name: [round(low[at], 2), round(high[at], 2)] for at, name in enumerate(data.columns)}
