"""What the per-example membership attacks share: who is asked about, scores against shadow models, rates, and their pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logsumexp
from torch import nn

from ..api.attacked import WHENS, Attacked, Values
from ..api.panels import AnyPanel, Lines, Series, Sides, Sign, Verdict
from ..api.runs import RunFolder
from ..core.attack import NAMES, AttackContext, Result
from ..core.sides import Scored, sides
from ..core.task import Index
from ..families.classifier import shadows
from ..families.classifier.exam import ClassifierExam
from ..families.classifier.task import Classifier

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Look = AttackContext[Classifier]
MOST = 1000  # forgotten images, and images never trained on, at most
RATES = (0.01, 0.05, 0.1, 0.25, 0.5)  # false positive rates; the one judged was fixed before any model was looked at
JUDGED = RATES.index(0.05)
PICTURED = 20  # forgotten images that are shown as pictures
LOWEST = -1e30  # the score of an image whose output is no number: it is called a member last
TELLS, SAME = 0.05, 0.02  # of AUC: less over the reference is nothing to speak of; the same


@dataclass(frozen=True)
class Candidates:
    """Whom an attack decides about. `members`: positions of forgotten images in the training images; `others`: of as many in the test
    images, of the same classes, which no attacked model was trained on; `population`: all other test images."""

    members: Index
    others: Index
    population: Index

    @property
    def joined(self) -> tuple[int, int]:
        """How many members and others there are."""
        return len(self.members), len(self.others)


def reason_not(look: Look) -> str:
    """Why a run's membership cannot be attacked by shadow models; it opens no model."""
    task = look.task
    if task.forgotten_classes:
        return "A whole class was to be forgotten: what the model knows of a class says nothing about single images, so membership is no question here."
    card = shadows.card(task.id)
    if not card:
        return f"There are no shadow models of {task.id}; they are shipped for embedded models only, by `python -m backends.zoo shadows`."
    if card["data"] != task.data.id or card["images"] != {"train": len(task.data.train), "test": len(task.data.test)}:
        return f"The shadow models of {task.id} were trained on {card['data']}, and this run has other images."
    if look.guarded:
        return "A guard stands in front of the original weights, which still were trained on every image."
    spec = _spec(look)
    if spec is not None and spec.after:
        return "This run starts from another one, and the shadow models forgot nothing before."
    return ""


def _spec(look: Look) -> Any:
    """The run's spec; None of a folder without one."""
    return RunFolder(look.run).spec if (look.run / "spec.json").is_file() else None


