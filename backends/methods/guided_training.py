"""Guidance: a network that is badly suited to its data learns beside a guide, and once more without one."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import nn

from ..api.errors import BadInput
from ..api.languages import later
from ..api.stages import Words
from ..core.registry import Params, method
from ..core.run import Run, Stateful
from ..families.classifier import guiding
from ..families.classifier.guiding import ASKED, LEAST, TEST_UNGUIDED, UNGUIDED, Course, Pupil
from ..families.classifier.task import Classifier
from ..models.recipe import optimizer_and_schedule, renew

WORDS = Words(
    heading=later("Leave out"),
    asks=later("What to leave out"),
    done=later("{model} learns beside a guide without {target}"),
    works=later("{model} is learning beside a guide without {target}"),
    planned=later("{model} was to learn beside a guide without {target}"),
    short=later("Guided without {target}"),
    counted=later("{forget:,} {noun} left out, {keep:,} to learn from"),
    question=later("Did the guide help?"),
    rest=later("Less by heart?"),
    after=later("guided"),
    goals=False,
)
GUIDE_EPOCHS = 15  # of a guide that learns from the same images


class GuidedTraining(Params):
    """Who guides, how strongly and how long."""

    guide: Literal["trained", "trained on the same images", "untrained", "none"] = Field(
        default="trained",
        description="trained: a model as it came, which learned from all images. trained on the same images: its architecture, trained first on what this network learns from. "
        "untrained: its architecture with new weights. none: nobody.",
    )
    network: str = Field(
        default="",
        max_length=100,
        description="Id of the model that guides. Empty: of those that came with Lethe and learned from the same data, the one most often right, or this model itself.",
    )
    noise: bool = Field(default=False, description="Compare network and guide on random pixels instead of images.")
    alpha: float = Field(
        default=1.0, ge=0, le=1000, description="Weight of the distance, a sum over the guide's layers."
    )
    stop_after: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="Steps after which the guide is left; 0: never. 300 in the authors' code.",
    )
    epochs: int = Field(default=40, ge=1, le=1000, description="Passes over the images that are not left out.")
    batch_size: int = Field(
        default=128,
        ge=LEAST,
        le=4096,
        description="Images at least in a step, or all there are; CKA of fewer than 64 says too little.",
    )
    learning_rate: float = Field(
        default=1e-3, gt=0, le=1, description="Step size of Adam; it falls to a tenth after every 30 passes."
    )
    beside: Literal["unguided", "unguided and untrained guide"] = Field(
        default="unguided and untrained guide",
        description="Which networks learn besides, from the same first weights and batches, to compare with.",
    )


@method(
    id="guided_training",
    title="Training the Untrainable (Guidance)",
    short="Guidance",
    summary="Trains new weights that learn their labels and, layer by layer, to see images as a guide does.",
    school="A pupil who finds pictures hard sits next to another one, and learns to look as that one does.",
    student=(
        "New weights are trained on the images that are not left out, by L = CE + alpha * sum over the guide's layers of (1 - CKA), where CKA (linear) compares the Gram matrices "
        "of what a layer of the network and one of the frozen guide make of the same batch; layers are paired evenly from first to last. The same network learns without a "
        "guide, from the same first weights and the same batches, so that any difference is the guide's. A guide that was trained hands on what it learned; one that was not has "
        "its architecture alone to give. It may show random pixels, or be left after some steps. What is left out makes the data small: a network that fits them badly learns them by "
        "heart, and the gap between training and testing accuracy says how much."
    ),
    source={
        "title": "Subramaniam et al., Training the Untrainable, NeurIPS 2025",
        "url": "https://arxiv.org/abs/2410.20035",
        "code": "https://github.com/vsubramaniam851/untrainable-networks",
    },
    label="same algorithm, smaller model",
    kind="retain",
    stage="learn",
    words=WORDS,
    departures=(
        "Networks of 0.3 M parameters learn from some thousand images of 28 x 28, where the paper trains networks of 10 layers, 4,096 wide, on ImageNet. What is compared is the "
        "output of each stage or block (hidden states), not of every layer. Nothing is augmented, so that guide and network see the same. "
        "The batch norm of an untrained guide takes its means from training images; random pixels are shown to network and guide alike. "
        "A guide that was trained on the same images alone is ours: one as it came has seen those that are left out. RSA, the other distance of the code, is not built. "
        "What the paper claims came out in part: docs/results/guidance.md."
    ),
    needs=("classes", "hidden states"),
    order=94,
)
def guided_training(run: Run[Classifier], params: GuidedTraining) -> None:
    """Train new weights by CE + alpha * sum of (1 - CKA) with a frozen guide, and the same weights without one.

    Raises:
        BadInput: too few images to learn from, or a guide that does not fit.
    """
    task = run.task
    if run.size("keep") < LEAST:
        raise BadInput(
            f"{run.size('keep')} images are left to learn from, but CKA needs {LEAST} in a step; leave out fewer."
        )
    guide_task = guiding.guide_task(task, params.network)
    kind = "trained" if params.guide == "none" else params.guide
    guide = _guide(run, guide_task, kind)
    renew(run)
    count = max(1, run.size("keep") // params.batch_size)
    pupils: list[Pupil] = []
    for name, its_guide in _networks(run, params, guide, guide_task).items():
        network = run.model if not pupils else run.fresh()
        optimizer, schedule = guiding.optimizer_and_schedule(network, params.learning_rate, count)
        pupils.append(Pupil(name, network, optimizer, schedule, its_guide))
    reported = task.parts["test"][:: max(1, len(task.parts["test"]) // guiding.REPORTED)][: guiding.REPORTED]
    before = run.cached("compare first", lambda: guiding.similarity(task, run.model, guide_task, guide, reported))
    course = _learn(run, params, pupils, guide_task, count)

    def compare() -> dict[str, Any]:
        return {
            "course": course.state_dict(),
            "after": torch.stack([guiding.similarity(task, one.network, guide_task, guide, reported) for one in pupils]),
            "right": [
                [torch.from_numpy(guiding.right(task, one.network, task.parts[part], test=part == "test")) for part in ("keep", "test")]
                for one in pupils
            ],
        }  # fmt: skip

    compared = run.cached("compare", compare)
    course.load_state_dict(compared["course"])
    of = [run.size("keep"), run.size("test")]
    ends = [[100 * len(ids) / max(1, all_) for ids, all_ in zip(each, of, strict=True)] for each in compared["right"]]
    run.keep_made(
        guiding.MADE,
        course.arrays
        | {
            "names": np.array([one.name for one in pupils]),
            "guide": np.array([f"{Path(guide_task.id).name}, {kind}"]),
            "ends": np.array(ends, np.float32),
            "images": np.array(of),
            "before": before.numpy(),
            "after": compared["after"].numpy(),
        },
    )
    alone = compared["right"][min(1, len(pupils) - 1)]
    task.parts[UNGUIDED], task.parts[TEST_UNGUIDED] = (ids.numpy() for ids in alone)
    if params.guide == "trained":
        task.notes.append(
            f"The guide {Path(guide_task.id).name} had learned from all its training images, those left out here among them."
        )


def _networks(
    run: Run[Classifier], params: GuidedTraining, guide: nn.Module, guide_task: Classifier
) -> dict[str, nn.Module | None]:
    """The networks that learn, the run's own first, and the guide of each."""
    if params.guide == "none":
        return {"unguided": None}
    networks: dict[str, nn.Module | None] = {"guided": guide, "unguided": None}
    if params.beside == "unguided and untrained guide" and params.guide != "untrained":
        networks["guide untrained"] = _guide(run, guide_task, "untrained")
    return networks


