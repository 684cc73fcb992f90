"""Regressors: networks that predict a number from an image or from a row of a table, and the items that they learned from."""

import base64
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ...api import files
from ...api.errors import BadInput
from ...api.home import ASSETS
from ...core.evidence import Score
from ...core.task import Batch, Index, Tell, silent
from ...models import reference
from ...models.recipe import Recipe
from ...models.source import model_folder
from . import asked, items, pictures, shoes, table
from .labelled import Labelled, LabelledSet
from .networks import Regressor, convolves
from .relearning import relearning_steps
from .resolve import resolve

FORWARD = 500  # items in one pass without gradients
TRIAL = 64  # items of the step that a precision is measured with
WEIGHTS = "model.safetensors"


class RegressorTask:
    """A `Task` for regression; `parts` is filled by `resolve`. It works in float32 whatever precision is set: half of it rounds a prediction."""

    family = "regressor"
    shots = 8
    keeps, exact = False, True

    def __init__(
        self,
        model_id: str,
        data: LabelledSet | str = "",
        device: str | torch.device = "cpu",
        precision: torch.dtype = torch.float32,
    ) -> None:
        """Open a model and the data that it was trained on: those that its card names, or the table in its folder.

        Raises:
            BadInput: no such model, no data, data that do not fit it, or other data were named.
        """
        if data and isinstance(data, str):
            raise BadInput(f"{model_id} brings its own data; leave the folder of data empty.")
        self.id, self.folder = model_id, model_folder(model_id)
        self.device, self.precision = torch.device(device), precision
        try:
            self.config: dict[str, Any] = files.read_json(self.folder / "config.json")
            card: dict[str, Any] = files.read_json(self.folder / "card.json", {})
            self.recipe: Mapping[str, Any] = Recipe.of(card.get("recipe"), model_id).model_dump()
        except (ValueError, AttributeError):
            raise BadInput(f"The config.json or card.json of {model_id} is no JSON; correct it.") from None
        self.data = data or open_data(self.folder, self.config, str(card.get("data", "")))
        self.notes: list[str] = []
        self._check_fit()
        self.parts: dict[str, Index] = {
            "train": np.arange(len(self.data.train)),
            "test": np.arange(len(self.data.test)),
        }
        self.neighbours: Index = np.zeros(0, np.int64)
        self.bands: list[tuple[float, float]] = []  # ranges of the label that are forgotten
        self._values = {name: torch.from_numpy(part.values) for name, part in self.splits.items()}
        self._labels = {name: torch.from_numpy(part.labels) for name, part in self.splits.items()}
        self._forget = torch.zeros(len(self.data.train), dtype=torch.bool)

    @property
    def splits(self) -> Mapping[str, Labelled]:
        """Both parts of the data by name."""
        return {"train": self.data.train, "test": self.data.test}

    def _check_fit(self) -> None:
        if not convolves(self.config) and tuple(self.config["columns"]) != self.data.columns:
            raise BadInput(
                f"{self.id} reads the columns {', '.join(self.config['columns'][:20])}, but its table has "
                f"{', '.join(self.data.columns[:20])}; give the table that it was trained on."
            )

    @property
    def pictured(self) -> bool:
        """Whether its items are images."""
        return not self.data.columns

    def again(self) -> "RegressorTask":
        return RegressorTask(self.id, self.data, self.device, self.precision)

    # -- what is forgotten and kept

    def resolve(self, forget: Sequence[str], keep: Sequence[str] = ()) -> None:
        resolve(self, tuple(forget), tuple(keep))

    @cached_property
    def card(self) -> dict[str, Any]:
        """What a target is checked against."""
        return {"ranges": self.data.ranges, "train_count": len(self.data.train)}

    def set_forget(self, index: Index) -> None:
        """Say which training items `Batch.forget` marks."""
        self._forget.zero_()
        self._forget[torch.from_numpy(index)] = True

    def keep_as(self, other: Any) -> None:
        self.parts |= {name: other.parts[name] for name in ("keep", "retain")}

    @property
    def neighbour_names(self) -> list[str]:
        """Labels of the nearest items that are kept."""
        return [
            self.written(float(self.data.test.labels[item])) for item in self.neighbours[: items.WATCHED["neighbour"]]
        ]

    def named_sets(self, start: int) -> dict[str, Any]:
        counts = {part: len(self.parts[part]) for part in ("forget", "keep", "retain")}
        return counts | {"ids": [f"train-{item}" for item in self.parts["forget"][start:][:48]]}

    @property
    def forget_key(self) -> str:
        return reference.forget_key(self.parts["forget"])

    # -- the model

    @property
    def architecture(self) -> str:
        return f"{self.config['architectures'][0]} {self.config['widths']}"

    def load(self, folder: Path | None = None) -> nn.Module:
        """Raises `BadInput` where the weights are not those of the network that config.json describes."""
        model = self._network()
        tensors = {
            name: tensor.float() if tensor.is_floating_point() else tensor
            for name, tensor in load_file((folder or self.folder) / WEIGHTS).items()
        }
        try:
            model.load_state_dict(tensors)
        except RuntimeError:
            raise BadInput(
                f"The weights of {self.id} are not those of the network that its config.json describes."
            ) from None
        return model.to(self.device).eval()

    def _network(self) -> Regressor:
        try:
            return Regressor(self.config)
        except (KeyError, TypeError, ValueError, RuntimeError, IndexError):
            raise BadInput(
                f"The config.json of {self.id} describes no network of a regressor; give the one that came with it."
            ) from None

    def fresh(self, seed: int) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self._network().to(self.device).eval()

    def write(self, model: nn.Module, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        files.write_json(folder / "config.json", self.config)
        save_file(
            {name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()},
            folder / WEIGHTS,
            {"format": "pt"},
        )
        (folder / WEIGHTS).chmod(0o644)

    def trial(self) -> Callable[[], object]:
        model, batch = self.load().train(), self.batch(self.parts["train"][:TRIAL])
        return lambda: self.loss(self.forward(model, batch.x), batch.y).backward()

    def examine(self) -> tuple[bool, str]:
        predictions = self.predict(self.load(), test=True)
        error = float(np.abs(predictions - self.data.test.labels).mean())
        return bool(np.isfinite(predictions).all()), f"is off by {self.written(error)} on new items"

    # -- items

    def batch(self, index: Index, *, test: bool = False, augment: bool = False) -> Batch:
        """Some items: images [n, 1, height, width] or rows [n, columns], as the data have them; nothing is augmented."""
        name, where = "test" if test else "train", torch.as_tensor(index)
        x = self._values[name][where]
        forget = torch.zeros(len(where), dtype=torch.bool) if test else self._forget[where]
        x, y = (x[:, None] if self.pictured else x).to(self.device), self._labels[name][where].to(self.device)
        return Batch(x, y, where.to(self.device), forget.to(self.device))

    def forward(self, model: nn.Module, x: Tensor) -> Tensor:
        """Predictions [n], in the unit of the label."""
        predictions: Tensor = model(x)
        return predictions

    def activations(self, model: nn.Module, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The same, and what every block of the network gives, [n, channels, height, width] or [n, units]."""
        both: tuple[Tensor, list[Tensor]] = model.activations(x)  # type: ignore[operator]
        return both

    def loss(self, outputs: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
        """Absolute error in standard deviations of the label."""
        error = nn.functional.l1_loss(outputs, labels, reduction=reduction)
        return error / float(self.config["label"][1])

    @torch.no_grad()
    def predict(self, model: nn.Module, *, test: bool = False, index: Index | None = None) -> NDArray[np.float32]:
        """Predictions [n] of the training or test items, in eval mode, in the unit of the label."""
        was = model.training
        model.eval()
        every = np.arange(len(self.data.test if test else self.data.train)) if index is None else index
        parts = [
            self.forward(model, self.batch(part, test=test).x).cpu()
            for part in np.split(every, range(FORWARD, len(every), FORWARD))
        ]
        model.train(was)
        predictions: NDArray[np.float32] = torch.cat(parts).numpy()
        return predictions

    def outputs(self, model: nn.Module, tell: Tell = silent) -> dict[str, NDArray[Any]]:
        """`train` and `test`, the predictions of all items; once it is known what is to be forgotten also `relearned`, the minibatches that
        a copy of the model needs to learn it again (`relearning.relearning_steps`)."""
        outputs: dict[str, NDArray[Any]] = {"train": self.predict(model), "test": self.predict(model, test=True)}
        if "test_forget" in self.parts:
            outputs["relearned"] = np.array([relearning_steps(self, model, tell)], np.float32)
        return outputs

    def outputs_key(self) -> bytes:
        return f"{self.data.key} {self.forget_key if 'test_forget' in self.parts else ''}".encode()

    def errors(self, outputs: Mapping[str, NDArray[Any]], part: str) -> NDArray[np.float32]:
        """Absolute error of each item of a part, in the unit of the label, [n]."""
        split, places = self.split(part), self.parts[part]
        return np.abs(outputs[split][places] - self.splits[split].labels[places])

    def error_score(self, outputs: Mapping[str, NDArray[Any]], part: str) -> Score:
        """The mean absolute error of a part in percent of the labels' range, with it in the label's own unit as the one part, named by that
        unit, and that of each item; NaN of an empty part."""
        errors = self.errors(outputs, part)
        ids = [f"{self.split(part)}-{item}" for item in self.parts[part]]
        if not ids:
            return Score(float("nan"))
        mean = float(errors.mean())
        percent = (100 * errors / self.data.span).astype(np.float32)
        return Score(
            100 * mean / self.data.span, {self.data.unit or f" {self.data.label}": mean}, items=percent, ids=ids
        )

    @staticmethod
    def split(part: str) -> str:
        """Of which of the data the items of a part are: "train" or "test"."""
        return "test" if part.startswith("test") else "train"

    # -- what people see

    def written(self, number: float) -> str:
        """A number of the label as a person reads it: 27°, 152."""
        return f"{number:.3g}{self.data.unit}" if self.data.unit else f"{number:.3g}"

    def describe(self, model: nn.Module) -> dict[str, Any]:
        return {
            "family": self.family, "label": self.data.label, "unit": self.data.unit, "pictured": self.pictured,
            "ranges": self.data.ranges, "train_count": len(self.data.train), "test_count": len(self.data.test),
            "parameters": sum(p.numel() for p in model.parameters()), "notes": self.notes,
        }  # fmt: skip

    def suite(self) -> list[dict[str, Any]]:
        """Nothing: items are their own question."""
        return []

    @property
    def watched(self) -> list[tuple[str, str, int]]:
        """(role, split, position) of the items that `sample` shows; see `items.watched`."""
        return items.watched(self)

    def sample(self, model: nn.Module) -> list[dict[str, Any]]:
        return items.sample(self, model)

    def ask(self, model: nn.Module, question: str) -> dict[str, Any]:
        """The prediction for an item, a row in words, or a picture; see `asked.input_of`.

        Raises:
            BadInput: it is none of them.
        """
        x, truth, picture = asked.input_of(self, question)
        with torch.no_grad():
            prediction = float(self.forward(model.eval(), x.to(self.device)))
        answer = {
            "said": self.written(prediction),
            "prediction": prediction,
            "truth": "" if truth is None else self.written(truth),
        }
        if picture is not None:
            gauge = pictures.gauge(picture, prediction, truth, self.bands)
            answer["picture"] = "data:image/png;base64," + base64.b64encode(pictures.png(gauge)).decode()
        return answer

    def as_input(self, image: Image.Image) -> Image.Image:
        """A picture as the network is given it.

        Raises:
            BadInput: it takes rows of a table.
        """
        self._check_pictured()
        return Image.fromarray(asked.as_input(self, image))

    def pictures(self, names: Sequence[str]) -> list[Image.Image]:
        """Items ("train-17", "test-3") as pictures.

        Raises:
            BadInput: there is no such item, or they are rows of a table.
        """
        self._check_pictured()
        return [
            Image.fromarray(values)
            for values in (asked.input_of(self, name)[2] for name in names)
            if values is not None
        ]

    def _check_pictured(self) -> None:
        if not self.pictured:
            raise BadInput(f"{self.id} reads rows of a table, and no pictures.")


def open_data(folder: Path, config: Mapping[str, Any], data_id: str) -> LabelledSet:
    """The data of a model: tilted shoes, an embedded table, or the table in its own folder.

    Raises:
        BadInput: there are none.
    """
    if data_id == shoes.ID:
        return shoes.load()
    label = str(config.get("predicts", ""))
    if (folder / table.FILE).is_file():
        return table.read(folder / table.FILE, label)
    if data_id and "/" not in data_id and (ASSETS / "data" / data_id / table.FILE).is_file():
        return table.read(ASSETS / "data" / data_id / table.FILE, label, data_id)
    raise BadInput(
        f"{folder.name} brings no data; put the table that it was trained on into its folder as {table.FILE}."
    )
