"""Linear probe: simple classifiers read a fact from the hidden states, layer by layer."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..api.panels import AnyPanel, Bars, Lines, Series, Verdict
from ..core.evidence import InspectContext, When
from ..core.registry import Params, inspector
from ..families.language.inside import fact_tokens, states
from ..families.language.probes import CLASSES, KEPT, LEAST, Fact, beyond, facts_to_learn, probe
from ..families.language.task import LanguageModel
from ._answers import model_words, models, role
from ._common import percent

TESTED = 8  # forgotten questions below which nothing is said
LAYERS = 14
MOST = 40  # kinds of facts
QUESTION = "Is it gone, as far as a probe can see?"


class LinearProbe(Params):
    """What to read, where."""

    facts: int = Field(default=8, ge=1, le=MOST, description="How many kinds of facts (birthplace, genre, …) are read.")
    folds: int = Field(default=3, ge=2, le=4, description="Parts that the kept persons are split into to test on them.")
    strength: float = Field(
        default=0.1, gt=0, le=100, description="How closely a probe follows its examples (C of the regression)."
    )
    position: Literal["before the fact", "end of the question"] = Field(
        default="before the fact",
        description="Where the model is read: where it has to say the fact, the answer up to there given, or where the question ends.",
    )


@dataclass(frozen=True)
class Read:
    """Right answers of one model's probes: forgotten [layers, forgotten questions] as 0 or 1, kept in percent [layers]."""

    forget: NDArray[np.float64]
    keep: NDArray[np.float64]


def too_few(look: InspectContext[LanguageModel]) -> str:
    """Why probes cannot be taught on the facts of a run, however many kinds are read."""
    facts = facts_to_learn(look.task.questions.keep, look.task.questions.forget, MOST)
    count = sum(len(fact.forget) for fact in facts)
    return "" if count >= TESTED else _few(count)


@inspector(
    id="linear_probe",
    lacks=too_few,
    title="Linear probe: whether the fact is still inside",
    summary="Simple classifiers that learn on other people to read a fact from inside the model; then they read the forgotten ones.",
    source={
        "title": "Alain & Bengio, Understanding intermediate layers using linear classifier probes, 2016",
        "url": "https://arxiv.org/abs/1610.01644",
    },
    needs=("answers",),
    order=6,
    group="there",
)
def linear_probe(look: InspectContext[LanguageModel], params: LinearProbe) -> list[AnyPanel]:
    """Multinomial logistic regression on each layer's state, a probe for each kind of fact, model and layer.

    A probe learns on kept persons only, so it can read a forgotten one's fact only if the model itself still brings it
    there. Values with fewer than four kept persons are left out, and facts with fewer than three values. Right answers
    are pooled over the facts: 8 facts of 5 authors are 40 questions. On kept persons the probe is tested by stratified
    cross-validation. Chance is always saying the commonest value; above it stands the largest number of right answers
    that chance reaches in 95 of 100 cases (binomial). The verdict takes the layer that reads kept persons best, so that
    the layer is not picked by what it should show. Features are standardised over the kept persons.
    """
    facts = facts_to_learn(look.task.questions.keep, look.task.questions.forget, params.facts)
    count = sum(len(fact.forget) for fact in facts)
    if count < TESTED:
        return [_too_few(count)]
    pairs = [pair for fact in facts for pair in (*fact.keep, *fact.forget)]
    about = fact_tokens(look.task, pairs)
    places = about.places if params.position == "before the fact" else about.ends
    probed, layers = {}, np.zeros(0, np.int64)
    for when, model in models(look).items():
        look.tell(f"reading states, {model_words(when)}", 0, 0)
        hidden_states = states(model, about.texts, places).numpy()
        layers = np.unique(
            np.linspace(0, hidden_states.shape[1] - 1, min(LAYERS, hidden_states.shape[1])).round().astype(int)
        )
        probed[when] = _read(
            hidden_states[:, layers],
            facts,
            params,
            partial(look.steps, phase=f"teaching probes, {model_words(when)}"),
        )
    chance = 100 * sum(fact.chance * len(fact.forget) for fact in facts) / count
    line = beyond(chance, count)
    names = ["input" if at == 0 else f"layer {at}" for at in layers]
    return [
        _verdict(probed, names, chance, line, count),
        _curves(probed, names, chance, line, count),
        _by_fact(probed, facts, names),
    ]


def _read(
    hidden_states: NDArray[np.float32],
    facts: Sequence[Fact],
    params: LinearProbe,
    steps: Callable[[list[Any]], Iterable[Any]] = iter,
) -> Read:
    """States [all questions, layers, width], in the order of the facts, kept before forgotten; `steps` gives the probes back
    one by one."""
    layers = hidden_states.shape[1]
    starts = np.cumsum([0, *(len(fact.keep) + len(fact.forget) for fact in facts)])
    both: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
    for number, layer in steps([(number, layer) for number in range(len(facts)) for layer in range(layers)]):
        fact, start, middle = facts[number], starts[number], starts[number] + len(facts[number].keep)
        own, others = hidden_states[start:middle, layer], hidden_states[middle : starts[number + 1], layer]
        values, truth = ([pair.value for pair in pairs] for pairs in (fact.keep, fact.forget))
        both.append(probe(own, values, others, truth, params.folds, params.strength))
    rows = range(0, len(both), layers)
    keep, forget = ([np.stack([pair[side] for pair in both[at : at + layers]]) for at in rows] for side in (0, 1))
    return Read(np.concatenate(forget, 1), 100 * np.concatenate(keep, 1).mean(1))


