"""UMAP of the last features: where images or questions lay before, and where they lie now."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import softmax

from ..api import families
from ..api.panels import AnyPanel, Point, Points, Verdict
from ..core.evidence import InspectContext
from ..core.registry import Params, inspector
from ..families.language.inside import fact_tokens, states
from ..families.language.task import LanguageModel
from ..families.text_to_image.task import TextToImage
from ..metrics._common import probabilities
from ._answers import chosen
from ._common import GROUPS, Group, exact, images, in_batches, percent, show
from ._pictures import beside, spread
from ._umap import fit, transform

THUMBNAIL = 84
UNJUDGED = "nobody judges what this model draws, so no pictures are known to be alike"


class EmbeddingMap(Params):
    """How much to draw."""

    count: int = Field(
        default=400, ge=30, le=2000, description="How many images or questions to draw, a third of each kind."
    )
    neighbours: int = Field(
        default=15, ge=2, le=100, description="How many nearest ones hold a point in its place (UMAP's n_neighbors)."
    )


def no_judge(look: InspectContext[Any]) -> str:
    """Why pictures that a model draws cannot be laid beside each other: nobody looks at them."""
    draws = families.has(look.task.family, "pictures")
    return f"There is no map: {UNJUDGED}." if draws and look.task.judge is None else ""


@inspector(
    lacks=no_judge,
    id="embedding_map",
    title="UMAP: a map of what it sees",
    summary="What is alike to the model lies together; lines lead from where an image or a question lay before to where it lies now.",
    source={
        "title": "McInnes et al., UMAP: Uniform Manifold Approximation and Projection, 2018",
        "url": "https://arxiv.org/abs/1802.03426",
        "code": "https://github.com/lmcinnes/umap",
    },
    needs=("embeddings",),
    order=2,
    group="sees",
)
def embedding_map(look: InspectContext[Any], params: EmbeddingMap) -> list[AnyPanel]:
    """UMAP of what goes into the last layer (cosine distance), fitted on the model before alone.

    Both models' features are then transformed onto that map in the same way, so an image whose features did not change
    does not move, and distances moved can be compared. Forgotten images are new images of the forgotten classes where
    classes were forgotten, else the training images themselves. Where the features after are not numbers, only the map
    before is drawn.

    Of a model that draws: what its judge's last layers make of the pictures of the suite, drawn from the same seeds.

    Of a language model: the last layer's state where it has to say what is asked, the answer up to there given.
    """
    if families.has(look.task.family, "answers"):
        return _answer_map(look, params)
    if families.has(look.task.family, "pictures"):
        return _generated_map(look, params)
    task = look.task
    items = images(look, params.count // 3)
    with exact(task):
        before, after = (
            in_batches(task, items, partial(task.features, model))
            for model in look.steps((look.before, look.after), "reading features")
        )
        predicted = [
            probabilities(in_batches(task, items, partial(task.forward, model)))
            for model in look.steps((look.before, look.after), "asking both models")
        ]
    if len(items) < 4 or not np.isfinite(before).all():
        return [_no_map(len(items))]
    look.tell("laying out the map", 0, 0)
    start, end = _places(before, after, params.neighbours)
    points = [
        Point(
            id=item.id,
            label=task.names[item.label],
            role=item.group,
            before=_at(start, i),
            after=None if end is None else _at(end, i),
            image=look.picture(item.id, show(task, item, THUMBNAIL)),
            text=f"{_three(predicted[0][i], task.names)} → {_three(predicted[1][i], task.names)}",
        )
        for i, item in enumerate(items)
    ]
    how = "Each point is an image; what the model sees alike lies together."
    return [_map(points, how, _movement_sentence([item.group for item in items], start, end))]


def _generated_map(look: InspectContext[TextToImage], params: EmbeddingMap) -> list[AnyPanel]:
    outputs = [look.outputs("before"), look.outputs("after")]
    if "features" not in outputs[0]:
        return [_no_map(0, UNJUDGED)]
    suite, index = look.task.asking.suite, spread(look.task, params.count)
    before, after = (model_outputs["features"][index] for model_outputs in outputs)
    if len(index) < 4 or not np.isfinite(before).all():
        return [_no_map(len(index))]
    look.tell("laying out the map", 0, 0)
    start, end = _places(before, after, params.neighbours)
    points = [
        Point(
            id=f"picture-{at}",
            label=suite[at].prompt,
            role=suite[at].role or "amount",
            before=_at(start, i),
            after=None if end is None else _at(end, i),
            image=look.picture(
                f"picture-{at}", beside(*(model_outputs["images"][at] for model_outputs in outputs), side=THUMBNAIL)
            ),
            text=" → ".join(_taken_for(look.task, model_outputs, int(at)) for model_outputs in outputs),
        )
        for i, at in enumerate(index)
    ]
    how = "Each point is a picture, drawn before and drawn again after from the same seed; what the judge sees alike lies together."
    return [_map(points, how, _movement_sentence([suite[at].role for at in index], start, end, "pictures"))]


def _answer_map(look: InspectContext[LanguageModel], params: EmbeddingMap) -> list[AnyPanel]:
    places = chosen(look, params.count // 3)
    some = [look.task.questions.suite[at] for at in places]
    about = fact_tokens(look.task, [item.pair for item in some])
    before, after = (
        states(model, about.texts, about.places)[:, -1].numpy()
        for model in look.steps((look.before, look.after), "reading states")
    )
    if len(some) < 4 or not np.isfinite(before).all():
        return [_no_map(len(some))]
    look.tell("laying out the map", 0, 0)
    start, end = _places(before, after, params.neighbours)
    responses = [look.outputs(when)["said"] for when in ("before", "after")]
    points = [
        Point(
            id=f"question-{at}",
            label=item.pair.question,
            role=item.role,
            before=_at(start, i),
            after=None if end is None else _at(end, i),
            text=" → ".join(str(texts[at]) or "(nothing)" for texts in responses),
        )
        for i, (at, item) in enumerate(zip(places, some, strict=True))
    ]
    how = "Each point is a question, at the moment when the model has to say what is asked; what is alike inside the model lies together."
    return [_map(points, how, _movement_sentence([item.role for item in some], start, end, "questions"))]


def _taken_for(task: TextToImage, outputs: dict[str, NDArray[Any]], at: int) -> str:
    """The judge's label of a picture: the likeliest of each domain, or of the prompts."""
    if "clip" in outputs:
        names = {"clip": list(dict.fromkeys(shot.prompt for shot in task.asking.suite))}
    else:
        names = {kind: labels for kind, labels in task.asking.domains.items() if kind in outputs}
    judged = []
    for kind, labels in names.items():
        judged.append(_three(softmax(outputs[kind][at].astype(np.float64)), labels, 1))
    return ", ".join(judged)


