"""Image classifiers of transformers, from any folder or Hub id in the standard layout, and their data.

Images are kept as uint8 at the model's size and normalised on the device, so a data set is read and resized once.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from ...api import files, tampering
from ...api.errors import BadInput
from ...core import changes, fitting
from ...core.task import Batch, Index, Tell, silent
from ...data import embedded, folder
from ...data._images import ImageSet
from ...data._tampering import Tampered, tampered
from ...models import reference
from ...models.recipe import Recipe
from ...models.source import model_folder
from ...models.whole import arranged, first_line, load_whole
from . import items
from .pixels import Pixels
from .resolve import resolve, task_confusion

PAGE = 48  # ids of a forget set in one answer
FORWARD = 512  # items in one pass without gradients
TRIAL = 128  # items of the step that a precision is measured with


class Classifier:
    """A `Task` for image classification. `parts` is filled by `resolve`; `corrects` is what was manipulated, where that is to be forgotten."""

    family = "classifier"
    shots = 10  # how often a phase shows what the model says
    keeps = exact = False
    teaches = False  # its own job manipulated the data, and no earlier one

    def __init__(
        self,
        model_id: str,
        data: ImageSet | str = "",
        device: str | torch.device = "cpu",
        precision: torch.dtype = torch.float32,
    ) -> None:
        """Open a model and its data.

        Args:
            model_id: embedded id, Hub id or folder.
            data: the data set, or a folder of images by class that is read at the model's size; left empty, the data
                that the model's card names.

        Raises:
            BadInput: no such model, no safetensors, not an image classifier, no data, or classes that do not fit the model.
        """
        self.id = model_id
        self.folder = model_folder(model_id)
        self.device, self.precision = torch.device(device), precision
        self.config = self._read_config()
        self.pixels = Pixels(self.folder, model_id, getattr(self.config, "num_channels", 3), self.device)
        card = self._read_card()
        self.recipe: Mapping[str, Any] = Recipe.of(card.get("recipe"), model_id).model_dump()
        if isinstance(data, str):
            data = self._open_data(data, str(card.get("data", "")))
            how = tampering.read(card.get("tampering"), model_id)
            data = tampered(data, how) if how else data
        self.data = self._clean = data
        self._start: tuple[Path, ...] = ()  # changes that make the model before of the one in the folder
        self.names, self.notes = data.names, [*data.notes]
        if self.config.num_labels != len(self.names):
            raise BadInput(
                f"{model_id} tells {self.config.num_labels} classes apart, but the data holds {len(self.names)}; give images for every class of the model."
            )
        self.parts: dict[str, Index] = {"train": np.arange(len(data.train)), "test": data.own_test}
        self.forgotten_classes: list[int] = []
        self.corrects: Tampered | None = None
        self.neighbours: list[int] = []
        self._hold(data)
        self._forget = torch.zeros(len(data.train), dtype=torch.bool)
        self.train_anew = self._train_anew()

    def _train_anew(self) -> Callable[[Any, int | None], None] | None:
        """How a model with tiles is trained; None for every other, which is trained as a whole."""
        from . import tile_training

        return tile_training.train if tile_training.holds_tiles(self) else None

    def _hold(self, data: ImageSet) -> None:
        splits = {"train": data.train, "test": data.test}
        self.data = data
        self._tensors = {name: torch.from_numpy(split.images).permute(0, 3, 1, 2) for name, split in splits.items()}
        self._labels = {name: torch.from_numpy(split.labels) for name, split in splits.items()}

    def left_by(self, how: Mapping[str, Any], start: Sequence[Path] = ()) -> None:
        """Take the data as a run manipulated them, and the model before as it left it; nothing is resolved then.

        Args:
            how: as a card has it, under `tampering`.
            start: the changes that make its model, oldest first; none: the model as it came.

        Raises:
            BadInput: the data cannot be manipulated so.
        """
        tampering_fields = tampering.read(how.get("tampering"), self.id)
        self._hold(tampered(self._clean, tampering_fields) if tampering_fields else self._clean)
        self.parts = {"train": np.arange(len(self.data.train)), "test": self.data.own_test}
        self._start, self.teaches = tuple(start), not start
        if tampering_fields and tampering_fields.kind in tampering.MARKED:
            self.recipe = {**self.recipe, "flip": False}  # a flipped mark would stand in another corner
        vars(self).pop("directions", None)

    def _read_config(self) -> Any:
        from huggingface_hub.errors import StrictDataclassError
        from transformers import (  # here, since they take seconds to import
            MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING,
            AutoConfig,
        )

        from . import plain_net as plain_net  # makes an architecture known to transformers
        from . import tiled_vit as tiled_vit  # and another

        try:
            config = AutoConfig.from_pretrained(self.folder, trust_remote_code=False)
        except (ValueError, OSError, KeyError, TypeError, AttributeError, StrictDataclassError) as error:
            raise BadInput(
                f"{self.id} has a config.json that transformers cannot read ({first_line(error)})."
            ) from None
        if type(config) not in MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING:
            raise BadInput(
                f"{self.id} is a {config.model_type or 'nameless'} model, which is no image classifier; give one that "
                "AutoModelForImageClassification loads."
            )
        if getattr(config, "problem_type", None) == "multi_label_classification":
            raise BadInput(
                f"{self.id} gives a picture any number of labels at once; Lethe takes classifiers that choose one class."
            )
        return config

    def _read_card(self) -> dict[str, Any]:
        try:
            card = files.read_json(self.folder / "card.json", {})
        except ValueError:
            card = None
        if not isinstance(card, dict):
            raise BadInput(f"The card.json of {self.id} is no JSON object; correct it or remove it.")
        return card

    def _open_data(self, data: str, own: str) -> ImageSet:
        if data:
            names = [str(self.config.id2label[number]) for number in range(self.config.num_labels)]
            return folder.load(Path(data), self.pixels.prepare, names)
        if own:
            return embedded(own)
        raise BadInput(f"{self.id} brings no data; give a folder with one folder of images for each of its classes.")

    def set_forget(self, index: Index) -> None:
        """Say which training items `Batch.forget` marks."""
        self._forget.zero_()
        self._forget[torch.from_numpy(index)] = True

    def again(self) -> "Classifier":
        other = Classifier(self.id, self.data, self.device, self.precision)
        other._clean, other._start, other.recipe = self._clean, self._start, self.recipe
        return other

    def resolve(self, forget: Sequence[str], keep: Sequence[str] = ()) -> None:
        resolve(self, tuple(forget), tuple(keep))

    def keep_as(self, other: "Classifier") -> None:
        self.parts |= {name: other.parts[name] for name in ("keep", "retain")}

    @property
    def neighbour_names(self) -> list[str]:
        """Classes nearest to what is to be forgotten, nearest first."""
        return [self.names[number] for number in self.neighbours]

    def named_sets(self, start: int) -> dict[str, Any]:
        """How many training images each part has, and the ids of 48 of the forget set, from `start` on."""
        counts = {part: len(self.parts[part]) for part in ("forget", "keep", "retain")}
        return counts | {"ids": [f"train-{item}" for item in self.parts["forget"][start:][:PAGE]]}

    @torch.no_grad()
    def examine(self) -> tuple[bool, str]:
        """Whether its answers are numbers, and how many of 64 test images it labels right."""
        batch = self.batch(np.arange(64), test=True)
        logits = self.forward(self.load(), batch.x)
        return bool(logits.isfinite().all()), f"is right on {int((logits.argmax(1) == batch.y).sum())} of 64 images"

    @property
    def forget_key(self) -> str:
        return reference.forget_key(self.parts["forget"])

    @property
    def reference_key(self) -> str:
        """Of all that was manipulated, where a part of it was found: what corrects a model aims at one that never saw any of it."""
        return self.forget_key if self.corrects is None else reference.forget_key(self.corrects.ids)

    @property
    def architecture(self) -> str:
        """The widths and depths of the config, and the size of an image."""
        names = ("embedding_size", "hidden_sizes", "depths", "hidden_size", "num_hidden_layers", "patch_size")
        size = " ".join(f"{name}={getattr(self.config, name)}" for name in names if hasattr(self.config, name))
        return f"{self.config.model_type} {size} {tuple(self.batch(self.parts['train'][:1]).x.shape[1:])}"

    def trial(self) -> Callable[[], object]:
        model = self.load().train()
        batch = self.batch(np.arange(min(TRIAL, len(self.parts["train"]))))
        return lambda: self.loss(self.forward(model, batch.x), batch.y).backward()

    def suite(self) -> list[dict[str, Any]]:
        """Nothing: images are their own question."""
        return []

    def load(self, folder: Path | None = None) -> nn.Module:
        from transformers import AutoModelForImageClassification

        model = self._place(load_whole(AutoModelForImageClassification, folder or self.folder, str(folder or self.id)))
        return model if folder else changes.apply(model, list(self._start)).eval()

    def fresh(self, seed: int) -> nn.Module:
        from transformers import AutoModelForImageClassification

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self._place(AutoModelForImageClassification.from_config(self.config, dtype=torch.float32))

    def _place(self, model: nn.Module) -> nn.Module:
        return arranged(model, torch.channels_last, self.device).eval()

    def batch(self, index: Index, *, test: bool = False, augment: bool = False) -> Batch:
        name = "test" if test else "train"
        where = torch.as_tensor(index)
        x = self._tensors[name][where]
        if augment and self.recipe["flip"]:
            flip = torch.rand(len(x)) < 0.5
            x = torch.where(flip[:, None, None, None], x.flip(3), x)
        forget = torch.zeros(len(where), dtype=torch.bool) if test else self._forget[where]
        return Batch(
            self.pixels.normalise(x),
            self._labels[name][where].to(self.device),
            where.to(self.device),
            forget.to(self.device),
        )

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        if self.precision == torch.float32:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, self.precision)

    def forward(self, model: nn.Module, x: Tensor) -> Tensor:
        def logits(rows: slice) -> Tensor:
            with self._autocast():
                output: Tensor = model(pixel_values=x[rows]).logits
                return output.float()

        return fitting.in_parts(model, len(x), logits)

    def loss(self, outputs: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
        """Cross-entropy of logits [n, classes] to classes [n]."""
        return nn.functional.cross_entropy(outputs, labels, reduction=reduction)

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
        head_inputs: list[Tensor] = []
        hook = self.head(model).register_forward_pre_hook(lambda _, args: head_inputs.append(args[0]))
        try:
            self.forward(model, x)
        finally:
            hook.remove()
        return head_inputs[0].flatten(1).float()

    @cached_property
    def directions(self) -> NDArray[np.float32]:
        """Features of every training item under the model before, each of length 1, [n, d]; computed once."""
        model = self.load()
        return self.over(lambda x: nn.functional.normalize(self.features(model, x)), np.arange(len(self.data.train)))

    @torch.no_grad()
    def over(self, function: Callable[[Tensor], Tensor], index: Index, *, test: bool = False) -> NDArray[np.float32]:
        """`function` of every item's pixels, in passes of at most 512, as one array."""
        parts = [
            function(self.batch(index[at : at + FORWARD], test=test).x).cpu() for at in range(0, len(index), FORWARD)
        ]
        return torch.cat(parts).numpy() if parts else np.zeros((0, len(self.names)), np.float32)

    def outputs(self, model: nn.Module, tell: Tell = silent) -> dict[str, NDArray[np.float32]]:
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

    def describe(self, model: nn.Module) -> dict[str, Any]:
        """What a form has to know: classes, counts, and how the test images of each class are labelled."""
        there = np.unique(self.data.train.labels)  # of a model's other classes nothing can be forgotten
        confusion = np.array(task_confusion(self))[np.ix_(there, there)]
        return {
            "family": self.family,
            "classes": [self.names[number] for number in there],
            "train_count": len(self.data.train),
            "test_count": len(self.data.own_test),
            "confusion": confusion.tolist(),
            "class_accuracy": (100 * confusion.diagonal()).tolist(),
            "notes": self.notes,
            "size": list(self.data.train.images.shape[1:]),
            "parameters": sum(p.numel() for p in model.parameters()),
        }

    def outputs_key(self) -> bytes:
        # the processor is part of what the model sees: one item stands for how it normalises
        return self.data.key.encode() + self.batch(np.array([0])).x.cpu().numpy().tobytes()

    def write(self, model: nn.Module, folder: Path) -> None:
        plain: Any = arranged(model, torch.contiguous_format, "cpu")  # a model of transformers
        plain.save_pretrained(folder)
        self.pixels.processor.save_pretrained(folder)

    def show(self, index: int, *, test: bool = False) -> Image.Image:
        """One item as a picture."""
        return items.as_image((self.data.test if test else self.data.train).images[index])

    def pictures(self, names: Sequence[str]) -> list[Image.Image]:
        """Items ("train-17", "test-3") as pictures; see `items.pictures`."""
        return items.pictures(self, names)

    def alike(self, item: int | str, count: int) -> list[int]:
        """Ids of the training images most alike to one of them; see `items.alike`."""
        return items.alike(self, item, count)

    def predictions(
        self,
        models: Mapping[str, nn.Module | None],
        path: str,
        names: Sequence[str],
        skip_guard: bool,
        picture: Image.Image | None = None,
    ) -> dict[str, Any]:
        """Probabilities of every class by each model; see `items.predictions`."""
        return items.predictions(self, models, path, names, skip_guard, picture)

    def as_input(self, image: Image.Image) -> Image.Image:
        """A picture as the model is given it, at its size; see `items.as_input`."""
        return items.as_image(items.as_input(self, image))

    def protector(self, folder: Path, model: nn.Module) -> Callable[[Image.Image], Image.Image]:
        """What protects a person's picture with what a run made for that: see `unlearnable.Protection`.

        Raises:
            BadInput: the run made nothing of the kind.
        """
        from .unlearnable import Protection  # here, since it is made of this class

        protection = Protection.read(folder, self, model)
        return lambda picture: protection.on(self, model, picture)

    @property
    def true_labels(self) -> NDArray[np.int64]:
        """Classes of the training images, those of manipulated ones as they were before."""
        if self.data.tampered is None:
            return self.data.train.labels
        labels = self.data.train.labels.copy()
        labels[self.data.tampered.ids] = self.data.tampered.truth
        return labels

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
        own = self.data.own_test
        near = own[np.isin(labels[own], self.neighbours)]
        far = own[~np.isin(labels[own], [*self.neighbours, *self.forgotten_classes])]
        return forget + [("neighbour", "test", i) for i in some(near)] + [("unrelated", "test", i) for i in some(far)]

    def sample(self, model: nn.Module) -> list[dict[str, Any]]:
        watched = self.watched
        probabilities: dict[tuple[str, int], NDArray[np.float32]] = {}
        was = model.training
        model.eval()
        try:
            for split in ("train", "test"):
                places = [place for _, where, place in watched if where == split]
                rows = self.over(
                    lambda x: self.forward(model, x).softmax(1), np.array(places, np.int64), test=split == "test"
                )
                probabilities |= {(split, place): row for place, row in zip(places, rows, strict=True)}
        finally:
            model.train(was)
        labels = {"train": self.true_labels, "test": self.data.test.labels}
        return [
            {
                "id": f"{split}-{place}",
                "role": role,
                "label": int(labels[split][place]),
                "probabilities": [round(float(p), 5) for p in probabilities[split, place]],
            }
            for role, split, place in watched
        ]
