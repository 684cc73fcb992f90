"""Unlearnable clusters, measured: what attackers learn from protected images by bound, labels, treatment and architecture."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Annotated, Any

import typer

from ..api import files
from ..api.home import ASSETS

MODEL, OTHER = "fashion-resnet", "fashion-vit"
SEEDS = (0, 1, 2)
IMAGES, EPOCHS, GROUPS, ASKED = 10_000, 6, 3, 5000
BOUNDS, BOUND = (8, 16, 24), 24
CLEAN = 0  # the bound of images that nothing was added to
LABELS = ("classes", "likeness", "lot")
MEASURED = ASSETS / "measured" / "systems" / "protection.json"
HEAD = f"""# Unlearnable clusters, measured

Made by `python -m backends.zoo protection` with {MODEL} as the surrogate, by a rule: of Fashion-MNIST {IMAGES:,} training images drawn by the seed are
protected, all that the attacker has, with the default settings of the method but for the bound eps (of 255), and attackers train for {EPOCHS} epochs from new weights
by the model's recipe. Three seeds of the draw, the pictures and the attacker; mean, and the standard deviation over the seeds; numbers of fewer seeds say so. Each number
is the accuracy on the {ASKED:,} clean test images, in percent. Beside every attacker on protected images stands the same one on the clean images: a weak attacker is no
protection.