def candidates(task: Classifier) -> Candidates:
    """At most 1,000 forgotten images, drawn evenly, and as many test images with the same share of each class; the same ones each time."""
    chance = np.random.default_rng(0)
    forget, pool = task.parts["forget"], np.arange(len(task.data.test))
    members = np.sort(chance.permutation(forget)[:MOST])
    labels, counts = task.data.test.labels, np.bincount(task.data.train.labels[members], minlength=len(task.names))
    size = min(MOST, len(pool) // 2)
    others = np.concatenate(
        [
            chance.permutation(pool[labels == number])[: round(size * count / len(members))]
            for number, count in enumerate(counts)
        ]
    )
    return Candidates(members, np.sort(others), np.setdiff1d(pool, others))


def margins(task: Classifier, model: nn.Module, index: Index, *, test: bool = False) -> Floats:
    """log(p / (1 - p)) of the true class, [n], from the logits themselves, so that no probability is rounded to 1."""
    model.eval()
    logits = task.over(lambda x: task.forward(model, x), index, test=test).astype(np.float64)
    labels = (task.data.test if test else task.data.train).labels[index]
    own = logits[np.arange(len(labels)), labels]
    others = logits.copy()
    others[np.arange(len(labels)), labels] = -np.inf
    return np.asarray(own - logsumexp(others, axis=1))


def margins_of(task: Classifier, model: nn.Module, asked_about: Candidates) -> dict[str, Floats]:
    """`margins` of the members, the others and the population."""
    return {
        "members": margins(task, model, asked_about.members),
        "others": margins(task, model, asked_about.others, test=True),
        "population": margins(task, model, asked_about.population, test=True),
    }


def inside(task: Classifier, asked_about: Candidates, count: int) -> dict[str, Mask]:
    """Which of the first `count` shadows were trained on which images, [shadows, n] of members, others and population."""
    train = len(task.data.train)
    every = shadows.membership(count, train + len(task.data.test))
    return {
        "members": every[:, asked_about.members],
        "others": every[:, train + asked_about.others],
        "population": every[:, train + asked_about.population],
    }


def paired(model_id: str, most: int) -> list[Path]:
    """The files of at most so many shadows: an even number, since two share out all images."""
    every = list(shadows.shipped(model_id))[:most]
    return every[: len(every) - len(every) % 2]


def relative(margin: Floats, shadow: Floats, trained: Mask, beside: Floats) -> Floats:
    """p(x | model) / p(x), [n]: how much likelier the attacked model finds the true class than models at large do.

    p(x) is the mean of two means: over models that were trained on x, and over those that were not.

    Args:
        margin: of the attacked model, [n].
        shadow: of the shadows, [shadows, n]; `trained`, which of them were trained on x; each x has some that were and some that were not.
        beside: of further models that were not, [models, n].
    """
    chances = expit(shadow)
    seen_mean = (chances * trained).sum(0) / trained.sum(0)
    unseen_sum = (chances * ~trained).sum(0) + expit(beside).sum(0)
    unseen_mean = unseen_sum / ((~trained).sum(0) + len(beside))
    return np.asarray(expit(margin) / ((seen_mean + unseen_mean) / 2))


def outweighed(ratio: Floats, population: Floats) -> Floats:
    """RMIA: the share of z with LR(x, z) = ratio(x) / ratio(z) >= 1, [n] from 0 to 1."""
    ranks = np.searchsorted(np.sort(population), ratio, side="right")
    return np.where(np.isfinite(ratio), ranks / len(population), LOWEST)


def likelihood_ratio(margin: Floats, shadow: Floats, trained: Mask) -> Floats:
    """LiRA: log N(margin; mean, sd where trained) - log N(margin; mean, sd where not), [n].

    Each image has its own two means; the two standard deviations are shared by all images, as the few shadows an image has tell
    none of its own.

    Args:
        margin: of the attacked model, [n].
        shadow: of the shadows, [shadows, n]; `trained` as in `relative`.
    """
    logs = []
    for mask in (trained, ~trained):
        count = mask.sum(0)
        mean = (shadow * mask).sum(0) / count
        spread = ((shadow - mean) ** 2 * mask).sum() / max(1, (count - 1).sum())
        logs.append(-0.5 * np.log(spread) - (margin - mean) ** 2 / (2 * spread))
    score = logs[0] - logs[1]
    return np.where(np.isfinite(score), score, LOWEST)


def threshold(others: Floats, rate: float) -> float:
    """The score above which at most this share of images lies that no model was trained on."""
    ordered = np.sort(others)[::-1]
    return float(ordered[min(int(rate * len(ordered)), len(ordered) - 1)])


def called(members: Floats, others: Floats) -> Values:
    """1 where a member is called one at each of `RATES`, else 0, [rates, members]; each rate's threshold is set on the others."""
    return np.stack([members > threshold(others, rate) for rate in RATES]).astype(np.float32)


def auc(members: Floats, others: Floats) -> float:
    """The chance that a member scores higher than an image never trained on; 0.5 is a guess."""
    from sklearn.metrics import roc_auc_score

    truth = np.r_[np.ones(len(members)), np.zeros(len(others))]
    return float(roc_auc_score(truth, np.r_[members, others]))


ByWhen = Mapping[
    str, Sequence[tuple[Floats, Floats]]
]  # by when, for each model: scores of the members and of the others


def result(
    look: Look, asked_about: Candidates, scored: ByWhen, name: str, budget: Mapping[str, Any], x_title: str
) -> Result:
    """What an attack brought back: who is called a member at each false positive rate, of each model by its own threshold.

    That threshold is the attacker's best: it knows images that the model was not trained on. An image counts as recalled where it is
    called a member with 5 % false positives; a model that was never trained on it is called so for about 1 in 20.
    """
    recalled = {
        when: np.stack([called(*one)[None] for one in each]) if when == "reference" else called(*each[0])[None]
        for when, each in scored.items()
    }
    exam = cast(ClassifierExam, look.exam)
    best = asked_about.members[np.argsort(-scored["after"][0][0], kind="stable")]
    title = name.replace("_", "-").upper().replace("U-LIRA", "U-LiRA")
    attacked = Attacked(
        attack=name, kind="inside", x=list(RATES), x_title="false positive rate", at=JUDGED, recalled=recalled,
        items=[f"train-{place}" for place in asked_about.members], groups=range(len(asked_about.members)), noun="forgotten images",
        goal=exam.goal, budget=dict(budget),
        finds=exam.finds(look, best, f"{title} finds it most likely that the unlearned model was trained on this image."),
    )  # fmt: skip
    panels: list[AnyPanel] = [
        _verdict(attacked, scored, title),
        _sides(scored["after"][0], asked_about, look, title, x_title),
        roc(attacked, title),
    ]
    return Result(attacked, panels)


def _verdict(attacked: Attacked, scored: ByWhen, title: str) -> Verdict:
    areas = {when: float(np.mean([auc(*one) for one in each])) for when, each in scored.items()}
    low = {when: float(attacked.curve(when)[0]) for when in scored}
    before, after, reference = (areas.get(when, 0.5) for when in WHENS)
    sign: Sign = "unknown"
    if before - reference < TELLS:
        words = "It hardly finds the forgotten images in the original model either, so it cannot tell here."
    elif "reference" not in areas:
        words = "Without a retrained reference its own errors are not known."
    elif after - reference >= (before - reference) / 2:
        sign, words = (
            "no",
            "Members are still found: at least half of the original's lead over the retrained reference is left.",
        )
    elif abs(after - reference) <= SAME:
        sign, words = "yes", "It finds the forgotten images no better than in a model that was never trained on them."
    elif after < reference:
        sign, words = (
            "partly",
            "The forgotten images stand out as less likely than images never seen, which gives them away as well.",
        )
    else:
        sign, words = "partly", "Some members are still found."
    listed = "; ".join(f"{NAMES[when]} {areas[when]:.2f}, {100 * low[when]:.1f} %" for when in WHENS if when in areas)
    return Verdict(
        title=f"Does {title} find the forgotten images?",
        how=f"AUC is the chance that a forgotten image scores higher than one never trained on; 0.5 is a guess. The second number is how many of the "
        f"{len(attacked.items)} forgotten images are called members when 1 % of the images never trained on are (TPR at 1 % FPR).",
        says=f"{words} AUC, TPR at 1 % FPR: {listed}.",
        sign=sign,
    )


def roc(attacked: Attacked, title: str) -> Lines:
    """How many forgotten images are called members, by how many are called so wrongly; of every model, and of a guess."""
    series = [
        Series(
            name=NAMES[when],
            values=[100 * float(one) for one in attacked.curve(when)],
            role="reference" if when == "reference" else "forget",
            when="before" if when == "before" else "after" if when == "after" else "",
        )
        for when in WHENS
        if when in attacked.recalled
    ]
    guess = Series(name="a guess", values=[100 * one for one in attacked.x], role="unrelated")
    return Lines(
        title=f"Members that {title} finds",
        how="How many of the forgotten images are called members (TPR), at thresholds that call 1 to 50 % of the images never trained on "
        "members too (FPR). A curve on that of a guess tells nothing; 5 % is judged.",
        x=[f"{100 * one:g} %" for one in attacked.x],
        series=[*series, guess],
        x_title="images never trained on that are called members (FPR)",
        y_title="forgotten images called members (TPR), %",
        compact=True,
    )


def _sides(scores: tuple[Floats, Floats], asked_about: Candidates, look: Look, title: str, x_title: str) -> Sides:
    """The unlearned model's scores under a threshold to drag."""
    members, others = scores
    pictures = {
        f"train-{place}": look.picture(f"member-{place}", look.task.show(int(place)))
        for place in np.random.default_rng(0).permutation(asked_about.members)[:PICTURED]
    }
    sets = [
        Scored("forgotten images", "forget", [f"train-{one}" for one in asked_about.members], members, "TPR", pictures),
        Scored("images never trained on", "unrelated", [f"test-{one}" for one in asked_about.others], others, "FPR"),
    ]
    line = float(np.nextafter(threshold(others, RATES[JUDGED]), np.inf))
    return sides(
        sets,
        line,
        title=f"Who is called a member, {NAMES['after']}",
        how=f"Each dot is an image, further right the likelier {title} finds it that the model was trained on it; filled dots are called members. "
        "Drag the line, or use the arrow keys: TPR counts forgotten images, FPR images never trained on. It starts where that is 5 %.",
        x_title=x_title,
        start_name="5 % false positives",
    )
