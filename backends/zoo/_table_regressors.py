"""Measured jobs on regressors, as Markdown tables in the manner of Deep Regression Unlearning, beside what its authors measured on AgeDB."""

from collections import defaultdict
from math import isnan
from statistics import mean
from typing import Any, Final

from ..api import files
from ..api.files import number
from ..api.home import ASSETS
from ..core import registry
from ._names import heading
from ._table import into as replaced
from ._table_answers import spread

BEGIN, END = "<!-- regressors:begin -->", "<!-- regressors:end -->"
Rows = list[dict[str, Any]]
IN_UNIT: Final = ("mae_retain", "mae_test", "mae_forget", "wasserstein")
AS_IT_IS: Final = ("mia_loss", "anamnesis_index")
# The executed notebook of the authors (AgeDB_AllCNN_0to30_forgetting.ipynb): MAE retain, MAE forget, W1, members among the forget set, AIN.
AGEDB: Final[dict[str, tuple[str, ...]]] = {
    "before": ("9.33", "12.77", "2.99", "59 %", "–"),
    "reference": ("11.38", "24.31", "0", "30 %", "1"),
    "fine_tune": ("9.79", "14.83", "1.62", "43 %", "0.007"),
    "gaussian_amnesiac": ("9.81", "17.07", "2.33", "50 %", "0.010"),
    "blindspot": ("9.98", "21.63", "1.15", "40 %", "0.333"),
}


def into(text: str, rows: Rows) -> str:
    """A document with its tables of regressors made anew."""
    groups: dict[tuple[str, str], Rows] = defaultdict(list)
    for row in rows:
        groups[row["model"], row["target"]].append(row)
    return replaced(text, "\n".join(_table(ours) for ours in groups.values()), BEGIN, END)


def _table(rows: Rows) -> str:
    card = files.read_json(ASSETS / "models" / rows[0]["model"] / "card.json")
    low, high = card["ranges"][card["label"]]
    scale, unit = (high - low) / 100, card["unit"] or f" {card['label']}"
    by_method: dict[str, Rows] = defaultdict(list)
    for row in rows:
        by_method[row["method"]].append(row)
    agedb = card["pictured"]
    heads = f"MAE retain | MAE test | MAE forget | W1 | members, % | AIN{' | the authors, AgeDB' if agedb else ''}"
    lines = sorted((_place(ours), _line(name, ours, scale, agedb)) for name, ours in by_method.items())
    done = [row for row in rows if row["metrics"]]
    fixed = [
        f"| *{words}* | {' | '.join(_cells(done, when, scale) + _authors(when, agedb))} |"
        for when, words in (("reference", "shipped retrained reference"), ("before", "original model"))
    ]
    seeds = len({row["seed"] for row in rows})
    return "\n".join(
        [
            f"**{rows[0]['model']}, forgetting {rows[0]['target']}** (errors and W1 in{unit if unit != '°' else ' degrees'})\n",
            f"| method | {heads} |",
            "|---|" + "---:|" * 6 + ("---|" if agedb else ""),
            *(line for _, line in lines),
            *fixed,
            "",
            f"{seeds} seed{'s' if seeds > 1 else ''}, mean ± standard deviation; the nearest to the reference's forget error first.",
            "",
        ]
    )


def _values(rows: Rows, metric: str, when: str) -> list[float]:
    return [number(row["metrics"].get(metric, {}).get(when)) for row in rows if row["metrics"]]


def _place(rows: Rows) -> float:
    """How far from the reference its forget error is."""
    pairs = zip(_values(rows, "mae_forget", "after"), _values(rows, "mae_forget", "reference"), strict=True)
    gaps = [abs(after - reference) for after, reference in pairs]
    return mean(gaps) if gaps and not any(map(isnan, gaps)) else float("inf")


def _cells(rows: Rows, when: str, scale: float) -> list[str]:
    scaled = [
        spread([scale * value for value in _values(rows, metric, when)], 2 if scale < 1 else 1) for metric in IN_UNIT
    ]
    return [*scaled, spread(_values(rows, AS_IT_IS[0], when), 0), spread(_values(rows, AS_IT_IS[1], when), 2)]


def _authors(name: str, agedb: bool) -> list[str]:
    if not agedb:
        return []
    if name not in AGEDB:
        return ["–"]
    retain, forget, distance, members, index = AGEDB[name]
    return [f"retain {retain}, forget {forget}, W1 {distance}, members {members}, AIN {index}"]


def _line(name: str, rows: Rows, scale: float, agedb: bool) -> str:
    done = [row for row in rows if row["metrics"]]
    cells = _cells(done, "after", scale) if done else ["failed"] * 6
    return f"| {heading(registry.get('methods', name).entry)} | {' | '.join(cells + _authors(name, agedb))} |"
