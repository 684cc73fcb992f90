"""Shared by inspectors: which images to look at, names of layers, pictures of signed values, plain wording."""

import itertools
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from ..api.panels import Verdict
from ..core.evidence import InspectContext
from ..core.task import Index, Task
from ..families.classifier.guards import INPUT_DELTA
from ..families.classifier.items import positions
from ..families.classifier.task import Classifier
from ..families.text_to_image.pipeline import Diffusion

Group = Literal["forget", "neighbour", "unrelated"]
GROUPS: tuple[Group, ...] = ("forget", "neighbour", "unrelated")
GROUP_WORDS: dict[Group, str] = {"forget": "forget set", "neighbour": "neighbours", "unrelated": "unrelated"}
BATCH = 512

# The two ends of every difference, as in all of Lethe's figures: blue is less, orange is more, white is 0.
LESS, MORE = np.array([0, 114, 178]), np.array([230, 120, 20])


@dataclass(frozen=True)
class ImageItem:
    """One image of the data: its group, where it lies, and its true class."""

    group: Group
    split: Literal["train", "test"]
    position: int
    label: int

    @property
    def id(self) -> str:
        """The id that metrics use: "train-17"."""
        return f"{self.split}-{self.position}"


@contextmanager
def exact(task: Task) -> Iterator[None]:
    """Work in float32, whatever precision the job had: gradients and similarities need it."""
    before = task.precision
    task.precision = torch.float32
    try:
        yield
    finally:
        task.precision = before


def images(look: InspectContext[Classifier], each: int) -> list[ImageItem]:
    """At most `each` images of every group, the same ones each time.

    Forget: new images of the forgotten classes where classes were forgotten, else the forgotten training images
    themselves. Neighbours and unrelated: test images.
    """
    task, split = look.task, "test" if look.task.forgotten_classes else "train"
    labels = task.data.test.labels
    near = np.isin(labels, task.neighbours)
    pools = {
        "forget": task.parts["test_forget" if split == "test" else "forget"],
        "neighbour": np.flatnonzero(near),
        "unrelated": np.flatnonzero(~near & ~np.isin(labels, task.forgotten_classes)),
    }
    selected = []
    for group in GROUPS:
        where: Literal["train", "test"] = "train" if group == "forget" and split == "train" else "test"
        own = (task.data.test if where == "test" else task.data.train).labels
        chosen = np.random.default_rng(0).permutation(pools[group])[:each]
        selected += [ImageItem(group, where, int(i), int(own[i])) for i in chosen]
    return selected


def chosen_image(look: InspectContext[Classifier], name: str) -> ImageItem:
    """The image of a name ("train-17", "test-3"), in the group of its class.

    Raises:
        BadInput: there is no such image.
    """
    task = look.task
    ((split, position),) = positions(task, [name.strip()])
    where: Literal["train", "test"] = "test" if split == "test" else "train"
    label = int((task.data.test if where == "test" else task.data.train).labels[position])
    forgotten = label in task.forgotten_classes or (where == "train" and position in task.parts["forget"])
    group: Group = "forget" if forgotten else "neighbour" if label in task.neighbours else "unrelated"
    return ImageItem(group, where, position, label)


def in_batches(task: Classifier, items: list[ImageItem], function: Callable[[Tensor], Tensor]) -> NDArray[np.float32]:
    """`function` of every item's pixels, without gradient, rows in the order of the items."""
    rows: dict[str, NDArray[np.float32]] = {}
    with torch.no_grad():
        for split in ("train", "test"):
            of_split = [item for item in items if item.split == split]
            for at in range(0, len(of_split), BATCH):
                part = of_split[at : at + BATCH]
                batch = task.batch(np.array([item.position for item in part]), test=split == "test")
                values = function(batch.x).float().cpu().numpy()
                rows |= {item.id: row for item, row in zip(part, values, strict=True)}
    return np.stack([rows[item.id] for item in items])


def accuracy(task: Classifier, model: nn.Module, index: Index, *, test: bool = False) -> float:
    """Share of items that the model gets right, in percent; NaN for none."""
    if not len(index):
        return math.nan
    count = 0
    with torch.no_grad():
        for at in range(0, len(index), BATCH):
            batch = task.batch(index[at : at + BATCH], test=test)
            logits = task.forward(model, batch.x)
            sound = logits.isfinite().all(1)
            count += int(((logits.argmax(1) == batch.y) & sound).sum())
    return 100 * count / len(index)


def layer(name: str, model: nn.Module) -> str:
    """The layer a tensor belongs to, by its name: up to the last number in it ("encoder.stages.0.layers.1"), else its
    first word. The model's own prefix is left out; a head that is a sequence of modules counts as one layer.

    Of models that draw, in words: "U-Net down 1", "U-Net mid", "text encoder layer 0"; the keys and values of a block's
    cross-attention, where the prompt enters, count as a layer of their own: "U-Net down 1, text keys/values".
    """
    if isinstance(model, Diffusion):
        return _drawing_layer(name)
    prefix = getattr(model, "base_model_prefix", "")
    short = name.removeprefix(f"{prefix}.") if prefix else name
    inside = short != name
    module = short.rpartition(".")[0]
    words = module.split(".") if module else [short]
    if not inside:
        return words[0]
    block = re.match(r"(?:.*?\b(?:layers?|blocks?)\.\d+)", module)
    if block:
        return block[0]
    numbers = [place for place, word in enumerate(words) if word.isdigit()]
    return ".".join(words[: numbers[0] + 1]) if numbers else words[0]


