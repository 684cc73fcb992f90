"""The court, tried with models whose verdict is known: docs/results/court.md, from what attacks on runs brought back."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from ..api import attacked, court, files, runs
from ..api.attacked import Attacked
from ..api.court import Judgement
from ..api.numbers import share
from ..api.runs import RunFolder

HEAD = """# The court, tried

Made by `python -m backends.zoo court-tried` from what attacks on runs brought back; no attack was made for it. The original in the place of
the unlearned model has to be still there, unless no test is valid, as with single images. A retrained reference in its place, judged by the others, has to
be acquitted: erased, or, where few items were asked, cannot tell. Shares are of the plain question and of the attack that brings most back.

| run | in the place of the unlearned model | has to be | judged | valid tests | plain | most |
|---|---|---|---|---|---|---|
"""
ACQUITTED = "erased or cannot tell"


def main(
    run: Annotated[list[str] | None, typer.Option(help="A run that was attacked; left out: all there are.")] = None,
    to: Annotated[Path, typer.Option(help="The file to write.")] = Path("docs/results/court.md"),
) -> None:
    """Try the court with the original, the references and the unlearned models of runs that were attacked."""
    chosen = [runs.find(one) for one in run] if run else runs.all_runs()
    lines = [line for one in chosen for line in rows(one)]
    files.write_bytes(to, f"{HEAD}{''.join(lines)}".encode())
    print(f"{to}: {len(lines)} cases")


def rows(run: RunFolder) -> Iterator[str]:
    """The lines of one run: its original, its references one by one, and its unlearned model; none where it was not attacked."""
    judgement = court.of_run(run)
    if judgement is None:
        return
    tests = [one for one in map(attacked.read, court.folders(run)) if one is not None]
    original = _judged(tests, None)
    told = any(one.valid for one in original.tests[1:])
    yield _row(run, "the original", "still there" if told else "cannot tell", original)
    if judgement.references > 1:
        for number in range(judgement.references):
            yield _row(run, f"reference {number + 1} of {judgement.references}", ACQUITTED, _judged(tests, number))
    yield _row(run, "nothing: as it is", "", judgement)


def _judged(tests: Sequence[Attacked], number: int | None) -> Judgement:
    judgement = court.judge([court.as_defendant(one, number) for one in tests])
    assert judgement is not None
    return judgement


def _row(run: RunFolder, defendant: str, expected: str, judgement: Judgement) -> str:
    plain, *others = judgement.tests
    most = max((one for one in others if one.valid), key=lambda one: one.unlearned, default=None)
    best = "" if most is None else f"{share(round(100 * most.unlearned))}, {most.attack}"
    valid = sum(one.valid for one in others)
    cells = (
        run.id,
        defendant,
        expected,
        judgement.word,
        f"{valid} of {len(others)}",
        share(round(100 * plain.unlearned)),
        best,
    )
    return f"| {' | '.join(cells)} |\n"
