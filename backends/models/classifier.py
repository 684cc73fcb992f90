"""Image classifiers of transformers, from any folder or Hub id in the standard layout, and their data.

Images are kept as uint8 at the model's size and normalised on the device, so a data set is read and resized once.
"""

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from transformers import AutoConfig, AutoImageProcessor, AutoModelForImageClassification

from ..api import files
from ..api.errors import BadInput
from ..data._images import ImageSet
from .guards import INPUT_DELTA
from .source import model_folder
from .task import Batch, Index

RECIPE = {
    "optimizer": "sgd", "epochs": 10, "batch_size": 128, "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 5e-4, "flip": True,
}  # fmt: skip
FORWARD = 512  # items in one pass without gradients


class Classifier:
    """A `Task` for image classification. `parts` is filled by `targets.resolve`."""

    family = "classifier"

    def __init__(
        self,
        model_id: str,
        data: ImageSet | str,
        device: str | torch.device = "cpu",
        precision: torch.dtype = torch.float32,
    ) -> None:
        """Open a model and its data.

        Args:
            model_id: embedded id, Hub id or folder.
            data: the data set, or a folder of images by class that is read at the model's size.

        Raises:
            BadInput: no such model, no safetensors, not an image classifier, or classes that do not fit the model.
        """
        self.id = model_id
        self.folder = model_folder(model_id)
        self.device, self.precision = torch.device(device), precision
        self.config = AutoConfig.from_pretrained(self.folder)
        self.recipe: Mapping[str, Any] = RECIPE | (files.read_json(self.folder / "card.json", {}).get("recipe") or {})
        self._read_processor()
        if isinstance(data, str):
            from ..data.folder import load

            data = load(Path(data), self.prepare)
        self.data = data
        self.names = data.names
        if self.config.num_labels != len(self.names):
            raise BadInput(
                f"{model_id} tells {self.config.num_labels} classes apart, but the data holds {len(self.names)}; give images for every class of the model."
            )
        self.parts: dict[str, Index] = {"train": np.arange(len(data.train)), "test": np.arange(len(data.test))}
        self.forgotten_classes: list[int] = []
        self.neighbours: list[int] = []
        self._tensors = {
            name: torch.from_numpy(split.images).permute(0, 3, 1, 2)
            for name, split in (("train", data.train), ("test", data.test))
        }
        self._labels = {
            name: torch.from_numpy(split.labels) for name, split in (("train", data.train), ("test", data.test))
        }
        self._forget = torch.zeros(len(data.train), dtype=torch.bool)

    def _read_processor(self) -> None:
        self.processor = AutoImageProcessor.from_pretrained(self.folder, backend="pil")
        channels = getattr(self.config, "num_channels", 3)
        mean, std = (getattr(self.processor, name, None) for name in ("image_mean", "image_std"))
        shape = (1, channels, 1, 1)
        self._mean = torch.tensor([*mean][:channels] if mean else [0.0] * channels).reshape(shape).to(self.device)
        self._std = torch.tensor([*std][:channels] if std else [1.0] * channels).reshape(shape).to(self.device)
        self._scale = getattr(self.processor, "rescale_factor", 1 / 255)
        self._mode = "L" if channels == 1 else "RGB"

    def prepare(self, image: Image.Image) -> NDArray[np.uint8]:
        """A picture at the model's size, uint8 [height, width, channels], by the model's own processor."""
        raw = np.asarray(image.convert(self._mode))
        raw = raw[..., None] if raw.ndim == 2 else raw
        out = self.processor(
            raw, do_rescale=False, do_normalize=False, input_data_format="channels_last", return_tensors="np"
        )["pixel_values"][0]
        return np.ascontiguousarray(out.transpose(1, 2, 0).round().clip(0, 255).astype(np.uint8))

    def set_forget(self, index: Index) -> None:
        """Say which training items `Batch.forget` marks."""
        self._forget.zero_()
        self._forget[torch.from_numpy(index)] = True

    def load(self) -> nn.Module:
        try:
            model = AutoModelForImageClassification.from_pretrained(
                self.folder, use_safetensors=True, dtype=torch.float32
            )
        except ValueError as error:
            raise BadInput(
                f"{self.id} is no image classifier that transformers can load ({str(error).splitlines()[0][:160]})."
            ) from None
        return self._place(model)

    def fresh(self, seed: int) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self._place(AutoModelForImageClassification.from_config(self.config))

    def _place(self, model: nn.Module) -> nn.Module:
        return model.to(self.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload, no-any-return]

    def batch(self, index: Index, *, test: bool = False, augment: bool = False) -> Batch:
        name = "test" if test else "train"
        where = torch.as_tensor(index)
        x = self._tensors[name][where].to(self.device)
        if augment and self.recipe["flip"]:
            flip = (torch.rand(len(x)) < 0.5).to(self.device)
            x = torch.where(flip[:, None, None, None], x.flip(3), x)
        x = ((x * self._scale) - self._mean) / self._std
        forget = torch.zeros(len(where), dtype=torch.bool) if test else self._forget[where]
        return Batch(
            x.contiguous(memory_format=torch.channels_last),
            self._labels[name][where].to(self.device),
            where.to(self.device),
            forget.to(self.device),
        )

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        if self.precision == torch.float32:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, self.precision)

    def forward(self, model: nn.Module, x: Tensor) -> Tensor:
        with self._autocast():
            return model(pixel_values=x).logits.float()  # type: ignore[no-any-return]

    def head(self, model: nn.Module) -> nn.Linear:
        """The last linear layer, whose rows are the classes.

        Raises:
            BadInput: the architecture has none.
        """
        layers = [
            layer for layer in model.modules() if isinstance(layer, nn.Linear) and layer.out_features == len(self.names)
        ]
        if not layers:
            raise BadInput(f"{self.id} has no linear layer with one row a class, which this needs.")
        return layers[-1]

    def features(self, model: nn.Module, x: Tensor) -> Tensor:
        kept: list[Tensor] = []
        hook = self.head(model).register_forward_pre_hook(lambda _, args: kept.append(args[0]))
        try:
            self.forward(model, x)
        finally:
            hook.remove()
        return kept[0].flatten(1).float()

    @torch.no_grad()
    def over(self, function: Callable[[Tensor], Tensor], index: Index, *, test: bool = False) -> NDArray[np.float32]:
        """`function` of every item's pixels, in passes of at most 512, as one array."""
        parts = [
            function(self.batch(index[at : at + FORWARD], test=test).x).cpu() for at in range(0, len(index), FORWARD)
        ]
        return torch.cat(parts).numpy() if parts else np.zeros((0, len(self.names)), np.float32)

    def outputs(self, model: nn.Module) -> dict[str, NDArray[np.float32]]:
        was = model.training
        model.eval()
        try:
            return {
                name: self.over(
                    lambda x: self.forward(model, x), np.arange(len(self._labels[name])), test=name == "test"
                )
                for name in ("train", "test")
            }
        finally:
            model.train(was)

    def show(self, index: int, *, test: bool = False) -> Image.Image:
        """One item as a picture."""
        array = (self.data.test if test else self.data.train).images[index]
        return Image.fromarray(array[..., 0] if array.shape[2] == 1 else array)

    @property
    def watched(self) -> list[tuple[str, str, int]]:
        """The items that `sample` shows: (role, split, position), at most 8 a role, the same for every run on these targets."""
        labels = self.data.test.labels
        rng = np.random.default_rng(0)

        def some(pool: Index) -> list[int]:
            return [int(i) for i in rng.permutation(pool)[:8]]

        if self.forgotten_classes:
            forget = [("forget", "test", i) for i in some(self.parts["test_forget"])]
        else:
            forget = [("forget", "train", i) for i in some(self.parts["forget"])]
        near = np.flatnonzero(np.isin(labels, self.neighbours))
        far = np.flatnonzero(~np.isin(labels, [*self.neighbours, *self.forgotten_classes]))
        return forget + [("neighbour", "test", i) for i in some(near)] + [("unrelated", "test", i) for i in some(far)]

    def sample(self, model: nn.Module) -> list[dict[str, Any]]:
        was = model.training
        model.eval()
        try:
            with torch.no_grad():
                return [self._seen(model, *item) for item in self.watched]
        finally:
            model.train(was)

    def _seen(self, model: nn.Module, role: str, split: str, position: int) -> dict[str, Any]:
        batch = self.batch(np.array([position]), test=split == "test")
        probabilities = self.forward(model, batch.x).softmax(1)[0]
        return {
            "id": f"{split}-{position}",
            "role": role,
            "label": int(batch.y),
            "probabilities": [round(float(p), 5) for p in probabilities],
        }


def with_guard(model: nn.Module) -> bool:
    """Whether the model carries an input perturbation."""
    return hasattr(model, INPUT_DELTA)
