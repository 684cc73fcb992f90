"""Linear probe of facts: classifiers that learn on kept people read the forgotten ones, layer by layer."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from torch import nn

from ..api.attacked import Attacked
from ..api.panels import AnyPanel, Bars, Series
from ..core.attack import NAMES, Outcome, Result, curves, tried_by
from ..core.registry import Params, attack
from ..families.language.exam import split
from ..families.language.inside import fact_tokens, states
from ..families.language.probes import CLASSES, KEPT, LEAST, Fact, control, facts_to_learn, probe
from ._language import Look, exam_of

TESTED = 8  # forgotten questions below which nothing is read
LAYERS = 8
DEALT = 3  # random labellings of a control


class FactProbe(Params):
    """What probes learn."""

    facts: int = Field(default=8, ge=1, le=40, description="How many kinds of facts (birthplace, genre, …) are read.")
    folds: int = Field(
        default=3, ge=2, le=4, description="Parts that the kept people are split into to choose the layer."
    )
    strength: float = Field(default=0.1, gt=0, le=100, description="How closely a probe follows its examples (C of the regression).")  # fmt: skip


def too_few(look: Look) -> str:
    """Why probes cannot be taught on the facts of a run, as one sentence; empty where they can."""
    questions = look.task.questions
    count = sum(len(fact.forget) for fact in facts_to_learn(questions.keep, split(questions.forget)[1], 40))
    if count >= TESTED:
        return ""
    return (
        f"A probe learns kinds of facts from at least {KEPT} kept people with {CLASSES} values and {LEAST} people to a value, which {count} "
        f"of the held-out questions have; {TESTED} are needed."
    )


@attack(
    id="fact_probe",
    title="Linear probe of facts: reads what layers hold",
    summary="Teaches simple classifiers on kept people to read a fact from each layer, and lets them read the forgotten ones; beside them probes of random labels.",
    source={
        "title": "Hewitt & Liang, Designing and Interpreting Probes with Control Tasks, EMNLP 2019; the probe: Alain & Bengio, 2016",
        "url": "https://arxiv.org/abs/1909.03368",
    },
    needs=("exam", "answers"),
    lacks=too_few,
    test="inside",
    group="there",
    quick=False,
    order=14,
)
def fact_probe(look: Look, params: FactProbe) -> Result:
    """x is the layer, 0 the input. An item is recalled where a multinomial logistic regression on the states of kept people, one for each
    kind of fact, layer and model, reads its value right from the state that has to say it, the answer up to there given.

    No probe learns from a forgotten item, so it can read one only where the model itself still brings the fact there. The control has
    the same probes learn values that are dealt out anew among the kept people (3 times): what it reads is chance, and the
    distance is the selectivity of the paper, which gives its random labels to words that come again. Each reference has its own probes.
    Judged at the layer at which the original's kept people are read best by cross-validation, the higher of equals: no forgotten item has a say in that.
    At most 8 layers, evenly, the last among them, are read. Only facts whose values enough kept people share are items.
    """
    exam, questions = exam_of(look), look.task.questions
    facts = facts_to_learn(questions.keep, exam.asked, params.facts)
    about = fact_tokens(look.task, [pair for fact in facts for pair in (*fact.keep, *fact.forget)])

    def work(when: str, model: nn.Module) -> Outcome:
        hidden = states(model, about.texts, about.places).numpy()
        layers = _layers(hidden.shape[1])
        each = []
        for done, layer in enumerate(layers):
            look.progress(done, len(layers))
            each.append(_read(hidden[:, layer], facts, params))
        right, dealt, retain = (np.stack(part).astype(np.float32) for part in zip(*each, strict=True))
        return {
            "recalled": np.nan_to_num(right)[None],
            "control": dealt,
            "kept right": retain,
            "layers": np.array(layers),
        }

    outcomes = look.on_each(work, "reading states and teaching probes")
    tried, before = tried_by(outcomes, []), outcomes["before"][0]
    layers = [int(one) for one in before["layers"]]
    place = judged_layer(np.asarray(before["kept right"], np.float64))
    pairs = [pair for fact in facts for pair in fact.forget]
    questions_asked = [pair.question for pair in exam.asked]
    dealt = {
        when: np.mean([np.asarray(one["control"], np.float64) for one in each], 0) for when, each in outcomes.items()
    }
    attacked = look.attacked(
        attack="fact_probe", kind="inside", x=[float(one) for one in layers], x_title="layer", recalled=tried.recalled,
        chosen=[questions_asked.index(pair.question) for pair in pairs], at=place,
        budget={"kinds of facts": len(facts), "kept people": max(len(fact.keep) for fact in facts), "layer judged": layers[place], "random labellings": DEALT},
    )  # fmt: skip
    lines = curves(attacked, "What probes read at each layer")
    guess = Series(
        name="random labels, unlearned model",
        values=[100 * float(one) for one in dealt["after"].mean(1)],
        role="amount",
    )
    how = f"The share of held-out facts that probes read which learned on kept people only. Judged at layer {layers[place]}, where the original's kept people are read best. "
    how += "Probes of random labels show what reading by chance looks like."
    panels: list[AnyPanel] = [
        _selectivity(attacked, dealt, facts, layers[place]),
        lines.model_copy(
            update={"series": [*lines.series, guess], "how": how, "y_title": f"{exam.noun} read right, %"}
        ),
    ]
    return Result(attacked, panels)


def _layers(count: int) -> list[int]:
    """At most `LAYERS` of so many states, evenly, the input and the last among them."""
    return [int(one) for one in np.unique(np.linspace(0, count - 1, min(LAYERS, count)).round())]


def judged_layer(retain: NDArray[np.float64]) -> int:
    """The place at which kept people are read best, the higher of equals; `retain` [places], NaN where a model gives no numbers."""
    shares = np.nan_to_num(retain, nan=-1.0)
    return int(len(shares) - 1 - shares[::-1].argmax())


def _read(
    hidden: NDArray[np.float32], facts: Sequence[Fact], params: FactProbe
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """(right on each forgotten question, the same of the control, the share right of kept people), from the states of one layer in the
    order of the facts, kept before forgotten."""
    starts = np.cumsum([0, *(len(fact.keep) + len(fact.forget) for fact in facts)])
    right, dealt, retain = [], [], []
    for fact, (start, end) in zip(facts, pairwise(starts), strict=True):
        own, others = hidden[start : start + len(fact.keep)], hidden[start + len(fact.keep) : end]
        values, truth = [pair.value for pair in fact.keep], [pair.value for pair in fact.forget]
        own_right, there = probe(own, values, others, truth, params.folds, params.strength)
        retain.append(own_right)
        right.append(there)
        dealt.append(np.mean([control(own, values, others, truth, seed, params.strength) for seed in range(DEALT)], 0))
    return np.concatenate(right), np.concatenate(dealt), float(np.concatenate(retain).mean())


def _selectivity(attacked: Attacked, dealt: dict[str, NDArray[np.float64]], facts: Sequence[Fact], layer: int) -> Bars:
    """What the probes of each model read at the judged layer, beside their controls."""
    names = [when for when in dealt if when in attacked.recalled]
    read = [100 * float(attacked.curve(when)[attacked.at]) for when in names]
    control_read = [100 * float(dealt[when][attacked.at].mean()) for when in names]
    kinds = ", ".join(fact.name for fact in facts)
    sentence = "; ".join(
        f"{NAMES[when]} {one:.0f} %, random labels {two:.0f} %, selectivity {one - two:+.0f}"
        for when, one, two in zip(names, read, control_read, strict=True)
    )
    return Bars(
        title=f"What probes read at layer {layer}",
        how=f"The share of {len(attacked.items)} held-out facts ({kinds}) that probes read which learned on kept people, beside the same probes with random labels. The distance is their selectivity.",
        says=f"{sentence[:1].upper()}{sentence[1:]}.",
        labels=[NAMES[when] for when in names],
        series=[
            Series(name="probe", values=list(read), role="forget", when="after"),
            Series(name="random labels", values=list(control_read), role="amount"),
        ],
        unit="%",
    )
