"""The retrained reference of emoji-sd: its U-Net and text encoder trained again without the drawings of an object or a style."""

import copy
import shutil
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from safetensors.torch import save

from ..api.files import write_bytes, write_json
from ..api.home import ASSETS
from ..data import emoji
from . import emoji_sd
from ._emoji_card import CAREFUL

MODEL = "emoji-sd"
LARGEST = 9_000_000  # bytes of a file


def main(
    without: Annotated[str, typer.Option(help="An object or a style that it never sees.")] = "cat",
    seed: Annotated[int, typer.Option(help="Of the weights and of the order; the model itself has 0.")] = 1,
    work: Annotated[Path, typer.Option(help="Folder for what is half done; a second start goes on from there.")] = Path(
        "out/emoji-reference"
    ),
    steps: Annotated[list[int], typer.Option(help="As the model itself was trained.")] = [1600, 520, 900],  # noqa: B006
    to: Annotated[Path, typer.Option(help="Folder to write to.")] = ASSETS / "references",
) -> None:
    """Train emoji-sd again without an object or a style, on the model's own autoencoder (half an hour to an hour on two cores)."""
    from ..families.text_to_image.task import TextToImage

    work.mkdir(parents=True, exist_ok=True)
    task = TextToImage(MODEL)
    task.resolve([without])
    vae: Any = copy.deepcopy(task.pipe.vae)
    latents = emoji_sd.encoded(vae, work / "latents.safetensors")
    latents *= float(task.pipe.vae.config.scaling_factor) / float(vae.config.scaling_factor)
    cycles = [(count, emoji_sd.GENTLE if at else emoji_sd.PEAK) for at, count in enumerate(steps)]
    parts = emoji_sd.denoiser(
        work, task.pipe.vae, latents, cycles, seen=left(without), seed=seed, precision=torch.bfloat16
    )
    model = task.load()
    for module, trained in zip((model.unet, model.text_encoder), parts, strict=True):
        module.load_state_dict(trained.half().float().state_dict())
    folder = to / MODEL / task.forget_key
    shutil.rmtree(folder, ignore_errors=True)
    weights = {name: tensor.half().contiguous() for name, tensor in model.state_dict().items()}
    for number, shard in enumerate(shards(weights)):
        write_bytes(folder / f"changed{f'-{number}' if number else ''}.safetensors", save(shard, {"format": "pt"}))
    card = {
        "title": f"{MODEL}, trained again without {without}",
        "model": MODEL,
        "forget": [without],
        "forget_key": task.forget_key,
        "seed": seed,
        "recipe": {
            "unet_steps": sum(steps),
            "batch_size": emoji_sd.BATCH,
            "learning_rate": emoji_sd.PEAK,
            "seed": seed,
        },
        "departures": "Layers compute in bfloat16, and the autoencoder is the model's own, which saw every drawing.",
        "accuracy": accuracy(task, model, without),
    }
    write_json(folder / "card.json", card)
    typer.echo(f"{card['title']}: {card['accuracy']}", err=True)


def left(without: str) -> torch.Tensor:
    """The drawings, numbered style by style, that show neither an object nor a style of this name."""
    names = [(object_name, style) for style in emoji.STYLES for object_name in emoji.OBJECTS]
    return torch.tensor([at for at, each in enumerate(names) if without not in each])


def shards(weights: dict[str, torch.Tensor]) -> list[dict[str, torch.Tensor]]:
    """The tensors in groups of at most LARGEST bytes."""
    groups: list[dict[str, torch.Tensor]] = [{}]
    for name, tensor in weights.items():
        if sum(one.nbytes for one in groups[-1].values()) + tensor.nbytes > LARGEST:
            groups.append({})
        groups[-1][name] = tensor
    return groups


def accuracy(task: Any, model: Any, without: str) -> dict[str, float]:
    """Percent of pictures whose object and style the judges find right, of what it saw and of what it did not."""
    suite = task.asking.suite
    prompts = [shot.prompt for shot in suite]
    judged = task.judge.look(task.draw(model, prompts, range(len(suite)), steps=CAREFUL), prompts)
    measured = {}
    for domain, names in (("object", emoji.OBJECTS), ("style", emoji.STYLES)):
        right = [names[row.argmax()] == getattr(shot, domain) for row, shot in zip(judged[domain], suite, strict=True)]
        for which in ("seen", "never seen"):
            chosen = [
                one
                for one, shot in zip(right, suite, strict=True)
                if (without in (shot.object, shot.style)) == (which == "never seen")
            ]
            measured[f"{domain}, {which}"] = round(100 * sum(chosen) / max(1, len(chosen)), 2)
    return measured
