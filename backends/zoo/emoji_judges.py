"""The judges of the emoji drawings: one classifier says which object a picture shows, the other in whose style."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import ResNetConfig, ResNetForImageClassification

from ..api.files import write_bytes, write_json
from ..api.home import ASSETS
from ..data import emoji
from ..families.text_to_image.judges import Trained
from ..models.whole import arranged
from . import _emoji

BATCH = 64
VIEWS = 4  # ways each drawing is shown to test the judges, and to compare generated pictures with


def main(
    to: Annotated[Path, typer.Option(help="Folder to write to.")] = ASSETS / "judges" / "emoji",
    steps: Annotated[int, typer.Option(help="Training steps of each judge.")] = 900,
) -> None:
    """Train the judges of drawn emoji on the real drawings (about five minutes on two cores)."""
    drawings = _emoji.drawings()
    for domain, names in (("object", emoji.OBJECTS), ("style", emoji.STYLES)):
        model = trained(domain, names, drawings, steps)
        arranged(model, torch.contiguous_format).save_pretrained(to / domain)
        (to / domain / "model.safetensors").chmod(0o644)
    judge = Trained("emoji", torch.device("cpu"))
    judge.folder = to
    generator = torch.Generator().manual_seed(7)
    views = [as_bytes(_emoji.augmented(drawings, generator)) for _ in range(VIEWS)]
    judgements = [judge.look(view) for view in views]
    truth = {domain: labels(domain).numpy() for domain in ("object", "style")}
    accuracy = {
        domain: 100 * float(np.mean([(look[domain].argmax(1) == truth[domain]).mean() for look in judgements]))
        for domain in truth
    }
    features = torch.from_numpy(np.concatenate([look["features"] for look in judgements]))
    real = {"features": features} | {name: torch.from_numpy(np.tile(ids, VIEWS)) for name, ids in truth.items()}
    write_bytes(to / "real.safetensors", save(real, {"format": "pt"}))
    write_json(to / "card.json", card(accuracy, steps))
    typer.echo(f"judges: {accuracy} written to {to}", err=True)


def labels(domain: str) -> Tensor:
    """The object or style number of each of the 160 drawings, in the order of `_emoji.drawings`."""
    rows = torch.arange(len(emoji.STYLES) * len(emoji.OBJECTS))
    return rows % len(emoji.OBJECTS) if domain == "object" else rows // len(emoji.OBJECTS)


def as_bytes(pictures: Tensor) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Pictures [n, 3, h, w] from 0 to 1 as uint8 [n, h, w, 3]."""
    return (255 * pictures.clamp(0, 1)).round().byte().permute(0, 2, 3, 1).numpy()


def trained(domain: str, names: list[str], drawings: Tensor, steps: int) -> ResNetForImageClassification:
    """A small ResNet that learned drawings as they are shown, a little blurred, noisy and tinted as drawn pictures are."""
    torch.manual_seed(11)
    config = ResNetConfig(
        num_channels=3, embedding_size=24, hidden_sizes=[24, 48, 64, 32], depths=[1, 1, 1, 1], layer_type="basic"
    )
    config.id2label = dict(enumerate(names))
    config.label2id = {name: number for number, name in enumerate(names)}
    model = arranged(ResNetForImageClassification(config), torch.channels_last)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps, pct_start=0.2)
    generator, truth = torch.Generator().manual_seed(5), labels(domain)
    for step in range(steps):
        which = torch.randint(len(drawings), (BATCH,), generator=generator)
        x = roughened(_emoji.augmented(drawings[which], generator, turn=6, shift=0.04), generator)
        loss = F.cross_entropy(model(pixel_values=2 * x - 1).logits, truth[which], label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            typer.echo(f"  {domain} {step}: loss {loss.item():.3f}", err=True)
    model.eval()
    return model


def roughened(x: Tensor, generator: torch.Generator) -> Tensor:
    """Pictures with a random blur, noise and tint, in channels-last order."""
    blur = torch.rand(len(x), 1, 1, 1, generator=generator)
    x = torch.lerp(x, F.avg_pool2d(x, 3, 1, 1, count_include_pad=False), blur)
    tint = 1 + 0.08 * torch.randn(len(x), 3, 1, 1, generator=generator)
    noise = 0.04 * torch.rand(len(x), 1, 1, 1, generator=generator) * torch.randn(x.shape, generator=generator)
    return (x * tint + noise).clamp(0, 1).contiguous(memory_format=torch.channels_last)


def card(accuracy: dict[str, float], steps: int) -> dict[str, Any]:
    """What is known of the judges."""
    return {
        "title": "Judges of the emoji drawings",
        "summary": "Two small classifiers, one for the object and one for the style of a drawing.",
        "accuracy": {name: round(value, 2) for name, value in accuracy.items()},
        "tested_on": f"the 160 drawings of the training, each shown {VIEWS} times with other sizes, places and turns; there are no others",
        "recipe": {"steps": steps, "batch_size": BATCH, "learning_rate": 4e-3, "weight_decay": 0.05, "seed": 11},
        "source": {
            "title": "Trained by `python -m backends.zoo emoji-judges` on assets/data/emoji",
            "licence": "Apache-2.0 (weights made by this project); the drawings' licences stand beside them",
        },
    }