What the paper says (Zhang et al., Unlearnable Clusters, CVPR 2023, its abstract; no table of it was read): images protected without knowing
the labels stay useless to learn from whatever labels somebody gives them, also on the services Azure and PaddlePaddle. What others
say of such images (arXiv 2306.02064, its abstract): JPEG, strong augmentation, adversarial or staged training bring much of it back.
"""


@dataclass(frozen=True)
class Case:
    """One attacker: the bound of what its images bear (0: clean), its labels, what it does to the images, and its architecture."""

    seed: int
    eps: int
    labels: str = LABELS[0]
    how: str = "as released"
    attacker: str = MODEL


def main(
    minutes: Annotated[float, typer.Option(help="Start no attacker after this many minutes; 0: go on to the end.")] = 0,
    to: Annotated[Path, typer.Option(help="Folder of the table.")] = Path("docs/results"),
) -> None:
    """Measure what is not measured yet (about half an hour on one core), and write the tables."""
    end = time.monotonic() + 60 * minutes
    for seed in SEEDS:
        left = [case for case in cases(seed) if not _stored(case)]
        if left:
            for row in _measured(seed, left):
                files.write_json(MEASURED, [*files.read_json(MEASURED, []), row])
                typer.echo(str(row), err=True)
                if minutes and time.monotonic() > end:
                    break
    files.write_bytes(to / "protect.md", table(files.read_json(MEASURED, [])).encode())


def cases(seed: int) -> Iterator[Case]:
    """Every attacker of a seed."""
    from ..families.classifier.unlearnable import TREATMENTS

    for eps in (CLEAN, *BOUNDS):
        yield Case(seed, eps)
    for eps in (CLEAN, BOUND):
        for labels in LABELS[1:]:
            yield Case(seed, eps, labels=labels)
        for how in TREATMENTS[1:]:
            yield Case(seed, eps, how=how)
        yield Case(seed, eps, attacker=OTHER)


def _stored(case: Case) -> bool:
    return any(_case(row) == case for row in files.read_json(MEASURED, []))


def _case(row: dict[str, Any]) -> Case:
    return Case(**{name: row[name] for name in Case.__dataclass_fields__})


def _measured(seed: int, left: list[Case]) -> Iterator[dict[str, Any]]:
    import numpy as np
    import torch

    from ..families.classifier import unlearnable
    from ..families.classifier.resolve import resolve, task_confusion
    from ..families.classifier.task import Classifier

    tasks = {name: Classifier(name) for name in {case.attacker for case in left} | {MODEL}}
    task = tasks[MODEL]
    resolve(task, (f"random:{100 * IMAGES / len(task.data.train):g}%:{seed}",))
    ids, classes = task.parts["forget"], len(task.names)
    clean = unlearnable.raw(task, ids)
    labelings = {
        "classes": np.arange(classes),
        "likeness": unlearnable.groups(task_confusion(task), GROUPS),
        "lot": unlearnable.by_lot(classes, GROUPS, seed),
    }
    bearing = {CLEAN: clean} | {eps: _protected(task, eps, seed) for eps in {case.eps for case in left} - {CLEAN}}
    tests = unlearnable.raw(task, task.data.own_test[:ASKED], test=True)
    truth, answers = (
        torch.from_numpy(one)
        for one in (task.data.train.labels[ids], task.data.test.labels[task.data.own_test[:ASKED]])
    )
    for case in left:
        labeling, attacker = torch.from_numpy(labelings[case.labels]), tasks[case.attacker]
        images = unlearnable.treated(bearing[case.eps], case.how)  # type: ignore[arg-type]
        *_, last = unlearnable.attack(
            attacker, attacker.fresh(seed), images, labeling[truth], (tests, labeling[answers]),
            epochs=EPOCHS, seed=seed, how=case.how,  # type: ignore[arg-type]
        )  # fmt: skip
        yield asdict(case) | {"learned": round(last.train, 2), "clean": round(last.clean, 2)}


def _protected(task: Any, eps: int, seed: int) -> Any:
    """The images of the forget set as a run of the method publishes them."""
    from ..core.run import Run
    from ..methods.unlearnable_clusters import UnlearnableClusters, protected
    from ._train import Quiet

    run = Run(task, Quiet(), seed)
    task.parts["published"] = task.parts["forget"]
    return protected(run, UnlearnableClusters(eps=eps)).images(task)


def table(rows: list[dict[str, Any]]) -> str:
    """The document, from the rows that are stored."""
    each: dict[Case, list[tuple[float, float]]] = {}
    for row in rows:
        case = _case(row)
        each.setdefault(Case(0, case.eps, case.labels, case.how, case.attacker), []).append(
            (row["learned"], row["clean"])
        )
    parts = [HEAD, "## How strong\n", "| eps | on its own images | on clean images |", "|---|---|---|"]
    for eps in (CLEAN, *BOUNDS):
        own = [pair[0] for pair in each.get(Case(0, eps), [])]
        parts.append(f"| {eps or 'clean images'} | {_cell(own)} | {_clean(each, Case(0, eps))} |")
    titles = {
        "classes": "the ten classes",
        "likeness": f"{GROUPS} labels, classes by likeness",
        "lot": f"{GROUPS} labels, classes by lot",
    }
    parts += ["", f"## Whatever labels (eps {BOUND})\n", *_pairs(each, "labels", titles)]
    ways = ("as released", "JPEG", "blur", "crop and flip", "adversarial training")
    treatments = dict(
        zip(
            ways,
            ("nothing", "JPEG of quality 30", "blur of 1 pixel", "crop and flip", "adversarial training"),
            strict=True,
        )
    )
    parts += ["", f"## What is done to the images first (eps {BOUND})\n", *_pairs(each, "how", treatments)]
    parts += [
        "",
        f"## Another architecture (eps {BOUND})\n",
        *_pairs(each, "attacker", {MODEL: "ResNet, as the surrogate", OTHER: "ViT"}),
    ]
    return "\n".join([*parts, ""])


def _pairs(each: dict[Case, list[tuple[float, float]]], field: str, titles: dict[str, str]) -> list[str]:
    lines = ["| attacker | learned from clean images | learned from protected ones |", "|---|---|---|"]
    for value, title in titles.items():
        cells = [_clean(each, Case(**{"seed": 0, "eps": eps, field: value})) for eps in (CLEAN, BOUND)]  # type: ignore[arg-type]
        lines.append(f"| {title} | {cells[0]} | {cells[1]} |")
    return lines


def _clean(each: dict[Case, list[tuple[float, float]]], case: Case) -> str:
    return _cell([pair[1] for pair in each.get(case, [])])


def _cell(values: list[float]) -> str:
    if not values:
        return ""
    few = "" if len(values) == len(SEEDS) else f" ({len(values)} of {len(SEEDS)} seeds)"
    return f"{mean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else "") + few
