"""Tables: networks that predict a number from the columns of a row. A forget set is rows of the table."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ...api.families import Family
from ...api.numbers import Finding, Numbers, Subject
from ...api.spec import JobSpec
from . import targets
from .choosing import RowChoosing
from .verdict import MEASURED, verdict


class Tabular(Family):
    """Predict a number from the columns of a row."""

    id = "tabular"
    title = "Tables"
    subject = "A model of a table"
    noun = "rows"
    counted = "rows"
    capabilities = frozenset({"labelled items", "weights", "table"})
    introduces = MappingProxyType({"table": "predicts no number from the columns of a table"})
    architectures = ("ForTabularRegression",)
    task = "backends.families.tabular.task:TabularRegression"
    choosing = RowChoosing()
    measured = MEASURED
    loading = """from safetensors.torch import load_file

weights = load_file("model.safetensors")  # of the network that config.json describes
"""
    order = 60

    def targets(self, spec: JobSpec, card: Mapping[str, Any], data: str) -> tuple[Sequence[Any], Sequence[Any]]:
        return targets.read(spec, card)

    def verdict(self, numbers: Numbers, about: Subject, findings: Sequence[Finding]) -> str:
        return verdict(numbers, about, findings)

    def about(self, task: Any, targets: Sequence[str], method: Any) -> dict[str, Any]:
        count = len(task.parts["forget"])
        return {"what": f"the {count:,} row{'' if count == 1 else 's'} ({', '.join(targets)[:60]})"}


FAMILY = Tabular()