TEXT_KEYS = ", text keys/values"
PLACES = {  # where a tensor of a model that draws stands, from the prompt to the picture
    "text_encoder.": "text encoder",
    "text_encoder_2.": "second text encoder",
    "unet.conv_in.": "U-Net in",
    "unet.time_embedding.": "U-Net time",
    "unet.add_embedding.": "U-Net size and words",
    "unet.down_blocks.": "U-Net down",
    "unet.mid_block.": "U-Net mid",
    "unet.up_blocks.": "U-Net up",
    "unet.": "U-Net out",
}


def _place(name: str) -> str:
    """The entry of `PLACES` that a tensor's name begins with."""
    return max((start for start in PLACES if name.startswith(start)), key=len)


def _drawing_layer(name: str) -> str:
    place = _place(name)
    words, text = PLACES[place], "text" in place
    number = re.search(r"\.layers\.(\d+)\." if text else r"\.(?:down|up)_blocks\.(\d+)\.", name)
    if text:
        return f"{words} layer {number[1]}" if number else f"{words} {'words' if 'embedding' in name else 'end'}"
    within = f"{words} {number[1]}" if number else words
    return within + (TEXT_KEYS if re.search(r"\.attn2\.to_[kv]\.", name) else "")


def from_entrance(names: Iterable[str], model: nn.Module) -> list[str]:
    """Names of tensors from the model's entrance to its exit: as the model lists them, of one that draws by its parts."""
    if not isinstance(model, Diffusion):
        return list(names)
    order = list(PLACES)
    return sorted(names, key=lambda name: order.index(_place(name)))


def show(task: Classifier, item: ImageItem, side: int = 0) -> Image.Image:
    """The image itself; with `side`, its longer side is brought to about that many pixels."""
    image: Image.Image = task.show(item.position, test=item.split == "test")
    return enlarged(image, side) if side else image


def enlarged(image: Image.Image, side: int) -> Image.Image:
    """The picture at about `side` pixels: small ones by a whole factor, so that pixels stay squares."""
    longest = max(image.size)
    if longest >= side:
        image = image.copy()
        image.thumbnail((side, side))
        return image
    factor = max(1, round(side / longest))
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)


def signed(
    values: NDArray[np.floating], largest: float, under: Image.Image | None = None, side: int = 140
) -> Image.Image:
    """A picture of signed values [height, width]: blue below 0, white at 0, orange above, full colour at ±`largest`.

    With `under`, a pale grey version of that image shows through where values are small.
    """
    strength = np.clip(np.nan_to_num(values) / largest, -1, 1) if largest > 0 else np.zeros_like(values)
    ends = np.where(strength[..., None] > 0, MORE, LESS)
    ground = np.full((*values.shape, 3), 255.0)
    if under is not None:
        grey = np.asarray(under.convert("L").resize(values.shape[::-1]), np.float64)
        ground = np.repeat((210 + grey * (45 / 255))[..., None], 3, axis=2)
    weight = np.abs(strength)[..., None]
    return enlarged(Image.fromarray((ground * (1 - weight) + ends * weight).round().astype(np.uint8)), side)


def halfway(doses: Sequence[float], values: Sequence[float]) -> float:
    """The first dose at which half of the change of `values` from dose 0 to dose 1 is made, linear between the doses measured;
    NaN where a value up to there is no number."""
    start, end = (values[doses.index(dose)] for dose in (0.0, 1.0))
    done = [(value - start) / (end - start) if end != start else math.nan for value in values]
    steps = list(zip(doses, done, strict=True))
    for (low, before), (high, after) in itertools.pairwise(steps[doses.index(0.0) :]):
        if math.isnan(before + after):
            return math.nan
        if after >= 0.5:
            return low + (high - low) * (0.5 - before) / (after - before)
    return math.nan


def at_dose(dose: float) -> str:
    """Where half is done, in words."""
    return (
        "Where half of the forgetting is done was not measured"
        if math.isnan(dose)
        else (f"Half of the forgetting is done at dose {dose:.2f}, between the doses measured in a straight line")
    )


def percent(value: float) -> str:
    """A percentage as people read it: 99.5 %, 100 %; "not measured" for NaN."""
    return "not measured" if math.isnan(value) else f"{round(value, 1) + 0.0:.1f}".removesuffix(".0") + " %"


def nothing_moved(look: InspectContext[Any], count: int) -> Verdict:
    """That no tensor of a model moved, and why."""
    guard = hasattr(look.after, INPUT_DELTA)
    why = (
        "the method left the model alone and adds a picture to its input instead; without that picture nothing is forgotten"
        if guard
        else "the model after is the model before"
    )
    return Verdict(
        title="Did any weight move?",
        how="Every tensor of the model after is compared with the model before.",
        says=f"No weight moved: all {count} tensors are as they were, because {why}.",
        sign="no",
    )