def _places(
    before: NDArray[np.float32], after: NDArray[np.float32], neighbours: int
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """UMAP positions of rows, fitted on those before alone; no places after where those are not numbers."""
    fitted = fit(before, neighbours)
    return transform(fitted, before), transform(fitted, after) if np.isfinite(after).all() else None


def _at(places: NDArray[np.float32], row: int) -> tuple[float, float]:
    """Where a point stands."""
    return float(places[row, 0]), float(places[row, 1])


def _map(points: list[Point], how: str, finding: str) -> Points:
    return Points(
        title="Before and after on one map",
        how=f"{how} Before and after are linked. Directions and far distances on the map mean nothing, only who lies beside whom, and how far a point moved beside others.",
        says=finding,
        points=points,
    )


def _three(shares: NDArray[np.float64], names: list[str], count: int = 3) -> str:
    """The likeliest classes with their probabilities, three if not told otherwise."""
    if not np.isfinite(shares).all():
        return "not measured"
    return ", ".join(f"{names[i]} {100 * shares[i]:.0f} %" for i in np.argsort(-shares, kind="stable")[:count])


def _movement_sentence(
    groups: list[Group], start: NDArray[np.float32], end: NDArray[np.float32] | None, what: str = "images"
) -> str:
    if end is None:
        return "The model after gives no numbers any more, so only the map before is drawn."
    far = np.linalg.norm(end - start, axis=1)
    across = float(np.ptp(start, axis=0).max())
    words = {"forget": "forgotten", "neighbour": "neighbouring", "unrelated": "unrelated"}
    distances = []
    for group in GROUPS:
        own = [i for i, point_group in enumerate(groups) if point_group == group]
        if own and across > 0:
            distances.append(f"{words[group]} {percent(100 * float(np.median(far[own])) / across)}")
    return f"Half of the {what} moved further than this share of the map's width: {', '.join(distances)}."


def _no_map(count: int, why: str = "") -> Verdict:
    why = why or f"the model before gives no numbers for its {count} items, or they are fewer than four"
    return Verdict(
        title="Before and after on one map",
        how="A map needs at least four items and a model before whose outputs are numbers.",
        says=f"There is no map: {why}.",
        sign="unknown",
    )
