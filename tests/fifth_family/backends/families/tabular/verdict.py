"""One honest sentence about a finished job on a table, computed from its metrics and from nothing else."""

from collections.abc import Sequence
from math import isnan

from ...api.goals import HURT, NEAR
from ...api.numbers import CAVEAT, Finding, Numbers, Subject, share, signed

MEASURED = ("forget_error", "new_row_error")


def verdict(numbers: Numbers, about: Subject, findings: Sequence[Finding] = ()) -> str:
    """Forgotten, as far as a model trained again tells? What became of other rows? And what that does not prove."""
    more = [one.clause for one in findings]
    if about.unchanged:
        return "; ".join([f"Nothing was forgotten of {about.what}: not one weight moved", *more]) + "."
    if about.again:
        after = share(numbers.value("forget_error", "after"))
        return (
            "; ".join([f"It was trained again without {about.what}, on which it is off by {after} of the range", *more])
            + "."
        )
    return "; ".join([_forgotten(numbers, about), _others(numbers), CAVEAT, *more]) + "."


def _forgotten(numbers: Numbers, about: Subject) -> str:
    before, after, again = (numbers.value("forget_error", when) for when in ("before", "after", "reference"))
    if isnan(after):
        return f"Whether it forgot {about.what} was not measured"
    aim = numbers.value("new_row_error", "before") if isnan(again) else again
    of = "on rows it never saw" if isnan(again) else "after training again without them"
    if abs(after - aim) <= NEAR:
        word = "It forgot"
    elif after > aim:
        word = "It is further off than forgetting would explain on"
    else:
        word = "It partly forgot" if after - before >= (aim - before) / 2 else "It hardly forgot"
    return (
        f"{word} {about.what}: it is off by {share(after)} of the range now ({share(before)} before, {share(aim)} {of})"
    )


def _others(numbers: Numbers) -> str:
    before, after = (numbers.value("new_row_error", when) for when in ("before", "after"))
    if isnan(after - before):
        return "what else got hurt was not measured"
    return f"{'the rest lost little' if after - before < HURT else 'the rest was hurt'} ({signed(after - before)} points of error on new rows)"
