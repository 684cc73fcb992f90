"""RMIA: compares how likely an image is with how likely others are, each against models that may not have seen it."""

import numpy as np
from pydantic import Field

from ..core.attack import Outcome, Result
from ..core.registry import Params, attack
from ..families.classifier import shadows
from ._membership import (
    Floats,
    Look,
    candidates,
    inside,
    margins_of,
    outweighed,
    paired,
    reason_not,
    relative,
    result,
)


class Rmia(Params):
    """What the attacked model is compared with."""

    shadows: int = Field(
        default=8,
        ge=2,
        le=64,
        description="Shadow models at most; two share out all images, so an odd one is left out.",
    )


@attack(
    id="rmia",
    title="RMIA: asks of each image whether the model was trained on it",
    summary="Compares the probability of each forgotten image's class with that of other images, each against what shadow models give it.",
    source={
        "title": "Zarifzadeh et al., Low-Cost High-Power Membership Inference Attacks, ICML 2024",
        "url": "https://arxiv.org/abs/2312.03262",
        "code": "https://github.com/privacytrustlab/ml_privacy_meter",
    },
    needs=("exam", "classes"),
    lacks=reason_not,
    test="inside",
    group="attacker",
    quick=True,
    order=60,
)
def rmia(look: Look, params: Rmia) -> Result:
    """The share of images z with LR(x, z) = [p(x | model) / p(x)] / [p(z | model) / p(z)] >= 1, from 0 to 1; recalled is who is called a
    member by it at 5 % false positives.

    p(x) averages shadow models that were trained on x with those that were not, and with the retrained references; a reference that is
    attacked itself is left out. z are test images that are not decided about. The shadows were trained on half of the images. The paper's
    augmented queries are left out.
    """
    task, asked_about = look.task, candidates(look.task)
    paths = paired(task.id, params.shadows)
    shadow_margins = [
        margins_of(task, shadows.opened(task, path), asked_about) for path in look.steps(paths, "asking shadow models")
    ]
    each = look.on_each(lambda when, model: margins_of(task, model, asked_about), "asking for probabilities")
    trained = inside(task, asked_about, len(paths))
    references = each.get("reference", [])

    def score(own: Outcome) -> tuple[Floats, Floats]:
        beside = [one for one in references if one is not own]
        ratios = {
            part: relative(
                own[part],
                np.stack([one[part] for one in shadow_margins]),
                trained[part],
                np.stack([one[part] for one in beside]) if beside else np.zeros((0, len(own[part]))),
            )
            for part in ("members", "others", "population")
        }
        population = ratios["population"][np.isfinite(ratios["population"])]
        return outweighed(ratios["members"], population), outweighed(ratios["others"], population)

    scored = {when: [score(one) for one in outcomes] for when, outcomes in each.items()}
    budget = {
        "shadow models": len(paths), "references": len(references), "images never trained on": len(asked_about.others),
        "population": len(asked_about.population), "shadow epochs": shadows.card(task.id)["recipe"]["epochs"],
    }  # fmt: skip
    return result(look, asked_about, scored, "rmia", budget, "share of other images that it outweighs")
