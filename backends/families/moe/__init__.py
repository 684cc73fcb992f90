"""Mixtures of experts: language models in which a router sends every token to a few of several experts."""

from collections.abc import Mapping
from typing import Any

from ...api.languages import later
from ..language import Language, mixes


class Mixture(Language):
    """Language models whose router sends every token to a few experts."""

    id = "moe"
    returns = "rerouted_recall"
    title = later("Mixtures of experts")
    subject = later("A mixture of experts")
    capabilities = frozenset(
        {"answers", "router", "hidden states", "embeddings", "weights", "prompts", "exam", "manipulable"}
    )
    exam = "backends.families.moe.exam:MixtureExam"
    benchmark = "backends.families.moe.benchmark:BENCHMARK"
    order = 40

    def opens(self, architecture: str, config: Mapping[str, Any]) -> bool:
        return architecture.endswith(self.architectures) and mixes(config)


FAMILY = Mixture()
