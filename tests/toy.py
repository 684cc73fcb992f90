"""A toy with a known answer: five clearly different classes of 12 x 12 pixels, and a ResNet of 5,357 parameters that has learnt them.

Each class is a pattern of its own, shown at a strength drawn for each image, in noise: strong images are easy, weak ones
hard. A method takes about a second on it. The fixtures `toy_folder` and `toy_task`
stand in tests/conftest.py.

    task = toy.task(folder)                    # forgets the class "two", of which the model knows all 80 images
    run = Run(task, toy.Memory(), seed=0)
    registry.get("methods", "fine_tune").function(run, params)
    toy.accuracy(task, run.model, "forget")
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import ResNetConfig, ResNetForImageClassification, ViTImageProcessorPil

from backends.api.files import write_json
from backends.core.pack import load_state, save_state
from backends.core.run import Cancelled, Run
from backends.core.task import Index
from backends.data._images import ImageSet, Split
from backends.families.classifier.resolve import resolve
from backends.families.classifier.task import Classifier
from backends.models.recipe import train

NAMES = ["zero", "one", "two", "three", "four"]
SIDE, TRAIN, TEST = 12, 400, 200
RECIPE = {
    "optimizer": "sgd", "epochs": 6, "batch_size": 40, "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 5e-4,
    "schedule": "one-cycle", "flip": False, "seed": 0,
}  # fmt: skip


class Memory:
    """A keeper that remembers instead of writing.

    Attributes:
        beats: (phase, step, of) of every sign of life.
        values: what the last one logged.
        samples: (phase number, step, name) of every sample.
        saved: the state at the checkpoint, after a round through the file format of checkpoints.
        ids: the set that the method found.
        made: what the method made besides the model, by name.
    """

    def __init__(self, checkpoint_at: int | None = None, cancel_at: int | None = None, stop: bool = True) -> None:
        """`checkpoint_at`: saves at this step of the loops (counted over all phases, from 0), then, with `stop`, raises
        `Cancelled` as a killed job would end. `cancel_at`: raises `Cancelled` at this sign of life, from 0."""
        self.checkpoint_at, self.cancel_at, self.stop = checkpoint_at, cancel_at, stop
        self.beats: list[tuple[str, int, int]] = []
        self.values: dict[str, float] = {}
        self.samples: list[tuple[int, int, str]] = []
        self.saved: dict[str, Any] | None = None
        self.ids: Index | None = None
        self.made: dict[str, dict[str, Any]] = {}
        self.steps = 0

    def report(self, phase: str, step: int, of: int, values: dict[str, float]) -> None:
        if len(self.beats) == self.cancel_at:
            raise Cancelled
        self.beats.append((phase, step, of))
        self.values = dict(values)

    def due(self) -> bool:
        self.steps += 1
        return self.steps - 1 == self.checkpoint_at

    def checkpoint(self, state: dict[str, Any]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            save_state(Path(folder) / "state.safetensors", state)
            self.saved = load_state(Path(folder) / "state.safetensors")
        if self.stop:
            raise Cancelled

    def sample(self, phase: int, step: int, of: int, name: str, model: nn.Module) -> None:
        self.samples.append((phase, step, name))

    def record_forget_set(self, ids: Index) -> None:
        self.ids = ids

    def record_made(self, name: str, arrays: Mapping[str, Any]) -> None:
        self.made[name] = dict(arrays)


def data() -> ImageSet:
    """400 training and 200 test images, uint8 [n, 12, 12, 1], classes in equal numbers; always the same."""
    rng = np.random.default_rng(5)
    patterns = rng.normal(size=(len(NAMES), SIDE // 3, SIDE // 3)).repeat(3, 1).repeat(3, 2)

    def split(count: int) -> Split:
        labels = np.arange(count) % len(NAMES)
        strength = rng.uniform(8, 45, (count, 1, 1))
        images = 128 + strength * patterns[labels] + rng.normal(0, 30, (count, SIDE, SIDE))
        return Split(images.clip(0, 255).astype(np.uint8)[..., None], labels.astype(np.int64))

    return ImageSet("toy", NAMES, split(TRAIN), split(TEST))


def make(folder: Path) -> Path:
    """Train the toy model into `folder`, in the standard layout with a card (about a second on one core)."""
    config = ResNetConfig(
        num_channels=1, embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic",
        id2label=dict(enumerate(NAMES)), label2id={name: number for number, name in enumerate(NAMES)},
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        ResNetForImageClassification(config).save_pretrained(folder)
    processor = ViTImageProcessorPil(size={"height": SIDE, "width": SIDE}, image_mean=[0.5], image_std=[0.25])
    processor.save_pretrained(folder)
    write_json(folder / "card.json", {"recipe": RECIPE})
    run = Run(task(folder), Memory(), seed=0)
    run.task.parts["keep"] = run.task.parts["train"]
    train(run)
    run.model.to(memory_format=torch.contiguous_format).save_pretrained(folder)
    return folder


def task(folder: Path, forget: tuple[str, ...] = ("two",), keep: tuple[str, ...] = ()) -> Classifier:
    """The toy at work on a forget set; see `backends.api.targets` for how one is named."""
    made = Classifier(str(folder), data())
    resolve(made, forget, keep)
    return made


def accuracy(task: Classifier, model: nn.Module, part: str) -> float:
    """Share of a part's items that the model gets right, in percent."""
    test = part.startswith("test")
    where = task.parts[part]
    labels = (task.data.test if test else task.data.train).labels[where]
    return 100 * float((task.outputs(model)["test" if test else "train"][where].argmax(1) == labels).mean())


def losses(task: Classifier, model: nn.Module, index: Index) -> torch.Tensor:
    """Cross-entropy [n] of training items, in eval mode."""
    logits = torch.from_numpy(task.outputs(model)["train"][index])
    return nn.functional.cross_entropy(logits, torch.from_numpy(task.data.train.labels[index]), reduction="none")
