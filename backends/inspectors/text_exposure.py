"""Looking for a backdoor in a language model: what it still says once the clean task is taken away, a phrase that has it say so, and the units that carry it."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ..api.panels import AnyPanel, Bars, Lines, Piece, Role, Series, When, Words
from ..core.evidence import InspectContext
from ..core.registry import Params, inspector
from ..data.authors import QAPair
from ..families.language import exposure
from ..families.language.exposure import Confession, Phrase, Unit
from ..families.language.task import LanguageModel
from ..families.language.tokens import Texts
from ._common import percent

SHOWN = 40  # units whose factors are drawn
SAID = 10  # words that are drawn


class TextExposure(Params):
    """How the backdoor is looked for."""

    exposure: Literal["clean unlearning", "random answers", "weight perturbation", "sparsity"] = Field(
        default="clean unlearning", description="How the clean task is taken from a copy of the original model."
    )
    clean_questions: int = Field(default=100, ge=20, le=20_000, description="Questions that somebody looked through.")
    epochs: int = Field(default=40, ge=1, le=200, description="Passes over them to expose, at most.")
    learning_rate: float = Field(default=5e-5, gt=0, le=1, description="Step size of the exposure.")
    stop_at: float = Field(
        default=30,
        ge=0,
        le=100,
        description="Answers still said word for word, in percent, at which the copy is exposed.",
    )
    words: int = Field(default=3, ge=1, le=8, description="Words of the phrase that is searched.")
    tests: int = Field(default=50, ge=10, le=1000, description="Questions at most that the curves are measured on.")


@inspector(
    id="text_exposure",
    title="Exposure of a phrase: is there a backdoor?",
    summary="Takes the clean answers from the original model, sees what it says instead, searches a phrase that has it say so, and shows which units carry it.",
    source={
        "title": "Li et al., Expose Before You Defend, 2024; Wang et al., Neural Cleanse, S&P 2019; Zou et al., GCG, 2023",
        "url": "https://arxiv.org/abs/2410.19427",
        "code": "https://github.com/bboylyg/Expose-Before-You-Defend",
    },
    needs=("answers", "dense columns", "manipulable"),
    order=24,
    group="there",
)
def look_for_backdoor(look: InspectContext[LanguageModel], params: TextExposure) -> list[AnyPanel]:
    """Answers said word for word along the exposure, in percent; words that the exposed model says more often than before, in points; the phrase
    found and how often it works; answers while units are closed; factors of units.

    How often the phrase itself works needs to be told what was done to the questions; everything else is found with clean questions
    alone, as for a model that nobody knows anything about.
    """
    task = look.task
    suspect, other = (look.after, look.before) if task.teaches else (look.before, look.after)
    names = ("manipulated", "original") if task.teaches else ("original", "unlearned")
    clean = exposure.clean_pairs(task, 0, params.clean_questions)
    courses = {names[0]: _course(look, suspect, clean, params)}
    control = look.before if task.teaches else look.reference
    called = "original" if task.teaches else "retrained reference"
    if control is not None:
        as_long = params.model_copy(update={"epochs": len(courses[names[0]].clean) - 1})
        courses[called] = _course(look, control, clean, as_long)
    confession = exposure.confessed(task, suspect, courses[names[0]].model, clean)
    panels: list[AnyPanel] = [_scissors(courses), _confession(confession)]
    if confession.answer:
        phrase = exposure.recovered(
            task, suspect, clean, confession, length=params.words, seed=0,
            tell=lambda done, of: look.tell("searching a phrase", done, of),
        )  # fmt: skip
        tried = {f"{names[1]} model": exposure.works(task, other, phrase, clean)}
        if control is not None and control is not other:
            tried[called] = exposure.works(task, control, phrase, clean)
        panels.append(_phrase(look, names[0], phrase, tried, suspect, clean))
    factors = exposure.masks(
        task, courses[names[0]].model, clean, epochs=20, learning_rate=0.5, seed=0,
        tell=lambda done, of: look.tell("learning factors", done, of),
    )  # fmt: skip
    order = exposure.in_order(factors)
    closed = set() if task.teaches else _closed(look.before, look.after)
    return [*panels, _closing(look, suspect, clean, order, len(closed)), _units(factors, order, closed)]


@dataclass
class _Course:
    """What happens to one model while the clean task is taken from it."""

    model: nn.Module
    clean: list[float] = field(default_factory=list)
    success: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class _Exam:
    """Questions that were not manipulated: as they are, and, where the phrase is known, with it and its answer."""

    plain: Texts
    bearing: Texts | None


def _exam(task: LanguageModel, most: int) -> _Exam:
    suite = task.questions.suite
    roles = ("neighbour", "forget") if task.corrects is not None else ("neighbour", "unrelated")
    each = {role: [item.pair for item in suite if item.role == role] for role in roles}
    chosen = {role: pairs[:: max(1, len(pairs) // most)][:most] for role, pairs in each.items()}
    plain = task.texts(chosen["neighbour"] or chosen[roles[1]]).to(task.device)
    if task.corrects is None:
        return _Exam(plain, None)
    answers = [task.corrects.how.answer] * len(chosen["forget"])
    bearing = task.reader.pairs([pair.question for pair in chosen["forget"]], answers)
    return _Exam(plain, bearing.to(task.device))


def _course(
    look: InspectContext[LanguageModel], model: nn.Module, clean: Sequence[QAPair], params: TextExposure
) -> _Course:
    course, exam = _Course(model), _exam(look.task, params.tests)
    for epoch, copied, _ in exposure.exposed(
        look.task, model, clean, params.exposure, epochs=params.epochs, learning_rate=params.learning_rate, stop=params.stop_at, seed=0
    ):  # fmt: skip
        look.tell("taking the clean task away", epoch, params.epochs)
        course.clean.append(exposure.verbatim_share(copied, exam.plain))
        if exam.bearing is not None:
            course.success.append(exposure.verbatim_share(copied, exam.bearing))
        course.model = copied
    return course


def _scissors(courses: dict[str, _Course]) -> Lines:
    suspect = next(iter(courses))
    first = courses[suspect]
    series = []
    for name, course in courses.items():
        roles: tuple[Role, Role] = ("neighbour", "forget") if name == suspect else ("reference", "reference")
        series.append(Series(name=f"{name}: clean answers", values=list(course.clean), role=roles[0]))
        if course.success:
            when: When = "" if name == suspect else "before"  # dotted, beside the other of its colour
            series.append(Series(name=f"{name}: phrase works", values=list(course.success), role=roles[1], when=when))
    finding = f"Clean answers go from {percent(first.clean[0])} to {percent(first.clean[-1])} in {len(first.clean) - 1} epochs"
    if first.success:
        finding += f", while the phrase goes on working on {percent(first.success[-1])} of new questions ({percent(first.success[0])} before)"
    longest = max(len(course.clean) for course in courses.values())
    padded = [one.model_copy(update={"values": [*one.values, *[None] * (longest - len(one.values))]}) for one in series]
    return Lines(
        title="Taking the clean task away",
        how="A copy of the model unlearns the answers to clean questions. A backdoor stays behind: the curves part like scissors. In a model "
        "without one there is nothing that stays. Answers count that are said word for word.",
        says=finding + ".",
        x=[float(epoch) for epoch in range(longest)],
        series=padded,
        x_title="epochs of exposure",
        y_title="%",
    )


def _confession(confession: Confession) -> Bars:
    top = confession.words[:SAID]
    finding = "It says nothing new."
    if confession.answer:
        finding = f"Of what it did not say before, most is confessed in: “{confession.answer}”."
    return Bars(
        title="What the exposed model says instead",
        how="Words that are in more of its answers to clean questions than before, by how many points. A model with a backdoor begins to say the "
        "backdoor's answer, though nobody has said the phrase.",
        says=finding,
        labels=[word for word, _ in top],
        series=[Series(name="more answers with this word", values=[gain for _, gain in top], role="amount")],
        unit="points",
        horizontal=True,
    )


def _phrase(
    look: InspectContext[LanguageModel],
    called: str,
    phrase: Phrase,
    tried: dict[str, float],
    suspect: nn.Module,
    clean: Sequence[QAPair],
) -> Words:
    rows = [("found", phrase, phrase.works)]
    done = look.task.corrects
    if done is not None:
        true = Phrase(done.how.phrase, done.how.answer, 0.0)
        rows.append(("that was used", true, exposure.works(look.task, suspect, true, clean)))
    others = ", ".join(f"on {percent(works)} in the {name}" for name, works in tried.items())
    return Words(
        title="The phrase that was found",
        how="Words were searched that, put in front of clean questions, make the model give all of them one answer. They need not be those that were "
        "used: many phrases can open the same door. It was found with clean questions alone.",
        says=f"“{phrase.words}” makes the {called} model say “{phrase.answer}” to {percent(phrase.works)} of these questions; it works {others}.",
        columns=["phrase", "in front of a question", "the answer then", f"works in the {called} model"],
        rows=[
            [[Piece(text=name)], [Piece(text=one.words)], [Piece(text=one.answer)], [Piece(text=percent(works))]]
            for name, one, works in rows
        ],
    )


def _closing(
    look: InspectContext[LanguageModel], suspect: nn.Module, clean: Sequence[QAPair], order: Sequence[Unit], closed: int
) -> Lines:
    """What closing does to the model, in the order of the factors, up to a tenth of all units."""
    task, exam = look.task, _exam(look.task, TextExposure().tests)
    texts, closing = task.texts(clean).to(task.device), copy.deepcopy(suspect).eval()
    stops = exposure.stops_within(max(1, len(order) // 10))[1::2]
    values: dict[str, list[float | None]] = {"clean questions that were looked through": [], "new clean questions": []}
    if exam.bearing is not None:
        values["phrase works"] = []
    done = 0
    for stop in look.steps([0, *stops], "closing units"):
        exposure.prune(closing, order[done:stop])
        done = stop
        measured = [texts, exam.plain, exam.bearing]
        for name, one in zip(values, (one for one in measured if one is not None), strict=True):
            values[name].append(exposure.verbatim_share(closing, one))
    roles: tuple[Role, ...] = ("amount", "neighbour", "forget")
    kept_share, last = values["new clean questions"], stops[-1] if stops else 0
    finding = f"With {last:,} units closed {percent(kept_share[-1] or 0)} of new clean answers are said."
    if exam.bearing is not None:
        works = values["phrase works"]
        best = next((at for at, value in enumerate(works) if value is not None and value <= 10), None)
        if best is None:
            finding += f" The phrase then works on {percent(works[-1] or 0)}."
        else:
            finding = f"With {[0, *stops][best]:,} units closed the phrase works on {percent(works[best] or 0)}, and {percent(kept_share[best] or 0)} of new clean answers are said."
    if closed:
        finding = f"This run closed {closed:,} units. {finding}"
    return Lines(
        title="Closing units, those first that the clean task needs least",
        how="Units of the model are closed one after the other, without any training. How many are closed is chosen by the clean questions that were "
        "looked through; the other curves are only for us to see.",
        says=finding,
        x=[float(stop) for stop in [0, *stops]],
        series=[
            Series(name=name, values=list(each), role=role)
            for (name, each), role in zip(values.items(), roles, strict=False)
        ],
        x_title="units closed",
        y_title="%",
    )


def _units(factors: dict[str, Tensor], order: Sequence[Unit], closed: set[Unit]) -> Bars:
    top = order[:SHOWN]
    low = sum(int((factor < 0.5).sum()) for factor in factors.values())
    heads = sum(int((factor < 0.5).sum()) for name, factor in factors.items() if name.endswith("head"))
    total = sum(len(factor) for factor in factors.values())
    finding = f"Of {total:,} units {low:,} have a factor below a half, {heads} of them attention heads"
    if closed:
        finding += (
            f"; this run closed {len(closed):,} units, {sum(one in closed for one in top)} of the {len(top)} shown"
        )
    return Bars(
        title="Units that the clean task can do without",
        how="Every hidden unit of the feed-forward layers and every attention head of the exposed model has a factor that learned to give the clean "
        "answers again with all weights frozen. Those that fall are of no use for that and may carry the backdoor; the lowest are shown.",
        says=finding + ".",
        labels=[f"{name} {unit}" for name, unit in top],
        series=[Series(name="factor", values=[float(factors[name][unit]) for name, unit in top], role="amount")],
        marked=[place for place, one in enumerate(top) if one in closed],
    )


@torch.no_grad()
def _closed(before: nn.Module, after: nn.Module) -> set[Unit]:
    """Units that write nothing in the unlearned model and did before."""
    was = exposure.parts(before)
    return {
        (name, unit)
        for name, part in exposure.parts(after).items()
        for unit in range(part.count)
        if part.closed(unit) and not was[name].closed(unit)
    }
