"""What is known of the embedded text-to-image model, measured: how often its judges find its pictures right."""

from pathlib import Path
from typing import Any

import numpy as np
from torch.nn import functional as F

from ..api.files import write_bytes, write_json
from ..data import emoji
from ..families.text_to_image import FAMILY
from ..families.text_to_image.task import TextToImage
from . import _emoji

DRAWING = {"steps": 6, "watch_steps": 6, "guidance": 2.0}
CAREFUL, ROUNDS = 20, 3  # DDIM steps and seeds of each prompt that the card's accuracy is measured with
DOMAINS = {"object": emoji.OBJECTS, "style": emoji.STYLES}


def describe(folder: Path, recipe: dict[str, Any]) -> dict[str, Any]:
    """Write card.json and README.md beside a finished pipeline, and return the card.

    Args:
        folder: the pipeline.
        recipe: how it was trained.
    """
    card = {
        "title": "Emoji painter",
        "summary": "A small but complete Stable Diffusion that draws 20 things in the styles of eight emoji artists, 64 x 64 pixels.",
        "family": FAMILY.id,
        "data": "emoji",
        "domains": DOMAINS,
        "templates": emoji.TEMPLATES,
        "near": near(),
        "drawing": DRAWING,
        "judge": "emoji",
        "size": [64, 64, 3],
        "default_forget": ["cat"],
        "default_method": "uce",
        "order": 60,
        "recipe": recipe,
        "source": {
            "title": "Trained by `python -m backends.zoo emoji-sd` on assets/data/emoji",
            "url": "https://arxiv.org/abs/2112.10752",
            "licence": "Apache-2.0 (weights made by this project); the drawings' licences stand in ATTRIBUTION.md of the data",
        },
    }
    write_json(folder / "card.json", card)
    card |= measured(folder)
    write_json(folder / "card.json", card)
    write_bytes(folder / "README.md", readme(card).encode())
    return card


def near() -> dict[str, list[str]]:
    """The other names of its kind for every object and style, nearest first.

    Of an object first those of the same kind as people see it (`emoji.KINDS`), the nearest in that list first; the
    others, and the styles, by the mean cosine of their drawings, brought to 16 x 16 pixels and less the mean drawing.
    """
    rows = F.avg_pool2d(_emoji.drawings(), 8).flatten(1).view(len(emoji.STYLES), len(emoji.OBJECTS), -1)
    neighbours = {}
    for names, features in ((emoji.OBJECTS, rows), (emoji.STYLES, rows.transpose(0, 1))):
        unit = F.normalize(features - features.mean(1, keepdim=True), dim=-1)
        alike = (unit @ unit.transpose(1, 2)).mean(0)
        for at, name in enumerate(names):
            ranked = [names[i] for i in alike[at].argsort(descending=True).tolist() if i != at]
            neighbours[name] = [*_kin(name), *(other for other in ranked if other not in _kin(name))]
    return neighbours


def _kin(name: str) -> list[str]:
    """The other objects of the same kind, the nearest in its list first; none for a style."""
    kind = next((kind for kind in emoji.KINDS if name in kind), [])
    return sorted(
        (other for other in kind if other != name), key=lambda other: abs(kind.index(other) - kind.index(name))
    )


def measured(folder: Path) -> dict[str, Any]:
    """Parameters, and percent of pictures whose object and style the judges find right, in a few ways of drawing."""
    task = TextToImage(str(folder))
    task.resolve(["cat"])
    model, suite, judge = task.load(), task.asking.suite, task.judge
    assert judge is not None
    accuracy = {}
    for steps, guidance, rounds in ((CAREFUL, DRAWING["guidance"], ROUNDS), (DRAWING["steps"], DRAWING["guidance"], 1)):
        prompts, seeds = [shot.prompt for shot in suite] * rounds, range(len(suite) * rounds)
        judgements = judge.look(task.draw(model, prompts, seeds, steps=int(steps), guidance=guidance), prompts)
        for domain, names in DOMAINS.items():
            truth = np.array([names.index(getattr(shot, domain)) for shot in suite] * rounds)
            right = 100 * float((judgements[domain].argmax(1) == truth).mean())
            accuracy[f"{domain}, {steps} steps"] = round(right, 2)
    return {"parameters": sum(p.numel() for p in model.parameters()), "accuracy": accuracy}


def readme(card: dict[str, Any]) -> str:
    """The folder's README."""
    recipe = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in card["recipe"].items())
    accuracies = "; ".join(f"{name}: {value} %" for name, value in card["accuracy"].items())
    return f"""# {card["title"]}

{card["summary"]}

{card["parameters"]:,} parameters in U-Net and text encoder. Pictures that its judges find right: {accuracies}. The folder loads with
`StableDiffusionPipeline.from_pretrained`; weights are in half precision.

Recipe: {recipe}.

{card["source"]["title"]}. Licence: {card["source"]["licence"]}.
"""
