"""Every metric of classifiers and of drawn pictures is the number that its definition gives for the same answers."""

from math import nan
from types import SimpleNamespace

import numpy as np
import torch
from fidelity.vision import RECORDED, agrees, same

from backends.core import pack, registry
from backends.core.evidence import Evidence
from backends.families.text_to_image.prompts import PromptSet
from backends.metrics.fid import frechet

METRICS = registry.entries("metrics")


def value(name, evidence):
    return METRICS[name].function(evidence).value


def answered():
    """Evidence of the recorded logits: class 2 is to be forgotten, class 1 is its neighbour."""
    z, y = ({part: RECORDED[f"{kind}_{part}"] for part in ("forget", "retain", "test", "gone")} for kind in "zy")
    at = {"forget": np.arange(30), "retain": np.arange(30, 90), "test": np.arange(40), "test_forget": np.arange(40, 52)}
    data = SimpleNamespace(
        train=SimpleNamespace(labels=np.concatenate([y["forget"], y["retain"]])),
        test=SimpleNamespace(labels=np.concatenate([y["test"], y["gone"]])),
    )
    task = SimpleNamespace(
        parts=at, names=["a", "b", "c"], neighbours=[1], forgotten_classes=[2], data=data, corrects=None
    )
    outputs = {"train": np.concatenate([z["forget"], z["retain"]]), "test": np.concatenate([z["test"], z["gone"]])}
    return Evidence("after", task, outputs, other)


def other(metric, when):
    places = ("unlearning_accuracy", "remaining_accuracy", "testing_accuracy", "mia_efficacy")
    return float(RECORDED[f"four_{'after' if when == 'after' else 'again'}"][places.index(metric)])


@agrees(
    "metrics",
    "unlearning_accuracy",
    "remaining_accuracy",
    "testing_accuracy",
    "forgotten_test_accuracy",
    "class_accuracy",
    "neighbour_accuracy",
)
def test_accuracies():
    names = test_accuracies.agrees
    same([value(name, answered()) for _, name in names], "accuracies")


@agrees("metrics", "average_gap")
def test_average_gap():
    same(value("average_gap", answered()), "average_gap")


@agrees("metrics", "mia_efficacy")
def test_mia_efficacy():
    same(value("mia_efficacy", answered()), "mia_efficacy")


@agrees("metrics", "mia_confidence", "mia_entropy")
def test_threshold_attacks():
    for name in ("mia_confidence", "mia_entropy"):
        found = METRICS[name].function(answered())
        same([found.value, found.parts["attack_accuracy"]], name)


OBJECTS, STYLES = ["cat", "dog", "car"], ["flat", "noto"]
CARD = {
    "title": "", "summary": "", "family": "text-to-image", "domains": {"object": OBJECTS, "style": STYLES},
    "templates": {"pair": "{a} {object} in {style} style", "object": "{a} {object}", "style": "{style} style"},
    "near": {}, "drawing": {}, "default_forget": ["cat"],
}  # fmt: skip


def drawn(forget, **outputs):
    """Evidence of pictures of every pair, by what a judge says of them."""
    asking = PromptSet(CARD, "recorded", forget)
    gone = np.array([asking.asks(shot.object, shot.style) for shot in asking.suite])
    real = {"features": RECORDED["features_real"], "object": np.tile([1, 2], 15), "style": np.repeat([0, 1], 15)}
    task = SimpleNamespace(
        family="text-to-image", asking=asking, domain="style" if "style" in forget[0] else "object",
        judge=SimpleNamespace(real=real), parts={"forget": np.flatnonzero(gone), "unrelated": np.array([], int)},
    )  # fmt: skip
    return Evidence("after", task, outputs, lambda metric, when: nan, stored=123_456.0, moved=nan)


@agrees("metrics", "unlearning_accuracy", "in_domain_retain_accuracy", "cross_domain_retain_accuracy")
def test_canvas_accuracies():
    """UnlearnCanvas: 100 - the target's classifier on its prompts, that on others of its kind, the other classifier on all."""
    rng = np.random.default_rng(3)
    says = {"object": rng.normal(size=(6, 3)), "style": rng.normal(size=(6, 2))}
    for forget, own in (("cat", "object"), ("noto style", "style")):
        evidence = drawn([forget], **says)
        asked = [(shot.object, shot.style) for shot in evidence.task.asking.suite]
        seen = {
            "object": [OBJECTS[says["object"][i].argmax()] == thing for i, (thing, _) in enumerate(asked)],
            "style": [STYLES[says["style"][i].argmax()] == style for i, (_, style) in enumerate(asked)],
        }
        other = "style" if own == "object" else "object"
        target = [forget.removesuffix(" style") in pair for pair in asked]
        hits = [right for right, is_target in zip(seen[own], target, strict=True) if is_target]
        rest = [right for right, is_target in zip(seen[own], target, strict=True) if not is_target]
        assert np.isclose(value("unlearning_accuracy", evidence), 100 * (1 - sum(hits) / len(hits)), rtol=1e-5)
        assert np.isclose(value("in_domain_retain_accuracy", evidence), 100 * sum(rest) / len(rest), rtol=1e-5)
        assert np.isclose(value("cross_domain_retain_accuracy", evidence), 100 * sum(seen[other]) / 6, rtol=1e-5)


@agrees("metrics", "fid")
def test_fid():
    same(frechet(RECORDED["features_drawn"], RECORDED["features_real"]), "fid")
    features = RECORDED["features_drawn"][:6]
    kept = [shot.object != "cat" for shot in drawn(["cat"]).task.asking.suite]
    found = value("fid", drawn(["cat"], features=features))
    assert found == frechet(features[np.array(kept)], RECORDED["features_real"])  # no real drawing here shows a cat


@agrees("metrics", "clip_score")
def test_clip_score():
    """The judge gives 100 times the cosine of a picture with every prompt; a picture counts with its own."""
    image, text, asks = (RECORDED[f"clip_{name}"] for name in ("image", "text", "asks"))
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (image, text)]
    suite = [SimpleNamespace(prompt=f"prompt {number}") for number in range(8)]
    task = SimpleNamespace(asking=SimpleNamespace(suite=suite), parts={"forget": np.flatnonzero(asks)})
    evidence = Evidence("after", task, {"clip": 100 * unit[0] @ unit[1].T}, lambda metric, when: nan)
    same(value("clip_score", evidence), "clip_score")


@agrees("metrics", "weights_changed")
def test_weights_changed():
    before, after = ({"w": torch.from_numpy(RECORDED[f"weights_{when}"])} for when in ("before", "after"))
    moved = pack.moved(pack.changed(after, before), before)
    same(value("weights_changed", Evidence("after", None, {}, other, moved=moved)), "weights_changed")


@agrees("metrics", "storage")
def test_storage():
    assert np.isclose(value("storage", drawn(["cat"])), 0.123456, rtol=1e-5)  # 10^6 bytes
