"""The numbers of a run as a verdict reads them, and how it writes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from typing import Any

from .goals import CHANGED, far
from .languages import comma, later, tr
from .results import Measured
from .results import Subject as Subject

CAVEAT = later("this shows how the model answers now, not that the knowledge is erased")
HIDDEN = later("its weights are unchanged, so this is hidden, not erased")
MOST = 3  # numbers named in one clause


@dataclass(frozen=True)
class Finding:
    """What a look inside a run found, as a `clause`; `covers`, the metric that says the same where it was measured."""

    clause: str
    covers: str = ""


@dataclass(frozen=True)
class Numbers:
    """The metrics of a run, with what the catalog says of each."""

    metrics: Mapping[str, Measured]
    entries: Mapping[str, Any]

    def value(self, metric: str, when: str) -> float:
        """A metric's value, NaN where it was not measured."""
        one = self.metrics.get(metric)
        value = getattr(one, when) if one else None
        return nan if value is None else float(value)

    def part(self, metric: str, when: str, name: str) -> float:
        """A named part of it, NaN where it was not measured."""
        one = self.metrics.get(metric)
        return float(one.parts.get(when, {}).get(name, nan)) if one else nan

    def far(self, *without: str) -> list[str]:
        """Metrics far from the retrained reference, farthest first."""
        return far(self.metrics, self.entries, *without)

    def measures(self, metric: str) -> str:
        """Of which set, or of what, it tells something."""
        return str(self.entries[metric].measures)

    def beside(self, names: Sequence[str]) -> str:
        """The first of these metrics with their values and those of the retrained reference, in words."""
        return ", ".join(
            tr(
                "{name} {name_2} ({name_3} retrained)",
                name=self.title(name),
                name_2=self.written(name, "after"),
                name_3=self.written(name, "reference"),
            )
            for name in names[:MOST]
        )

    def title(self, metric: str) -> str:
        """What the field calls it, or else its name on a page."""
        one = self.entries.get(metric) or self.metrics[metric]
        return one.short or one.title or metric

    def written(self, metric: str, when: str) -> str:
        """A value in its unit."""
        value = self.value(metric, when)
        return share(value) if self.metrics[metric].unit == "%" else comma(f"{value:.2g}")


def share(percent: float) -> str:
    """A percentage: 100 %, 99.5 %, 0.4 %."""
    if isnan(percent):
        return tr("not measured")
    return comma(f"{0.0 if abs(percent) < CHANGED else percent:.1f}".removesuffix(".0")) + " %"


def signed(points: float) -> str:
    """+1.2 or -1.2, and 0 without a sign."""
    return comma(f"{points:+.1f}") if abs(points) >= CHANGED else "0"


def probability(p: float) -> str:
    """A p-value: 0.83, below 0.01."""
    return comma(f"{p:.2f}") if p >= 0.01 else tr("below 0.01")


def listed(names: Sequence[str], kind: str) -> str:
    """Up to three names, of more how many."""
    return ", ".join(names) if len(names) < 4 else f"{len(names)} {tr(kind)}"