def _best(read: Read) -> int:
    """The layer that reads kept persons best."""
    return int(np.nan_to_num(read.keep, nan=-1).argmax())


def _verdict(probed: dict[When, Read], names: list[str], chance: float, line: float, count: int) -> Verdict:
    at = {when: _best(read) for when, read in probed.items()}
    right = {when: 100 * float(read.forget[at[when]].mean()) for when, read in probed.items()}
    before, after = right["before"], right["after"]
    sign, meaning = judged(before, after, line)
    accuracies = (
        f"probes read {percent(before)} of {count} facts right before and {percent(after)} after ({names[at['after']]})"
    )
    if "reference" in right:
        accuracies += f", {percent(right['reference'])} in the retrained reference"
    return Verdict(
        title=QUESTION,
        how="A probe learned on people who were kept, so what it reads of a forgotten one the model itself still brings there. Yes means that no probe reads it any more, which is no proof that nothing is there; no, that it can still be read.",
        says=f"{meaning}: {accuracies}; chance is {percent(chance)}, and up to {percent(line)} may be luck.",
        sign=sign,
        finding=f"a probe still reads {percent(after)} of {count} such facts from inside the model ({percent(line)} may be luck)"
        if sign in ("partly", "no")
        else "",
    )


def judged(before: float, after: float, line: float) -> tuple[Literal["yes", "partly", "no", "unknown"], str]:
    """(sign, what it means) of percentages right, and what may be luck."""
    if not np.isfinite(before + after):
        return "unknown", "The model after gives no numbers any more"
    if before <= line:
        return "unknown", "A probe could not read it even before"
    if after <= line:
        return "yes", "It can no longer be read"
    if after < (before + line) / 2:
        return "partly", "It can still be read in part"
    return "no", "It can still be read"


def _curves(probed: dict[When, Read], names: list[str], chance: float, line: float, count: int) -> Lines:
    def series(when: When, values: NDArray[np.float64], of_retain: bool) -> Series:
        return Series(
            name=f"{'kept people' if of_retain else 'forgotten people'}, {model_words(when)}",
            values=[float(value) for value in values],
            role="neighbour" if of_retain else role(when, "forget"),
            when="" if when == "reference" else when,
        )

    rows = [series(when, 100 * read.forget.mean(1), False) for when, read in probed.items()]
    rows += [series(when, probed[when].keep, True) for when in ("before", "after")]
    rows.append(Series(name="chance", values=[chance] * len(names), role="amount"))
    rows.append(Series(name="may be luck up to here", values=[line] * len(names), role="amount", when="before"))
    top = int(np.nan_to_num(100 * probed["after"].forget.mean(1), nan=-1).argmax())
    return Lines(
        title="What can be read at each layer",
        how="From the model's input to its answer: the share of facts that a probe reads right. Kept people show what a probe can do at all; what lies above the luck line is still there.",
        says=f"After, most is read at {names[top]}: {percent(100 * float(probed['after'].forget[top].mean()))} of {count}; chance is {percent(chance)}.",
        x=names,
        series=rows,
        x_title="layer",
        y_title="facts read right, %",
    )


def _by_fact(probed: dict[When, Read], facts: Sequence[Fact], names: list[str]) -> Bars:
    ends = np.cumsum([0, *(len(fact.forget) for fact in facts)])
    rows = {
        when: [100 * float(read.forget[_best(read), a:b].mean()) for a, b in pairwise(ends)]
        for when, read in probed.items()
    }
    sizes = ", ".join(f"{fact.name} {len(fact.forget)} of {len({p.value for p in fact.keep})} values" for fact in facts)
    return Bars(
        title="By kind of fact",
        how="The same by kind of fact, at the layer that reads kept people best. A few questions each: only large differences count.",
        says=f"Forgotten questions and possible values: {sizes}.",
        labels=[fact.name for fact in facts],
        series=[
            Series(
                name=model_words(when),
                values=list(values),
                role=role(when, "forget"),
                when="" if when == "reference" else when,
            )
            for when, values in rows.items()
        ],
        unit="%",
    )


def _too_few(count: int) -> Verdict:
    return Verdict(
        title=QUESTION,
        how=f"A probe needs kinds of facts with at least {KEPT} kept people, {CLASSES} values and {LEAST} people to a value, and {TESTED} forgotten questions in all.",
        says=_few(count),
        sign="unknown",
    )


def _few(count: int) -> str:
    return f"There are too few facts to learn from: {count} forgotten questions could be read, and {TESTED} are needed."
