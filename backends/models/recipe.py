"""How a model is trained from new weights: one code for the embedded models, their references and the method `retrain`.

A recipe is what a model card says under `recipe`; a retrained reference is only a reference where it was made the same way.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, Field, ValidationError
from torch import nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR, StepLR

from ..api.errors import BadInput

if TYPE_CHECKING:
    from ..core.run import Run, Stateful
    from ..core.task import ClassifierTask


class Recipe(BaseModel):
    """What a card can say of a model's training; what it leaves out is as here."""

    optimizer: Literal["sgd", "adamw"] = "sgd"
    epochs: int = Field(default=10, ge=1, le=1000)
    batch_size: int = Field(default=128, ge=1, le=65536)
    learning_rate: float = Field(default=0.05, gt=0, le=10)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=5e-4, ge=0, le=10)
    schedule: Literal["one-cycle", "constant"] = "one-cycle"
    flip: bool = True
    seed: int = 0

    @classmethod
    def of(cls, fields: Any, model_id: str) -> "Recipe":
        """The recipe of a card, or the usual one where it says nothing.

        Raises:
            BadInput: a value is out of range; the sentence names it.
        """
        try:
            return cls.model_validate(fields or {})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "recipe"
            raise BadInput(
                f"The card of {model_id} says {where} {first['input']!r:.60} in its recipe, but {first['msg'][0].lower()}{first['msg'][1:]}."
            ) from None


def optimizer_and_schedule(model: nn.Module, recipe: Mapping[str, Any], steps: int) -> tuple[Optimizer, LRScheduler]:
    """The optimiser a recipe names, and its learning-rate schedule, to be stepped after every one of `steps` batches.

    Args:
        model: all its parameters are trained.
        recipe: `optimizer` ("sgd" with Nesterov momentum, or "adamw"), `learning_rate` (the highest), `momentum` (sgd
            only), `weight_decay`, `schedule` ("one-cycle": up during the first 30 %, then down a cosine; or "constant").
        steps: batches of the whole training, at least 1.

    Raises:
        BadInput: the recipe names another optimiser or schedule.
    """
    rate, decay = float(recipe["learning_rate"]), float(recipe["weight_decay"])
    optimizer: Optimizer
    match recipe["optimizer"]:
        case "sgd":
            momentum = float(recipe["momentum"])
            optimizer = SGD(model.parameters(), lr=rate, momentum=momentum, weight_decay=decay, nesterov=momentum > 0)
        case "adamw":
            optimizer = AdamW(model.parameters(), lr=rate, weight_decay=decay)
        case other:
            raise BadInput(f"The recipe names the optimizer {other!r}; it can be sgd or adamw.")
    match recipe["schedule"]:
        case "one-cycle":
            return optimizer, OneCycleLR(optimizer, rate, total_steps=max(steps, 1), cycle_momentum=False)
        case "constant":
            return optimizer, StepLR(optimizer, max(steps, 1), gamma=1.0)
        case other:
            raise BadInput(f"The recipe names the schedule {other!r}; it can be one-cycle or constant.")


def train(run: "Run[ClassifierTask]", epochs: int | None = None) -> None:
    """Give the run's model new weights, drawn from the run's seed, and train it on `keep` by the recipe of its task.

    The loss of its family over shuffled batches with the recipe's augmentation. It goes on from a checkpoint like any method. A task whose
    models are not trained as a whole has a `train_anew(run, epochs)` of its own.

    Args:
        run: the job; `run.model` is changed.
        epochs: passes over the data; left out, as many as the recipe says.
    """
    train_anew = getattr(run.task, "train_anew", None)
    if train_anew is not None:
        train_anew(run, epochs)
        return
    recipe = run.task.recipe
    renew(run)
    descend(run, "keep", recipe, int(recipe["epochs"]) if epochs is None else epochs)


def renew(run: "Run[ClassifierTask]") -> None:
    """Give the run's model new weights, drawn from the run's seed."""
    run.cached("new weights", lambda: run.model.load_state_dict(run.fresh().state_dict()) and None)


def descend(run: "Run[ClassifierTask]", part: str, recipe: Mapping[str, Any], epochs: int) -> None:
    """Train the run's model as it is on a part of the data by a recipe, for so many passes; what `train` does after new weights."""
    size = int(recipe["batch_size"])
    run.model.train()
    optimizer, schedule = optimizer_and_schedule(run.model, recipe, epochs * -(-run.size(part) // size))
    saved: dict[str, Stateful] = {"optimizer": optimizer, "schedule": schedule}
    for batch in run.epochs("train", [part] * epochs, size, saved):
        loss = run.loss(run.forward(run.model, batch.x), batch.y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        run.log(loss=loss.detach())
