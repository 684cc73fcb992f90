"""Linear probe of features: names an image by a classifier learned on what goes into the last layer."""

from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import nn

from ..api.attacked import Attacked
from ..api.panels import Series
from ..core.attack import AttackContext, Outcome, Result, curves, tried_by
from ..core.registry import Params, attack
from ..core.task import Index
from ..families.classifier.exam import ClassifierExam, stratified
from ..families.classifier.task import Classifier

KEPT = 100  # training images of each kept class
PENALTY = 1e-3  # on the squared weights, beside the mean loss
STEPS = 100  # of L-BFGS


class FeatureProbe(Params):
    """How much it learns from."""

    most: int = Field(default=100, ge=1, le=500, description="Most training images of a forgotten class; 1 and 10 are tried too.")  # fmt: skip


def no_class(look: AttackContext[Classifier]) -> str:
    """Why there is no class to read, as one sentence; empty where there is one."""
    return (
        ""
        if look.task.forgotten_classes
        else "Single images were to be forgotten and no class, so a probe has no class to read."
    )


@attack(
    id="feature_probe",
    title="Linear probe of features: learns a new last layer",
    summary="Learns a linear classifier on the features of every model, forgotten classes among them, and lets it name new images; beside it one of random labels.",
    source={
        "title": "Hewitt & Liang, Designing and Interpreting Probes with Control Tasks, EMNLP 2019; the probe: Alain & Bengio, 2016",
        "url": "https://arxiv.org/abs/1909.03368",
    },
    needs=("exam", "classes"),
    lacks=no_class,
    test="inside",
    group="there",
    quick=False,
    order=16,
)
def feature_probe(look: AttackContext[Classifier], params: FeatureProbe) -> Result:
    """The share of test images of the forgotten classes that a multinomial logistic regression names right, learned on the features of 1,
    10, 100 training images of each forgotten class and 100 of each kept one; judged at the last. x = 0 is the model as it is.

    Features are what goes into the last linear layer, standardised. Every class weighs the same in the loss. Good features tell a class apart that the model never saw, so that the
    retrained reference reads it as well: then the test is void, and says that a probe proves nothing here. The control learns the same
    images with labels dealt out anew; its distance is the selectivity.
    """
    exam = cast(ClassifierExam, look.exam)
    labels = exam.task.data.train.labels
    fewest = min(int((labels[exam.pool] == number).sum()) for number in exam.task.forgotten_classes)
    counts = sorted({min(count, params.most, fewest) for count in (1, 10, params.most)})
    retain = exam.task.parts["retain"]
    kept_classes = np.setdiff1d(np.unique(labels[retain]), exam.task.forgotten_classes)
    retain_index = np.concatenate(
        [stratified(retain[labels[retain] == number], labels, KEPT) for number in kept_classes]
    )

    def features(model: nn.Module, index: Index, *, test: bool = False) -> NDArray[np.float32]:
        model.eval()
        return exam.task.over(lambda x: exam.task.features(model, x), index, test=test)

    def work(when: str, model: nn.Module) -> Outcome:
        rows, dealt = [exam.score(exam.make(model))], []
        asked_features, own = features(model, exam.asked, test=exam.test), features(model, retain_index)
        for place, count in enumerate(counts):
            look.progress(place, len(counts))
            taught = np.concatenate([
                stratified(exam.pool[labels[exam.pool] == number], labels, count) for number in exam.task.forgotten_classes
            ])  # fmt: skip
            x = np.concatenate([own, features(model, taught)])
            y = np.concatenate([labels[retain_index], labels[taught]])
            rows.append(np.asarray(probe_classes(x, y, asked_features) == exam.labels, np.float32))
            shuffled = np.random.default_rng(0).permutation(y)
            dealt.append(float((probe_classes(x, shuffled, asked_features) == exam.labels).mean()))
        return {"recalled": np.stack(rows)[None], "control": np.array(dealt, np.float32)}

    outcomes = look.on_each(work, "learning probes")
    places = [0, *counts]
    control = [float(one) for one in outcomes["after"][0]["control"]]
    attacked = look.attacked(
        attack="feature_probe", kind="inside", x=[float(one) for one in places], x_title="images of a forgotten class",
        recalled=tried_by(outcomes, []).recalled,
        budget={"images of a forgotten class": counts[-1], "images of a kept class": KEPT, "random labels read, %": round(100 * control[-1])},
    )  # fmt: skip
    lines = curves(attacked, "The more images a probe learns from")
    dealt_series = Series(
        name="random labels, unlearned model", values=[None, *(100 * one for one in control)], role="amount"
    )
    sentence = _sentence(attacked, control[-1], counts[-1])
    return Result(attacked, [lines.model_copy(update={"series": [*lines.series, dealt_series], "says": sentence})])


def probe_classes(x: NDArray[np.float32], y: NDArray[np.int64], others: NDArray[np.float32]) -> NDArray[np.int64]:
    """The class [m] of each of the others [m, d] by a multinomial logistic regression on features x [n, d] of classes y [n], every class
    weighing the same; the lowest class where features are no numbers."""
    middle, spread = x.mean(0), x.std(0)
    scale = np.where(spread > 1e-6, spread, np.inf)
    own, rows = (torch.from_numpy(np.nan_to_num((one - middle) / scale).astype(np.float32)) for one in (x, others))
    classes, place, count = np.unique(y, return_inverse=True, return_counts=True)
    truth, weight = torch.from_numpy(place), torch.from_numpy((1 / count).astype(np.float32))
    layer = nn.Linear(own.shape[1], len(classes))
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=STEPS, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(layer(own), truth, weight) + PENALTY * layer.weight.square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(closure)
    with torch.no_grad():
        answers: NDArray[np.int64] = classes[layer(rows).argmax(1).numpy()]
    return answers


def _sentence(attacked: Attacked, control: float, count: int) -> str:
    """What probes read in the end, and whether that can tell anything."""
    end = {when: 100 * float(attacked.curve(when)[-1]) for when in attacked.recalled}
    text = f"A probe that learned {count} images of a forgotten class names {end['after']:.0f} % of new ones in the unlearned model"
    if "reference" in end:
        text += f", {end['reference']:.0f} % in the retrained reference"
    return f"{text}; one of random labels {100 * control:.0f} %."