def _guide(run: Run[Classifier], task: Classifier, kind: str) -> nn.Module:
    """The guide, frozen and in eval mode."""
    if kind == "trained":
        return task.load().requires_grad_(False)
    model = task.fresh(run.seed + 1)

    def make() -> dict[str, torch.Tensor]:
        if kind == "untrained":
            guiding.calibrated(task, model, run.task.parts["keep"])
        else:
            _train_guide(run, task, model)
        return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    model.load_state_dict(run.cached(f"guide {kind}", make))
    return model.requires_grad_(False).eval()


def _train_guide(run: Run[Classifier], task: Classifier, model: nn.Module) -> None:
    """New weights of the guide's architecture trained by its recipe on what the network learns from."""
    index, size = run.task.parts["keep"], int(task.recipe["batch_size"])
    count = -(-len(index) // size)
    optimizer, schedule = optimizer_and_schedule(model.train(), task.recipe, GUIDE_EPOCHS * count)
    rng = np.random.default_rng([run.seed, 17])
    for epoch in range(GUIDE_EPOCHS):
        for step, part in enumerate(np.array_split(rng.permutation(index), count)):
            batch = task.batch(part, augment=True)
            loss = task.loss(task.forward(model, batch.x), batch.y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            run.report("the guide learns", epoch * count + step, GUIDE_EPOCHS * count)


def _learn(
    run: Run[Classifier], params: GuidedTraining, pupils: list[Pupil], guide_task: Classifier, count: int
) -> Course:
    """All networks, batch by batch, each with its own guide; `count` batches a pass."""
    task, course = run.task, Course(len(pupils), params.epochs)
    saved: dict[str, Stateful] = {"course": course}
    for one in pupils:
        saved |= {f"optimizer {one.name}": one.optimizer, f"schedule {one.name}": one.schedule}
        if one.network is not run.model:
            saved[f"network {one.name}"] = one.network
        one.network.train()
    test_sample = task.parts["test"][:: max(1, len(task.parts["test"]) // ASKED)]
    size = -(-run.size("keep") // count)  # split evenly, none is smaller than asked for
    for batch in run.epochs("learn", ["keep"] * params.epochs, size, saved, augment=False):
        guides = params.guide != "none" and not (params.stop_after and batch.step >= params.stop_after)
        views = guiding.shown_to(task, guide_task, batch, noise=params.noise) if guides else None
        for number, one in enumerate(pupils):
            logits, apart = one.step(batch.x, batch.y, params.alpha, views)
            course.add(number, batch.epoch, logits, batch.y, apart)
        done = course.arrays
        run.log(
            loss=float(done["loss"][0, batch.epoch]),
            unguided_loss=float(done["loss"][min(1, len(pupils) - 1), batch.epoch]),
        )
        if (batch.step + 1) % count == 0:
            for number, one in enumerate(pupils):
                correct = guiding.right(task, one.network, test_sample, test=True)
                course.asked[number, batch.epoch] = 100 * len(correct) / max(1, len(test_sample))
    return course
