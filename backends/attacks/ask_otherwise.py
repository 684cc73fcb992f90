"""Ask otherwise: other words, answers begun, blanks, hints, examples, choices."""

from collections.abc import Mapping, Sequence

import numpy as np
from torch import nn

from ..api.attacked import Find, Values
from ..api.panels import Bars, Piece, Series, Words
from ..core.attack import NAMES, Outcome, Result
from ..core.registry import Params, attack
from ..families.language.comeback import BACK, marked
from ..families.language.exam import MOST, LanguageExam, graded
from ..families.language.other_forms import Asked, asker, forms
from ..families.language.tokens import continued, likelihoods
from ._language import Look, exam_of, stacked

PLAIN = "plain"
KNOWN, TELLS = 0.8, 0.3  # a form is kept where the original names so much, and so much more than the reference
SHOWN = 4
Table = dict[str, dict[int, Asked]]  # by form, of the items that have it


class AskOtherwise(Params):
    """Nothing to set."""


@attack(
    id="ask_otherwise",
    title="Ask otherwise: reworded, begun, blanked, hinted, by choice",
    summary="Asks for every held-out item in up to ten other forms, and counts those that any of them brings back.",
    source={
        "title": "Jin et al., RWKU: Benchmarking Real-World Knowledge Unlearning for Large Language Models, NeurIPS 2024",
        "url": "https://arxiv.org/abs/2406.10890",
        "code": "https://github.com/jinzhuoran/RWKU",
    },
    needs=("exam", "answers"),
    test="ask",
    group="there",
    quick=True,
    order=15,
)
def ask_otherwise(look: Look, params: AskOtherwise) -> Result:
    """x is [plain, any valid form]: how much of each item is in the answer to the plain question, and in the best of the valid forms'
    answers, the plain one among them. A form is valid where the original names at least 80 % of the items that have it, and at least
    30 points more than the retrained reference; the unlearned model has no say in that. The reference has the same best of the same
    forms, so that chance, one in six where a choice is weighed, counts for both.

    RWKU writes its probes by hand and with GPT-4 in nine kinds; here the kinds are templates, and those that a model cannot read drop
    out by the rule above. The cross-lingual kind is left out.
    """
    exam = exam_of(look)
    table = built(exam)
    names = list(table)

    def work(when: str, model: nn.Module) -> Outcome:
        texts, scores = asked(model, exam, table)
        return {"scores": scores, "answers": [texts[name] for name in names]}

    outcomes = look.on_each(work, "asking otherwise", shown=["answers"])
    by_model = {when: [np.asarray(one["scores"], np.float32) for one in each] for when, each in outcomes.items()}
    answers_by_form = {
        when: dict(zip(names, each[0]["answers"], strict=True))
        for when, each in outcomes.items()
        if "answers" in each[0]
    }
    kept = valid(names, by_model)
    best = {
        when: [best_of(scores, [names.index(one) for one in kept])[None] for scores in each]
        for when, each in by_model.items()
    }
    attacked = look.attacked(
        attack="ask_otherwise", kind="ask", x=[0.0, 1.0], x_title="plain question, any of the valid forms", recalled=stacked(best),
        budget={"forms": len(kept) - 1, "valid": ", ".join(kept[1:])},
        finds=_finds(exam, table, kept, by_model["after"][0], answers_by_form["after"]),
    )  # fmt: skip
    bars = _bars(names, kept, by_model)
    return Result(attacked, [_words(exam, table, kept, by_model, answers_by_form), bars])


def built(exam: LanguageExam) -> Table:
    """Every form of every item that has it, the plain question first."""
    task = exam.task
    ask = asker(task.reader, exam.taught, task.questions.keep, task.brings, bool(task.questions.forgotten))
    table: Table = {PLAIN: {at: ask.question(pair.question) for at, pair in enumerate(exam.asked)}}
    for name, build in forms().items():
        outputs = {at: form for at, pair in enumerate(exam.asked) if (form := build(ask, pair)) is not None}
        if outputs:
            table[name] = outputs
    return table


def asked(model: nn.Module, exam: LanguageExam, table: Table) -> tuple[dict[str, list[str]], Values]:
    """(answers by form, of each item, empty where it has none; how much of each item they hold [forms, items], NaN for none)."""
    texts: dict[str, list[str]] = {}
    scores = np.full((len(table), len(exam.asked)), np.nan, np.float32)
    for row, (name, questions) in enumerate(table.items()):
        places = list(questions)
        pairs = [exam.asked[at] for at in places]
        if all(questions[at].choices for at in places):
            picks = chosen(model, exam, [questions[at] for at in places])
            scores[row, places] = [one == 0 for one in picks]
            answers = [questions[at].choices[one][1] for at, one in zip(places, picks, strict=True)]
        else:
            answers = continued(model, exam.task.reader, [list(questions[at].tokens) for at in places], MOST)
            scores[row, places] = graded(pairs, answers)
        texts[name] = [""] * len(exam.asked)
        for at, answer in zip(places, answers, strict=True):
            texts[name][at] = answer
    return texts, scores


