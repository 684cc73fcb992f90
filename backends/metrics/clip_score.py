"""CLIP score: similarity of retained pictures to their prompts, by a CLIP model."""

import math

import numpy as np

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..families.text_to_image.task import TextToImage
from ._pictures import asks_for_target


@metric(
    id="clip_score",
    title="CLIP score",
    short="CLIP score",
    summary="How well the pictures that should not change fit their prompts, by a CLIP model.",
    source={"title": "Hessel et al., EMNLP 2021", "url": "https://arxiv.org/abs/2104.08718"},
    needs=("pictures",),
    unit="",
    direction="higher",
    measures="keeping",
    order=6,
)
def clip_score(evidence: Evidence[TextToImage]) -> Score:
    """Mean of max(100 cos, 0) over the pictures that do not ask for the target. Not measured without a CLIP judge."""
    if "clip" not in evidence.outputs:
        return Score(math.nan)
    prompts = [shot.prompt for shot in evidence.task.asking.suite]
    names = list(dict.fromkeys(prompts))
    own = evidence.outputs["clip"][np.arange(len(prompts)), [names.index(prompt) for prompt in prompts]]
    retained = ~asks_for_target(evidence)
    return Score(float(np.maximum(own[retained], 0).mean()), items=own[retained].astype(np.float32))
