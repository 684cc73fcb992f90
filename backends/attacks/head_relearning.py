"""Head relearning: trains the last layer alone, and beside it all layers, on a few of the forgotten images."""

from collections.abc import Iterator
from math import isnan
from typing import cast

from pydantic import Field
from torch import nn

from ..api.attacked import WHENS, Attacked
from ..api.panels import Lines, Series, Sign, Verdict
from ..core.attack import NAMES, AttackContext, Result, Tried
from ..core.registry import Params, attack
from ..families.classifier.exam import ClassifierExam
from ..families.classifier.task import Classifier

TELLS = 0.3  # of the items, by which the original has to be ahead of the reference for a test to tell anything
HALF = 0.5  # of that lead, from which on it counts as back


class HeadRelearning(Params):
    """How often it is tried."""

    seeds: int = Field(default=1, ge=1, le=5, description="How often, each time with other images.")


def too_few(look: AttackContext[Classifier]) -> str:
    """Why there is nothing to train on."""
    single = not look.task.forgotten_classes and len(look.task.parts["forget"]) < 2
    return "Only one image was to be forgotten; it is asked for, so there is none to train on." if single else ""


@attack(
    id="head_relearning",
    title="Head relearning: trains the last layer alone",
    summary="Trains only the last layer on a few of the forgotten images, and beside it all layers: was it unplugged at the end, or is it gone inside?",
    source={
        "title": "Kim et al., Are We Truly Forgetting? A Critical Re-examination of Machine Unlearning Evaluation Protocols, 2025",
        "url": "https://arxiv.org/abs/2503.06991",
    },
    needs=("exam", "classes"),
    lacks=too_few,
    test="inside",
    group="there",
    quick=True,
    order=14,
)
def head_relearning(look: AttackContext[Classifier], params: HeadRelearning) -> Result:
    """The share of held-out images that are right after 0 ... 32 steps on 10 forgotten images and 64 others, with the last linear layer
    alone learning (this is judged) and with all layers, by the same optimiser and learning rate.

    The paper compares features and fits new last layers to other data; here the model's own last layer goes on learning.
    """
    exam = cast(ClassifierExam, look.exam)
    steps = list(exam.steps)

    def tried(head_only: bool) -> Tried:
        def way(model: nn.Module, seed: int) -> Iterator[nn.Module]:
            for _ in exam.teach(model, "forgotten", seed, steps, head_only=head_only):
                yield model

        phase = "training the last layer" if head_only else "training all layers"
        return look.try_on_each(way, len(steps), phase, seeds=range(params.seeds), kept=head_only)

    head, every = tried(True), tried(False)
    both = [
        look.attacked(
            attack="head_relearning", kind="inside", x=[float(one) for one in steps], x_title="training steps",
            recalled=one.recalled, kept=one.kept,
            budget={"steps": steps[-1], "learning rate": exam.rate, "lesson": exam.lessons["forgotten"], "seeds": params.seeds},
            finds=exam.finds(look, exam.reminders(0), "One of the images that it was trained on."),
        )
        for one in (head, every)
    ]  # fmt: skip
    stages = ["before training", *(f"step {step}" for step in steps[1:])]
    picture = exam.comeback(
        look, "With the last layer alone", stages, head.outputs["after"], head.outputs.get("reference")
    )
    return Result(both[0], [_verdict(*both), picture, _lines(*both)])


def _verdict(head: Attacked, every: Attacked) -> Verdict:
    """Whether it was unplugged at the end or is gone inside, by how much of the original's lead over the reference comes back."""
    of_head, of_all = _share(head), _share(every)
    by_all = of_all is not None and of_all >= HALF
    sign: Sign = "unknown"
    if "reference" not in head.recalled:
        words = "Without a retrained reference nobody can tell what came back from what was learned anew."
    elif float(head.curve("after")[0]) > HALF * float(head.curve("before")[0]):
        sign, words = "no", "Still there: most of it is right before any training."
    elif of_head is None:
        words = "The last layer cannot tell here: the retrained reference, whose other layers never saw it either, learns it there too."
        if by_all:
            sign, words = "partly", f"{words} Training all layers brings it back, and not in the reference."
    elif of_head >= HALF:
        sign, words = (
            "no",
            "Unplugged at the end: the last layer alone brings it back, so the layers before it still tell it apart.",
        )
    elif by_all:
        sign, words = "partly", "Not at the end alone: within these steps it takes all layers to bring it back."
    else:
        sign, words = (
            "yes",
            "Gone inside, as far as this test sees: neither the last layer nor all layers bring it back in these steps.",
        )
    return Verdict(
        title="Is it gone inside?",
        how=f"What comes back counts from half of the original model's lead over the retrained reference; that lead has to be {100 * TELLS:.0f} points.",
        says=f"{words} Last layer alone, {head.x[-1]:.0f} steps: {_end(head, 'after')}, the rest {_end(head, 'after', kept=True)} "
        f"(retrained reference {_end(head, 'reference')}, the rest {_end(head, 'reference', kept=True)}); "
        f"all layers: {_end(every, 'after')} ({_end(every, 'reference')}).",
        sign=sign,
    )


def _end(attacked: Attacked, when: str, *, kept: bool = False) -> str:
    """What a model has right after the last step, in words."""
    value = float(attacked.curve(when, kept=kept)[-1])
    return "not measured" if isnan(value) else f"{100 * value:.0f} %"


def _share(attacked: Attacked) -> float | None:
    """How much of the original's lead over the reference the unlearned model has in the end; None where there is no lead to speak of."""
    before, after, reference = (float(attacked.curve(when)[-1]) for when in WHENS)
    return (after - reference) / (before - reference) if before - reference >= TELLS else None


def _lines(head: Attacked, every: Attacked) -> Lines:
    """Both ways of training, of every model."""
    series = [
        Series(
            name=f"{NAMES[when]}, {way}",
            values=[100 * float(one) for one in attacked.curve(when)],
            role="reference" if when == "reference" else "forget" if attacked is head else "amount",
            when="before" if when == "before" else "after" if when == "after" else "",
        )
        for attacked, way in ((head, "last layer"), (every, "all layers"))
        for when in WHENS
        if when in attacked.recalled and (when != "before" or attacked is head)
    ]
    return Lines(
        title="The last layer alone, and all layers",
        how=f"How many of {len(head.items)} {head.noun} each model has right, the longer it is trained; none of them was trained on.",
        says="",
        x=[float(one) for one in head.x],
        series=series,
        x_title=head.x_title,
        y_title=f"{head.noun}, %",
    )