def chosen(model: nn.Module, exam: LanguageExam, some: Sequence[Asked]) -> list[int]:
    """Which choice of each is likeliest, by nats a token."""
    rows = [choice for one in some for choice in one.choices]
    lost = likelihoods(
        model, exam.task.reader.pairs([question for question, _ in rows], [answer for _, answer in rows])
    )
    ends = np.cumsum([len(one.choices) for one in some])[:-1]
    return [int(np.nan_to_num(part, nan=np.inf).argmin()) for part in np.split(lost.numpy(), ends)]


def valid(names: Sequence[str], by_model: Mapping[str, Sequence[Values]]) -> list[str]:
    """The forms that are kept, the plain question first; see `ask_otherwise`."""
    before = np.nanmean(by_model["before"][0], 1)
    references = by_model.get("reference")
    least = np.nanmean(np.stack(references), (0, 2)) + TELLS if references else np.zeros(len(names))
    return [PLAIN, *(name for at, name in enumerate(names) if name != PLAIN and before[at] >= max(KNOWN, least[at]))]


def best_of(scores: Values, rows: Sequence[int]) -> Values:
    """[plain, the best of some forms] of each item, [2, items]; `rows` of `scores` [forms, items], the plain question's first."""
    return np.stack([scores[rows[0]], np.nanmax(scores[list(rows)], 0)])


def _finds(
    exam: LanguageExam, table: Table, kept: Sequence[str], scores: Values, answers_by_form: Mapping[str, Sequence[str]]
) -> list[Find]:
    """What a form brought back that the plain question did not."""
    plain = scores[list(table).index(PLAIN)]
    return [
        Find(
            words=table[name][at].words if table[name][at].pastes else "",
            output=answers_by_form[name][at],
            note=name if table[name][at].pastes else f"{name}: {table[name][at].words}",
        )
        for name in kept[1:]
        for at in table[name]
        if scores[list(table).index(name), at] >= BACK > plain[at]
    ]


def _bars(names: Sequence[str], kept: Sequence[str], by_model: Mapping[str, Sequence[Values]]) -> Bars:
    """What each valid form brings back from each model; those that fell out are named."""
    rows = [names.index(name) for name in kept]
    series = [
        Series(
            name=NAMES[when],
            values=[100 * float(one) for one in np.nanmean(np.stack(values), (0, 2))[rows]],
            role="reference" if when == "reference" else "forget",
            when="before" if when == "before" else "after" if when == "after" else "",
        )
        for when, values in by_model.items()
    ]
    out = [name for name in names if name not in kept]
    after = np.nanmean(by_model["after"][0], 1)
    strongest = max(kept, key=lambda name: after[names.index(name)])
    dropped = f" Left out, because they cannot tell here: {', '.join(out)}." if out else ""
    return Bars(
        title="Which form brings it back",
        how="Each group is one form of the question. A form is shown where the original answers at least 80 % of it, and 30 points more than the retrained reference. By choice and in reverse, one answer in six is right by chance.",
        says=f"The unlearned model gives most away when asked in the form “{strongest}”: {100 * after[names.index(strongest)]:.0f} %.{dropped}",
        labels=list(kept),
        series=series,
        unit="%",
    )


def _words(
    exam: LanguageExam,
    table: Table,
    kept: Sequence[str],
    by_model: Mapping[str, Sequence[Values]],
    answers_by_form: Mapping[str, Mapping[str, Sequence[str]]],
) -> Words:
    """The items that another form brought back, with the question, the answer and what the reference says."""
    names, after = list(table), by_model["after"][0]
    best = best_of(after, [names.index(name) for name in kept])
    back = [at for at in range(len(exam.asked)) if best[1, at] >= BACK > best[0, at]]
    order = [*back, *(at for at in range(len(exam.asked)) if at not in back)][:SHOWN]
    rows = []
    for at in order:
        able = [name for name in kept if at in table[name]]
        form = max(able, key=lambda name: (after[names.index(name), at], name != PLAIN and not table[name][at].choices))
        fact = exam.asked[at].value
        rows.append([
            [Piece(text=f"{form}: {table[form][at].words}")], marked(answers_by_form["after"][PLAIN][at], fact),
            *(marked(answers_by_form[when][form][at], fact) for when in ("after", "reference") if when in answers_by_form),
        ])  # fmt: skip
    sentence = f"Another form brings {len(back)} of {len(exam.asked)} {exam.noun} back that the plain question does not"
    if "reference" in by_model:
        other = best_of(by_model["reference"][0], [names.index(name) for name in kept])
        sentence += f"; from the retrained reference {int(((other[1] >= BACK) & (other[0] < BACK)).sum())}"
    return Words(
        title="The question that brings it back",
        how="Each row is one forgotten fact in the form that brought it back, and the answers; where a choice was weighed, the answer is the likeliest choice.",
        says=f"{sentence}.",
        columns=[
            "asked",
            "unlearned model, plain question",
            *(f"{NAMES[when]}, this form" for when in ("after", "reference") if when in answers_by_form),
        ],
        rows=rows,
        roles=["forget"] * len(rows),
    )
