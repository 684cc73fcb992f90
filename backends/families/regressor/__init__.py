"""Regressors: they predict a number from an image or from a row of a table. A forget set is a range of it, or single items."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ...api.errors import BadInput
from ...api.families import Family, Headline
from ...api.languages import later, tr
from ...api.marks import UNCHANGED, Mark, gone
from ...api.numbers import Finding, Numbers, Subject
from ...api.spec import JobSpec
from . import targets
from .choosing import RangeChoosing
from .verdict import MEASURED, forgotten, of_items, retained, verdict


class RegressorFamily(Family):
    """Predict a number."""

    id = "regressor"
    title = later("Regressors")
    subject = later("A regressor")
    noun = later("items")
    counted = later("training items")
    capabilities = frozenset({"labelled items", "numeric labels", "weights", "exam"})
    introduces = MappingProxyType({"numeric labels": later("predicts no number")})
    architectures = ("AllCnnForRegression", "MlpForRegression")
    task = "backends.families.regressor.task:RegressorTask"
    choosing = RangeChoosing()
    measured = MEASURED
    headlines = (
        Headline("mae_forget"),
        Headline("mae_test"),
        Headline("wasserstein"),
        Headline("anamnesis_index"),
        Headline("mia_loss"),
        Headline("mae_retain"),
    )
    benchmark = "backends.families.regressor.benchmark:BENCHMARK"
    exam = "backends.families.regressor.exam:RegressorExam"
    red_team = "backends.families.regressor.red_team:RegressorRedTeam"
    hit = later("predicts a forgotten item right")
    needs_data = True  # its table lies in its folder; what is on the Hub brings none
    loading = """import json

import torch
from safetensors.torch import load_file
from torch import nn

config = json.load(open("config.json"))
weights = load_file("model.safetensors")
widths = config["widths"]
if "kernels" in config:  # x: images [n, 1, height, width], 0 to 255
    layers = [
        nn.Sequential(nn.Conv2d(one, more, k, s, k // 2, bias=False), nn.BatchNorm2d(more), nn.ReLU())
        for one, more, s, k in zip([1, *widths], widths, config["strides"], config["kernels"])
    ]
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
else:  # x: rows [n, columns], in the order of config["columns"]
    layers = [nn.Sequential(nn.Linear(one, more), nn.ReLU()) for one, more in zip([config["inputs"], *widths], widths)]
model = nn.Sequential(*layers, nn.Linear(widths[-1], 1)).eval()
ours = {name.replace("blocks.", "").replace("head.", f"{len(layers)}."): weights[name] for name in weights}
model.load_state_dict({name: ours[name] for name in model.state_dict()})
center, scale, (mean, deviation) = weights["center"], weights["scale"], weights["label"]
predictions = model((x - center) / scale)[:, 0] * deviation + mean
"""
    order = 40

    def check_data(self, data: str, model: str) -> None:
        """A model brings its own table."""
        if data:
            raise BadInput(tr("{model} brings its own data; leave the folder of data empty.", model=model))

    def targets(self, spec: JobSpec, card: Mapping[str, Any], data: str) -> tuple[Sequence[Any], Sequence[Any]]:
        return targets.read(spec, card)

    def verdict(self, numbers: Numbers, about: Subject, findings: Sequence[Finding]) -> str:
        return verdict(numbers, about, findings)

    def marks(self, numbers: Numbers, about: Subject) -> tuple[Mark, Mark, Mark]:
        first = UNCHANGED if about.unchanged else forgotten(numbers)
        return first, retained(numbers), gone(about)

    def about(self, task: Any, targets: Sequence[str], method: Any) -> dict[str, Any]:
        return {"what": of_items(len(task.parts["forget"]), targets)}


FAMILY = RegressorFamily()
