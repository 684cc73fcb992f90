"""Models of tables on a page: predictions for the same rows before and after."""

from collections.abc import Iterator
from typing import Any

from app import markup
from app.families import Ask, View, forget_something
from app.figures.watching import Watching
from app.inference import LIVE
from backends.api import run_outputs, runs
from backends.api.catalog import Model
from backends.api.panels import Role
from backends.api.runs import RunFolder

EACH = 5  # rows of a role
ROLES: tuple[Role, ...] = ("forget", "neighbour", "unrelated")


class Tabular(View):
    """Shown by predictions that move."""

    id = "tabular"
    grids = promptable = True
    watched = "rows"
    watching = Watching(
        title="What the model still predicts",
        how="Under each row: what the model predicted before, and what it predicts now. Below: how near that is to the true value; "
        "100 % is exactly right, 0 % is off by the whole range of the table.",
        steps="Below each row stands what the model predicts at this step. The full bar is how near that is to the true value, the faint one behind it that of the model before.",
        mean="how near the predictions for the watched rows are to the true values, on average",
        subject="Nearness to the true values",
        axis="nearness, %",
        share="nearness",
    )

    def measures(self, entry: Model) -> str:
        return f"{len(entry.card['columns'])} columns · {entry.card['train_count']:,} training rows"

    def outputs(self, run: RunFolder) -> Iterator[tuple[str, bool]]:
        yield _predictions(run, "The same rows, before and after"), True

    def role_prompts(self, run_id: str) -> list[tuple[Role, str]]:
        first: dict[Role, str] = {}
        for entry in run_outputs.suite(runs.find(run_id)) or []:
            first.setdefault(entry["role"], entry["prompt"])
        return [(role, first[role]) for role in ROLES if role in first]

    def learned(self, entry: Model) -> list[str]:
        return ["row 0", "age=50 bmi=30"]

    def answer(self, ask: Ask) -> Iterator[str]:
        """The predictions of the model before and the model after for one row."""
        answer = LIVE.ask("ask", run_or_model=str(ask.run), question=str(ask.prompt or ""))
        rows: list[list[markup.Cell]] = [[when, answer[when]["said"]] for when in ("before", "after") if when in answer]
        if truth := answer["before"]["truth"]:
            rows.append(["the true value", truth])
        more = (
            ""
            if "after" in answer
            else forget_something("Let it forget some rows, and both models answer here.", ask.run)
        )
        yield markup.card("", markup.text(answer["question"], "lead") + markup.table(["", "prediction"], rows) + more)


def _predictions(run: RunFolder, title: str) -> str:
    """A table of a few rows of each role, with what was predicted before and after."""
    suite, before, after = run_outputs.suite(run), run_outputs.arrays(run, "before"), run_outputs.arrays(run, "after")
    if suite is None or before is None or after is None:
        return markup.card(title, markup.text("What was predicted is not here any more.", "quiet"))
    rows: list[list[markup.Cell]] = []
    for role in ROLES:
        for at in [at for at, entry in enumerate(suite) if entry["role"] == role][:EACH]:
            entry: dict[str, Any] = suite[at]
            numbers = [float(one["predictions"][at]) for one in (before, after)]
            rows.append([f"{entry['prompt']} ({role})", entry["says"], float(entry["truth"]), *numbers])
    return markup.card(title, markup.table(["row", "values", "true", "before", "after"], rows))


VIEW = Tabular()
