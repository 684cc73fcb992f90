"""The retrained references that Lethe ships: the embedded models trained again without what is forgotten by default."""

from pathlib import Path
from typing import Annotated

import typer

from ..api.home import ASSETS

MODELS = ["fashion-resnet", "fashion-vit"]
TARGETS = ["Sandal", "random:10%"]
README = """# Retrained references

The embedded models, trained again without what is forgotten by default: the same recipe, new weights from another seed,
and nothing of the forget set. One folder for each model and forget set, named by a hash of the set's training ids;
`card.json` says which set it is and how accurate the model is in percent, `changed.safetensors` holds all tensors.
Folders `seed-<n>` in it hold references of further seeds, in half precision or, of language models, in eight bits: attacks are tried on all
of them. One of the model's own seed began with the same weights, so that its states can be put into the model. That of emoji-sd lies in several files.

Made by `python -m backends.zoo references` on `assets/data/fashion-mnist` (that of fashion-slices with `--model fashion-slices --forget slice:1.1`, of
which only what is not the frozen backbone is written), `python -m backends.zoo emoji-reference`, and
`python -m backends.zoo authors-lm` and `authors-moe` with `--without` and `--seed`. Licence: Apache-2.0 (weights made by this
project); the training images are under MIT.
"""
SEED = 1  # the embedded models have 0: a reference of another seed shares nothing with its model but the recipe
SEEDS = [SEED]


def main(
    model: Annotated[list[str], typer.Option(help="Which embedded models.")] = MODELS,
    forget: Annotated[list[str], typer.Option(help="Without what: one reference for each.")] = TARGETS,
    seed: Annotated[list[int], typer.Option(help="Of new weights; all but 1 are written in half precision.")] = SEEDS,
    to: Annotated[Path, typer.Option(help="Folder to write to.")] = ASSETS / "references",
) -> None:
    """Train the embedded models again without the default forget sets (two to five minutes each on two cores)."""
    from ..api.files import write_bytes

    write_bytes(to / "README.md", README.encode())
    for model_id in model:
        for target in forget:
            for one in seed:
                _make(model_id, target, one, to)


def _make(model_id: str, target: str, seed: int, to: Path) -> None:
    from safetensors.torch import load

    from ..api.files import write_bytes, write_json
    from ..families.classifier.resolve import resolve
    from ..families.classifier.task import Classifier
    from ..models.reference import WEIGHTS, forget_key
    from ._train import measure, tensors, trained

    task = Classifier(model_id)
    resolve(task, (target,))
    forgotten, keep_set = task.parts["forget"], task.parts["keep"]
    key = forget_key(forgotten)
    typer.echo(f"{model_id} without {target} ({len(forgotten):,} training images), seed {seed}: {key}", err=True)
    model = trained(task, keep_set, seed)
    base = task.load() if task.train_anew else None  # a backbone that stays as it was is not written again
    weights = tensors(model, half=seed != SEED, base=base)
    model.load_state_dict(load(weights), strict=base is None)  # what is measured is what is shipped
    right = {name: logits.argmax(1) for name, logits in task.outputs(model).items()}
    right["train"], right["test"] = (right[name] == getattr(task.data, name).labels for name in ("train", "test"))
    right["test"] = right["test"][task.data.own_test]
    measured = measure(task, model)
    card = {
        "title": f"{model_id}, trained again without {target}",
        "model": model_id,
        "forget": [target],
        "forget_key": key,
        "forget_count": len(forgotten),
        "seed": seed,
        "recipe": dict(task.recipe) | {"seed": seed},
        "accuracy": {
            "keep": round(100 * float(right["train"][keep_set].mean()), 3),
            "forget": round(100 * float(right["train"][forgotten].mean()), 3),
            "test": round(100 * float(right["test"].mean()), 3),
        },
        "class_accuracy": measured["class_accuracy"],
    }
    folder = to / model_id / key / ("" if seed == SEED else f"seed-{seed}")
    write_bytes(folder / WEIGHTS, weights)
    write_json(folder / "card.json", card)
    typer.echo(f"{model_id} without {target}, seed {seed}: {card['accuracy']}", err=True)
