"""Logit lens: at which layer the fact appears on the way to the answer, and where it gets lost."""

import numpy as np
from pydantic import Field

from ..api.panels import AnyPanel, Lines, Number, Role, Series
from ..core.evidence import InspectContext, When
from ..core.registry import Params, inspector
from ..families.language.inside import LensReading, fact_tokens, lens, states
from ..families.language.task import LanguageModel
from ._answers import chosen, items, model_words, models, role
from ._common import Group, percent

FIRST = 5  # a fact counts as in sight where it is among the first so many tokens


class LogitLens(Params):
    """How much to look at."""

    questions: int = Field(default=200, ge=1, le=2000, description="At most this many questions of each kind.")


@inspector(
    id="logit_lens",
    title="Logit lens: at which layer the answer appears",
    summary="Reads every layer as if it were the last one: how likely the fact to be said is there, before and after.",
    source={
        "title": "nostalgebraist, interpreting GPT: the logit lens, 2020",
        "url": "https://www.lesswrong.com/posts/AcKRB8wDpdaN6v6ru/interpreting-gpt-the-logit-lens",
    },
    needs=("answers",),
    order=4,
    group="there",
)
def logit_lens(look: InspectContext[LanguageModel], params: LogitLens) -> list[AnyPanel]:
    """softmax(W norm(h)) of each layer's state h, with the model's own last norm and word matrix W, at the position that
    predicts the fact's first token; the answer up to there is given. A leading article counts as not part of the fact.

    The mean probability over the questions, and the share of them with the token among the first five. Early layers need
    not speak the language of the last, so low values there do not mean that nothing is known (`linear_probe` asks
    without that). What has no numbers any more is "not measured".
    """
    groups: tuple[Group, ...] = ("forget", "neighbour")
    places = chosen(look, params.questions)
    readings: dict[tuple[Group, When], LensReading] = {}
    for group in groups:
        pairs = [item.pair for item in items(look, places) if item.role == group]
        if pairs:
            about = fact_tokens(look.task, pairs)
            for when, model in look.steps(
                models(look).items(), f"reading layers: {'forget' if group == 'forget' else 'neighbours'}"
            ):
                readings[group, when] = lens(model, states(model, about.texts, about.places), about.values)
    count = len(next(iter(readings.values())).share)
    return [
        _panel(
            readings, "share", "How likely the fact is at each layer", "probability of the fact's first token, %", count
        ),
        _panel(
            readings,
            "sight",
            f"How often it is among the first {FIRST}",
            f"questions with it in the first {FIRST}, %",
            count,
        ),
    ]


def _curve(reading: LensReading, what: str) -> list[Number]:
    """Percent by layer; None where a layer gives no numbers."""
    values = reading.share if what == "share" else np.where(np.isnan(reading.rank), np.nan, reading.rank <= FIRST)
    return [float(value) if np.isfinite(value) else None for value in 100 * values.mean(0)]


def _panel(readings: dict[tuple[Group, When], LensReading], what: str, title: str, y_title: str, count: int) -> Lines:
    curves = {key: _curve(reading, what) for key, reading in readings.items()}
    meaning: dict[Group, Role] = {"forget": "forget", "neighbour": "neighbour"}
    layers = len(next(iter(curves.values())))
    return Lines(
        title=title,
        how="From left to right, from the model's input to its answer: every layer is read as if it were the last. Where the line after rises inside and falls at the end, the fact is still there and only the way out is blocked.",
        says=_peak_sentence({when: curve for (group, when), curve in curves.items() if group == "forget"}, what, count),
        x=["input", *(f"layer {number}" for number in range(1, layers))],
        series=[
            Series(
                name=f"{'to be forgotten' if group == 'forget' else 'neighbours'}, {model_words(when)}",
                values=curve,
                role=role(when, meaning[group]),
                when="" if when == "reference" else when,
            )
            for (group, when), curve in curves.items()
            if group == "forget" or when != "reference"
        ],
        x_title="layer",
        y_title=y_title,
    )


def _peak_sentence(curves: dict[When, list[Number]], what: str, count: int) -> str:
    """Where the fact is highest after, beside the exit."""
    before, after = ([np.nan if value is None else value for value in curves[when]] for when in ("before", "after"))
    noun = "probability" if what == "share" else "share in sight"
    if np.isnan(after).any() or np.isnan(before).any():
        return f"The {noun} was not measured everywhere: a model gives no numbers any more."
    top = int(np.argmax(after[1:])) + 1
    end = f"At the exit the {noun} went from {percent(before[-1])} to {percent(after[-1])} ({count} questions)"
    highest = f"{end}; inside, it is highest after layer {top}: {percent(after[top])}, where it was {percent(before[top])} before"
    late = (
        what == "share" and after[top] > 2 * after[-1] and after[top] >= before[top] / 2 and after[top] - after[-1] > 5
    )
    return f"{highest}. So the fact is still there, and is held back late." if late else f"{highest}."
