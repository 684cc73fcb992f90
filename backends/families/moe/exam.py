"""What mixtures of experts are examined by: the questions of language models, and where their tokens go while a model is taught."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ...api.panels import AnyPanel, Lines, Series
from ...core.exam import Inside
from ..language.exam import LanguageExam
from ..language.experts import has_experts, overlap, read

BACK = 5  # points of routing stability from which on the routes count as gone back
TITLES = {"before": "original model", "after": "unlearned model", "reference": "retrained reference"}


class MixtureExam(LanguageExam):
    """The exam of a language model that also reads which experts the asked questions, with their true answers, go to."""

    def inside(self, model: nn.Module) -> Inside:
        """`routed` [layers, tokens, k], the experts of each token of the items, ascending; `of`, how many there are. Nothing of a model
        whose routers cannot be read."""
        if not has_experts(model):
            return {}
        routing = read(model, self.task.texts(self.asked))
        return {"routed": routing.chosen.astype(np.int16), "of": np.array(routing.count, np.int16)}

    def course(self, steps: Sequence[int], readings: Mapping[str, Sequence[Sequence[Inside]]]) -> Sequence[AnyPanel]:
        """Routing stability after each number of steps: |A and B| / k of each token's experts, A those of the original before any
        training, B those of the model; mean over tokens and layers."""
        first = readings["before"][0][0]
        original, count = first["routed"], int(first["of"])
        if original.shape[2] >= count:
            return []  # every token goes to every expert
        stability = {
            when: np.mean([[overlap(original, one["routed"]).mean(1) for one in model] for model in models], 0)
            for when, models in readings.items()
        }  # by when, [steps, layers]
        series = [
            Series(
                name=TITLES[when],
                values=[100 * float(one) for one in values.mean(1)],
                role="reference" if when == "reference" else "forget",
                when="before" if when == "before" else "after" if when == "after" else "",
            )
            for when, values in stability.items()
        ]
        chance = 100 * original.shape[2] / count
        series.append(Series(name="experts drawn at random", values=[chance] * len(steps), role="amount"))
        panel = Lines(
            title="Do the old experts take it back?",
            how=f"How many of their {original.shape[2]} experts the tokens of {len(self.items)} held-out questions and true answers share with the original as it came. "
            "A line of the unlearned model that rises means that training sends them back to the old experts. The experts of a retrained reference "
            "have numbers of their own, so that it agrees by chance.",
            says=_course_sentence(100 * stability["after"], 100 * stability["before"], steps),
            x=[str(step) for step in steps],
            series=series,
            x_title="training steps",
            y_title="routing stability, %",
            compact=True,
        )  # fmt: skip
        return [panel]


def _course_sentence(after: NDArray[np.float64], before: NDArray[np.float64], steps: Sequence[int]) -> str:
    """What the routes do, of stabilities [steps, layers] in percent, beside how far the same training moves those of the original."""
    start, end, drift = float(after[0].mean()), float(after[-1].mean()), float(before[-1].mean() - before[0].mean())
    lowest = int(after[0].argmin())
    if end - start >= BACK:
        meaning = "the old experts are asked again"
    elif end - start <= drift - BACK:
        meaning = "they lead further away from the old experts than training moves the original's"
    else:
        meaning = "they do not go back to the old experts, so that what comes back comes by the ways that are there"
    return (
        f"The unlearned model shares {start:.0f} % of its routes with the original before training and {end:.0f} % after {steps[-1]} steps: {meaning}. "
        f"The same training takes the original's own routes to {before[-1].mean():.0f} %. The layer that shares least at first goes from {after[0][lowest]:.0f} to {after[-1][lowest]:.0f} %."
    )
